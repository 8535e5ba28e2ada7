#include "experiments/http/preview_estimate.h"

#include <string.h>

#include "experiments/http/rank_request.h"
#include "ranker/utility.h"

struct workspace {
    struct utility_entry order[RANK_MAX_CANDIDATES];
    const char *ids[RANK_MAX_CANDIDATES]; /* all equal: a tie goes to the one that lies first */
    bool in_reference[RANK_MAX_CANDIDATES];
};

/* What one request shows under one vector, added to its sums.  The reference comes before the others. */
static void add(const struct preview_snapshot *sample, const struct preview_request *request, bool is_reference,
                struct workspace *ws, struct preview *preview)
{
    double weights[PLAN_MAX_HEADS], sum[PLAN_MAX_HEADS] = {0};
    size_t common = 0;
    for (size_t h = 0; h < sample->n_heads; h++)
        weights[sample->column[h]] = preview->weights[h];
    const size_t top = utility_top(request->n, sample->n_heads, weights, request->p, ws->ids, request->k, ws->order);
    if (is_reference)
        memset(ws->in_reference, 0, request->n * sizeof *ws->in_reference);
    for (size_t i = 0; i < top; i++) {
        const size_t index = ws->order[i].index;
        const float *p = request->p + index * sample->n_heads;
        ws->in_reference[index] = ws->in_reference[index] || is_reference;
        common += ws->in_reference[index];
        for (size_t h = 0; h < sample->n_heads; h++)
            sum[h] += (double)p[sample->column[h]];
    }
    for (size_t h = 0; h < sample->n_heads; h++)
        preview->shown[h] += sum[h] / (double)top;
    preview->overlap += (double)common / (double)top;
}

void preview_estimate(const struct preview_snapshot *sample, size_t n, struct preview *previews)
{
    struct workspace ws;
    for (size_t i = 0; i < RANK_MAX_CANDIDATES; i++)
        ws.ids[i] = "";
    for (size_t w = 0; w < n; w++) {
        memset(previews[w].shown, 0, sizeof previews[w].shown);
        previews[w].overlap = 0;
    }
    for (size_t r = 0; r < sample->n; r++) {
        for (size_t w = 0; w < n; w++)
            add(sample, sample->requests[r], w == 0, &ws, &previews[w]);
    }
    for (size_t w = 0; w < n && sample->n > 0; w++) {
        for (size_t h = 0; h < sample->n_heads; h++)
            previews[w].shown[h] /= (double)sample->n;
        previews[w].overlap /= (double)sample->n;
    }
}
