#include "experiments/core/tally.h"

#include <assert.h>
#include <string.h>

#include "base/core/mem.h"

enum { UNITS_FIRST = 1024 };

enum status tally_init(struct tally *t, const struct layout *layout, size_t n_arms, struct err *err)
{
    *t = (struct tally){.layout = *layout, .n_arms = n_arms, .n_groups = n_arms};
    t->arms = mem_alloc(n_arms, sizeof *t->arms);
    enum status s = t->arms ? STATUS_OK : err_no_memory(err);
    for (size_t a = 0; a < n_arms && s == STATUS_OK; a++)
        s = moments_init(&t->arms[a].moments, layout->n_columns, err);
    if (s != STATUS_OK)
        tally_done(t);
    return s;
}

void tally_done(struct tally *t)
{
    for (size_t a = 0; t->arms && a < t->n_groups; a++)
        moments_done(&t->arms[a].moments);
    for (size_t b = 0; t->before && b < t->n_before; b++)
        moments_done(&t->before[b]);
    mem_free(t->arms);
    mem_free(t->before);
    mem_free(t->came_from);
    mem_free(t->arm);
    mem_free(t->counted);
    mem_free(t->first_ms);
    mem_free(t->total);
    *t = (struct tally){0};
}

static enum status add_holdback(struct tally *t, struct err *err)
{
    struct arm_tally *more = mem_resize(t->arms, t->n_arms + 1, sizeof *more);
    if (!more)
        return err_no_memory(err);
    t->arms = more;
    more[t->n_arms] = (struct arm_tally){.requests = 0};
    t->n_groups = t->n_arms + 1;
    return moments_init(&more[t->n_arms].moments, t->layout.n_columns, err);
}

enum status tally_extend(struct tally *t, bool holdback, size_t n_before, struct err *err)
{
    assert(t->n_units == 0 && t->n_groups == t->n_arms && !t->before && n_before < TALLY_NOWHERE);
    if (holdback)
        TRY(add_holdback(t, err));
    if (n_before == 0)
        return STATUS_OK;
    t->before = mem_alloc(n_before, sizeof *t->before);
    t->n_before = t->before ? n_before : 0;
    enum status s = t->before ? STATUS_OK : err_no_memory(err);
    for (size_t b = 0; b < n_before && s == STATUS_OK; b++)
        s = moments_init(&t->before[b], t->layout.n_columns, err);
    return s;
}

static bool resize(void **block, size_t n, size_t size)
{
    void *moved = mem_resize(*block, n, size);
    if (moved)
        *block = moved;
    return moved != NULL;
}

static enum status grow(struct tally *t, struct err *err)
{
    size_t n = t->capacity ? 2 * (size_t)t->capacity : UNITS_FIRST, columns = t->layout.n_columns;
    if (n > UINT32_MAX / 2)
        return err_set(err, STATUS_UNAVAILABLE, "the round has %u units, the most it can hold: end it", t->n_units);
    if (!resize((void **)&t->arm, n, sizeof *t->arm) || !resize((void **)&t->came_from, n, sizeof *t->came_from) ||
        !resize((void **)&t->counted, n, sizeof *t->counted) ||
        !resize((void **)&t->first_ms, n, sizeof *t->first_ms) ||
        !resize((void **)&t->total, n, columns * sizeof *t->total))
        return err_no_memory(err);
    t->capacity = (uint32_t)n;
    return STATUS_OK;
}

enum status tally_add_unit(struct tally *t, size_t arm, uint32_t *ret_unit, struct err *err)
{
    assert(arm < t->n_groups);
    if (t->n_units == t->capacity)
        TRY(grow(t, err));
    uint32_t unit = t->n_units++;
    t->arm[unit] = (uint8_t)arm;
    t->came_from[unit] = TALLY_NOWHERE;
    t->counted[unit] = false;
    t->first_ms[unit] = 0;
    memset(t->total + unit * t->layout.n_columns, 0, t->layout.n_columns * sizeof *t->total);
    *ret_unit = unit;
    return STATUS_OK;
}

