/* schema.h - the tables of experiments.db and the statements that touch them.
 *
 * Steps are appended, never edited (base/db/db.h).  Raw rows are appended in the order of their number inside a round,
 * so their B-trees grow at one end; no index has random keys except those over client-named requests.
 *
 *   meta         key -> value: the signing key, the fake clock, the model that serves, bytes that show
 *                whether the disk takes them (store.h)
 *   experiments  one row each; body is the canonical JSON of its PUT
 *   defaults     versions of the default weights, never changed
 *   rounds       one row each; state 0 open, 1 settling, 2 final; end 0 none, 1 units, 2 time, 3 stopped; covariates: 1
 *                when there were any at its start
 *   round_models models that served a round while it was open, in the order in which they began to (models.c)
 *   arm_stops    arms that were stopped
 *   covariates   pre-period values * 1e6 by the units' names and the metric's index; round n uses, of each, the one
 *                with the largest from_round <= n, so what is posted while a round is live does not change it; what no
 *                round can use any more is deleted
 *   units        units of a round in the order of their first exposure, by name (unit_name.h); arm as an index; stray:
 *                named another arm; a forgotten one (removal.h) has the name ""
 *   exposures    one row a request that was served by an arm: unit, time, items shown
 *   events       one row an accepted event: event_key() of its id, unit, type, value * 1e6, time, age since exposure
 *   requests     client-named requests with their reply, so that a repetition gets the same bytes; kept until a day has
 *                passed and their round is final; unit "": from before version 3
 *   caps         caps * 1e6 that a final round leaves to the next, by the metric's index
 *   results      frozen results of final rounds, text and SHA-256
 *
 * Deleted rows are overwritten (secure_delete), so that what was forgotten is not in the file. */
#ifndef TRIMTAB_EXPERIMENTS_STORE_SCHEMA_H
#define TRIMTAB_EXPERIMENTS_STORE_SCHEMA_H

#include <stddef.h>

#include "base/db/db.h"

extern const char *const SCHEMA_STEPS[];
extern const size_t SCHEMA_N_STEPS;

