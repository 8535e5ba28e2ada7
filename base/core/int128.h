/* int128.h - 128-bit integers, a compiler extension that -Wpedantic must be told about once. */
#ifndef TRIMTAB_BASE_CORE_INT128_H
#define TRIMTAB_BASE_CORE_INT128_H

__extension__ typedef __int128 int128;
__extension__ typedef unsigned __int128 uint128;

#endif
