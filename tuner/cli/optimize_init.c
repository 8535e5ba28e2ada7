#include <math.h>
#include <string.h>

#include "base/core/mem.h"
#include "base/core/version.h"
#include "tuner/cli/optimize_session.h"

static enum status read_kind(const struct json_at *at, enum space_kind *ret, struct err *err)
{
    const char *text;
    TRY(json_string(at, 16, &text, err));
    if (strcmp(text, "float") == 0)
        *ret = SPACE_FLOAT;
    else if (strcmp(text, "log") == 0)
        *ret = SPACE_LOG;
    else if (strcmp(text, "integer") == 0)
        *ret = SPACE_INTEGER;
    else
        return json_refuse(at, err, "is \"%s\": allowed are float, log and integer", text);
    return STATUS_OK;
}

enum status optimize_count(const struct json_at *at, size_t want, struct err *err)
{
    size_t n;
    TRY(json_array(at, SIZE_MAX, &n, err));
    return n == want ? STATUS_OK : json_refuse(at, err, "has %zu entries: %zu are expected", n, want);
}

static enum status read_bounds(const struct json_at *root, struct optimize_session *s, struct err *err)
{
    struct json_at bounds, item = {0};
    TRY(json_member(root, "bounds", JSON_OPTIONAL, &bounds, err));
    if (bounds.value == NULL)
        return STATUS_OK;
    TRY(optimize_count(&bounds, s->dim, err));
    while (json_next(&bounds, &item)) {
        double range[2];
        size_t n;
        TRY(json_numbers(&item, -OPTIMIZE_ANY, OPTIMIZE_ANY, 2, range, &n, err));
        if (n != 2 || !(range[0] < range[1]))
            return json_refuse(&item, err, "is not [lo, hi] with lo below hi");
        s->space[item.index].lo = range[0];
        s->space[item.index].hi = range[1];
    }
    return STATUS_OK;
}

static enum status read_space(const struct json_at *root, struct optimize_session *s, struct err *err)
{
    struct json_at kinds, item = {0};
    for (size_t k = 0; k < s->dim; k++)
        s->space[k] = (struct space_param){.kind = SPACE_FLOAT, .sign = 1.0, .scale = 1.0, .lo = 0.0, .hi = 1.0};
    TRY(read_bounds(root, s, err));
    TRY(json_member(root, "kinds", JSON_OPTIONAL, &kinds, err));
    if (kinds.value != NULL) {
        TRY(optimize_count(&kinds, s->dim, err));
        while (json_next(&kinds, &item))
            TRY(read_kind(&item, &s->space[item.index].kind, err));
    }
    for (size_t k = 0; k < s->dim; k++) {
        const enum status status = space_check(1, &s->space[k], err);
        if (status != STATUS_OK)
            return err_wrap(err, status, "bounds[%zu]", k);
    }
    return STATUS_OK;
}

static enum status read_sense(const struct json_at *root, struct optimize_session *s, struct err *err)
{
    const char *sense = "le0";
    struct json_at at;
    TRY(json_member(root, "constraint_sense", JSON_OPTIONAL, &at, err));
    if (at.value != NULL)
        TRY(json_string(&at, 16, &sense, err));
    if (strcmp(sense, "le0") != 0 && strcmp(sense, "ge0") != 0)
        return json_refuse(&at, err, "is \"%s\": allowed are le0 and ge0", sense);
    s->constraint_sign = strcmp(sense, "le0") == 0 ? 1.0 : -1.0;
    return STATUS_OK;
}

static enum status inside(const struct json_at *at, const struct optimize_session *s, const double *x, struct err *err)
{
    for (size_t k = 0; k < s->dim; k++) {
        if (!(x[k] >= s->space[k].lo && x[k] <= s->space[k].hi))
            return json_refuse(at, err, "coordinate %zu is %g: allowed are %g to %g", k, x[k], s->space[k].lo,
                               s->space[k].hi);
        if (s->space[k].kind == SPACE_INTEGER && floor(x[k]) < x[k])
            return json_refuse(at, err, "coordinate %zu is %g: a whole number is expected", k, x[k]);
    }
    return STATUS_OK;
}

