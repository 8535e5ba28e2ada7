#include "experiments/world/world_file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/core/mem.h"
#include "base/json/json.h"

/* One numeric member of an object: where it goes and what is allowed. */
struct field {
    const char *name;
    size_t offset;
    bool is_int;
    enum json_need need;
    double min, max;
};

#define REAL(type, member, name, min, max)                                                                             \
    {                                                                                                                  \
        name, offsetof(struct type, member), false, JSON_REQUIRED, min, max                                            \
    }
#define WHOLE(type, member, name, min, max)                                                                            \
    {                                                                                                                  \
        name, offsetof(struct type, member), true, JSON_REQUIRED, min, max                                             \
    }
#define COEFFICIENT(type, member)                                                                                      \
    {                                                                                                                  \
#member, offsetof(struct type, member), false, JSON_OPTIONAL, -10.0, 10.0                                      \
    }
#define FIELDS_END                                                                                                     \
    {                                                                                                                  \
        NULL, 0, false, JSON_OPTIONAL, 0.0, 0.0                                                                        \
    }

static const struct field LOG_FIELDS[] = {
    WHOLE(world_params, log_days, "days", 1, 60),
    WHOLE(world_params, log_users, "users", 100, 1e6),
    REAL(world_params, log_explore, "explore", 0.0, 1.0),
    FIELDS_END,
};
static const struct field USERS_FIELDS[] = {
    WHOLE(world_params, new_users_per_day, "new_per_day", 1, 1e6),
    REAL(world_params, taste_spread, "taste_spread", 0.0, 5.0),
    REAL(world_params, skim_activity, "skim_activity", -1.0, 1.0),
    REAL(world_params, interest_noise, "interest_noise", 0.0, 10.0),
    FIELDS_END,
};
static const struct field ITEMS_FIELDS[] = {
    WHOLE(world_params, n_items, "count", 50, 100000),
    WHOLE(world_params, n_categories, "categories", 2, WORLD_MAX_CATEGORIES),
    REAL(world_params, quality_bait, "quality_bait", -1.0, 1.0),
    REAL(world_params, visible_quality, "visible_quality", -1.0, 1.0),
    REAL(world_params, visible_bait, "visible_bait", -1.0, 1.0),
    REAL(world_params, visible_novelty, "visible_novelty", -1.0, 1.0),
    FIELDS_END,
};
static const struct field REQUEST_FIELDS[] = {
    WHOLE(world_params, candidates, "candidates", 2, WORLD_MAX_CANDIDATES),
    WHOLE(world_params, show, "show", 1, WORLD_MAX_SHOW),
    REAL(world_params, focus, "focus", 0.0, 1.0),
    REAL(world_params, carry, "carry", 0.0, 1.0),
    FIELDS_END,
};
static const struct field SATISFACTION_FIELDS[] = {
    REAL(world_params, reference, "reference", -10.0, 10.0),
    REAL(world_params, variety, "variety", -10.0, 10.0),
    REAL(world_params, memory, "memory", 0.0, 1.0),
    FIELDS_END,
};
static const struct field GOING_ON_FIELDS[] = {
    REAL(world_going_on, start, "start", -10.0, 10.0),
    COEFFICIENT(world_going_on, activity),
    REAL(world_going_on, satisfaction, "satisfaction", -50.0, 50.0),
    COEFFICIENT(world_going_on, fatigue),
    WHOLE(world_going_on, max, "max", 1, 100),
    FIELDS_END,
};
static const struct field HEAD_FIELDS[] = {
    REAL(world_head, base, "base", 1e-4, 0.9),
    COEFFICIENT(world_head, taste),
    COEFFICIENT(world_head, quality),
    COEFFICIENT(world_head, bait),
    COEFFICIENT(world_head, novelty),
    COEFFICIENT(world_head, skim),
    COEFFICIENT(world_head, checker),
    COEFFICIENT(world_head, position),
    COEFFICIENT(world_head, satiation),
    COEFFICIENT(world_head, satisfaction),
    COEFFICIENT(world_head, drift),
    COEFFICIENT(world_head, satisfaction_drift),
    FIELDS_END,
};
static const struct field SEGMENT_FIELDS[] = {
    REAL(world_segment, share, "share", 0.0, 1.0),
    COEFFICIENT(world_segment, activity),
    FIELDS_END,
};
static const struct field TAB_FIELDS[] = {
    REAL(world_tab, share, "share", 0.0, 1.0),
    FIELDS_END,
};
static const struct field SHIFT_FIELDS[] = {
    WHOLE(world_shift, day, "day", 0, 100000),
    FIELDS_END,
};

