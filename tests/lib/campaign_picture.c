#include <math.h>

#include "tests/lib/campaign_table_internal.h"

/* Panels in rows of COLUMNS; within one, x is the round, y the mean share from Y_LO to Y_HI. */
enum { COLUMNS = 3, PANEL_W = 300, PANEL_H = 220, PLOT_X = 44, PLOT_Y = 30, PLOT_W = 240, PLOT_H = 150, HEAD_H = 64 };

static const double Y_LO = -0.5, Y_HI = 1.1;

static const char *const COLOURS[WORLD_METHODS] = {"#0b62a4", "#2e8b57", "#c0392b", "#8e6bbf", "#777777"};

static double y_of(double share)
{
    return PLOT_Y + PLOT_H * (Y_HI - fmin(fmax(share, Y_LO), Y_HI)) / (Y_HI - Y_LO);
}

static double x_of(const struct campaign_table *table, size_t round)
{
    return PLOT_X + PLOT_W * (double)round / (double)table->rounds;
}

static void grid(const struct campaign_table *table, const struct campaign_world *world, struct buf *ret)
{
    static const double lines[] = {-0.5, 0.0, 0.5, 1.0};
    buf_printf(ret, "<text x=\"%d\" y=\"18\" font-weight=\"bold\">%s (attainable %+.1f %%)</text>\n", PLOT_X,
               world->name, 100.0 * world->attainable);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const double y = y_of(lines[i]);
        buf_printf(ret, "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>\n", PLOT_X,
                   PLOT_X + PLOT_W, y, y);
        buf_printf(ret, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.0f %%</text>\n", PLOT_X - 5, y + 4.0,
                   100.0 * lines[i]);
    }
    for (size_t r = 0; r <= table->rounds; r += table->rounds > 10 ? 4 : 2)
        buf_printf(ret, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%zu</text>\n", x_of(table, r),
                   PLOT_Y + PLOT_H + 16, r);
}

static void curve(const struct campaign_table *table, const struct campaign_world *world, enum world_method method,
                  struct buf *ret)
{
    buf_printf(ret, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"%s\" points=\"", COLOURS[method],
               method == METHOD_TRIMTAB ? "3" : "1.6");
    for (size_t r = 0; r <= table->rounds; r++)
        buf_printf(ret, "%.1f,%.1f ", x_of(table, r), y_of(campaign_table_share(table, world, method, r)));
    buf_text(ret, "\"/>\n");
}

static void legend(const struct campaign_table *table, struct buf *ret)
{
    int x = PLOT_X;
    for (int m = 0; m < WORLD_METHODS; m++) {
        if (!table->methods[m])
            continue;
        buf_printf(ret, "<rect x=\"%d\" y=\"38\" width=\"18\" height=\"4\" fill=\"%s\"/>", x, COLOURS[m]);
        buf_printf(ret, "<text x=\"%d\" y=\"44\">%s</text>\n", x + 24, world_method_text((enum world_method)m));
        x += 110;
    }
}

void campaign_table_picture(const struct campaign_table *table, struct buf *ret)
{
    size_t n = 0, panel = 0;
    for (size_t i = 0; i < table->n_worlds; i++)
        n += table->worlds[i].attainable >= CAMPAIGN_TABLE_FLAT ? 1 : 0;
    const size_t rows = (n + COLUMNS - 1) / COLUMNS;
    buf_printf(ret,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%zu\" font-family=\"sans-serif\" "
               "font-size=\"11\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
               COLUMNS * PANEL_W, HEAD_H + rows * PANEL_H);
    buf_printf(ret,
               "<text x=\"%d\" y=\"22\" font-size=\"14\">True gain of the recommended weights as a share of the "
               "attainable gain, by round; mean of %zu seeds</text>\n",
               PLOT_X, table->n_seeds);
    legend(table, ret);
    for (size_t i = 0; i < table->n_worlds; i++) {
        const struct campaign_world *world = &table->worlds[i];
        if (world->attainable < CAMPAIGN_TABLE_FLAT)
            continue;
        buf_printf(ret, "<g transform=\"translate(%zu,%zu)\">\n", panel % COLUMNS * PANEL_W,
                   HEAD_H + panel / COLUMNS * PANEL_H);
        grid(table, world, ret);
        for (int m = WORLD_METHODS - 1; m >= 0; m--) {
            if (table->methods[m])
                curve(table, world, (enum world_method)m, ret);
        }
        buf_text(ret, "</g>\n");
        panel++;
    }
    buf_text(ret, "</svg>\n");
}
