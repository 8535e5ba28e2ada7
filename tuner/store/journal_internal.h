/* journal_internal.h - what the files of this folder share. */
#ifndef TRIMTAB_TUNER_STORE_JOURNAL_INTERNAL_H
#define TRIMTAB_TUNER_STORE_JOURNAL_INTERNAL_H

#include "base/db/db.h"

enum journal_statement {
    SQL_INSERT_CAMPAIGN,
    SQL_UPDATE_CAMPAIGN,
    SQL_ROUND,
    SQL_TRIAL,
    SQL_PREVIEWS,
    SQL_AUDIT,
    N_STATEMENTS
};

struct journal {
    struct db *db;
    struct db_stmt *statement[N_STATEMENTS];
};

#endif
