#include "base/blas/blas.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cblas.h>
#include <gsl/gsl_errno.h>

#define CORE_VARIABLE "OPENBLAS_CORETYPE"

const char *blas_better_core(const char *taken, bool avx2, bool avx512)
{
    if (strcmp(taken, "Prescott") != 0) /* where nothing in the list fits */
        return NULL;
    return avx512 ? "SkylakeX" : avx2 ? "Haswell" : NULL;
}

/* The processor's, and the operating system's: GCC's tests look at both. */
static const char *wanted_core(void)
{
#if defined(__x86_64__) && defined(__GNUC__)
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
    return blas_better_core(openblas_get_corename(), avx2, avx512);
#else
    return NULL;
#endif
}

void blas_start(char **argv)
{
    (void)gsl_set_error_handler_off();
    char path[4096];
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there are no threads yet */
    const char *core = getenv(CORE_VARIABLE) == NULL ? wanted_core() : NULL;
    if (core == NULL)
        return;
    const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1); /* by its name, which ps then shows */
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): the same */
    if (length <= 0 || setenv(CORE_VARIABLE, core, 0) != 0)
        return;
    path[length] = '\0';
    (void)execv(path, argv);
}
