/* campaign.h - the campaign as a state machine: events in, decisions out.  Pure: no clock, no disk, no network; times,
 * answers of the experiment API and requests of people arrive as events, so the same events give the same trials.
 *
 *   CREATE --created--------------------> LOOK            put the file's experiment (launch --create)
 *   LOOK --experiment, campaign_look----> OPEN | PROMOTE  read the experiment; plan the round that `aim` asks for
 *   (LOOK --with a cap, campaign_cap.h--> PREVIEW --> LOOK --round planned--> CHECK --previews of its arms--> LOOK)
 *   OPEN --opened-----------------------> MEASURE         put the round          (--taken--> PROBE, --unsure--> LOOK)
 *   PROBE --ours--> MEASURE   --foreign or missing--> LOOK, which takes the next number
 *   MEASURE --final results, campaign_close--> FIT        poll; the frozen body is journalled before it is acted on;
 *                                                         an arm that surely harms is stopped (campaign_harm.h)
 *   (MEASURE --until there are previews--> PREVIEW --previews or none--> FIT     campaign_preview.h)
 *   FIT --fit, campaign_fit-------------> LOOK | READY | PROMOTE | DONE
 *   READY --promote---------------------> LOOK with aim PROMOTE
 *   PROMOTE --promoted------------------> DONE            put the default with if_version   (--taken--> READY)
 *   any --cancel or refused-------------> STOP | DONE     STOP ends the open round, then DONE
 *   DONE --promote a trial--------------> LOOK with aim CONFIRM
 *
 * `paused` is a flag beside the phase: an open round is still read, nothing else happens until resume.
 *
 * Journal.  Whoever steps a campaign writes plan, rounds, trials and memory in one transaction, and only then makes the
 * next call (campaign_call), which is a function of what was written and idempotent.  When the transaction fails the
 * object is thrown away and made again from the journal: campaign_new, campaign_restore_*; it then holds the same
 * weights to the last bit, and its models, which depend on the rounds told and the seed alone, are fitted again.
 *
 * A trial is one arm of one round; arms that ride again (control, equal, incumbent, the candidate) get a row a round
 * and share their weights: `source` is the first row with them.
 * Thread: owner only. */
#ifndef TRIMTAB_TUNER_CORE_CAMPAIGN_H
#define TRIMTAB_TUNER_CORE_CAMPAIGN_H

#include "tuner/core/campaign_measure.h"
#include "tuner/core/campaign_preview.h"
#include "tuner/core/drift.h"
#include "tuner/core/promotion.h"

/* X(code, text in the journal and on the wire) */
#define CAMPAIGN_PHASE_MAP(X)                                                                                          \
    X(PHASE_CREATE, "create")                                                                                          \
    X(PHASE_LOOK, "look")                                                                                              \
    X(PHASE_CHECK, "check")                                                                                            \
    X(PHASE_OPEN, "open")                                                                                              \
    X(PHASE_PROBE, "probe")                                                                                            \
    X(PHASE_MEASURE, "measure")                                                                                        \
    X(PHASE_PREVIEW, "preview")                                                                                        \
    X(PHASE_FIT, "fit")                                                                                                \
    X(PHASE_READY, "ready")                                                                                            \
    X(PHASE_PROMOTE, "promote")                                                                                        \
    X(PHASE_STOP, "stop")                                                                                              \
    X(PHASE_DONE, "done")
#define CAMPAIGN_OUTCOME_MAP(X)                                                                                        \
    X(OUTCOME_NONE, "none")                                                                                            \
    X(OUTCOME_PROMOTED, "promoted")                                                                                    \
    X(OUTCOME_NOT_PROMOTED, "not_promoted")                                                                            \
    X(OUTCOME_CANCELLED, "cancelled")                                                                                  \
    X(OUTCOME_FAILED, "failed")
#define CAMPAIGN_AIM_MAP(X)                                                                                            \
    X(AIM_EXPLORE, "explore")                                                                                          \
    X(AIM_CONFIRM, "confirm")                                                                                          \
    X(AIM_PROMOTE, "promote")
