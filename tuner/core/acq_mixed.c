/* Half of a batch by expected improvement, the other half by the knowledge gradient given that the first half is
 * running: one looks for what may be better, the other makes sure of what will be recommended.  Where one of the two
 * believes a wrong model the other goes on (docs/optimizer.md compares all three).  An odd point goes to each in turn.
 */
#include <string.h>

#include "base/core/mem.h"
#include "tuner/core/acquisition.h"

static enum status choose(const struct acquisition_problem *problem, size_t n, double *ret_x, struct err *err)
{
    const size_t dim = problem->dim, turn = (problem->observed->n + problem->n_pending) % 2;
    const size_t first = n / 2 + (n % 2) * turn;
    struct acquisition_problem rest = *problem;
    enum status s = STATUS_OK;
    if (first > 0)
        TRY(ACQ_LOG_NEI.choose(problem, first, ret_x, err));
    if (first == n)
        return s;
    double *pending = mem_alloc((problem->n_pending + first) * dim, sizeof *pending);
    if (pending == NULL)
        return err_no_memory(err);
    if (problem->n_pending > 0)
        memcpy(pending, problem->pending, problem->n_pending * dim * sizeof *pending);
    memcpy(pending + problem->n_pending * dim, ret_x, first * dim * sizeof *pending);
    rest.pending = pending;
    rest.n_pending += first;
    s = ACQ_KG.choose(&rest, n - first, ret_x + first * dim, err);
    mem_free(pending);
    return s;
}

const struct acquisition ACQ_MIXED = {"mixed", choose};
