/* clones.h - CLONED: a loop in plain C that is compiled for several instruction sets, of which the machine's best runs.
 *
 * For the element-wise loops of training, whose files are compiled with -O3 (CMakeLists.txt).  No sum is reordered and
 * nothing is contracted, so all clones give the same digits; products, where that is too slow, are kernels (kernel.h).
 */
#ifndef TRIMTAB_RANKER_CLONES_H
#define TRIMTAB_RANKER_CLONES_H

#if defined __x86_64__ && defined __GNUC__ && !defined __clang__
#define CLONED __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CLONED
#endif

#endif
