/* check.h - cmocka and what it lacks.  Tests include this file, never cmocka.h itself: its assert_float_equal compares
 * as float. */
#ifndef TRIMTAB_TESTS_LIB_CHECK_H
#define TRIMTAB_TESTS_LIB_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above before it. */
#include <cmocka.h>

#include "base/core/err.h"

/* |a - b| <= tolerance * max(1, |b|); NaN fails; prints both with 17 digits. */
#define assert_close(a, b, tolerance) check_close((a), (b), (tolerance), #a, __FILE__, __LINE__)
void check_close(double a, double b, double tolerance, const char *what, const char *file, int line);

/* status is STATUS_OK; otherwise prints the err line. */
#define assert_ok(expression, err) check_ok((expression), (err), #expression, __FILE__, __LINE__)
void check_ok(enum status s, const struct err *err, const char *what, const char *file, int line);

/* The call failed with this status and a line that contains the text. */
#define assert_refused(expression, want, err, text)                                                                    \
    check_refused((expression), (want), (err), (text), #expression, __FILE__, __LINE__)
void check_refused(enum status s, enum status want, const struct err *err, const char *text, const char *what,
                   const char *file, int line);

/* How many cases a property test tries: `sample`, or TRIMTAB_CASES (scripts/test --long: 2000), never more than `full`,
 * which keeps the long run of one test to two minutes or so. */
size_t check_cases(size_t sample, size_t full);
/* First seed: TRIMTAB_SEED, else 1. */
uint64_t check_seed(void);

#endif