#define CAMPAIGN_ROUND_MAP(X)                                                                                          \
    X(ROUND_PLANNED, "planned")                                                                                        \
    X(ROUND_OPEN, "open")                                                                                              \
    X(ROUND_ABANDONED, "abandoned")                                                                                    \
    X(ROUND_FINAL, "final")                                                                                            \
    X(ROUND_TOLD, "told")                                                                                              \
    X(ROUND_DISCARDED, "discarded")
#define CAMPAIGN_ORIGIN_MAP(X)                                                                                         \
    X(ORIGIN_CONTROL, "control")                                                                                       \
    X(ORIGIN_SOBOL, "sobol")                                                                                           \
    X(ORIGIN_ACQUISITION, "acquisition")                                                                               \
    X(ORIGIN_INCUMBENT, "incumbent")                                                                                   \
    X(ORIGIN_ANCHOR, "anchor")                                                                                         \
    X(ORIGIN_CANDIDATE, "candidate")                                                                                   \
    X(ORIGIN_EQUAL, "equal")
#define CAMPAIGN_TRIAL_MAP(X)                                                                                          \
    X(TRIAL_PLANNED, "planned")                                                                                        \
    X(TRIAL_RUNNING, "running")                                                                                        \
    X(TRIAL_DONE, "done")                                                                                              \
    X(TRIAL_FAILED, "failed")

#define CAMPAIGN_ENUM(code, text) code,
enum campaign_phase { CAMPAIGN_PHASE_MAP(CAMPAIGN_ENUM) };
enum campaign_outcome { CAMPAIGN_OUTCOME_MAP(CAMPAIGN_ENUM) };
enum campaign_aim { CAMPAIGN_AIM_MAP(CAMPAIGN_ENUM) };
enum campaign_round_state { CAMPAIGN_ROUND_MAP(CAMPAIGN_ENUM) };
enum campaign_origin { CAMPAIGN_ORIGIN_MAP(CAMPAIGN_ENUM) };
enum campaign_trial_state { CAMPAIGN_TRIAL_MAP(CAMPAIGN_ENUM) };
#undef CAMPAIGN_ENUM

/* Static texts, and the way back: false for a text that is none. */
const char *campaign_phase_text(enum campaign_phase x);
const char *campaign_outcome_text(enum campaign_outcome x);
const char *campaign_aim_text(enum campaign_aim x);
const char *campaign_round_state_text(enum campaign_round_state x);
const char *campaign_origin_text(enum campaign_origin x);
const char *campaign_trial_state_text(enum campaign_trial_state x);
bool campaign_phase_find(const char *text, enum campaign_phase *ret);
bool campaign_outcome_find(const char *text, enum campaign_outcome *ret);
bool campaign_aim_find(const char *text, enum campaign_aim *ret);
bool campaign_round_state_find(const char *text, enum campaign_round_state *ret);
bool campaign_origin_find(const char *text, enum campaign_origin *ret);
bool campaign_trial_state_find(const char *text, enum campaign_trial_state *ret);

/* What is journalled of a campaign beside its file, rounds and trials. */
struct campaign_memory {
    enum campaign_phase phase;
    enum campaign_outcome outcome;
    enum campaign_aim aim;
    bool paused, by_hand; /* by_hand: a person named the candidate and so approved it, if it is confirmed */
    bool stop_round;      /* the open round is to be stopped */
    bool probed;          /* the planned round's number belongs to somebody else */
    int64_t candidate;    /* trial to confirm or ship; 0: none */
    int64_t version_before, version_after; /* of the default weights; 0: not known */
    char reason[CAMPAIGN_LINE];            /* of the outcome */
    char warning[CAMPAIGN_LINE];           /* what people should know, "" for nothing */
};

