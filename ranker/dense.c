#include "ranker/dense.h"

#include <string.h>

#include "ranker/kernel.h"

enum { EDGE_ROWS = 48 };

/* panels [k, KERNEL_ALIGN] = b [k, m], zeros beside it. */
static void pack(size_t k, size_t m, struct operand b, float *panels)
{
    if (m < KERNEL_ALIGN)
        memset(panels, 0, k * KERNEL_ALIGN * sizeof *panels);
    for (size_t first = 0; first < m; first += KERNEL_PANEL, panels += k * KERNEL_PANEL) {
        const size_t columns = m - first < KERNEL_PANEL ? m - first : KERNEL_PANEL;
        if (b.transposed) {
            for (size_t j = 0; j < columns; j++) {
                for (size_t p = 0; p < k; p++)
                    panels[p * KERNEL_PANEL + j] = b.at[(first + j) * b.stride + p];
            }
        } else if (columns == KERNEL_PANEL) { /* copied without a call */
            for (size_t p = 0; p < k; p++)
                memcpy(panels + p * KERNEL_PANEL, b.at + p * b.stride + first, KERNEL_PANEL * sizeof *panels);
        } else {
            for (size_t p = 0; p < k; p++)
                memcpy(panels + p * KERNEL_PANEL, b.at + p * b.stride + first, columns * sizeof *panels);
        }
    }
}

/* The operand from row i, column j on. */
static struct operand from(struct operand a, size_t i, size_t j)
{
    a.at += a.transposed ? j * a.stride + i : i * a.stride + j;
    return a;
}

/* c [n, m] += a panels, m below KERNEL_ALIGN. */
static void edge(const struct kernel *kernel, size_t n, size_t m, size_t k, struct operand a, const float *panels,
                 struct matrix c)
{
    float sums[EDGE_ROWS * KERNEL_ALIGN];
    for (size_t first = 0; first < n; first += EDGE_ROWS) {
        const size_t rows = n - first < EDGE_ROWS ? n - first : EDGE_ROWS;
        memset(sums, 0, rows * KERNEL_ALIGN * sizeof *sums);
        kernel->block(rows, k, from(a, first, 0), panels, sums, KERNEL_ALIGN);
        for (size_t i = 0; i < rows; i++) {
            for (size_t j = 0; j < m; j++)
                c.at[(first + i) * c.stride + j] += sums[i * KERNEL_ALIGN + j];
        }
    }
}

/* c [n, m] += a [n, k] b [k, m] */
static void product(size_t n, size_t m, size_t k, struct operand a, struct operand b, struct matrix c)
{
    const struct kernel *kernel = kernel_best();
    _Alignas(64) float panels[DENSE_DEPTH * KERNEL_ALIGN];
    for (size_t p = 0; p < k; p += DENSE_DEPTH) {
        const size_t depth = k - p < DENSE_DEPTH ? k - p : DENSE_DEPTH;
        for (size_t j = 0; j < m; j += KERNEL_ALIGN) {
            const size_t columns = m - j < KERNEL_ALIGN ? m - j : KERNEL_ALIGN;
            pack(depth, columns, from(b, p, j), panels);
            if (columns == KERNEL_ALIGN)
                kernel->block(n, depth, from(a, 0, p), panels, c.at + j, c.stride);
            else
                edge(kernel, n, columns, depth, from(a, 0, p), panels, (struct matrix){c.at + j, c.stride});
        }
    }
}

static struct operand plain(struct const_matrix a)
{
    return (struct operand){a.at, a.stride, false};
}

static struct operand transposed(struct const_matrix a)
{
    return (struct operand){a.at, a.stride, true};
}

static void zero(size_t n, size_t m, struct matrix c)
{
    for (size_t i = 0; i < n; i++)
        memset(c.at + i * c.stride, 0, m * sizeof *c.at);
}

void dense(size_t n, size_t k, size_t m, struct const_matrix x, struct const_matrix w, const float *b, struct matrix y)
{
    for (size_t i = 0; i < n; i++)
        memcpy(y.at + i * y.stride, b, m * sizeof *b);
    product(n, m, k, plain(x), plain(w), y);
}

void dense_backward(size_t n, size_t k, size_t m, struct const_matrix x, struct const_matrix dy, struct matrix dw,
                    float *db)
{
    zero(k, m, dw);
    product(k, m, n, transposed(x), plain(dy), dw);
    memset(db, 0, m * sizeof *db);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < m; j++)
            db[j] += dy.at[i * dy.stride + j];
    }
}

void dense_backward_input(size_t n, size_t k, size_t m, struct const_matrix w, struct const_matrix dy, bool add,
                          struct matrix dx)
{
    if (!add)
        zero(n, k, dx);
    product(n, k, m, plain(dy), transposed(w), dx);
}