/* X(name, SQL) */
#define STATEMENT_MAP(X)                                                                                               \
    X(META_GET, "SELECT value FROM meta WHERE key = ?1")                                                               \
    X(META_PUT, "INSERT INTO meta(key, value) VALUES(?1, ?2) ON CONFLICT(key) DO UPDATE SET value = ?2")               \
    X(PROBE, "INSERT INTO meta(key, value) VALUES('probe', randomblob(65536)) "                                        \
             "ON CONFLICT(key) DO UPDATE SET value = excluded.value")                                                  \
    X(EXPERIMENTS, "SELECT id, name, body, next_round FROM experiments ORDER BY id")                                   \
    X(EXPERIMENT_ADD, "INSERT INTO experiments(name, body, created_ms, next_round) VALUES(?1, ?2, ?3, 1)")             \
    X(EXPERIMENT_NEXT, "UPDATE experiments SET next_round = ?2 WHERE id = ?1")                                         \
    X(DEFAULTS, "SELECT version, weights, reason, at_ms, if_version FROM defaults WHERE experiment = ?1 "              \
                "ORDER BY version DESC LIMIT ?2")                                                                      \
    X(DEFAULT_ADD, "INSERT INTO defaults(experiment, version, weights, reason, at_ms, if_version) "                    \
                   "VALUES(?1, ?2, ?3, ?4, ?5, ?6)")                                                                   \
    X(ROUND_ADD, "INSERT INTO rounds(experiment, n, body, state, end, opened_ms, closed_ms, final_ms, orphans, "       \
                 "strays, covariates) VALUES(?1, ?2, ?3, 0, 0, ?4, 0, 0, 0, 0, ?5)")                                   \
    X(ROUND_GET, "SELECT id, body, state, opened_ms FROM rounds WHERE experiment = ?1 AND n = ?2")                     \
    X(ROUND_LIVE, "SELECT id, n, body, state, end, opened_ms, closed_ms, orphans, strays, covariates FROM rounds "     \
                  "WHERE experiment = ?1 AND state < 2")                                                               \
    X(ROUND_LIFE, "UPDATE rounds SET state = ?2, end = ?3, closed_ms = ?4, final_ms = ?5 WHERE id = ?1")               \
    X(ROUND_STRAYS, "UPDATE rounds SET orphans = ?2, strays = ?3 WHERE id = ?1")                                       \
    X(ROUND_REASON, "UPDATE rounds SET stop_reason = ?2 WHERE id = ?1")                                                \
    X(ROUND_MODELS, "SELECT model_hash, from_ms FROM round_models WHERE round = ?1 ORDER BY n")                        \
    X(ROUND_MODEL_ADD, "INSERT INTO round_models(round, n, model_hash, from_ms) VALUES(?1, ?2, ?3, ?4)")               \
    X(ARM_STOP, "INSERT INTO arm_stops(round, arm, at_ms, reason) VALUES(?1, ?2, ?3, ?4)")                             \
    X(ARM_STOPS, "SELECT arm FROM arm_stops WHERE round = ?1")                                                         \
    X(COVARIATE_PUT, "INSERT INTO covariates(experiment, unit, metric, from_round, value) VALUES(?1, ?2, ?3, ?4, ?5) " \
                     "ON CONFLICT(experiment, unit, metric, from_round) DO UPDATE SET value = ?5")                     \
    X(COVARIATE_DROP, "DELETE FROM covariates WHERE experiment = ?1 AND unit = ?2 AND metric = ?3 AND from_round < ("  \
                      "SELECT max(from_round) FROM covariates WHERE experiment = ?1 AND unit = ?2 AND metric = ?3 "    \
                      "AND from_round <= ?4)")                                                                         \
    X(COVARIATES_FORGET, "DELETE FROM covariates WHERE experiment = ?1 AND unit = ?2")                                 \
    X(COVARIATES_EXIST, "SELECT 1 FROM covariates WHERE experiment = ?1 LIMIT 1")                                      \
    X(COVARIATES, "SELECT metric, value FROM covariates WHERE experiment = ?1 AND unit = ?2 AND from_round <= ?3 "     \
                  "ORDER BY metric, from_round")                                                                       \
    X(UNIT_ADD, "INSERT INTO units(round, unit, name, arm, stray) VALUES(?1, ?2, ?3, ?4, 0)")                          \
    X(UNIT_STRAY, "UPDATE units SET stray = 1 WHERE round = ?1 AND unit = ?2 AND stray = 0")                           \
    X(UNITS, "SELECT unit, name, arm FROM units WHERE round = ?1 ORDER BY unit")                                       \
    X(UNITS_BEFORE, "SELECT u.name FROM rounds r JOIN units u ON u.round = r.id WHERE r.experiment = ?1 AND r.n < ?2") \
    X(UNITS_ALL, "SELECT u.round, u.unit, u.name, r.experiment FROM units u CROSS JOIN rounds r ON r.id = u.round "    \
                 "WHERE (u.round, u.unit) > (?1, ?2) ORDER BY u.round, u.unit LIMIT ?3")                               \
    X(UNIT_GET, "SELECT name, stray FROM units WHERE round = ?1 AND unit = ?2")                                        \
    X(UNIT_FORGET, "UPDATE units SET name = '', stray = 0 WHERE round = ?1 AND unit = ?2")                             \
    X(EXPOSURE_ADD, "INSERT INTO exposures(round, seq, unit, at_ms, items) VALUES(?1, ?2, ?3, ?4, ?5)")                \
    X(EXPOSURES, "SELECT seq, unit, at_ms, items FROM exposures WHERE round = ?1 AND seq >= ?2 ORDER BY seq LIMIT ?3") \
    X(EXPOSURE_FORGET, "DELETE FROM exposures WHERE round = ?1 AND seq = ?2")                                          \
    X(EVENT_ADD, "INSERT INTO events(round, seq, key, unit, type, value, at_ms, age_ms, item, position) "              \
                 "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")                                                    \
    X(EVENTS, "SELECT seq, unit, key, type, value, at_ms, age_ms FROM events WHERE round = ?1 AND seq >= ?2 "          \
              "ORDER BY seq LIMIT ?3")                                                                                 \
    X(EVENT_FORGET, "DELETE FROM events WHERE round = ?1 AND seq = ?2")                                                \
    X(REQUEST_ADD, "INSERT INTO requests(name, body_hash, experiment, round, arm, unit_key, exposure_ms, reply, unit)" \
                   " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")                                                      \
    X(REQUEST_GET, "SELECT body_hash, experiment, round, arm, unit_key, exposure_ms, reply FROM requests "             \
                   "WHERE name = ?1")                                                                                  \
    X(REQUESTS_NEXT, "SELECT max(id) FROM (SELECT id FROM requests WHERE id > ?1 ORDER BY id LIMIT ?2)")               \
    X(REQUESTS_EXPIRE, "DELETE FROM requests WHERE id > ?1 AND id <= ?2 AND exposure_ms < ?3 AND NOT EXISTS ("         \
                       "SELECT 1 FROM rounds r WHERE r.experiment = requests.experiment AND r.n = requests.round "     \
                       "AND r.state < 2)")                                                                             \
    X(REQUESTS_FORGET, "DELETE FROM requests WHERE unit = ?1")                                                         \
    X(REQUESTS_FORGET_OLD,                                                                                             \
      "DELETE FROM requests WHERE unit = '' AND experiment = ?1 AND round = ?2 AND unit_key = ?3")                     \
    X(CAP_ADD, "INSERT INTO caps(round, metric, cap) VALUES(?1, ?2, ?3)")                                              \
    X(CAPS, "SELECT c.metric, c.cap FROM caps c JOIN rounds r ON r.id = c.round WHERE r.experiment = ?1 "              \
            "AND r.n = ?2 - 1")                                                                                        \
    X(RESULT_ADD, "INSERT INTO results(round, body, digest) VALUES(?1, ?2, ?3)")                                       \
    X(RESULT_GET, "SELECT body, digest FROM results WHERE round = ?1")

enum statement {
#define STATEMENT_ENUM(name, sql) SQL_##name,
    STATEMENT_MAP(STATEMENT_ENUM)
#undef STATEMENT_ENUM
        SQL_COUNT
};

/* ret[SQL_COUNT]; on failure those made stay in ret for schema_finish(). */
MUST_CHECK enum status schema_prepare(struct db *db, struct db_stmt **ret, struct err *err);
void schema_finish(struct db_stmt **statements);

#endif
