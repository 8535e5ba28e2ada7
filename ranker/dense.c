#include "ranker/dense.h"

#include <cblas.h>
#include <pthread.h>
#include <string.h>

/* Debian's serial OpenBLAS shares one work buffer without locking: two products at once give wrong sums. */
static pthread_mutex_t blas_lock = PTHREAD_MUTEX_INITIALIZER;

static void product(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, size_t m, size_t n, size_t k, struct const_matrix a,
                    struct const_matrix b, float beta, struct matrix c)
{
    pthread_mutex_lock(&blas_lock);
    cblas_sgemm(CblasRowMajor, ta, tb, (int)m, (int)n, (int)k, 1.0f, a.at, (int)a.stride, b.at, (int)b.stride, beta,
                c.at, (int)c.stride);
    pthread_mutex_unlock(&blas_lock);
}

void dense(size_t n, size_t k, size_t m, struct const_matrix x, struct const_matrix w, const float *b, struct matrix y)
{
    for (size_t i = 0; i < n; i++)
        memcpy(y.at + i * y.stride, b, m * sizeof *b);
    product(CblasNoTrans, CblasNoTrans, n, m, k, x, w, 1.0f, y);
}

void dense_backward(size_t n, size_t k, size_t m, struct const_matrix x, struct const_matrix dy, struct matrix dw,
                    float *db)
{
    product(CblasTrans, CblasNoTrans, k, m, n, x, dy, 0.0f, dw);
    memset(db, 0, m * sizeof *db);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < m; j++)
            db[j] += dy.at[i * dy.stride + j];
    }
}

void dense_backward_input(size_t n, size_t k, size_t m, struct const_matrix w, struct const_matrix dy, float keep,
                          struct matrix dx)
{
    product(CblasNoTrans, CblasTrans, n, k, m, dy, w, keep, dx);
}
