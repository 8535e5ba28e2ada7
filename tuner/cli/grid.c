#include "tuner/cli/grid.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void grid_init(struct grid *grid, const struct grid_column *columns)
{
    *grid = (struct grid){.columns = columns};
    while (columns[grid->n_columns].title != NULL)
        grid->n_columns++;
    assert(grid->n_columns > 0 && grid->n_columns <= GRID_MAX_COLUMNS);
}

void grid_done(struct grid *grid)
{
    buf_done(&grid->cells);
}

void grid_cell(struct grid *grid, const char *text)
{
    buf_add(&grid->cells, text, strlen(text) + 1);
    grid->n_cells++;
}

void grid_int(struct grid *grid, int64_t n)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, n);
    grid_cell(grid, text);
}

void grid_cell_buf(struct grid *grid, struct buf *text)
{
    grid->cells.failed = grid->cells.failed || text->failed;
    grid_cell(grid, buf_string(text));
    buf_clear(text);
}

static size_t width_of(const char *text)
{
    size_t n = 0;
    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

static void pad(struct buf *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_char(to, ' ');
}

static void print_cell(const struct grid *grid, size_t column, const size_t *widths, const char *text, struct buf *to)
{
    const size_t fill = widths[column] - width_of(text);
    const bool last = column + 1 == grid->n_columns;
    if (grid->columns[column].right)
        pad(to, fill);
    buf_text(to, text);
    if (!grid->columns[column].right && !last)
        pad(to, fill);
    buf_text(to, last ? "\n" : "  ");
}

void grid_print(const struct grid *grid, size_t indent, struct buf *to)
{
    size_t widths[GRID_MAX_COLUMNS];
    assert(grid->cells.failed || grid->n_cells % grid->n_columns == 0);
    if (grid->cells.failed) {
        to->failed = true;
        return;
    }
    for (size_t c = 0; c < grid->n_columns; c++)
        widths[c] = width_of(grid->columns[c].title);
    const char *text = buf_string(&grid->cells);
    for (size_t i = 0; i < grid->n_cells; i++, text += strlen(text) + 1) {
        const size_t c = i % grid->n_columns, width = width_of(text);
        widths[c] = width > widths[c] ? width : widths[c];
    }
    pad(to, indent);
    for (size_t c = 0; c < grid->n_columns; c++)
        print_cell(grid, c, widths, grid->columns[c].title, to);
    text = buf_string(&grid->cells);
    for (size_t i = 0; i < grid->n_cells; i++, text += strlen(text) + 1) {
        if (i % grid->n_columns == 0)
            pad(to, indent);
        print_cell(grid, i % grid->n_columns, widths, text, to);
    }
}
