/* blas.h - how a program that does linear algebra starts.
 *
 * OpenBLAS picks its kernels by a list of processors when it is loaded, before main.  A processor newer than the
 * library is not in the list and gets the kernels of 2004 (SSE3), which take up to twice the time of a whole tell and
 * ask (docs/adr/0005).  The library can be told by one environment variable only, OPENBLAS_CORETYPE, read while it is
 * loaded.  So a program on such a processor sets it and starts itself once more: same process, same arguments.  What
 * the environment says already is left alone, and where the program cannot be started again it goes on with the slow
 * kernels. */
#ifndef TRIMTAB_BASE_BLAS_BLAS_H
#define TRIMTAB_BASE_BLAS_BLAS_H

#include <stdbool.h>

/* First in main: may not return but start the program again.  Also turns off GSL's own error handler, which aborts. */
void blas_start(char **argv);

/* What OPENBLAS_CORETYPE is to say where the library took the kernel of that name; NULL: the library knows better. */
const char *blas_better_core(const char *taken, bool avx2, bool avx512);

#endif