/* One arm of one round. */
struct campaign_trial {
    int64_t n, source; /* from 1 */
    size_t round;      /* index */
    char arm[CAMPAIGN_NAME];
    enum campaign_origin origin;
    enum campaign_trial_state state;
    struct campaign_point point;
    double allocation;
    double turnover; /* share of the control's items that it would replace on logged requests; NaN: not asked */
    /* From the final results: NaN where not known. */
    bool measured, adjusted, stopped; /* adjusted by CUPED; stopped before the end of the round */
    int64_t units, requests, impressions, started_ms, finished_ms;
    double objective, objective_se;
    double mean[CAMPAIGN_MAX_METRICS], mean_se[CAMPAIGN_MAX_METRICS];
    double effect[CAMPAIGN_MAX_METRICS], effect_se[CAMPAIGN_MAX_METRICS];
    double guardrail[CAMPAIGN_MAX_GUARDRAILS], guardrail_se[CAMPAIGN_MAX_GUARDRAILS]; /* with the file's sign */
    double holds[CAMPAIGN_MAX_GUARDRAILS];
    /* From the last fit. */
    bool modelled;
    double model_mean, model_sd, feasible;
};

struct campaign_round {
    int64_t number; /* of the experiment API */
    enum campaign_aim purpose;
    enum campaign_round_state state;
    size_t first_trial, n_arms;
    char salt[CAMPAIGN_TEXT];
    int64_t units_per_arm, at_ms; /* 0: not used */
    int64_t opened_ms;
    struct campaign_results *results; /* owned; NULL before FINAL */
};

struct campaign_best {
    int64_t trial; /* 0: the control is the best there is */
    double mean, sd, feasible;
    struct promotion_lift raw;
};

struct campaign_lifts {
    struct promotion_lift against_control, against_equal;
};

struct campaign_winner {
    int64_t trial; /* 0: none */
    struct campaign_lifts raw, model, confirmed;
};

/* What the fits say; derived, not journalled. */
struct campaign_findings {
    struct campaign_best best;
    struct campaign_winner winner;
    bool has_stop, has_drift;
    struct optimizer_stop stop;
    struct drift_verdict drift;
    enum drift_advice advice;
    size_t odd_round; /* index of the one to discard, SIZE_MAX: none */
    bool has_worth; /* the objective's gain from 1 % more predicted events of a head shown, in % (campaign_preview.h) */
    double worth[CAMPAIGN_MAX_HEADS], worth_sd[CAMPAIGN_MAX_HEADS];
    double previewed;   /* correlation over the space of what these say of the objective with all that is believed */
    bool has_confirmed; /* the guardrails below */
    struct promotion_guardrail guardrail[CAMPAIGN_MAX_GUARDRAILS];
};

struct campaign {
    int64_t id;
    char uuid[CAMPAIGN_NAME];
    struct campaign_config config;
    struct campaign_memory memory;
    bool has_setup;
    struct campaign_setup setup;
    size_t n_rounds, n_trials, n_told;
    struct campaign_round *rounds;
    struct campaign_trial *trials;
    struct optimizer *optimizer;        /* NULL before setup */
    struct campaign_previews *previews; /* NULL: none yet */
    struct campaign_results *live;      /* of the open round, NULL: none yet */
    size_t harmful_arm;                 /* by those, to be stopped; 0: none (campaign_harm.h) */
    char harm[CAMPAIGN_LINE];           /* why */
    struct campaign_findings findings;
};

enum campaign_event_kind {
    EVENT_CREATED,     /* the experiment of the file exists */
    EVENT_EXPERIMENT,  /* .experiment */
    EVENT_OPENED,      /* .at_ms: opened */
    EVENT_TAKEN,       /* 409: the number or the version belongs to somebody else; .line */
    EVENT_UNSURE,      /* no answer to a put: it may or may not have happened */
    EVENT_RESULTS,     /* .results, taken over whatever happens */
    EVENT_MISSING,     /* 404 for the round; .line */
    EVENT_STOPPED,     /* the open round is settling */
    EVENT_ARM_STOPPED, /* of CALL_STOP_ARM; .line: refused, the round has ended meanwhile */
    EVENT_PREVIEWS,    /* .previews, taken over whatever happens; NULL: there are none, .line says why */
    EVENT_CHECKED,     /* the same for CALL_CHECK */
    EVENT_FIT,         /* nothing came in; do the thinking */
    EVENT_PROMOTED,    /* .version */
    EVENT_REFUSED,     /* 4xx to our own request; .line */
    EVENT_PAUSE,
    EVENT_RESUME,
    EVENT_CANCEL,
    EVENT_PROMOTE /* .trial, 0: what is ready */
};