enum { MAX_KNOWN = 24 };

/* Fill `object` from the members that `fields` and `others` name; everything else is refused. */
static enum status read_fields(const struct json_at *at, const struct field *fields, const char *const *others,
                               void *object, struct err *err)
{
    const char *known[MAX_KNOWN + 1];
    size_t n = 0;
    for (const struct field *f = fields; f->name != NULL; f++)
        known[n++] = f->name;
    for (size_t i = 0; others != NULL && others[i] != NULL; i++)
        known[n++] = others[i];
    known[n] = NULL;
    TRY(json_object(at, err));
    TRY(json_only(at, known, err));
    for (const struct field *f = fields; f->name != NULL; f++) {
        char *target = (char *)object + f->offset;
        if (f->is_int) {
            int64_t whole = 0;
            TRY(json_get_int(at, f->name, f->need, (int64_t)f->min, (int64_t)f->max, &whole, err));
            const int value = (int)whole;
            memcpy(target, &value, sizeof value);
        } else {
            double real = 0.0;
            TRY(json_get_number(at, f->name, f->need, f->min, f->max, &real, err));
            memcpy(target, &real, sizeof real);
        }
    }
    return STATUS_OK;
}

static enum status read_section(const struct json_at *root, const char *name, const struct field *fields, void *object,
                                struct err *err)
{
    struct json_at at;
    TRY(json_member(root, name, JSON_REQUIRED, &at, err));
    return read_fields(&at, fields, NULL, object, err);
}

