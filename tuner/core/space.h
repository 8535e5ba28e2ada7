/* space.h - the parameters of a campaign or a script, and the way between them and the unit cube of the optimizer.
 *
 *   kind            natural value                              cube coordinate
 *   SPACE_HEAD      w = sign * scale * exp(u), u in [lo, hi]   (u - lo) / (hi - lo)
 *   SPACE_SWITCH    w = sign * scale * v,      v in [lo, hi]   (v - lo) / (hi - lo), lo >= 0: 0 switches the head off
 *   SPACE_FLOAT     x in [lo, hi]                              (x - lo) / (hi - lo)
 *   SPACE_LOG       x in [lo, hi], lo > 0                      (ln x - ln lo) / (ln hi - ln lo)
 *   SPACE_INTEGER   x in {lo, lo + 1, .., hi}                  (x - lo) / (hi - lo), snapped to the nearest integer
 *
 * A weight of a SPACE_HEAD outside the range maps outside [0, 1].
 *
 * Ranking by w and by 2 w is the same ranking, so the weights of a campaign have one redundant direction: the reference
 * head is kept fixed and is no parameter.  space_reference() picks it: the nonzero head with the largest spread of
 * w_h p_h.  lo == hi is allowed and gives coordinate 0.5.  Thread: immutable, may be shared. */
#ifndef TRIMTAB_TUNER_CORE_SPACE_H
#define TRIMTAB_TUNER_CORE_SPACE_H

#include <stddef.h>
#include <stdint.h>

#include "base/core/err.h"

enum space_kind { SPACE_HEAD, SPACE_SWITCH, SPACE_FLOAT, SPACE_LOG, SPACE_INTEGER };

struct space_param {
    const char *name; /* borrowed; for error lines, may be NULL */
    enum space_kind kind;
    double sign;   /* +1 or -1: SPACE_HEAD, SPACE_SWITCH */
    double scale;  /* > 0: SPACE_HEAD, SPACE_SWITCH */
    double lo, hi; /* of u, v or x as in the table */
};

/* STATUS_INVALID names the parameter, the value and what is allowed. */
MUST_CHECK enum status space_check(size_t dim, const struct space_param *params, struct err *err);

/* cube [dim] -> natural values [dim].  Integers are rounded to the nearest level.  The cube is not clamped. */
void space_decode(size_t dim, const struct space_param *params, const double *cube, double *ret_value);
/* natural -> cube.  A head weight of the wrong sign or 0 has no logarithm: STATUS_INVALID with the parameter's name. */
MUST_CHECK enum status space_encode(size_t dim, const struct space_param *params, const double *value, double *ret_cube,
                                    struct err *err);
/* decode(encode): the cube point of the nearest legal value; differs from cube in SPACE_INTEGER coordinates only. */
void space_snap(size_t dim, const struct space_param *params, double *cube);
/* Number of levels of each coordinate for optimizer_config.levels (0: continuous). */
void space_levels(size_t dim, const struct space_param *params, uint32_t *ret_levels);

/* scale_h = |w_control| or, where that is zero, 1 / mean_h.  STATUS_INVALID where neither is positive. */
MUST_CHECK enum status space_head_scale(double control_weight, double head_mean, double *ret_scale, struct err *err);

/* The head to keep fixed: argmax |w_h| sd_h over nonzero weights (sd of the calibrated probability p_h).
 * STATUS_INVALID: every weight is zero or has no spread, so the scale of the weights cannot be fixed. */
MUST_CHECK enum status space_reference(size_t n_heads, const double *weight, const double *head_sd, size_t *ret_head,
                                       struct err *err);

/* Each head's share of utility, |w_h| mean_h / sum |w| mean; zeros when the sum is 0. */
void space_shares(size_t n_heads, const double *weight, const double *head_mean, double *ret_share);

#endif