/* The member "x" or "control": dim numbers within bounds, natural into ret_x and as a point of the cube. */
enum status optimize_point(const struct json_at *at, const struct optimize_session *s, double *ret_x, double *ret_cube,
                           struct err *err)
{
    size_t n;
    TRY(json_numbers(at, -OPTIMIZE_ANY, OPTIMIZE_ANY, OPTIMIZER_MAX_DIM, ret_x, &n, err));
    if (n != s->dim)
        return json_refuse(at, err, "has %zu coordinates: %zu are expected", n, s->dim);
    TRY(inside(at, s, ret_x, err));
    return space_encode(s->dim, s->space, ret_x, ret_cube, err);
}

static enum status read_name(const struct json_at *root, const char *key, const char **ret, struct err *err)
{
    struct json_at at;
    TRY(json_member(root, key, JSON_OPTIONAL, &at, err));
    return at.value != NULL && !json_is_null(&at) ? json_string(&at, 31, ret, err) : STATUS_OK;
}

static enum status read_hints(const struct json_at *root, struct err *err)
{
    int64_t unused;
    TRY(json_get_int(root, "q", JSON_OPTIONAL, 1, INT32_MAX, &unused, err));
    TRY(json_get_int(root, "n_init", JSON_OPTIONAL, 0, INT32_MAX, &unused, err));
    return json_get_int(root, "budget", JSON_OPTIONAL, 1, INT32_MAX, &unused, err);
}

static enum status make_optimizer(const struct json_at *root, struct optimize_session *s, struct err *err)
{
    int64_t seed = 0;
    double x[OPTIMIZER_MAX_DIM], control[OPTIMIZER_MAX_DIM];
    uint32_t levels[OPTIMIZER_MAX_DIM];
    struct json_at at;
    struct optimizer_config config = {.dim = s->dim, .n_outcomes = 1 + s->n_constraints};
    TRY(json_get_int(root, "seed", JSON_OPTIONAL, 0, INT64_MAX, &seed, err));
    TRY(read_name(root, "acquisition", &config.acquisition, err));
    TRY(read_name(root, "hyper_prior", &config.hyper_prior, err));
    TRY(json_member(root, "control", JSON_OPTIONAL, &at, err));
    if (at.value != NULL) {
        TRY(optimize_point(&at, s, x, control, err));
        config.control = control;
    }
    space_levels(s->dim, s->space, levels);
    config.levels = levels;
    config.seed = (uint64_t)seed;
    return optimizer_new(&config, &s->optimizer, err);
}

enum status optimize_init(struct optimize_session *session, const struct json_at *root, struct json_writer *w,
                          struct err *err)
{
    static const char *const KNOWN[] = {
        "op",    "dim",      "n_constraints", "seed",        "q",           "n_init",           "budget", "bounds",
        "kinds", "minimize", "control",       "acquisition", "hyper_prior", "constraint_sense", NULL};
    struct optimize_session fresh = {0};
    int64_t dim = 0, n_constraints = 0;
    bool minimize = true;
    TRY(json_only(root, KNOWN, err));
    TRY(json_get_int(root, "dim", JSON_REQUIRED, 1, OPTIMIZER_MAX_DIM, &dim, err));
    TRY(json_get_int(root, "n_constraints", JSON_OPTIONAL, 0, OPTIMIZER_MAX_OUTCOMES - 1, &n_constraints, err));
    TRY(json_get_bool(root, "minimize", JSON_OPTIONAL, &minimize, err));
    TRY(read_hints(root, err));
    fresh.dim = (size_t)dim;
    fresh.n_constraints = (size_t)n_constraints;
    fresh.sign = minimize ? -1.0 : 1.0;
    TRY(read_sense(root, &fresh, err));
    TRY(read_space(root, &fresh, err));
    fresh.pending = mem_alloc(OPTIMIZE_MAX_PENDING * fresh.dim, sizeof *fresh.pending);
    enum status s = fresh.pending != NULL ? make_optimizer(root, &fresh, err) : err_no_memory(err);
    if (s != STATUS_OK) {
        optimize_session_clear(&fresh);
        return s;
    }
    optimize_session_clear(session);
    *session = fresh;
    json_write_key(w, "ok");
    json_write_bool(w, true);
    json_write_key(w, "name");
    json_write_string(w, "trimtab " TRIMTAB_VERSION);
    return STATUS_OK;
}
