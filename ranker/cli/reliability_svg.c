#include "ranker/cli/reliability_svg.h"

#include <math.h>

enum { PANEL = 240, MARGIN = 44, COLUMNS = 3, STEP = PANEL + 2 * MARGIN };

/* Decades that a panel spans: 10^low .. 10^high. */
struct axes {
    int low, high;
};

static struct axes span(const struct metrics *m)
{
    double least = 1.0, most = 0.0;
    for (size_t b = 0; b < METRICS_BINS; b++) {
        const struct metrics_bin *bin = &m->bins[b];
        if (bin->n == 0)
            continue;
        const double observed = (double)bin->positives / (double)bin->n;
        least = fmin(least, bin->positives > 0 ? fmin(bin->expected, observed) : bin->expected);
        most = fmax(most, fmax(bin->expected, observed));
    }
    const int low = (int)floor(log10(fmax(least, 1e-6))), high = (int)ceil(log10(fmax(most, 1e-6)));
    return (struct axes){low, high > low ? high : low + 1};
}

/* Pixels from the lower or left edge. */
static double place(const struct axes *axes, double p)
{
    const double decades = p > 0.0 ? log10(p) : (double)axes->low;
    return PANEL * fmin(1.0, fmax(0.0, (decades - (double)axes->low) / (double)(axes->high - axes->low)));
}

static void add_text(struct buf *svg, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '<' || *text == '>' || *text == '&')
            buf_printf(svg, "&#%d;", *text);
        else
            buf_char(svg, *text);
    }
}

static void add_axes(struct buf *svg, const struct axes *axes)
{
    buf_printf(svg, "<rect width=\"%d\" height=\"%d\" class=\"frame\"/><path d=\"M0 %dL%d 0\" class=\"diagonal\"/>\n",
               PANEL, PANEL, PANEL, PANEL);
    for (int decade = axes->low; decade <= axes->high; decade++) {
        const double p = pow(10.0, decade), at = place(axes, p);
        buf_printf(svg,
                   "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text><text x=\"-4\" y=\"%.1f\" "
                   "text-anchor=\"end\">%g</text>\n",
                   at, PANEL + 14, p, PANEL - at + 4.0, p);
    }
}

static void add_bin(struct buf *svg, const struct axes *axes, const struct metrics_bin *bin)
{
    double low, high;
    if (bin->n == 0)
        return;
    metrics_interval(bin->positives, bin->n, &low, &high);
    const double x = place(axes, bin->expected), y = place(axes, (double)bin->positives / (double)bin->n);
    buf_printf(svg, "<path d=\"M%.1f %.1fV%.1f\" class=\"interval\"/><circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>\n", x,
               PANEL - place(axes, low), PANEL - place(axes, high), x, PANEL - y);
}

static void add_panel(struct buf *svg, size_t index, const char *name, const struct metrics *m)
{
    const struct axes axes = span(m);
    buf_printf(svg, "<g transform=\"translate(%zu %zu)\">\n<text x=\"0\" y=\"-8\" class=\"title\">",
               index % COLUMNS * STEP + MARGIN, index / COLUMNS * STEP + MARGIN);
    add_text(svg, name);
    buf_printf(svg, "  AUC %.4f, expected / observed %.3f</text>\n", m->auc, m->expected_over_observed);
    add_axes(svg, &axes);
    for (size_t b = 0; b < METRICS_BINS; b++)
        add_bin(svg, &axes, &m->bins[b]);
    buf_text(svg, "</g>\n");
}

void reliability_svg(const struct model *model, const struct metrics *metrics, struct buf *svg)
{
    const size_t n = model->shape.heads, rows = (n + COLUMNS - 1) / COLUMNS;
    buf_printf(svg,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%zu\" font-family=\"sans-serif\" "
               "font-size=\"10\">\n<style>svg{background:#fff}.title{font-size:11px;font-weight:bold}"
               ".frame{fill:none;stroke:#999}.diagonal{stroke:#999;stroke-dasharray:3}"
               ".interval{stroke:#36c}circle{fill:#36c}</style>\n",
               COLUMNS * STEP, rows * STEP);
    for (size_t h = 0; h < n; h++)
        add_panel(svg, h, model->heads[h].name, &metrics[h]);
    buf_text(svg, "</svg>\n");
}
