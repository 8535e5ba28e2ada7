/* grid.h - aligned columns of text.
 *
 *   grid_init(&grid, COLUMNS);                 static const struct grid_column COLUMNS[] = {{"trial", true}, {0}};
 *   grid_int(&grid, 7); ...                     row by row, every column
 *   grid_print(&grid, indent, &out);  grid_done(&grid);
 * Widths count UTF-8 characters.  The last column is never padded.  Out of memory shows in the buf printed to.  Thread:
 * owner only. */
#ifndef TRIMTAB_TUNER_CLI_GRID_H
#define TRIMTAB_TUNER_CLI_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/core/buf.h"

enum { GRID_MAX_COLUMNS = 16 };

struct grid_column {
    const char *title; /* NULL: the end of the list */
    bool right;        /* numbers stand right */
};

struct grid {
    const struct grid_column *columns; /* borrowed */
    size_t n_columns, n_cells;
    struct buf cells; /* NUL-terminated texts, one behind the other */
};

void grid_init(struct grid *grid, const struct grid_column *columns);
void grid_done(struct grid *grid);
void grid_cell(struct grid *grid, const char *text);
void grid_int(struct grid *grid, int64_t n);
/* The cell is what the buf holds; the buf is cleared. */
void grid_cell_buf(struct grid *grid, struct buf *text);
/* Titles, then the rows; each line starts with that many blanks. */
void grid_print(const struct grid *grid, size_t indent, struct buf *to);

#endif
