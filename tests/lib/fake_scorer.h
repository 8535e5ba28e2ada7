/* fake_scorer.h - a model that is a few lines of arithmetic: p depends on user, item, head and the model's shift only.
 * A context entry named "unknown" is refused, as a ranker does with names it does not know. */
#ifndef TRIMTAB_TESTS_LIB_FAKE_SCORER_H
#define TRIMTAB_TESTS_LIB_FAKE_SCORER_H

#include <stdint.h>

#include "experiments/http/scorer.h"

enum { FAKE_MAX_HEADS = 4 };

struct fake_model {
    const char *hash;
    const char *heads[FAKE_MAX_HEADS]; /* the first NULL ends them */
    uint64_t shift;                    /* of what fake_p() gives for the user */
    void (*scoring)(void);             /* called when a request is scored; may be NULL */
    atomic_int n_closed;
};
/* Heads click, save, hide, shift 0. */
extern struct fake_model FAKE_MODEL;

/* The model is borrowed; asserts. */
struct scorer *fake_scorer(struct fake_model *model);
/* What a model of that shift gives. */
float fake_p(uint64_t shift, const char *user, const char *item, size_t head);

#endif
