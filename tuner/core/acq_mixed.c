/* Three quarters of the points by expected improvement, every fourth by the knowledge gradient given that the others
 * are running: the ones look for what may be better, the other makes sure of what will be recommended.  Where one of
 * the two believes a wrong model the other goes on.  Points are counted through rounds: batches of one have their turn.
 */
#include <string.h>

#include "base/core/mem.h"
#include "tuner/core/acquisition.h"

enum { EVERY = 4, MOST = 160 };

static enum status choose(const struct acquisition_problem *problem, size_t n, double *ret_x, struct err *err)
{
    const size_t dim = problem->dim, turn = (problem->observed->n + problem->n_pending) % EVERY;
    const size_t first = problem->observed->n > MOST ? n : n - (turn + n) / EVERY;
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
