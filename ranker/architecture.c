#include "ranker/architecture.h"

#include <string.h>

#include "base/core/mem.h"
#include "base/core/rng.h"

enum { STREAM_KEEP = 4 }; /* beside those of trainer.c */

static const char *const NAMES[ARCHITECTURE_KINDS] = {"shared", "mmoe", "binary"};
static const double MAX_IMPORTANCE = 1e6;

void architecture_done(struct architecture *a)
{
    for (size_t i = 0; i < a->n_importance; i++)
        mem_free(a->importance[i].name);
    *a = (struct architecture){0};
}

enum status architecture_copy(const struct architecture *from, struct architecture *ret, struct err *err)
{
    *ret = (struct architecture){.kind = from->kind};
    for (size_t i = 0; i < from->n_importance; i++)
        TRY(architecture_add(ret, from->importance[i].name, from->importance[i].weight, err));
    return STATUS_OK;
}

const char *architecture_name(enum architecture_kind kind)
{
    return NAMES[kind];
}

bool architecture_find(const char *name, enum architecture_kind *ret)
{
    for (size_t kind = 0; kind < ARCHITECTURE_KINDS; kind++) {
        if (strcmp(NAMES[kind], name) == 0) {
            *ret = (enum architecture_kind)kind;
            return true;
        }
    }
    return false;
}

enum status architecture_add(struct architecture *a, const char *name, double weight, struct err *err)
{
    if (!(weight > 0.0) || weight > MAX_IMPORTANCE)
        return err_set(err, STATUS_INVALID, "the importance of %.100s is %g: a number above 0 and up to %g is expected",
                       name, weight, MAX_IMPORTANCE);
    if (a->n_importance == DATASET_MAX_HEADS)
        return err_set(err, STATUS_INVALID, "the importance of %.100s is one too many: allowed are up to %d", name,
                       DATASET_MAX_HEADS);
    for (size_t i = 0; i < a->n_importance; i++) {
        if (strcmp(a->importance[i].name, name) == 0)
            return err_set(err, STATUS_INVALID, "the importance of %.100s is there twice", name);
    }
    char *copy = mem_strdup(name);
    if (copy == NULL)
        return err_no_memory(err);
    a->importance[a->n_importance++] = (struct importance){copy, weight};
    return STATUS_OK;
}

static enum status find_head(const struct dataset *dataset, const char *name, size_t *ret, struct err *err)
{
    for (size_t h = 0; h < dataset_n_heads(dataset); h++) {
        if (strcmp(dataset_head_name(dataset, h), name) == 0) {
            *ret = h;
            return STATUS_OK;
        }
    }
    return err_set(err, STATUS_INVALID, "the dataset lacks the head %.100s of the model", name);
}

enum status targets_make(const struct architecture *a, size_t n, const char *const *names,
                         const struct dataset *dataset, struct targets *ret, struct err *err)
{
    size_t head = 0;
    *ret = (struct targets){.n = n};
    for (size_t h = 0; h < DATASET_MAX_HEADS; h++)
        ret->keep[h] = 1.0;
    if (a->kind != ARCHITECTURE_BINARY) {
        for (size_t h = 0; h < n; h++) {
            TRY(find_head(dataset, names[h], &head, err));
            ret->mask[h] = 1u << head;
        }
        return STATUS_OK;
    }
    ret->n = 1;
    ret->binary = ret->weighted = true;
    for (size_t i = 0; i < a->n_importance; i++) {
        TRY(find_head(dataset, a->importance[i].name, &head, err));
        ret->mask[0] |= 1u << head;
        ret->importance[head] = a->importance[i].weight;
    }
    return STATUS_OK;
}

uint32_t targets_labels(const struct targets *targets, uint32_t logged)
{
    uint32_t labels = 0;
    for (size_t h = 0; h < targets->n; h++)
        labels |= (logged & targets->mask[h]) != 0 ? 1u << h : 0u;
    return labels;
}

/* A negative row is kept with the head's chance. */
static bool kept(const struct targets *targets, size_t row, size_t head)
{
    struct rng rng;
    if (targets->keep[head] >= 1.0)
        return true;
    rng_init(&rng, targets->seed, STREAM_KEEP, row);
    return rng_uniform(&rng) < targets->keep[head];
}

double targets_weight(const struct targets *targets, size_t row, uint32_t logged, size_t head)
{
    double weight = 0.0;
    if ((logged & targets->mask[head]) == 0)
        return kept(targets, row, head) ? 1.0 : 0.0;
    if (!targets->binary)
        return 1.0;
    for (size_t bit = 0; bit < DATASET_MAX_HEADS; bit++)
        weight += (logged >> bit & 1u) != 0 ? targets->importance[bit] : 0.0;
    return weight;
}
