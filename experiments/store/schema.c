#include "experiments/store/schema.h"

const char *const SCHEMA_STEPS[] = {
    /* 1 */
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE experiments(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, body TEXT NOT NULL,"
    " created_ms INTEGER NOT NULL, next_round INTEGER NOT NULL);"
    "CREATE TABLE defaults(experiment INTEGER NOT NULL REFERENCES experiments(id), version INTEGER NOT NULL,"
    " weights TEXT NOT NULL, reason TEXT NOT NULL, at_ms INTEGER NOT NULL, if_version INTEGER NOT NULL,"
    " PRIMARY KEY(experiment, version)) WITHOUT ROWID;"
    "CREATE TABLE rounds(id INTEGER PRIMARY KEY, experiment INTEGER NOT NULL REFERENCES experiments(id),"
    " n INTEGER NOT NULL, body TEXT NOT NULL, state INTEGER NOT NULL, end INTEGER NOT NULL,"
    " opened_ms INTEGER NOT NULL, closed_ms INTEGER NOT NULL, final_ms INTEGER NOT NULL,"
    " stop_reason TEXT, model_hash TEXT NOT NULL, orphans INTEGER NOT NULL, strays INTEGER NOT NULL,"
    " UNIQUE(experiment, n));"
    "CREATE TABLE arm_stops(round INTEGER NOT NULL, arm INTEGER NOT NULL, at_ms INTEGER NOT NULL,"
    " reason TEXT NOT NULL, PRIMARY KEY(round, arm)) WITHOUT ROWID;"
    "CREATE TABLE units(round INTEGER NOT NULL, unit INTEGER NOT NULL, name TEXT NOT NULL, arm INTEGER NOT NULL,"
    " stray INTEGER NOT NULL, PRIMARY KEY(round, unit)) WITHOUT ROWID;"
    "CREATE TABLE exposures(round INTEGER NOT NULL, seq INTEGER NOT NULL, unit INTEGER NOT NULL,"
    " at_ms INTEGER NOT NULL, items INTEGER NOT NULL, PRIMARY KEY(round, seq)) WITHOUT ROWID;"
    "CREATE TABLE events(round INTEGER NOT NULL, seq INTEGER NOT NULL, key BLOB NOT NULL, unit INTEGER NOT NULL,"
    " type TEXT NOT NULL, value INTEGER NOT NULL, at_ms INTEGER NOT NULL, age_ms INTEGER NOT NULL, item TEXT,"
    " position INTEGER, PRIMARY KEY(round, seq)) WITHOUT ROWID;"
    "CREATE TABLE requests(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, body_hash BLOB NOT NULL,"
    " experiment INTEGER NOT NULL, round INTEGER NOT NULL, arm INTEGER NOT NULL, unit_key BLOB NOT NULL,"
    " exposure_ms INTEGER NOT NULL, reply TEXT NOT NULL);"
    "CREATE TABLE results(round INTEGER PRIMARY KEY, body TEXT NOT NULL, digest TEXT NOT NULL);",
    /* 2 */
    "CREATE TABLE covariates(experiment INTEGER NOT NULL REFERENCES experiments(id), unit TEXT NOT NULL,"
    " metric INTEGER NOT NULL, from_round INTEGER NOT NULL, value INTEGER NOT NULL,"
    " PRIMARY KEY(experiment, unit, metric, from_round)) WITHOUT ROWID;"
    "ALTER TABLE rounds ADD COLUMN covariates INTEGER NOT NULL DEFAULT 0;",
    /* 3: a unit's requests can be found; those of rounds that are over had been kept for ever */
    "ALTER TABLE requests ADD COLUMN unit TEXT NOT NULL DEFAULT '';"
    "DELETE FROM requests WHERE NOT EXISTS (SELECT 1 FROM rounds r WHERE r.experiment = requests.experiment"
    " AND r.n = requests.round AND r.state < 2);"
    "CREATE INDEX requests_unit ON requests(unit);",
    /* 4: a round may be served by several models */
    "CREATE TABLE round_models(round INTEGER NOT NULL REFERENCES rounds(id), n INTEGER NOT NULL,"
    " model_hash TEXT NOT NULL, from_ms INTEGER NOT NULL, PRIMARY KEY(round, n)) WITHOUT ROWID;"
    "INSERT INTO round_models SELECT id, 0, model_hash, opened_ms FROM rounds;"
    "ALTER TABLE rounds DROP COLUMN model_hash;",
    /* 5: caps may come from the round before */
    "CREATE TABLE caps(round INTEGER NOT NULL REFERENCES rounds(id),"
    " metric INTEGER NOT NULL, cap INTEGER NOT NULL,"
    " PRIMARY KEY(round, metric)) WITHOUT ROWID;",
};
const size_t SCHEMA_N_STEPS = sizeof SCHEMA_STEPS / sizeof *SCHEMA_STEPS;

enum status schema_prepare(struct db *db, struct db_stmt **ret, struct err *err)
{
    static const char *const SQL[] = {
#define STATEMENT_SQL(name, sql) sql,
        STATEMENT_MAP(STATEMENT_SQL)
#undef STATEMENT_SQL
    };
    for (size_t i = 0; i < SQL_COUNT; i++)
        TRY(db_prepare(db, SQL[i], &ret[i], err));
    return STATUS_OK;
}

void schema_finish(struct db_stmt **statements)
{
    for (size_t i = 0; i < SQL_COUNT; i++) {
        db_finish(statements[i]);
        statements[i] = NULL;
    }
}
