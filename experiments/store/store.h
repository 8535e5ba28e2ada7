/* store.h - the experiments, on disk and hot.
 *
 * One SQLite file, one writer thread (base/db/db_writer.h) with group commit.  Everything below marked [writer] runs on
 * that thread inside its transaction, so it sees and changes one consistent state; others only submit jobs and hold
 * views (view.h).
 *
 *   request thread:  decode, score, compose --store_submit--> writer: job.run (rows + hot state) -- commit --> job.done
 *
 * Hot state is what the rows say, kept in memory: per live round its tally, its units and the ids of its events.
 * Invariant: hot state = rows, whenever no job runs.  It is rebuilt from the rows at start; and since a failed job or a
 * failed commit takes rows back that memory has already counted, it is rebuilt before the next job in that case too:
 * one path, always tested.
 *
 * Before every job, and on a tick every 50 ms, rounds whose end has come are closed or frozen (round_life.h) inside the
 * same transaction.  Answers go out in job.done: whatever a client was told is on disk, but for rankings, which wait
 * for their commit only (docs/adr/0008): kill -9 loses none, a power cut may lose the last ones and, with them, nothing
 * else.
 *
 * When the database cannot be written (a full disk, a lock, a file system that became read-only), jobs are refused as
 * unavailable and store_check() says why.  Every tick then tries to write a row, so that it is over when it is over,
 * also while nobody asks for anything.
 *
 * Live rounds together hold at most hot_max bytes (some 100 bytes a unit, 50 an event).  Beyond that, units that are
 * not in a round yet get the default and are not counted, whatever their arm would have been, so effects stay unbiased;
 * and events are refused as unavailable.  Ending a round frees its part.
 *
 * A round's rows are only read again while it is live, and to forget a unit (removal.h).  Results of a final round are
 * a frozen text; the tables keep its units (for exclude_seen) and raw rows. */
#ifndef TRIMTAB_EXPERIMENTS_STORE_STORE_H
#define TRIMTAB_EXPERIMENTS_STORE_STORE_H

#include "base/core/clock.h"
#include "base/json/json_write.h"
#include "experiments/core/request_id.h"
#include "experiments/store/view.h"

struct store;

struct store_options {
    const char *folder;  /* made with mode 0700 when it is not there; holds experiments.db */
    struct clock *clock; /* borrowed; a fake one is moved to where it stood when the store was last open */
    size_t hot_max;      /* bytes of all live rounds; 0: no limit */
    /* [writer] Writes begin to fail, and why; NULL: they go through again.  May be NULL. */
    void (*on_trouble)(const struct err *why);
};

/* Opens, migrates, rebuilds, starts the writer. */
MUST_CHECK enum status store_open(const struct store_options *options, struct store **ret, struct err *err);
/* Finishes what was accepted.  NULL is fine. */
void store_close(struct store *store);

struct store_job {
    enum status (*run)(struct store *store, void *context, struct err *err); /* [writer] */
    /* After the commit and its sync, on a thread of the database's; must not block. */
    void (*done)(void *context, enum status s, const struct err *err);
    void *context;
    bool on_commit;      /* does not wait for the sync */
    struct store *store; /* set by store_submit, as the next */
    bool ran, changed;   /* without failure; hot state */
};
/* The job's storage is the caller's until done() is called; not accepted (STATUS_UNAVAILABLE): never called. */
MUST_CHECK enum status store_submit(struct store *store, struct store_job *job, struct err *err);
/* Submit and wait.  Never from the writer thread. */
MUST_CHECK enum status store_run(struct store *store,
                                 enum status (*run)(struct store *store, void *context, struct err *err), void *context,
                                 struct err *err);

/* Any thread: */
/* STATUS_NOT_FOUND; the caller releases the view. */
MUST_CHECK enum status store_view(struct store *store, const char *experiment, struct view **ret, struct err *err);
/* The i-th in the order of creation; NULL: there are no more.  The caller releases the view. */
struct view *store_view_at(struct store *store, size_t i);
int64_t store_now_ms(struct store *store);
const uint8_t *store_signing_key(const struct store *store);
/* Whether the last write went through; STATUS_UNAVAILABLE with the reason. */
MUST_CHECK enum status store_check(struct store *store, struct err *err);
/* Jobs that wait for the writer. */
size_t store_waiting(struct store *store);
/* The write-ahead log (base/db/db_writer.h). */
struct store_wal {
    int64_t bytes;
    bool held;       /* the last checkpoint could not free it */
    size_t unsynced; /* jobs that were committed and wait for the disk */
    int64_t n_syncs, sync_ns;
};
struct store_wal store_wal(struct store *store);
/* Bytes of the live rounds, as of the last job. */
size_t store_hot_bytes(struct store *store);
/* A number no other call in any process returned. */
uint64_t store_nonce(struct store *store);

/* [writer] Sets a fake clock; ends that have come take effect at once.  STATUS_CONFLICT on a real clock, STATUS_INVALID
 * backwards. */
MUST_CHECK enum status store_set_clock(struct store *store, int64_t now_ms, struct err *err);

/* [writer] The model that serves from now on, by its hash (64 characters): noted in the open rounds that another one
 * served last, and in those that are opened.  A store that was never told has the hash "". */