void tally_set_before(struct tally *t, uint32_t unit, size_t group)
{
    assert(group < t->n_before && !t->counted[unit] && t->arm[unit] < t->n_arms);
    t->came_from[unit] = (uint8_t)group;
}

/* The moments that hold the unit: those of its arm, and of its group of the round before. */
static size_t moments_of(const struct tally *t, uint32_t unit, struct moments *ret[2])
{
    const uint8_t group = t->came_from[unit];
    ret[0] = &t->arms[t->arm[unit]].moments;
    if (group == TALLY_NOWHERE)
        return 1;
    ret[1] = &t->before[group];
    return 2;
}

static void change(struct tally *t, uint32_t unit, const int64_t *x, size_t column, int64_t value)
{
    struct moments *moments[2];
    const size_t n = moments_of(t, unit, moments);
    for (size_t i = 0; i < n; i++)
        moments_change(moments[i], x, column, value);
}

/* Adds to one column of a unit; the caller has checked that the total stays within 64 bits. */
static void add(struct tally *t, uint32_t unit, size_t column, int64_t delta)
{
    const struct layout *l = &t->layout;
    int64_t *total = t->total + unit * l->n_columns, x[LAYOUT_MAX_COLUMNS];
    for (size_t k = 0; k < l->n_columns; k++)
        x[k] = column_value(&l->columns[k], total[k]);
    total[column] += delta;
    int64_t value = column_value(&l->columns[column], total[column]);
    if (value != x[column])
        change(t, unit, x, column, value);
}

void tally_set_covariates(struct tally *t, uint32_t unit, const int64_t *x)
{
    const struct layout *l = &t->layout;
    assert(layout_has_covariates(l) && !t->counted[unit]);
    memcpy(t->total + unit * l->n_columns + l->first_covariate, x, l->n_metrics * sizeof *x);
}

/* The unit's first counted exposure brings its covariates into the sums. */
static void count_unit(struct tally *t, uint32_t unit, int64_t exposure_ms)
{
    const struct layout *l = &t->layout;
    struct moments *moments[2];
    const size_t n = moments_of(t, unit, moments);
    int64_t x[LAYOUT_MAX_COLUMNS] = {0};
    t->counted[unit] = true;
    t->first_ms[unit] = exposure_ms;
    for (size_t i = 0; i < n; i++)
        moments_add_unit(moments[i]);
    for (size_t k = l->first_covariate; k < l->n_columns; k++) {
        int64_t value = t->total[unit * l->n_columns + k];
        change(t, unit, x, k, value);
        x[k] = value;
    }
}

void tally_expose(struct tally *t, uint32_t unit, int64_t exposure_ms, int64_t items)
{
    struct arm_tally *arm = &t->arms[t->arm[unit]];
    if (!t->counted[unit])
        count_unit(t, unit, exposure_ms);
    if (exposure_ms < t->first_ms[unit])
        t->first_ms[unit] = exposure_ms;
    arm->requests++;
    arm->impressions += items;
    for (size_t k = 0; k < t->layout.n_columns; k++) {
        if (t->layout.columns[k].kind == COLUMN_REQUESTS)
            add(t, unit, k, MOMENTS_SCALE);
        else if (t->layout.columns[k].kind == COLUMN_IMPRESSIONS)
            add(t, unit, k, items * MOMENTS_SCALE);
    }
}

static bool asks_for(const struct column *c, const char *type)
{
    return (c->kind == COLUMN_COUNT || c->kind == COLUMN_SUM) && strcmp(c->event, type) == 0;
}

static int64_t delta_of(const struct column *c, int64_t value)
{
    return c->kind == COLUMN_SUM ? value : MOMENTS_SCALE;
}

static enum status check_room(const struct tally *t, uint32_t unit, const char *type, int64_t value, struct err *err)
{
    int64_t ignored;
    for (size_t k = 0; k < t->layout.n_columns; k++) {
        const struct column *c = &t->layout.columns[k];
        if (asks_for(c, type) &&
            __builtin_add_overflow(t->total[unit * t->layout.n_columns + k], delta_of(c, value), &ignored))
            return err_set(err, STATUS_UNPROCESSABLE, "the unit's total of %s leaves 64 bits", type);
    }
    return STATUS_OK;
}

