#include "tuner/core/thin.h"

#include <string.h>

#include "base/core/mem.h"

void thin_done(struct thin *thin)
{
    mem_free(thin->block);
    mem_free(thin->unknown);
    mem_free(thin->start);
}

enum status thin_init(struct thin *ret, const struct gp_data *all, size_t most, struct err *err)
{
    const size_t step = (all->n + most - 1) / most, n = (all->n + step - 1) / step, dim = all->dim;
    *ret = (struct thin){.data = *all};
    ret->block = mem_alloc(n * (dim + 1 + n), sizeof *ret->block);
    ret->unknown = mem_alloc(n, sizeof *ret->unknown);
    ret->start = mem_alloc(all->n_rounds + 1, sizeof *ret->start);
    if (ret->block == NULL || ret->unknown == NULL || ret->start == NULL)
        return err_no_memory(err);
    double *x = ret->block, *y = x + n * dim, *noise = y + n;
    const double *from = all->noise;
    size_t kept = 0, rounds = 0;
    ret->start[0] = 0;
    ret->data = (struct gp_data){.n = n,
                                 .dim = dim,
                                 .x = x,
                                 .y = y,
                                 .start = ret->start,
                                 .noise = noise,
                                 .unknown = ret->unknown,
                                 .control = all->control,
                                 .mean_sd = all->mean_sd,
                                 .warp_top = all->warp_top,
                                 .trend = all->trend,
                                 .trend_unit = all->trend_unit};
    for (size_t r = 0; r < all->n_rounds; r++) {
        const size_t begin = all->start[r], end = all->start[r + 1], first = (begin + step - 1) / step * step;
        for (size_t i = first; i < end; i += step, kept++) {
            memcpy(x + kept * dim, all->x + i * dim, dim * sizeof *x);
            y[kept] = all->y[i];
            ret->unknown[kept] = all->unknown[i];
            for (size_t j = first; j < end; j += step)
                *noise++ = from[(i - begin) * (end - begin) + j - begin];
        }
        from += (end - begin) * (end - begin);
        if (kept > ret->start[rounds])
            ret->start[++rounds] = kept;
    }
    ret->data.n_rounds = rounds;
    return STATUS_OK;
}
