/* store_internal.h - the hot state; shared by the sources of this folder only.
 *
 * Thread: everything belongs to the writer thread, except `views` and `trouble` (guarded by `mutex`) and the fields
 * marked const.
 * Whoever changes hot state sets `dirty` first, and nobody but the start of a job takes it back, so that a failure
 * behind it, also of the commit, leads to a rebuild. */
#ifndef TRIMTAB_EXPERIMENTS_STORE_STORE_INTERNAL_H
#define TRIMTAB_EXPERIMENTS_STORE_STORE_INTERNAL_H

#include <pthread.h>

#include "base/core/digest.h"
#include "base/db/db_writer.h"
#include "base/json/json.h"
#include "experiments/core/round_life.h"
#include "experiments/core/tally.h"
#include "experiments/store/schema.h"
#include "experiments/store/store.h"

/* A model that served a round while it was open. */
struct round_model {
    char hash[DIGEST_HEX_SIZE];
    int64_t from_ms;
};

/* A live round. */
struct hot_round {
    int64_t id, number;
    struct json *body;
    struct round_plan plan;
    struct round_life life;
    bool stopped[PLAN_MAX_ARMS];
    bool covariates; /* there were any at its start */
    int64_t cap[PLAN_MAX_METRICS];
    size_t n_models;
    struct round_model *models; /* [n_models], the first from its opening on */
    struct tally tally;
    struct keymap units, events;
    int64_t exposure_seq, event_seq; /* the next */
    int64_t orphans, strays;
    struct seen_units *seen;
    struct round_plan *before; /* the round before, for its carry-over; NULL: none that can be told apart */
};

/* The group of the tally for an arm of a request or of a row, and back: the holdback is behind the arms. */
size_t hot_round_group(const struct hot_round *round, size_t arm);
const char *hot_round_group_id(const struct hot_round *round, size_t group);
/* A new unit of an arm: where it was in the round before. */
void hot_round_came_from(struct hot_round *round, uint32_t unit, const char *name);

struct experiment {
    int64_t id;
    char name[PLAN_NAME_SIZE];
    struct json *body;
    struct experiment_plan plan;
    int64_t next_round;
    int64_t default_version, default_if_version;
    double default_weights[PLAN_MAX_HEADS];
    struct hot_round *round; /* NULL: none is live */
    struct view *view;       /* current */
};

struct store {
    struct clock *clock;              /* const */
    uint8_t key[REQUEST_KEY_SIZE];    /* const */
    char model_hash[DIGEST_HEX_SIZE]; /* of the model that serves */
    _Atomic uint64_t nonce;
    size_t hot_max; /* const, as the next */
    void (*on_trouble)(const struct err *why);
    _Atomic size_t hot_bytes; /* of the live rounds, when the job started */
    struct db_writer *writer;
    struct store_job tick;
    struct db *db; /* the writer's, once it runs */
    struct db_stmt *sql[SQL_COUNT];
    struct experiment **experiments;
    size_t n_experiments;
    int64_t expired_to; /* requests up to this number were looked at for their age */
    int64_t n_frozen;   /* rounds that became final since the start */
    bool dirty;         /* this job has changed hot state */
    _Atomic bool stale; /* hot state may say more than the rows: rebuild; set by any thread of the database */
    bool closing;
    pthread_mutex_t mutex;
    struct err trouble;  /* why the last write failed; STATUS_OK: it did not */
    struct view **views; /* [n_views], one an experiment */
    size_t n_views;
};

/* store_load.c */
MUST_CHECK enum status store_rebuild(struct store *store, struct err *err);
void store_forget(struct store *store);
/* An empty one, added to the list; NULL: out of memory. */
MUST_CHECK struct experiment *store_add_experiment(struct store *store);
void hot_round_free(struct hot_round *round); /* NULL is fine */
/* An empty tally for round->plan, and round->before from the rows. */
MUST_CHECK enum status store_begin_tally(struct store *store, const struct experiment *e, struct hot_round *round,
                                         struct err *err);