/* What becomes of an event of a counted unit. */
static enum event_outcome outcome_of(const struct tally *t, const char *type, int64_t age_ms)
{
    enum event_outcome outcome = EVENT_UNUSED;
    for (size_t k = 0; k < t->layout.n_columns; k++) {
        if (!asks_for(&t->layout.columns[k], type))
            continue;
        if (age_ms <= t->layout.columns[k].attribution_ms)
            return EVENT_COUNTED;
        outcome = EVENT_LATE;
    }
    return outcome;
}

enum status tally_event(struct tally *t, uint32_t unit, const char *type, int64_t value, int64_t age_ms,
                        int64_t event_ms, enum event_outcome *ret, struct err *err)
{
    assert(unit < t->n_units && t->counted[unit]);
    TRY(check_room(t, unit, type, value, err));
    const enum event_outcome outcome = outcome_of(t, type, age_ms);
    for (size_t k = 0; k < t->layout.n_columns; k++) {
        const struct column *c = &t->layout.columns[k];
        if (!asks_for(c, type) || age_ms > c->attribution_ms)
            continue;
        add(t, unit, k, delta_of(c, value));
        t->arms[t->arm[unit]].events[k]++;
    }
    if (outcome == EVENT_LATE)
        t->late++;
    else if (outcome == EVENT_COUNTED && event_ms > t->watermark_ms)
        t->watermark_ms = event_ms;
    *ret = outcome;
    return STATUS_OK;
}

bool tally_counts(const struct tally *t, const char *type, int64_t age_ms)
{
    return outcome_of(t, type, age_ms) == EVENT_COUNTED;
}

void tally_forget_exposure(struct tally *t, uint32_t unit, int64_t items)
{
    struct arm_tally *arm = &t->arms[t->arm[unit]];
    arm->requests--;
    arm->impressions -= items;
}

void tally_forget_event(struct tally *t, uint32_t unit, const char *type, int64_t age_ms)
{
    t->late -= outcome_of(t, type, age_ms) == EVENT_LATE;
    for (size_t k = 0; k < t->layout.n_columns; k++) {
        const struct column *c = &t->layout.columns[k];
        if (asks_for(c, type) && age_ms <= c->attribution_ms)
            t->arms[t->arm[unit]].events[k]--;
    }
}

/* Back to 0 column by column, as it came: what count_unit() and add() did to the sums is undone exactly. */
void tally_forget_unit(struct tally *t, uint32_t unit)
{
    const struct layout *l = &t->layout;
    struct moments *moments[2];
    const size_t n = moments_of(t, unit, moments);
    int64_t *total = t->total + unit * l->n_columns, x[LAYOUT_MAX_COLUMNS];
    for (size_t k = 0; k < l->n_columns; k++)
        x[k] = column_value(&l->columns[k], total[k]);
    for (size_t k = 0; k < l->n_columns && t->counted[unit]; k++) {
        change(t, unit, x, k, 0);
        x[k] = 0;
    }
    for (size_t i = 0; i < n && t->counted[unit]; i++)
        moments_remove_unit(moments[i]);
    t->counted[unit] = false;
    t->came_from[unit] = TALLY_NOWHERE;
    t->first_ms[unit] = 0;
    memset(total, 0, l->n_columns * sizeof *total);
}

int64_t tally_least_units(const struct tally *t, const bool *stopped, bool *ret_all_stopped)
{
    int64_t least = INT64_MAX;
    *ret_all_stopped = true;
    for (size_t a = 0; a < t->n_arms; a++) {
        if (stopped[a])
            continue;
        *ret_all_stopped = false;
        if (t->arms[a].moments.n < least)
            least = t->arms[a].moments.n;
    }
    return least;
}

size_t tally_bytes(const struct tally *t)
{
    size_t unit = sizeof *t->arm + sizeof *t->came_from + sizeof *t->counted + sizeof *t->first_ms +
                  t->layout.n_columns * sizeof *t->total;
    return t->capacity * unit;
}

int64_t tally_units(const struct tally *t)
{
    int64_t n = 0;
    for (size_t a = 0; a < t->n_arms; a++)
        n += t->arms[a].moments.n;
    return n;
}
