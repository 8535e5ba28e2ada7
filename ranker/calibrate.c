#include "ranker/calibrate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/mem.h"
#include "ranker/network.h"

static const double SLOPE_SD = 0.25, INTERCEPT_SD = 0.5;

/* The largest float below 1 is 1 - 2^-24: beyond this logit a probability would round to 1. */
static const double MAX_LOGIT = 16.0, MIN_LOGIT = -80.0;

static const char *const NAMES[CALIBRATION_KINDS] = {"none", "platt", "isotonic"};

const char *calibration_name(enum calibration_kind kind)
{
    return NAMES[kind];
}

bool calibration_find(const char *name, enum calibration_kind *ret)
{
    for (size_t kind = 0; kind < CALIBRATION_KINDS; kind++) {
        if (strcmp(NAMES[kind], name) == 0) {
            *ret = (enum calibration_kind)kind;
            return true;
        }
    }
    return false;
}

/* f of the header; between the knots by bisection. */
static double between_knots(const struct calibration *c, double l)
{
    const struct calibration_knot *knots = c->knots;
    size_t low = 0, high = c->n_knots - 1;
    if (l <= knots[low].from)
        return knots[low].to + (l - knots[low].from);
    if (l >= knots[high].from)
        return knots[high].to + (l - knots[high].from);
    while (high - low > 1) {
        const size_t middle = (low + high) / 2;
        if (knots[middle].from <= l)
            low = middle;
        else
            high = middle;
    }
    const double share = (l - knots[low].from) / (knots[high].from - knots[low].from);
    return knots[low].to + share * (knots[high].to - knots[low].to);
}

float calibration_probability(const struct calibration *c, double z)
{
    double logit = z + c->shift;
    if (c->kind == CALIBRATION_PLATT)
        logit = c->slope * logit + c->intercept;
    else if (c->n_knots > 0)
        logit = between_knots(c, logit);
    if (!(logit > MIN_LOGIT)) /* not a number, too */
        logit = MIN_LOGIT;
    return (float)network_sigmoid(logit > MAX_LOGIT ? MAX_LOGIT : logit);
}

/* Rows of one head. */
struct rows {
    const float *z;
    size_t stride, head, n;
    const uint32_t *labels;
    double shift;
};

static double logit_of(const struct rows *r, size_t i)
{
    return (double)r->z[i * r->stride] + r->shift;
}

static double label_of(const struct rows *r, size_t i)
{
    return (double)(r->labels[i] >> r->head & 1u);
}

/* Gradient (g) and negative Hessian (h: aa, ab, bb) of the log posterior. */
struct derivatives {
    double ga, gb, haa, hab, hbb;
};

static struct derivatives derive(const struct calibration *p, const struct rows *r)
{
    const double wa = 1.0 / (SLOPE_SD * SLOPE_SD), wb = 1.0 / (INTERCEPT_SD * INTERCEPT_SD);
    struct derivatives d = {-wa * (p->slope - 1.0), -wb * p->intercept, wa, 0.0, wb};
    for (size_t i = 0; i < r->n; i++) {
        const double x = logit_of(r, i), q = network_sigmoid(p->slope * x + p->intercept);
        const double e = label_of(r, i) - q, w = q * (1.0 - q);
        d.ga += e * x;
        d.gb += e;
        d.haa += w * x * x;
        d.hab += w * x;
        d.hbb += w;
    }
    return d;
}

static void fit_platt(const struct rows *r, struct calibration *p)
{
    for (int iteration = 0; iteration < 50; iteration++) {
        const struct derivatives d = derive(p, r);
        const double det = d.haa * d.hbb - d.hab * d.hab;
        double da = (d.hbb * d.ga - d.hab * d.gb) / det, db = (d.haa * d.gb - d.hab * d.ga) / det;
        const double size = fmax(fabs(da), fabs(db));
        if (size > 0.5) { /* far from the optimum the quadratic overshoots */
            da *= 0.5 / size;
            db *= 0.5 / size;
        }
        p->slope += da;
        p->intercept += db;
        if (size < 1e-10)
            break;
    }
}

/* Rows that are calibrated alike. */
struct pool {
    double n, positives, logits; /* logits: their sum */
};

static double share(const struct pool *p)
{
    return p->positives / p->n;
}

static void join(struct pool *into, const struct pool *from)
{
    into->n += from->n;
    into->positives += from->positives;
    into->logits += from->logits;
}

static int by_logit(const void *left, const void *right)
{
    const struct pool *a = left, *b = right;
    return (a->logits > b->logits) - (a->logits < b->logits);
}

/* Pools of adjacent violators in place, shares growing strictly; returns their number.  Equal logits are one pool. */
static size_t pool_violators(struct pool *pools, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; kept++) {
        struct pool next = pools[i];
        const double logit = next.logits;
        for (i++; i < n && pools[i].logits <= logit; i++)
            join(&next, &pools[i]);
        pools[kept] = next;
        while (kept > 0 && share(&pools[kept - 1]) >= share(&pools[kept])) {
            join(&pools[kept - 1], &pools[kept]);
            kept--;
        }
    }
    return kept;
}

