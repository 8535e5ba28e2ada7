/* journal.h - the journal of trimtabd: campaigns, rounds, trials and the audit trail in SQLite.
 *
 * What is written is what a restart needs (file, experiment as first seen, previews, memory, round bodies as they were
 * put, results as they were frozen, weights of every trial) and what people read (the status document, one document a
 * trial).  A transition is one transaction (journal_save).  Weights are written with as many digits as read back equal.
 *
 *   campaign 1--n round 1--n trial        campaign 1--n audit
 * At most one campaign of an experiment is active: an index says so.
 *
 * Thread: a journal belongs to the thread of the service; a journal_reader is locked and may be used from any thread.
 */
#ifndef TRIMTAB_TUNER_STORE_JOURNAL_H
#define TRIMTAB_TUNER_STORE_JOURNAL_H

#include "base/core/buf.h"
#include "tuner/core/campaign.h"

struct journal;
struct journal_reader;

/* Creates or migrates the file.  STATUS_CONFLICT: it is of a newer version. */
MUST_CHECK enum status journal_open(const char *path, struct journal **ret, struct err *err);
/* NULL is fine. */
void journal_close(struct journal *journal);

/* One transition.  Borrowed; NULL texts: that column stays as it is. */
struct journal_change {
    const struct campaign *campaign; /* id 0: a new row */
    int64_t at_ms;
    const char *file;       /* with a new row */
    const char *experiment; /* the GET body that the setup was made from */
    const char *status;     /* the status document */
    bool previews;          /* the campaign's, too */
    size_t first_round, first_trial;
    const char *body, *results;   /* of the last round: the PUT body, the frozen results */
    const char *const *documents; /* of the trials from first_trial on */
    const char *actor, *action, *detail;
};
/* *ret_id: the campaign's.  STATUS_CONFLICT: another campaign of the experiment is active (a new row). */
MUST_CHECK enum status journal_save(struct journal *journal, const struct journal_change *change, int64_t *ret_id,
                                    struct err *err);

/* What is known of a campaign without restoring it. */
struct journal_head {
    int64_t id, created_ms, updated_ms;
    bool active;
    const char *uuid, *experiment_id, *file, *experiment, *body,
        *status; /* "" where there is none; body: last round's */
    struct campaign_memory memory;
};
/* The campaign of this id, or with 0 every campaign, oldest first and without its memory, so that one damaged row does
 * not keep the others from being listed.  head is borrowed during the call. */
MUST_CHECK enum status journal_list(struct journal *journal, int64_t id,
                                    enum status (*each)(void *context, const struct journal_head *head,
                                                        struct err *err),
                                    void *context, struct err *err);
/* Previews, rounds and trials into a campaign whose setup has been restored; decode turns a results body into an
 * object. */
MUST_CHECK enum status journal_restore(struct journal *journal, struct campaign *campaign,
                                       enum status (*decode)(const char *text, size_t n, struct campaign_results **ret,
                                                             struct err *err),
                                       struct err *err);

MUST_CHECK enum status journal_reader_open(const char *path, struct journal_reader **ret, struct err *err);
void journal_reader_close(struct journal_reader *reader);
/* {"trials":[..]}, one trial, {"audit":[..]}.  STATUS_NOT_FOUND names what there is not. */
MUST_CHECK enum status journal_reader_trials(struct journal_reader *reader, int64_t campaign, struct buf *ret,
                                             struct err *err);
MUST_CHECK enum status journal_reader_trial(struct journal_reader *reader, int64_t campaign, int64_t n, struct buf *ret,
                                            struct err *err);
MUST_CHECK enum status journal_reader_audit(struct journal_reader *reader, int64_t campaign, struct buf *ret,
                                            struct err *err);

#endif
