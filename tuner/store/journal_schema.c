#include "tuner/store/journal_schema.h"

const char *const JOURNAL_STEPS[] = {
    /* 1: campaigns, rounds, trials, audit.  Texts named _json hold documents; times are ms since 1970. */
    "CREATE TABLE campaign("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, experiment TEXT NOT NULL,"
    "  file_json TEXT NOT NULL, experiment_json TEXT, status_json TEXT NOT NULL, active INTEGER NOT NULL,"
    "  phase TEXT NOT NULL, outcome TEXT NOT NULL, aim TEXT NOT NULL, paused INTEGER NOT NULL,"
    "  by_hand INTEGER NOT NULL, stop_round INTEGER NOT NULL, probed INTEGER NOT NULL, candidate INTEGER NOT NULL,"
    "  version_before INTEGER NOT NULL, version_after INTEGER NOT NULL, reason TEXT NOT NULL, warning TEXT NOT NULL,"
    "  created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL) STRICT;"
    "CREATE UNIQUE INDEX campaign_active ON campaign(experiment) WHERE active = 1;"
    "CREATE TABLE round("
    "  campaign INTEGER NOT NULL REFERENCES campaign(id), seq INTEGER NOT NULL, number INTEGER NOT NULL,"
    "  purpose TEXT NOT NULL, state TEXT NOT NULL, salt TEXT NOT NULL, units_per_arm INTEGER NOT NULL,"
    "  at_ms INTEGER NOT NULL, opened_ms INTEGER NOT NULL, body_json TEXT, results_json TEXT,"
    "  PRIMARY KEY(campaign, seq)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE trial("
    "  campaign INTEGER NOT NULL, n INTEGER NOT NULL, round INTEGER NOT NULL, source INTEGER NOT NULL,"
    "  arm TEXT NOT NULL, origin TEXT NOT NULL, state TEXT NOT NULL, weights_json TEXT NOT NULL,"
    "  params_json TEXT NOT NULL, allocation REAL NOT NULL, started_ms INTEGER NOT NULL,"
    "  document_json TEXT NOT NULL, PRIMARY KEY(campaign, n),"
    "  FOREIGN KEY(campaign, round) REFERENCES round(campaign, seq)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE audit("
    "  seq INTEGER PRIMARY KEY AUTOINCREMENT, campaign INTEGER NOT NULL REFERENCES campaign(id),"
    "  at_ms INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, detail TEXT NOT NULL) STRICT;"
    "CREATE INDEX audit_campaign ON audit(campaign, seq);",
    /* 2: what logged requests said (core/campaign_preview.h), row by row. */
    "CREATE TABLE previews("
    "  campaign INTEGER PRIMARY KEY REFERENCES campaign(id), requests INTEGER NOT NULL, x_json TEXT NOT NULL,"
    "  feature_json TEXT NOT NULL, overlap_json TEXT NOT NULL) STRICT;",
    /* 3: what an arm would replace of what the control shows (core/campaign_cap.h). */
    "ALTER TABLE trial ADD COLUMN turnover REAL;",
};
const size_t JOURNAL_N_STEPS = sizeof JOURNAL_STEPS / sizeof JOURNAL_STEPS[0];
