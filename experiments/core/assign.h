/* assign.h - which arm a unit is in: a hash, so every node agrees without talking.
 *
 *   h = SHA-256(salt || 0x00 || unit)                     texts hold no NUL, so (salt, unit) is read in one way only
 *   u = (first 8 bytes of h, big-endian, >> 11) / 2^53                        uniform on [0, 1)
 *   key = bytes 8..23 of h                                                    the unit's name inside the round
 *   arm = the first whose cumulative allocation exceeds u; beyond the last: none, the unit gets the default
 *
 * Rounds have different salts, so assignments (and keys) of one unit in two rounds are independent.  128 bits make two
 * units of a round share a key with probability n^2 2^-129: 10^-25 for a million.  Pure; safe from any thread. */
#ifndef TRIMTAB_EXPERIMENTS_CORE_ASSIGN_H
#define TRIMTAB_EXPERIMENTS_CORE_ASSIGN_H

#include <stddef.h>
#include <stdint.h>

#include "experiments/core/keymap.h"
#include "experiments/core/plan.h"

enum { ARM_NONE = 255 /* the default arm */, ARM_HOLDBACK = 254 /* eligibility.h */ };

struct assignment {
    double u;
    struct key128 key;
};

struct assignment assign_hash(const char *salt, const char *unit);
/* The arm of u, or ARM_NONE.  A sum of allocations within 1e-9 of 1 counts as 1. */
size_t assign_arm(const struct round_plan *plan, double u);

#endif
