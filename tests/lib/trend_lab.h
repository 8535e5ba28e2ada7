/* trend_lab.h - previews with a known answer: two smooth functions of three coordinates. */
#ifndef TRIMTAB_TESTS_LIB_TREND_LAB_H
#define TRIMTAB_TESTS_LIB_TREND_LAB_H

#include "tuner/core/trend.h"

enum { TREND_LAB_DIM = 3, TREND_LAB_WIDTH = 2, TREND_LAB_PREVIEWS = 200 };
extern const double TREND_LAB_CONTROL[TREND_LAB_DIM];

/* x [TREND_LAB_DIM], ret [TREND_LAB_WIDTH].  Not 0 at the control: the interpolation takes that off. */
void trend_lab_shown(const double *x, double *ret);
/* From TREND_LAB_PREVIEWS Sobol points.  The caller frees it. */
struct trend *trend_lab_new(void);

#endif
