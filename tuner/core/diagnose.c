#include "tuner/core/diagnose.h"

#include <math.h>
#include <string.h>

#include "base/core/mem.h"
#include "tuner/core/linalg.h"

static const double LOG_2PI = 1.8378770664093453;
static const double Z95 = 1.959963984540054;

struct sums {
    double squares, inside, density;
};

/* One round of `size` points from `begin`.  block, inverse [size^2], white, raw [size] are scratch. */
static enum status leave_out(const struct gp *gp, size_t begin, size_t size, double *block, double *inverse,
                             double *white, double *raw, struct sums *sums)
{
    const size_t n = gp->n_observed;
    for (size_t i = 0; i < size; i++)
        memcpy(block + i * size, gp->inverse + (begin + i) * n + begin, size * sizeof *block);
    TRY(chol_factor(size, block));
    memcpy(inverse, block, size * size * sizeof *block);
    chol_invert(size, inverse);
    memcpy(white, gp->weights + begin, size * sizeof *white);
    memcpy(raw, white, size * sizeof *raw);
    chol_forward(size, block, 1, white);
    chol_solve(size, block, 1, raw);
    double squares = 0.0;
    for (size_t i = 0; i < size; i++) {
        squares += white[i] * white[i];
        sums->inside += fabs(raw[i]) <= Z95 * sqrt(inverse[i * size + i]);
    }
    sums->squares += squares;
    /* ln N(residual; 0, W_II^-1) = -squares / 2 + ln det W_II / 2 - size ln(2 pi) / 2 */
    sums->density += 0.5 * (chol_log_det(size, block) - squares - (double)size * LOG_2PI);
    return STATUS_OK;
}

enum status diagnose(const struct observations *observations, const struct surrogate *surrogate, double *residual,
                     struct optimizer_diagnostics *ret, struct err *err)
{
    const struct gp_data *data = &surrogate->data;
    size_t largest = 0;
    for (size_t r = 0; r < data->n_rounds; r++)
        largest = data->start[r + 1] - data->start[r] > largest ? data->start[r + 1] - data->start[r] : largest;
    double *block = mem_alloc(2 * largest * (largest + 1), sizeof *block);
    if (block == NULL)
        return err_no_memory(err);
    double *inverse = block + largest * largest, *white = inverse + largest * largest, *raw = white + largest;
    struct sums sums = {0};
    enum status s = STATUS_OK;
    for (size_t i = 0; residual != NULL && i < observations->n; i++)
        residual[i] = nan("");
    for (size_t r = 0; r < data->n_rounds && s == STATUS_OK; r++) {
        const size_t begin = data->start[r], size = data->start[r + 1] - begin;
        s = leave_out(surrogate->model[0], begin, size, block, inverse, white, raw, &sums);
        for (size_t i = 0; residual != NULL && i < size; i++) {
            const size_t row = surrogate->row[begin + i];
            residual[observations->told[row]] = observations->failed[row] ? nan("") : white[i];
        }
    }
    mem_free(block);
    if (s != STATUS_OK)
        return err_set(err, s, "a round's block of the inverse covariance is not positive definite");
    const double n = (double)data->n;
    *ret = (struct optimizer_diagnostics){.n = data->n,
                                          .rounds = data->n_rounds,
                                          .mean_square = sums.squares / n,
                                          .coverage95 = sums.inside / n,
                                          .log_density = (sums.density + surrogate->model[0]->log_slope) / n -
                                                         log(surrogate->scale)};
    return STATUS_OK;
}
