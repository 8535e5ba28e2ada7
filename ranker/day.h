/* day.h - calendar days written as yyyymmdd (proleptic Gregorian).  Pure. */
#ifndef TRIMTAB_RANKER_DAY_H
#define TRIMTAB_RANKER_DAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/core/err.h"

/* Years 1970 to 9999. */
bool day_valid(int64_t day);
/* Days since 1970-01-01; day is valid. */
int32_t day_number(int32_t day);
/* 1 Monday .. 7 Sunday (ISO 8601); day is valid. */
int day_weekday(int32_t day);
/* "20220425..20220430" or one day; STATUS_INVALID names --days and the text. */
MUST_CHECK enum status day_range(const char *text, int32_t *ret_first, int32_t *ret_last, struct err *err);

#endif
