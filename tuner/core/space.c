#include "tuner/core/space.h"

#include <math.h>
#include <string.h>

static const char *name_of(const struct space_param *p)
{
    return p->name != NULL ? p->name : "parameter";
}

static enum status check_weight(const struct space_param *p, struct err *err)
{
    if (!(p->sign >= 1.0 && p->sign <= 1.0) && !(p->sign >= -1.0 && p->sign <= -1.0))
        return err_set(err, STATUS_INVALID, "%s: sign is %g: allowed are 1 and -1", name_of(p), p->sign);
    if (!(p->scale > 0.0) || !isfinite(p->scale))
        return err_set(err, STATUS_INVALID, "%s: scale is %g: a number above 0 is expected", name_of(p), p->scale);
    if (p->kind == SPACE_SWITCH && p->lo < 0.0)
        return err_set(err, STATUS_INVALID, "%s: lo is %g: a switch starts at 0 or above", name_of(p), p->lo);
    if (p->kind == SPACE_HEAD && (p->lo < -50.0 || p->hi > 50.0))
        return err_set(err, STATUS_INVALID, "%s: range %g to %g: allowed are logarithms within -50 to 50", name_of(p),
                       p->lo, p->hi);
    return STATUS_OK;
}

static enum status check_one(const struct space_param *p, struct err *err)
{
    if (!isfinite(p->lo) || !isfinite(p->hi) || p->lo > p->hi || !isfinite(p->hi - p->lo))
        return err_set(err, STATUS_INVALID, "%s: range %g to %g: finite numbers in ascending order are expected",
                       name_of(p), p->lo, p->hi);
    switch (p->kind) {
    case SPACE_HEAD:
    case SPACE_SWITCH:
        return check_weight(p, err);
    case SPACE_LOG:
        if (!(p->lo > 0.0))
            return err_set(err, STATUS_INVALID, "%s: lo is %g: a log parameter starts above 0", name_of(p), p->lo);
        return STATUS_OK;
    case SPACE_INTEGER:
        if (floor(p->lo) < p->lo || floor(p->hi) < p->hi || fabs(p->lo) > 0x1p31 || fabs(p->hi) > 0x1p31 ||
            p->hi - p->lo > 0x1p31)
            return err_set(err, STATUS_INVALID, "%s: range %g to %g: whole numbers within 2^31 are expected",
                           name_of(p), p->lo, p->hi);
        return STATUS_OK;
    case SPACE_FLOAT:
        return STATUS_OK;
    }
    return err_set(err, STATUS_INVALID, "%s: unknown kind %d", name_of(p), (int)p->kind);
}

enum status space_check(size_t dim, const struct space_param *params, struct err *err)
{
    for (size_t k = 0; k < dim; k++)
        TRY(check_one(&params[k], err));
    return STATUS_OK;
}

/* The coordinate's own scale: linear between lo and hi in the parameter's natural transform. */
static double from_unit(double lo, double hi, double unit)
{
    return lo + unit * (hi - lo);
}

static double to_unit(double lo, double hi, double value)
{
    return hi > lo ? (value - lo) / (hi - lo) : 0.5;
}

static double decode(const struct space_param *p, double unit)
{
    switch (p->kind) {
    case SPACE_HEAD:
        return p->sign * p->scale * exp(from_unit(p->lo, p->hi, unit));
    case SPACE_SWITCH:
        return p->sign * p->scale * from_unit(p->lo, p->hi, unit) + 0.0; /* no -0 where it is off */
    case SPACE_LOG:
        return exp(from_unit(log(p->lo), log(p->hi), unit));
    case SPACE_INTEGER:
        return round(from_unit(p->lo, p->hi, unit));
    case SPACE_FLOAT:
        break;
    }
    return from_unit(p->lo, p->hi, unit);
}

/* exp(log(hi)) may miss hi by a bit: a log parameter never leaves its range for a coordinate inside the cube. */
static double within(const struct space_param *p, double unit, double value)
{
    if (p->kind == SPACE_LOG && unit >= 0.0 && unit <= 1.0)
        return fmin(fmax(value, p->lo), p->hi);
    return value;
}

