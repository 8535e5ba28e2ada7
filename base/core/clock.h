/* clock.h - time as a value that is passed in.
 *
 * `core/` folders never ask for the time; the others hold a `struct clock`.  The fake clock stands still until it is
 * set, and never runs backwards.  Milliseconds since 1970-01-01 UTC.  Thread: safe from any thread. */
#ifndef TRIMTAB_BASE_CORE_CLOCK_H
#define TRIMTAB_BASE_CORE_CLOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/core/err.h"

struct clock {
    bool fake;
    _Atomic int64_t fake_now_ms;
};

void clock_init_real(struct clock *clock);
void clock_init_fake(struct clock *clock, int64_t now_ms);
int64_t clock_now_ms(struct clock *clock);
/* STATUS_CONFLICT on a real clock, STATUS_INVALID when now_ms lies before the present. */
MUST_CHECK enum status clock_set(struct clock *clock, int64_t now_ms, struct err *err);

/* CLOCK_MONOTONIC, for durations and deadlines; always real. */
int64_t clock_monotonic_ns(void);
/* Real sleep; returns early on a signal. */
void clock_sleep_ms(int64_t ms);

#endif
