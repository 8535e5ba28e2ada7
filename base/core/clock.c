#include "base/core/clock.h"

#include <inttypes.h>
#include <time.h>

static int64_t real_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void clock_init_real(struct clock *clock)
{
    clock->fake = false;
    atomic_init(&clock->fake_now_ms, 0);
}

void clock_init_fake(struct clock *clock, int64_t now_ms)
{
    clock->fake = true;
    atomic_init(&clock->fake_now_ms, now_ms);
}

int64_t clock_now_ms(struct clock *clock)
{
    return clock->fake ? atomic_load(&clock->fake_now_ms) : real_now_ms();
}

enum status clock_set(struct clock *clock, int64_t now_ms, struct err *err)
{
    if (!clock->fake)
        return err_set(err, STATUS_CONFLICT, "the clock is real: start the daemon with --fake-clock to set it");
    int64_t before = atomic_load(&clock->fake_now_ms);
    do {
        if (now_ms < before) {
            return err_set(err, STATUS_INVALID,
                           "now_ms %" PRId64 " lies before the present, %" PRId64 ": the clock never runs backwards",
                           now_ms, before);
        }
    } while (!atomic_compare_exchange_weak(&clock->fake_now_ms, &before, now_ms));
    return STATUS_OK;
}

int64_t clock_monotonic_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void clock_sleep_ms(int64_t ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}
