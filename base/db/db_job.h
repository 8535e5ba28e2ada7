/* db_job.h - what db_writer.h runs and db_syncer.h answers. */
#ifndef TRIMTAB_BASE_DB_DB_JOB_H
#define TRIMTAB_BASE_DB_DB_JOB_H

#include "base/db/db.h"

/* When done() is called: on disk, so that a power cut does not lose it; or committed, so that kill -9 does not. */
enum db_when { DB_SYNCED, DB_COMMITTED };

struct db_job {
    enum status (*run)(struct db *db, void *context, struct err *err);
    void (*done)(void *context, enum status s, const struct err *err); /* may be NULL; must not block */
    void *context;
    enum db_when when;
};

#endif
