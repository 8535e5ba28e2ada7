/* export.h - a world's past as a log that trimtab-ranker imports (docs/formats.md, generic schema).
 *
 *   DIR/log.csv    user_id,item_id,time_ms,date,<heads>,tab,hour     one line an impression, days -log.days .. -1
 *   DIR/users.csv  user_id,segment,interest      the users of the log, then the personas newcomers are described by
 *   DIR/items.csv  item_id,category,popularity,loudness,freshness
 *   DIR/schema.json                              written last: a folder without it is not a finished export
 *
 * The log was made by a plain policy: items by popularity, a bonus for the declared interest and noise, and with
 * probability log.explore a random candidate in a slot.  It does not depend on the play seed. */
#ifndef TRIMTAB_EXPERIMENTS_TRAFFIC_EXPORT_H
#define TRIMTAB_EXPERIMENTS_TRAFFIC_EXPORT_H

#include "experiments/world/world_file.h"

struct export_counts {
    size_t impressions, requests, users;
    size_t events[WORLD_MAX_HEADS];
};

/* Makes the folder when it is not there.  STATUS_IO and the like name the path. */
MUST_CHECK enum status export_world(const struct world_params *params, const char *folder, struct export_counts *ret,
                                    struct err *err);

#endif
