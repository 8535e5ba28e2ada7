/* architecture.h - the kinds of model behind one interface, and what each makes of the labels of a log.
 *
 *   shared   one head for every engagement type, a shared bottom (network.h)
 *   mmoe     the same heads, a gate of each over experts (network.h)
 *   binary   one head, "engagement": whether any of the engagement types that have an importance happened.  In training
 *            a positive row weighs the sum of the importances of what happened, a negative one weighs 1; importances
 *            are scaled so that positive rows weigh 1 on average, which only moves the intercept.  With p_h the chance
 *            of type h and p of any, the best such model orders by the odds  sum_h importance_h p_h / (1 - p):  one
 *            fixed trade-off, learnt into the model.  It is what multi-task models are compared with.
 *
 * All are trained, calibrated, written, evaluated and served by the same code, which sees a number of heads with names;
 * only the labels differ.  Pure. */
#ifndef TRIMTAB_RANKER_ARCHITECTURE_H
#define TRIMTAB_RANKER_ARCHITECTURE_H

#include <stdbool.h>

#include "ranker/dataset.h"

enum architecture_kind { ARCHITECTURE_SHARED, ARCHITECTURE_MMOE, ARCHITECTURE_BINARY, ARCHITECTURE_KINDS };

#define ARCHITECTURE_BINARY_HEAD "engagement"

struct importance {
    char *name; /* of an engagement type; owned by the architecture */
    double weight;
};

struct architecture {
    enum architecture_kind kind;
    size_t n_importance; /* of a binary one at least 1, else 0 */
    struct importance importance[DATASET_MAX_HEADS];
};

void architecture_done(struct architecture *architecture);
/* ret: storage of the caller, to be given to architecture_done() whatever happens. */
MUST_CHECK enum status architecture_copy(const struct architecture *from, struct architecture *ret, struct err *err);
/* "shared", "mmoe", "binary". */
const char *architecture_name(enum architecture_kind kind);
/* False when there is no such kind; ret untouched. */
bool architecture_find(const char *name, enum architecture_kind *ret);
/* Adds an importance.  STATUS_INVALID: the weight is not a number above 0 and up to 1e6, the name is there already, or
 * there are too many. */
MUST_CHECK enum status architecture_add(struct architecture *architecture, const char *name, double weight,
                                        struct err *err);

/* Labels of a log as the heads of a model. */
struct targets {
    size_t n;                         /* heads of the model */
    uint32_t mask[DATASET_MAX_HEADS]; /* head h is positive where any of these bits of the log's labels is set */
    bool binary;
    double importance[DATASET_MAX_HEADS]; /* of a binary model, by bit of the log's labels */
    double keep[DATASET_MAX_HEADS];       /* share of a head's negatives that training sees */
    uint64_t seed;                        /* which ones */
    bool weighted;                        /* whether any weight can differ from 1 */
};

/* names [n]: the heads of the model; those of a binary one come from its importances.  All negatives are kept.
 * STATUS_INVALID: the dataset lacks a head, which the line names. */
MUST_CHECK enum status targets_make(const struct architecture *architecture, size_t n, const char *const *names,
                                    const struct dataset *dataset, struct targets *ret, struct err *err);
/* Bit h: head h of the model. */
uint32_t targets_labels(const struct targets *targets, uint32_t logged);
/* What row `row` of the log weighs in training for a head; 0: a negative that is not kept.  One uniform number a row
 * decides for all heads, so that a row that none of them keeps need not be read. */
double targets_weight(const struct targets *targets, size_t row, uint32_t logged, size_t head);

#endif
