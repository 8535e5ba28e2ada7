/* toy.h - a small log with a known truth, for tests of the ranker.
 *
 *   P(click) = sigmoid(-0.5 + taste_u + quality_i + 0.9 [segment of u == category of i]
 *                      + 0.6 [tab is home] - 0.3 length_i)
 *   P(save)  = P(click) / 5
 *
 * hide never happens; taste and quality are hidden: only the ids carry them. */
#ifndef TRIMTAB_TESTS_LIB_TOY_H
#define TRIMTAB_TESTS_LIB_TOY_H

#include <stddef.h>
#include <stdint.h>

#include "ranker/dataset_internal.h"

enum { TOY_USERS = 40, TOY_ITEMS = 30, TOY_FIRST_DAY = 20240501, TOY_DAYS = 5 };

/* Imports `rows` impressions, spread over TOY_DAYS days from TOY_FIRST_DAY, through the generic schema; asserts.  The
 * dataset carries its hash. */
struct dataset *toy_dataset(size_t rows, uint64_t seed);
/* P(click) of the row. */
double toy_truth(const struct dataset *dataset, size_t row, uint64_t seed);

#endif