/* The round's units of earlier rounds, from the rows. */
MUST_CHECK enum status store_load_seen(struct store *store, const struct experiment *e, struct hot_round *round,
                                       struct err *err);

/* store_views.c */
/* Fresh view of the experiment for the request threads. */
MUST_CHECK enum status store_publish(struct store *store, struct experiment *e, struct err *err);
/* Views of experiments whose creation was undone. */
void store_drop_views(struct store *store);

/* store.c */
/* A value of n bytes in the table meta; another length is STATUS_CORRUPT. */
MUST_CHECK enum status store_meta_get(struct store *store, const char *key, void *ret, size_t n, bool *ret_there,
                                      struct err *err);
MUST_CHECK enum status store_meta_put(struct store *store, const char *key, const void *bytes, size_t n,
                                      struct err *err);
MUST_CHECK enum status store_find(struct store *store, const char *name, struct experiment **ret, struct err *err);
/* Whether the live rounds hold all they may. */
bool store_full(const struct store *store);
struct experiment *store_by_number(struct store *store, int64_t id);

/* What the experiment keeps of the unit's id; in buf when it is a hash. */
const char *store_unit_name(const struct store *store, const struct experiment *e, const char *unit,
                            char buf[UNIT_HASH_SIZE]);

/* covariates.c */
/* Whether the experiment has any. */
MUST_CHECK enum status covariates_exist(struct store *store, const struct experiment *e, bool *ret, struct err *err);
/* Those of the unit in the round, into its tally; nothing to do in a round without. */
MUST_CHECK enum status covariates_load(struct store *store, const struct experiment *e, struct hot_round *round,
                                       const char *name, uint32_t unit, struct err *err);

/* caps.c */
/* round->cap: those of the experiment, or what the round before left. */
MUST_CHECK enum status caps_load(struct store *store, const struct experiment *e, struct hot_round *round,
                                 struct err *err);
/* What this round, which is final, leaves to the next. */
MUST_CHECK enum status caps_save(struct store *store, const struct experiment *e, const struct hot_round *round,
                                 struct err *err);

/* rounds.c */
/* Closes and freezes what is due.  stop: by hand. */
MUST_CHECK enum status store_advance(struct store *store, struct experiment *e, bool stop, struct err *err);

/* models.c */
/* The model that served last, from meta. */
MUST_CHECK enum status models_load_current(struct store *store, struct err *err);
MUST_CHECK enum status models_load(struct store *store, struct hot_round *round, struct err *err);
/* The model began to serve the round now; nothing to do when it was the last to do so. */
MUST_CHECK enum status models_note(struct store *store, struct hot_round *round, const char *hash, struct err *err);
/* The same of a model that ranked for the round, which may have been noted before the last one. */
MUST_CHECK enum status models_note_ranked(struct store *store, struct hot_round *round, const char *hash,
                                          struct err *err);

/* exposures.c */
enum { REQUEST_KEPT_MS = 86400000 };
/* Looks at the next n client-named requests, round and round, and deletes those that are older than REQUEST_KEPT_MS and
 * of no live round. */
MUST_CHECK enum status requests_expire(struct store *store, int64_t n, struct err *err);
/* The unit's number in the round, added when it is new. */
MUST_CHECK enum status exposure_unit(struct store *store, struct hot_round *round, const struct exposure *x,
                                     uint32_t *ret, struct err *err);
/* Of an arm of the open round, which may end by it: e->round is another one, or none, afterwards. */
MUST_CHECK enum status exposure_record(struct store *store, struct experiment *e, const struct exposure *x,
                                       struct err *err);

/* results.c */
MUST_CHECK enum status results_write(const struct experiment *e, const struct hot_round *round, int64_t as_of_ms,
                                     const char *digest, struct buf *ret, struct err *err);

/* results_beside.c: null without a holdback, and where no round before can be told apart */
void results_write_holdback(struct json_writer *w, const struct experiment *e, const struct hot_round *round);
void results_write_carry_over(struct json_writer *w, const struct experiment *e, const struct hot_round *round);

#endif
