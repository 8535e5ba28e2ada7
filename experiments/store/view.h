/* view.h - what a rank request needs to know of an experiment, as an immutable value shared by threads.
 *
 * The writer thread makes a new view whenever weights, the open round or its arms change; request threads take a
 * reference, decide and compose their answer, and the writer checks with the same pointer whether the decision still
 * holds.  So ranking never waits for the writer to look at state, and an exposure is only recorded under the view that
 * is current in the writer's transaction.
 *
 * Thread: immutable; the reference count is atomic. */
#ifndef TRIMTAB_EXPERIMENTS_STORE_VIEW_H
#define TRIMTAB_EXPERIMENTS_STORE_VIEW_H

#include <stdatomic.h>

#include "experiments/core/assign.h"
#include "experiments/core/eligibility.h"
#include "experiments/core/unit_name.h"

/* Units that earlier rounds of the experiment saw, by their key under the empty salt.  Fixed while a round is open:
 * only the open round adds units. */
struct seen_units {
    atomic_int references;
    struct keymap keys;
};

struct view {
    atomic_int references;
    uint32_t experiment; /* the store's number */
    char name[PLAN_NAME_SIZE];
    size_t n_heads;
    char heads[PLAN_MAX_HEADS][PLAN_NAME_SIZE];
    double default_weights[PLAN_MAX_HEADS];
    double first_weights[PLAN_MAX_HEADS]; /* of the holdback */
    struct layer_part layer;
    size_t n_rules;
    struct eligibility_rule rules[PLAN_MAX_RULES];
    double holdback;
    bool hash_units;
    uint8_t key[REQUEST_KEY_SIZE]; /* of the names */
    bool open;                     /* a round serves its arms */
    uint32_t number;               /* of that round; 0: none */
    struct round_plan plan;
    bool stopped[PLAN_MAX_ARMS];
    struct seen_units *seen; /* NULL: nobody is excluded */
};

struct seen_units *seen_keep(struct seen_units *seen);
void seen_release(struct seen_units *seen); /* NULL is fine, here and below */
struct view *view_keep(struct view *view);
void view_release(struct view *view);

/* The arm that serves an eligible unit and the unit's key in the open round; ARM_NONE: the default; ARM_HOLDBACK: with
 * or without an open round (the key is set when one is open). */
size_t view_assign(const struct view *view, const char *unit, struct key128 *ret_key);
/* What is kept of the unit's id; in buf when it is a hash. */
const char *view_unit_name(const struct view *view, const char *unit, char buf[UNIT_HASH_SIZE]);
/* Whether the experiment's rules hold for the attributes of a request; otherwise it gets the default. */
bool view_eligible(const struct view *view, size_t n, const struct attribute *attributes);
/* By head of the experiment. */
const double *view_weights(const struct view *view, size_t arm);
/* "default" for ARM_NONE, "holdback". */
const char *view_arm_id(const struct view *view, size_t arm);

#endif