void space_decode(size_t dim, const struct space_param *params, const double *cube, double *ret_value)
{
    for (size_t k = 0; k < dim; k++)
        ret_value[k] = within(&params[k], cube[k], decode(&params[k], cube[k]));
}

static enum status encode(const struct space_param *p, double value, double *ret, struct err *err)
{
    if (!isfinite(value))
        return err_set(err, STATUS_INVALID, "%s is %g: a finite number is expected", name_of(p), value);
    switch (p->kind) {
    case SPACE_HEAD:
        if (!(p->sign * value > 0.0))
            return err_set(err, STATUS_INVALID, "%s is %g: a weight %s 0 is expected", name_of(p), value,
                           p->sign > 0.0 ? "above" : "below");
        *ret = to_unit(p->lo, p->hi, log(p->sign * value / p->scale));
        return STATUS_OK;
    case SPACE_SWITCH:
        if (p->sign * value < 0.0)
            return err_set(err, STATUS_INVALID, "%s is %g: 0 or a weight %s 0 is expected", name_of(p), value,
                           p->sign > 0.0 ? "above" : "below");
        *ret = to_unit(p->lo, p->hi, p->sign * value / p->scale);
        return STATUS_OK;
    case SPACE_LOG:
        if (!(value > 0.0))
            return err_set(err, STATUS_INVALID, "%s is %g: a number above 0 is expected", name_of(p), value);
        *ret = to_unit(log(p->lo), log(p->hi), log(value));
        return STATUS_OK;
    case SPACE_INTEGER:
        *ret = to_unit(p->lo, p->hi, round(value));
        return STATUS_OK;
    case SPACE_FLOAT:
        break;
    }
    *ret = to_unit(p->lo, p->hi, value);
    return STATUS_OK;
}

enum status space_encode(size_t dim, const struct space_param *params, const double *value, double *ret_cube,
                         struct err *err)
{
    for (size_t k = 0; k < dim; k++) {
        double unit;
        TRY(encode(&params[k], value[k], &unit, err));
    }
    for (size_t k = 0; k < dim; k++)
        TRY(encode(&params[k], value[k], &ret_cube[k], err)); /* cannot fail any more */
    return STATUS_OK;
}

void space_snap(size_t dim, const struct space_param *params, double *cube)
{
    for (size_t k = 0; k < dim; k++) {
        if (params[k].kind == SPACE_INTEGER)
            cube[k] = to_unit(params[k].lo, params[k].hi, decode(&params[k], cube[k]));
    }
}

void space_levels(size_t dim, const struct space_param *params, uint32_t *ret_levels)
{
    for (size_t k = 0; k < dim; k++)
        ret_levels[k] = params[k].kind == SPACE_INTEGER ? (uint32_t)(params[k].hi - params[k].lo) + 1 : 0;
}

enum status space_head_scale(double control_weight, double head_mean, double *ret_scale, struct err *err)
{
    const double scale = fabs(control_weight) > 0.0 ? fabs(control_weight) : head_mean > 0.0 ? 1.0 / head_mean : 0.0;
    if (!(scale > 0.0) || !isfinite(scale))
        return err_set(err, STATUS_INVALID,
                       "control weight %g and mean probability %g: one of them has to be different from 0",
                       control_weight, head_mean);
    *ret_scale = scale;
    return STATUS_OK;
}

enum status space_reference(size_t n_heads, const double *weight, const double *head_sd, size_t *ret_head,
                            struct err *err)
{
    size_t best = n_heads;
    double most = 0.0;
    for (size_t h = 0; h < n_heads; h++) {
        const double spread = fabs(weight[h]) * head_sd[h];
        if (spread > most && isfinite(spread)) {
            most = spread;
            best = h;
        }
    }
    if (best == n_heads)
        return err_set(err, STATUS_INVALID,
                       "no head has a weight and a spread above 0: the scale of the weights cannot be fixed");
    *ret_head = best;
    return STATUS_OK;
}

void space_shares(size_t n_heads, const double *weight, const double *head_mean, double *ret_share)
{
    double sum = 0.0;
    for (size_t h = 0; h < n_heads; h++)
        sum += fabs(weight[h]) * head_mean[h];
    for (size_t h = 0; h < n_heads; h++)
        ret_share[h] = sum > 0.0 ? fabs(weight[h]) * head_mean[h] / sum : 0.0;
}
