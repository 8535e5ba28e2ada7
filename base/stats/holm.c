#include "base/stats/holm.h"

#include <math.h>
#include <stdbool.h>

static bool before(double a, double b)
{
    return isnan(b) ? !isnan(a) : a < b;
}

/* Insertion: ascending, NaN last. */
static void sort(size_t n, const double *p, size_t *order)
{
    for (size_t i = 0; i < n; i++) {
        size_t j = i;
        for (; j > 0 && before(p[i], p[order[j - 1]]); j--)
            order[j] = order[j - 1];
        order[j] = i;
    }
}

void holm_adjust(size_t n, const double *p, size_t *order, double *ret_adjusted)
{
    double worst = 0.0;
    sort(n, p, order);
    for (size_t j = 0; j < n; j++) {
        double x = p[order[j]];
        worst = fmax(worst, fmin(1.0, (double)(n - j) * x));
        ret_adjusted[order[j]] = isnan(x) ? x : worst;
    }
}
