/* reliability_svg.h - how reliable each head's probabilities are, drawn as one SVG image.
 *
 * A panel a head, three in a row: mean predicted probability of a bin (metrics.h) to the right, observed share upwards
 * with its 95 % interval, both on logarithmic axes that span what is there; a reliable head lies on the diagonal.  What
 * is below the axes (a bin without positives) is drawn on their lower edge. */
#ifndef TRIMTAB_RANKER_CLI_RELIABILITY_SVG_H
#define TRIMTAB_RANKER_CLI_RELIABILITY_SVG_H

#include "base/core/buf.h"
#include "ranker/metrics.h"
#include "ranker/model.h"

/* metrics [model->shape.heads]; appends to svg, the caller checks buf_status(). */
void reliability_svg(const struct model *model, const struct metrics *metrics, struct buf *svg);

#endif