MUST_CHECK enum status store_set_model(struct store *store, const char *hash, struct err *err);

/* [writer] Experiments.  body is the document of the PUT.  *ret_new: it was not there; STATUS_CONFLICT: another body.
 */
MUST_CHECK enum status store_experiment_put(struct store *store, const char *name, const struct json_at *body,
                                            bool *ret_new, struct err *err);
/* Calls visit for one experiment (STATUS_NOT_FOUND) or for all (name NULL), in the order of their creation. */
struct experiment_info {
    const char *name;
    struct json_at body;
    const struct experiment_plan *plan;
    int64_t default_version, next_round;
    const double *default_weights;
    /* The live round; number 0: none. */
    int64_t round, opened_ms, units;
    const struct round_plan *round_plan;
    struct json_at round_body;
    const char *round_state;
};
typedef void store_visit(void *context, const struct experiment_info *info);
MUST_CHECK enum status store_experiments(struct store *store, const char *name, store_visit *visit, void *context,
                                         struct err *err);

/* [writer] Rounds.  STATUS_CONFLICT: another body, another round still live, or n is not the next. */
struct round_info {
    bool is_new;
    const char *state;
    int64_t opened_ms;
};
MUST_CHECK enum status store_round_put(struct store *store, const char *experiment, int64_t n,
                                       const struct json_at *body, struct round_info *ret, struct err *err);
/* Idempotent. */
MUST_CHECK enum status store_round_stop(struct store *store, const char *experiment, int64_t n, const char *reason,
                                        struct round_info *ret, struct err *err);
MUST_CHECK enum status store_arm_stop(struct store *store, const char *experiment, int64_t n, const char *arm,
                                      const char *reason, struct round_info *ret, struct err *err);
/* Appends the results to ret: computed for a live round, the frozen bytes of a final one. */
MUST_CHECK enum status store_results(struct store *store, const char *experiment, int64_t n, struct buf *ret,
                                     struct err *err);

/* [writer] Default weights.  ret_version, ret_weights [PLAN_MAX_HEADS] are the ones in force afterwards. */
struct default_change {
    struct json_at weights;
    int64_t if_version;
    const char *reason;
};
/* Appends {"version":..,"weights":{..}} to ret. */
MUST_CHECK enum status store_default_put(struct store *store, const char *experiment,
                                         const struct default_change *change, struct buf *ret, struct err *err);
MUST_CHECK enum status store_default_history(struct store *store, const char *experiment, struct buf *ret,
                                             struct err *err);

/* [writer] Covariates: what was known of a unit before a round, for CUPED (base/stats/cuped.h). */
struct store_covariate {
    const char *unit, *metric;
    int64_t value; /* fixed point, within +-MOMENTS_LIMIT */
};
/* In force from the next round on, in place of what was posted before it; *ret_from_round is that round.
 * STATUS_INVALID: no metric of the experiment. */
MUST_CHECK enum status store_covariate_put(struct store *store, const char *experiment,
                                           const struct store_covariate *covariate, int64_t *ret_from_round,
                                           struct err *err);

/* [writer] Exposures. */
struct exposure {
    const struct view *view; /* the decision was made under it */
    const char *unit;
    size_t arm;
    struct key128 key;
    int64_t at_ms;
    int64_t items;
    const char *model_hash; /* of the model that ranked; NULL: none of ours */
    /* A request that the client named; NULL: the server did.  body_hash [DIGEST_SIZE] tells repetitions from misuse. */
    const char *request_name;
    const uint8_t *body_hash;
    const char *reply;
};
enum exposure_result {
    EXPOSURE_RECORDED,
    EXPOSURE_STALE, /* nothing done: the view has changed, decide again under the current one */
    EXPOSURE_FULL,  /* nothing done: no room for a new unit; serve the default */
    EXPOSURE_REPEAT /* the name is known with this body; its reply has been appended to ret_reply */
};
/* STATUS_CONFLICT: the name is known with another body. */
MUST_CHECK enum status store_expose(struct store *store, const struct exposure *exposure, enum exposure_result *ret,
                                    struct buf *ret_reply, struct err *err);

/* [writer] Events. */
struct store_event {
    struct key128 key; /* event_key() of its id */
    bool opened;       /* request holds the server-made id, signature checked */
    struct request_id request;
    const char *request_name; /* otherwise the client's name for it, or NULL and the next four say it */
    const char *experiment, *arm, *unit;
    int64_t round;
    const char *item, *type; /* item may be NULL */
    int64_t value;           /* fixed point */
    int64_t position;        /* -1: not given */
    int64_t at_ms;
};
struct event_counts {
    int64_t accepted, duplicates, late, orphans;
};
/* The type of an event that is an exposure: a client with its own ranker showed `value` items to the unit, with the
 * weights of its arm.  It names experiment, round, arm and unit; counted while the round is open, as if the server had
 * ranked at at_ms (cut to the time since the round opened). */
#define EVENT_EXPOSURE "exposure"
/* SHA-256 of the signing key and the id: nobody outside can choose ids that collide. */
struct key128 event_key(const struct store *store, const char *event_id);
MUST_CHECK enum status store_ingest(struct store *store, size_t n, const struct store_event *events,
                                    struct event_counts *ret, struct err *err);

#endif
