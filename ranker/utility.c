#include "ranker/utility.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum status utility_check_weights(size_t n_heads, const double *weights, const char *const *names, struct err *err)
{
    bool any = false;
    for (size_t h = 0; h < n_heads; h++) {
        if (!isfinite(weights[h]))
            return err_set(err, STATUS_INVALID, "weight of %s is %g: it must be finite", names[h], weights[h]);
        any = any || fpclassify(weights[h]) != FP_ZERO;
    }
    if (!any)
        return err_set(err, STATUS_INVALID, "all weights are 0: at least one must not be");
    return STATUS_OK;
}

double utility_of(size_t n_heads, const double *weights, const float *p)
{
    double u = 0.0;
    for (size_t h = 0; h < n_heads; h++)
        u += weights[h] * (double)p[h];
    return u;
}

/* Negative when a comes before b in the result; a total order, so the top k is one set. */
static int compare(const struct utility_entry *a, const struct utility_entry *b, const char *const *ids)
{
    const bool a_ok = isfinite(a->utility), b_ok = isfinite(b->utility);
    if (a_ok != b_ok)
        return a_ok ? -1 : 1;
    if (a_ok && a->utility > b->utility)
        return -1;
    if (a_ok && a->utility < b->utility)
        return 1;
    const int by_id = strcmp(ids[a->index], ids[b->index]);
    if (by_id != 0)
        return by_id;
    return (a->index > b->index) - (a->index < b->index);
}

/* heap[0] is the entry that comes last; every parent comes after its children. */
static void sift_down(struct utility_entry *heap, size_t n, size_t at, const char *const *ids)
{
    for (;;) {
        size_t last = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < n; child++) {
            if (compare(&heap[last], &heap[child], ids) < 0)
                last = child;
        }
        if (last == at)
            return;
        const struct utility_entry swap = heap[at];
        heap[at] = heap[last];
        heap[last] = swap;
        at = last;
    }
}

size_t utility_top(size_t n, size_t n_heads, const double *weights, const float *p, const char *const *ids, size_t k,
                   struct utility_entry *ret)
{
    if (k > n)
        k = n;
    if (k == 0)
        return 0;
    for (size_t i = 0; i < n; i++) {
        const struct utility_entry entry = {utility_of(n_heads, weights, p + i * n_heads), (uint32_t)i};
        if (i < k) {
            ret[i] = entry;
            if (i + 1 == k) {
                for (size_t at = k / 2; at-- > 0;)
                    sift_down(ret, k, at, ids);
            }
        } else if (compare(&entry, &ret[0], ids) < 0) {
            ret[0] = entry;
            sift_down(ret, k, 0, ids);
        }
    }
    for (size_t left = k; left > 1; left--) { /* heap sort: the last goes to the end */
        const struct utility_entry swap = ret[0];
        ret[0] = ret[left - 1];
        ret[left - 1] = swap;
        sift_down(ret, left - 1, 0, ids);
    }
    return k;
}