/* The ends take in neighbours until they hold both labels: shares grow strictly, so only they can lack one. */
static size_t fill_ends(struct pool *pools, size_t n)
{
    size_t first = 0;
    while (first + 1 < n && pools[first].positives < 0.5) {
        join(&pools[first + 1], &pools[first]);
        first++;
    }
    while (n - first > 1 && pools[n - 1].n - pools[n - 1].positives < 0.5) {
        join(&pools[n - 2], &pools[n - 1]);
        n--;
    }
    memmove(pools, pools + first, (n - first) * sizeof *pools);
    return n - first;
}

/* Joins neighbours evenly until there are few enough. */
static size_t thin_out(struct pool *pools, size_t n)
{
    if (n <= CALIBRATE_MAX_KNOTS)
        return n;
    size_t at = 0;
    for (size_t knot = 0; knot < CALIBRATE_MAX_KNOTS; knot++) {
        struct pool sum = pools[at++];
        for (; at < (knot + 1) * n / CALIBRATE_MAX_KNOTS; at++)
            join(&sum, &pools[at]);
        pools[knot] = sum;
    }
    return CALIBRATE_MAX_KNOTS;
}

static enum status fit_isotonic(const struct rows *r, struct calibration *c, struct err *err)
{
    struct pool *pools = mem_alloc(r->n, sizeof *pools);
    if (pools == NULL)
        return err_no_memory(err);
    for (size_t i = 0; i < r->n; i++)
        pools[i] = (struct pool){1.0, label_of(r, i), logit_of(r, i)};
    qsort(pools, r->n, sizeof *pools, by_logit);
    const size_t n = thin_out(pools, fill_ends(pools, pool_violators(pools, r->n)));
    const bool both = n > 0 && pools[0].positives > 0.5 && pools[n - 1].n - pools[n - 1].positives > 0.5;
    c->knots = both ? mem_alloc(n, sizeof *c->knots) : NULL;
    const enum status s = both && c->knots == NULL ? err_no_memory(err) : STATUS_OK;
    for (size_t i = 0; c->knots != NULL && i < n; i++) {
        const struct pool *p = &pools[i];
        c->knots[i] = (struct calibration_knot){p->logits / p->n, log(p->positives / (p->n - p->positives))};
        c->n_knots = n;
    }
    mem_free(pools);
    return s;
}

enum status calibration_fit(enum calibration_kind kind, double keep, const float *z, size_t stride,
                            const uint32_t *labels, size_t head, size_t n, struct calibration *ret, struct err *err)
{
    struct calibration c = {.kind = kind, .keep = keep, .shift = log(keep), .slope = 1.0};
    const struct rows rows = {z, stride, head, n, labels, c.shift};
    if (kind == CALIBRATION_PLATT)
        fit_platt(&rows, &c);
    if (kind == CALIBRATION_ISOTONIC)
        TRY(fit_isotonic(&rows, &c, err));
    *ret = c;
    return STATUS_OK;
}

struct calibration calibration_constant(double probability)
{
    return (struct calibration){
        .kind = CALIBRATION_PLATT, .keep = 1.0, .intercept = log(probability / (1.0 - probability))};
}

bool calibration_is_constant(const struct calibration *c)
{
    return c->kind == CALIBRATION_PLATT && fpclassify(c->slope) == FP_ZERO;
}

void calibration_done(struct calibration *c)
{
    mem_free(c->knots);
    *c = (struct calibration){0};
}

bool calibration_valid(const struct calibration *c)
{
    if (c->kind >= CALIBRATION_KINDS || !(c->keep > 0.0) || c->keep > 1.0 || !isfinite(c->slope) ||
        !isfinite(c->intercept) || c->n_knots > CALIBRATE_MAX_KNOTS ||
        (c->n_knots > 0 && c->kind != CALIBRATION_ISOTONIC))
        return false;
    for (size_t i = 0; i < c->n_knots; i++) {
        const struct calibration_knot *k = &c->knots[i];
        if (!isfinite(k->from) || !isfinite(k->to) || (i > 0 && (k->from <= k[-1].from || k->to < k[-1].to)))
            return false;
    }
    return true;
}

void calibration_moments(const struct calibration *c, const float *z, size_t stride, size_t n, double *ret_mean,
                         double *ret_sd)
{
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += (double)calibration_probability(c, (double)z[i * stride]);
    const double mean = sum / (double)n;
    for (size_t i = 0; i < n; i++) {
        const double p = (double)calibration_probability(c, (double)z[i * stride]);
        squares += (p - mean) * (p - mean);
    }
    *ret_mean = mean;
    *ret_sd = sqrt(squares / (double)n);
}