struct campaign_event {
    enum campaign_event_kind kind;
    const struct campaign_experiment *experiment;
    struct campaign_results *results;
    struct campaign_previews *previews;
    const char *line;
    bool later; /* no previews: there are too few logged requests yet, which can change */
    int64_t at_ms, version, trial;
};

/* What a step decided.  changed: journal memory, the rounds from first_round and the trials from first_trial on, and
 * the audit line.  wait: nothing to do before the next poll; detail says why. */
struct campaign_plan {
    bool changed, wait;
    bool previews; /* journal them too */
    size_t first_round, first_trial;
    const char *action; /* static: "round planned", ... */
    char detail[CAMPAIGN_LINE];
};

enum campaign_call {
    CALL_NONE,
    CALL_CREATE,
    CALL_EXPERIMENT,
    CALL_OPEN,
    CALL_RESULTS,
    CALL_STOP,
    CALL_STOP_ARM, /* harmful_arm */
    CALL_PREVIEWS, /* of campaign_previews_plan() */
    CALL_CHECK,    /* of campaign_cap_plan() */
    CALL_FIT,
    CALL_DEFAULT
};

/* create: the file's experiment is put first.  ret owned by the caller. */
MUST_CHECK enum status campaign_new(const struct campaign_config *config, const char *uuid, bool create,
                                    struct campaign **ret, struct err *err);
/* NULL is fine. */
void campaign_free(struct campaign *campaign);

/* STATUS_CONFLICT: a person asked for what the phase does not allow.  STATUS_CORRUPT: an answer does not fit the
 * campaign.  STATUS_NOT_FOUND: no such trial.  Nothing has changed in these three.  Any other failure (memory, a fit):
 * throw the object away.  O(fit) for EVENT_FIT and EVENT_EXPERIMENT, else small. */
MUST_CHECK enum status campaign_step(struct campaign *campaign, const struct campaign_event *event,
                                     struct campaign_plan *ret_plan, struct err *err);
/* The outward call the campaign waits for; CALL_FIT: step with EVENT_FIT. */
enum campaign_call campaign_call(const struct campaign *campaign);
/* "waiting", "running", ... of the API. */
const char *campaign_state_text(const struct campaign *campaign);
bool campaign_is_active(const struct campaign *campaign);
/* One line for people; ret [size]. */
void campaign_note(const struct campaign *campaign, char *ret, size_t size);
/* The round that is planned, open or last; NULL before the first. */
const struct campaign_round *campaign_last_round(const struct campaign *campaign);
/* Explore rounds that have ended. */
size_t campaign_rounds_done(const struct campaign *campaign);
/* Its trial row, NULL when there is none. */
struct campaign_trial *campaign_find_trial(const struct campaign *campaign, int64_t n);

/* From the journal, in this order: setup (the experiment as first seen), previews where there are any, rounds with
 * their trials, finish.  previews and results are taken over.  STATUS_CORRUPT: the rows contradict each other. */
MUST_CHECK enum status campaign_restore_setup(struct campaign *campaign, const struct campaign_experiment *experiment,
                                              struct err *err);
MUST_CHECK enum status campaign_restore_previews(struct campaign *campaign, struct campaign_previews *previews,
                                                 struct err *err);
MUST_CHECK enum status campaign_restore_round(struct campaign *campaign, const struct campaign_round *round,
                                              struct err *err);
MUST_CHECK enum status campaign_restore_trial(struct campaign *campaign, const struct campaign_trial *trial,
                                              struct err *err);
MUST_CHECK enum status campaign_restore_finish(struct campaign *campaign, const struct campaign_memory *memory,
                                               struct err *err);

#endif
