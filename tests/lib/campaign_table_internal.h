/* campaign_table_internal.h - what the table, its JSON and its picture share. */
#ifndef TRIMTAB_TESTS_LIB_CAMPAIGN_TABLE_INTERNAL_H
#define TRIMTAB_TESTS_LIB_CAMPAIGN_TABLE_INTERNAL_H

#include "tests/lib/campaign_table.h"

enum { CAMPAIGN_TABLE_SEEDS = 1000 }; /* at most */

const struct campaign_cell *campaign_table_cell(const struct campaign_world *world, size_t seed,
                                                enum world_method method);
/* Mean share over seeds after a round; round 0: 0. */
double campaign_table_share(const struct campaign_table *table, const struct campaign_world *world,
                            enum world_method method, size_t round);

#endif