/* A name of letters, digits, '_', '-' and '.': it goes into CSV files and ids as it is. */
static enum status read_name(const struct json_at *at, const char *key, char ret[WORLD_MAX_NAME + 1], struct err *err)
{
    struct json_at member;
    const char *text;
    TRY(json_member(at, key, JSON_REQUIRED, &member, err));
    TRY(json_string(&member, WORLD_MAX_NAME, &text, err));
    if (text[0] == '\0' ||
        text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")] != '\0')
        return json_refuse(&member, err, "is \"%s\": allowed are letters, digits, '_', '-' and '.'", text);
    (void)snprintf(ret, WORLD_MAX_NAME + 1, "%s", text);
    return STATUS_OK;
}

static int find_head(const struct world_params *p, size_t n_heads, const char *name)
{
    for (size_t h = 0; h < n_heads; h++) {
        if (strcmp(p->heads[h].name, name) == 0)
            return (int)h;
    }
    return -1;
}

/* {"click":0.2,"hide":-0.1}, absent: zeros. */
static enum status read_effect(const struct json_at *at, const struct world_params *p, double ret[WORLD_MAX_HEADS],
                               struct err *err)
{
    struct json_at effect;
    TRY(json_member(at, "effect", JSON_OPTIONAL, &effect, err));
    if (effect.value == NULL)
        return STATUS_OK;
    TRY(json_object(&effect, err));
    struct json_at item = {0};
    while (json_next(&effect, &item)) {
        const int h = find_head(p, p->n_heads, item.key);
        if (h < 0)
            return json_refuse(&item, err, "names no head of this world");
        TRY(json_number(&item, -10.0, 10.0, &ret[h], err));
    }
    return STATUS_OK;
}

static enum status read_head(const struct json_at *at, struct world_params *p, size_t h, struct err *err)
{
    static const char *const others[] = {"name", "after", "weekday", NULL};
    struct world_head *head = &p->heads[h];
    TRY(read_fields(at, HEAD_FIELDS, others, head, err));
    TRY(read_name(at, "name", head->name, err));
    struct json_at after, weekday;
    if (find_head(p, h, head->name) >= 0)
        return json_refuse(at, err, "repeats the name \"%s\"", head->name);
    TRY(json_member(at, "after", JSON_OPTIONAL, &after, err));
    head->after = -1;
    if (after.value != NULL) {
        const char *name;
        TRY(json_string(&after, WORLD_MAX_NAME, &name, err));
        head->after = find_head(p, h, name);
        if (head->after < 0)
            return json_refuse(&after, err, "is \"%s\": allowed are the heads listed before it", name);
    }
    TRY(json_member(at, "weekday", JSON_OPTIONAL, &weekday, err));
    if (weekday.value != NULL) {
        size_t n = 0;
        TRY(json_numbers(&weekday, -10.0, 10.0, 7, head->weekday, &n, err));
        if (n != 7)
            return json_refuse(&weekday, err, "has %zu numbers: 7 are needed, Monday first", n);
    }
    return STATUS_OK;
}

static enum status read_segment(const struct json_at *at, struct world_params *p, size_t i, struct err *err)
{
    static const char *const others[] = {"name", "effect", NULL};
    TRY(read_fields(at, SEGMENT_FIELDS, others, &p->segments[i], err));
    TRY(read_name(at, "name", p->segments[i].name, err));
    return read_effect(at, p, p->segments[i].effect, err);
}

static enum status read_tab(const struct json_at *at, struct world_params *p, size_t i, struct err *err)
{
    static const char *const others[] = {"name", "effect", NULL};
    TRY(read_fields(at, TAB_FIELDS, others, &p->tabs[i], err));
    TRY(read_name(at, "name", p->tabs[i].name, err));
    return read_effect(at, p, p->tabs[i].effect, err);
}

static enum status read_shift(const struct json_at *at, struct world_params *p, size_t i, struct err *err)
{
    static const char *const others[] = {"effect", NULL};
    TRY(read_fields(at, SHIFT_FIELDS, others, &p->shifts[i], err));
    if (i > 0 && p->shifts[i].day <= p->shifts[i - 1].day)
        return json_refuse(at, err, "has day %d: the days must rise", p->shifts[i].day);
    return read_effect(at, p, p->shifts[i].effect, err);
}

typedef enum status read_element(const struct json_at *at, struct world_params *p, size_t i, struct err *err);

static enum status read_list(const struct json_at *root, const char *name, enum json_need need, size_t max,
                             read_element *read, struct world_params *p, size_t *ret_n, struct err *err)
{
    struct json_at list;
    TRY(json_member(root, name, need, &list, err));
    if (list.value == NULL)
        return STATUS_OK;
    size_t n;
    TRY(json_array(&list, max, &n, err));
    if (n == 0 && need == JSON_REQUIRED)
        return json_refuse(&list, err, "is empty: at least one is needed");
    struct json_at item = {0};
    for (size_t i = 0; json_next(&list, &item); i++)
        TRY(read(&item, p, i, err));
    *ret_n = n;
    return STATUS_OK;
}

static enum status check_share(const char *what, double sum, struct err *err)
{
    if (fabs(sum - 1.0) > 1e-6)
        return err_set(err, STATUS_INVALID, "the shares of %s sum to %g: they must sum to 1", what, sum);
    return STATUS_OK;
}

static enum status check_whole(const struct world_params *p, struct err *err)
{
    double segments = 0.0, tabs = 0.0;
    for (size_t i = 0; i < p->n_segments; i++)
        segments += p->segments[i].share;
    for (size_t i = 0; i < p->n_tabs; i++)
        tabs += p->tabs[i].share;
    TRY(check_share("segments", segments, err));
    TRY(check_share("tabs", tabs, err));
    if (p->show > p->candidates)
        return err_set(err, STATUS_INVALID, "request.show is %d: allowed are 1 to request.candidates (%d)", p->show,
                       p->candidates);
    if (2 * p->candidates > p->n_items)
        return err_set(err, STATUS_INVALID, "request.candidates is %d: allowed is half of items.count (%d) at most",
                       p->candidates, p->n_items);
    if (p->n_categories > p->n_items)
        return err_set(err, STATUS_INVALID, "items.categories is %d: allowed is items.count (%d) at most",
                       p->n_categories, p->n_items);
    if (world_date_from_days(world_days_from_date(p->start_day)) != p->start_day)
        return err_set(err, STATUS_INVALID, "start is %d: it must be a date, yyyymmdd", p->start_day);
    return STATUS_OK;
}

static enum status read_head_of_file(const struct json_at *root, struct world_params *p, struct err *err)
{
    static const char *const known[] = {"version", "name",     "seed",     "start",    "log",   "users",
                                        "items",   "request",  "heads",    "segments", "tabs",  "satisfaction",
                                        "session", "same_day", "next_day", "shifts",   "about", NULL};
    int64_t version, seed, start;
    const char *about;
    TRY(json_object(root, err));
    TRY(json_only(root, known, err));
    TRY(json_get_int(root, "version", JSON_REQUIRED, 1, 1, &version, err));
    TRY(read_name(root, "name", p->name, err));
    TRY(json_get_string(root, "about", JSON_OPTIONAL, 4096, &about, err));
    TRY(json_get_int(root, "seed", JSON_REQUIRED, 0, (int64_t)1 << 53, &seed, err));
    TRY(json_get_int(root, "start", JSON_REQUIRED, 19700301, 21001231, &start, err));
    p->seed = (uint64_t)seed;
    p->start_day = (int)start;
    return STATUS_OK;
}

static enum status read_world(const struct json_at *root, struct world_params *p, struct err *err)
{
    TRY(read_head_of_file(root, p, err));
    TRY(read_section(root, "log", LOG_FIELDS, p, err));
    TRY(read_section(root, "users", USERS_FIELDS, p, err));
    TRY(read_section(root, "items", ITEMS_FIELDS, p, err));
    TRY(read_section(root, "request", REQUEST_FIELDS, p, err));
    TRY(read_section(root, "satisfaction", SATISFACTION_FIELDS, p, err));
    TRY(read_section(root, "session", GOING_ON_FIELDS, &p->session, err));
    TRY(read_section(root, "same_day", GOING_ON_FIELDS, &p->same_day, err));
    TRY(read_section(root, "next_day", GOING_ON_FIELDS, &p->next_day, err));
    TRY(read_list(root, "heads", JSON_REQUIRED, WORLD_MAX_HEADS, read_head, p, &p->n_heads, err));
    TRY(read_list(root, "segments", JSON_REQUIRED, WORLD_MAX_SEGMENTS, read_segment, p, &p->n_segments, err));
    TRY(read_list(root, "tabs", JSON_REQUIRED, WORLD_MAX_TABS, read_tab, p, &p->n_tabs, err));
    TRY(read_list(root, "shifts", JSON_OPTIONAL, WORLD_MAX_SHIFTS, read_shift, p, &p->n_shifts, err));
    return check_whole(p, err);
}

enum status world_params_decode(const char *bytes, size_t n, struct world_params *ret, struct err *err)
{
    struct json *json = NULL;
    struct world_params *p = mem_alloc(1, sizeof *p);
    if (p == NULL)
        return err_no_memory(err);
    enum status s = json_parse(bytes, n, NULL, &json, err);
    if (s == STATUS_OK) {
        const struct json_at root = json_root(json);
        s = read_world(&root, p, err);
    }
    if (s == STATUS_OK)
        *ret = *p;
    mem_free(p);
    json_free(json);
    return s;
}

int64_t world_days_from_date(int yyyymmdd)
{
    const int month = yyyymmdd / 100 % 100, day = yyyymmdd % 100;
    const int64_t y = yyyymmdd / 10000 - (month <= 2 ? 1 : 0);
    const int64_t era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
    const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

int world_date_from_days(int64_t days)
{
    const int64_t z = days + 719468;
    const int64_t era = (z >= 0 ? z : z - 146096) / 146097, of_era = z - era * 146097;
    const int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const int64_t of_year = of_era - (365 * year + year / 4 - year / 100), m = (5 * of_year + 2) / 153;
    const int64_t day = of_year - (153 * m + 2) / 5 + 1, month = m < 10 ? m + 3 : m - 9;
    return (int)((year + era * 400 + (month <= 2 ? 1 : 0)) * 10000 + month * 100 + day);
}

int world_weekday(int64_t days)
{
    return (int)(((days + 3) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
}
