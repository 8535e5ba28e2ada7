#include "tests/lib/campaign_table.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdio.h>

#include "base/json/json_write.h"
#include "tests/lib/campaign_table_internal.h"

static const double LEVELS[] = {0.5, 0.75, 0.9};
enum { N_LEVELS = 3, MAX_SEEDS = CAMPAIGN_TABLE_SEEDS };

struct campaign_interval campaign_interval(size_t n, const double *x)
{
    double mean = 0.0, squares = 0.0;
    for (size_t i = 0; i < n; i++)
        mean += x[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (x[i] - mean) * (x[i] - mean);
    if (n < 2)
        return (struct campaign_interval){mean, nan(""), nan("")};
    const double df = (double)n - 1.0, half = gsl_cdf_tdist_Pinv(0.975, df) * sqrt(squares / df / (double)n);
    return (struct campaign_interval){mean, mean - half, mean + half};
}

static bool is_flat(const struct campaign_world *world)
{
    return world->attainable < CAMPAIGN_TABLE_FLAT;
}

double campaign_share(const struct campaign_world *world, const struct campaign_cell *cell, size_t round)
{
    if (is_flat(world))
        return nan("");
    return round < 1 || round > cell->run.n_rounds ? 0.0 : cell->gain[round - 1] / world->attainable;
}

double campaign_share_promoted(const struct campaign_world *world, const struct campaign_cell *cell)
{
    if (is_flat(world))
        return nan("");
    return cell->run.promoted ? campaign_share(world, cell, cell->run.n_rounds) : 0.0;
}

const struct campaign_cell *campaign_table_cell(const struct campaign_world *world, size_t seed,
                                                enum world_method method)
{
    return &world->cells[seed * WORLD_METHODS + (size_t)method];
}

double campaign_table_share(const struct campaign_table *table, const struct campaign_world *world,
                            enum world_method method, size_t round)
{
    double sum = 0.0;
    for (size_t s = 0; s < table->n_seeds; s++)
        sum += campaign_share(world, campaign_table_cell(world, s, method), round);
    return sum / (double)table->n_seeds;
}

static double mean_users(const struct campaign_table *table, const struct campaign_world *world,
                         enum world_method method, size_t round)
{
    double sum = 0.0;
    for (size_t s = 0; round > 0 && s < table->n_seeds; s++)
        sum += (double)campaign_table_cell(world, s, method)->run.users[round - 1];
    return sum / (double)table->n_seeds;
}

/* K arms with one share each, the control with sqrt(K); every method has as many users. */
double campaign_arm_se(const struct campaign_table *table, const struct campaign_world *world)
{
    const double k = (double)table->arms;
    double users = 0.0;
    for (int m = 0; m < WORLD_METHODS; m++)
        users = fmax(users, mean_users(table, world, (enum world_method)m, table->rounds));
    return users > 0.0 ? world->unit_sd / sqrt(users / (double)table->rounds / (k + sqrt(k))) : nan("");
}

double campaign_users_to(const struct campaign_table *table, const struct campaign_world *world,
                         enum world_method method, double share)
{
    size_t round = table->rounds;
    while (round > 0 && campaign_table_share(table, world, method, round) >= share)
        round--;
    if (round == table->rounds || is_flat(world))
        return nan("");
    const double below = campaign_table_share(table, world, method, round);
    const double above = campaign_table_share(table, world, method, round + 1);
    const double from = mean_users(table, world, method, round), to = mean_users(table, world, method, round + 1);
    return from + (to - from) * (share - below) / (above - below);
}

/* ---- summaries over seeds */

enum what { RECOMMENDED, PROMOTED, GAIN, PAID, N_WHAT };

static double number_of(const struct campaign_world *world, const struct campaign_cell *cell, enum what what)
{
    switch (what) {
    case RECOMMENDED:
        return campaign_share(world, cell, cell->run.n_rounds);
    case PROMOTED:
        return campaign_share_promoted(world, cell);
    case GAIN:
        return cell->run.n_rounds > 0 ? cell->gain[cell->run.n_rounds - 1] : 0.0;
    case PAID:
        return cell->run.paid;
    case N_WHAT:
        break;
    }
    return nan("");
}

/* Of one world, or (NULL) the mean over the worlds that are not flat; less the same number of another method, unless it
 * is the same one. */
static struct campaign_interval summary(const struct campaign_table *table, const struct campaign_world *one,
                                        enum world_method method, enum world_method less, enum what what)
{
    double x[MAX_SEEDS] = {0.0};
    size_t n = 0;
    for (size_t i = 0; i < table->n_worlds; i++) {
        const struct campaign_world *world = &table->worlds[i];
        if (one != NULL ? world != one : is_flat(world))
            continue;
        n++;
        for (size_t s = 0; s < table->n_seeds; s++) {
            x[s] += number_of(world, campaign_table_cell(world, s, method), what);
            if (less != method)
                x[s] -= number_of(world, campaign_table_cell(world, s, less), what);
        }
    }
    for (size_t s = 0; s < table->n_seeds; s++)
        x[s] /= (double)n;
    return campaign_interval(table->n_seeds, x);
}

struct counts {
    size_t recommended, confirmed, promoted, breaches_recommended, breaches_promoted;
};

static struct counts count(const struct campaign_table *table, const struct campaign_world *world,
                           enum world_method method)
{
    struct counts c = {0};
    for (size_t s = 0; s < table->n_seeds; s++) {
        const struct campaign_cell *cell = campaign_table_cell(world, s, method);
        c.recommended += cell->is_control ? 0 : 1;
        c.confirmed += cell->run.confirmed ? 1 : 0;
        c.promoted += cell->run.promoted ? 1 : 0;
        c.breaches_recommended += cell->excess > 0.0 ? 1 : 0;
        c.breaches_promoted += cell->run.promoted && cell->excess > 0.0 ? 1 : 0;
    }
    return c;
}

/* ---- text */

static void put_interval(struct buf *ret, struct campaign_interval x, double factor, int width, int digits)
{
    char text[64];
    if (isnan(x.mean))
        (void)snprintf(text, sizeof text, "-");
    else if (isnan(x.lo))
        (void)snprintf(text, sizeof text, "%.*f", digits, factor * x.mean);
    else
        (void)snprintf(text, sizeof text, "%.*f (%.*f..%.*f)", digits, factor * x.mean, digits, factor * x.lo, digits,
                       factor * x.hi);
    buf_printf(ret, " %*s", width, text);
}

static void put_users(struct buf *ret, double users)
{
    if (isnan(users))
        buf_printf(ret, " %7s", "-");
    else
        buf_printf(ret, " %6.0fk", users / 1000.0);
}

static void text_row(const struct campaign_table *table, const struct campaign_world *world, enum world_method method,
                     struct buf *ret)
{
    buf_printf(ret, "  %-9s", world_method_text(method));
    put_interval(ret, summary(table, world, method, method, RECOMMENDED), 100.0, 20, 0);
    put_interval(ret, summary(table, world, method, method, PROMOTED), 100.0, 19, 0);
    if (method == METHOD_TRIMTAB || !table->methods[METHOD_TRIMTAB])
        buf_printf(ret, " %20s", "");
    else
        put_interval(ret, summary(table, world, METHOD_TRIMTAB, method, RECOMMENDED), 100.0, 20, 0);
    if (world != NULL) {
        const struct counts c = count(table, world, method);
        buf_printf(ret, " %6.2f %6.2f", 100.0 * summary(table, world, method, method, GAIN).mean,
                   100.0 * summary(table, world, method, method, PAID).mean);
        for (size_t i = 0; i < N_LEVELS; i++)
            put_users(ret, campaign_users_to(table, world, method, LEVELS[i]));
        buf_printf(ret, " %4zu/%zu", c.promoted, table->n_seeds);
        if (world->has_guardrails)
            buf_printf(ret, "  %zu, %zu", c.breaches_recommended, c.breaches_promoted);
    }
    buf_char(ret, '\n');
}

static void text_rows(const struct campaign_table *table, const struct campaign_world *world, struct buf *ret)
{
    for (int m = 0; m < WORLD_METHODS; m++) {
        if (table->methods[m])
            text_row(table, world, (enum world_method)m, ret);
    }
}

void campaign_table_text(const struct campaign_table *table, struct buf *ret)
{
    size_t won = 0;
    buf_printf(ret,
               "%zu rounds of %zu arms, seeds %lld to %lld; shares of the attainable gain in %%, 95 %% intervals\n",
               table->rounds, table->arms, (long long)table->first_seed,
               (long long)table->first_seed + (long long)table->n_seeds - 1);
    buf_text(ret,
             "  method             recommended            promoted   trimtab ahead by  gain %  paid %   users to 50 "
             "75 90 %     promoted  guardrail breaches (recommended, promoted)\n");
    for (size_t i = 0; i < table->n_worlds; i++) {
        const struct campaign_world *world = &table->worlds[i];
        won += is_flat(world) ? 0 : 1;
        buf_printf(ret, "%s: attainable %+.2f %% +- %.2f, standard error of an arm in a round %.2f %%\n", world->name,
                   100.0 * world->attainable, 100.0 * world->attainable_se, 100.0 * campaign_arm_se(table, world));
        text_rows(table, world, ret);
    }
    if (won > 1) {
        buf_printf(ret, "all %zu worlds with something to win\n", won);
        text_rows(table, NULL, ret);
    }
    buf_printf(ret, "%.0f simulated requests a minute and core; %.0f s in all\n", table->requests_per_minute,
               table->seconds);
}

/* ---- JSON */

static void member(struct json_writer *w, const char *key, double x)
{
    json_write_key(w, key);
    json_write_number(w, x);
}

static void member_int(struct json_writer *w, const char *key, int64_t x)
{
    json_write_key(w, key);
    json_write_int(w, x);
}

static void member_bool(struct json_writer *w, const char *key, bool x)
{
    json_write_key(w, key);
    json_write_bool(w, x);
}

static void json_interval(struct json_writer *w, const char *key, struct campaign_interval x)
{
    json_write_key(w, key);
    json_write_object(w);
    member(w, "mean", x.mean);
    member(w, "lo", x.lo);
    member(w, "hi", x.hi);
    json_write_object_end(w);
}

static void json_world_method(const struct campaign_table *table, const struct campaign_world *world,
                              enum world_method method, struct json_writer *w)
{
    const struct counts c = count(table, world, method);
    json_interval(w, "gain", summary(table, world, method, method, GAIN));
    json_interval(w, "paid", summary(table, world, method, method, PAID));
    member_int(w, "recommendations", (int64_t)c.recommended);
    member_int(w, "confirmations", (int64_t)c.confirmed);
    member_int(w, "promotions", (int64_t)c.promoted);
    member_int(w, "breaches_recommended", (int64_t)c.breaches_recommended);
    member_int(w, "breaches_promoted", (int64_t)c.breaches_promoted);
    json_write_key(w, "users_to");
    json_write_array(w);
    for (size_t i = 0; i < N_LEVELS; i++) {
        json_write_object(w);
        member(w, "share", LEVELS[i]);
        member(w, "users", campaign_users_to(table, world, method, LEVELS[i]));
        json_write_object_end(w);
    }
    json_write_array_end(w);
    json_write_key(w, "by_round");
    json_write_array(w);
    for (size_t r = 1; r <= table->rounds; r++) {
        json_write_object(w);
        member(w, "users", mean_users(table, world, method, r));
        member(w, "share", campaign_table_share(table, world, method, r));
        json_write_object_end(w);
    }
    json_write_array_end(w);
}

static void json_methods(const struct campaign_table *table, const struct campaign_world *world, struct json_writer *w)
{
    json_write_array(w);
    for (int i = 0; i < WORLD_METHODS; i++) {
        const enum world_method method = (enum world_method)i;
        if (!table->methods[i])
            continue;
        json_write_object(w);
        json_write_key(w, "method");
        json_write_string(w, world_method_text(method));
        json_interval(w, "share_recommended", summary(table, world, method, method, RECOMMENDED));
        json_interval(w, "share_promoted", summary(table, world, method, method, PROMOTED));
        if (method != METHOD_TRIMTAB && table->methods[METHOD_TRIMTAB]) {
            json_interval(w, "trimtab_ahead", summary(table, world, METHOD_TRIMTAB, method, RECOMMENDED));
            json_interval(w, "trimtab_ahead_promoted", summary(table, world, METHOD_TRIMTAB, method, PROMOTED));
        }
        if (world != NULL)
            json_world_method(table, world, method, w);
        json_write_object_end(w);
    }
    json_write_array_end(w);
}

static void json_run(const struct campaign_table *table, const struct campaign_world *world, size_t seed,
                     enum world_method method, struct json_writer *w)
{
    const struct campaign_cell *cell = campaign_table_cell(world, seed, method);
    json_write_object(w);
    member_int(w, "seed", table->first_seed + (int64_t)seed);
    json_write_key(w, "method");
    json_write_string(w, world_method_text(method));
    json_write_key(w, "gain_by_round");
    json_write_array(w);
    for (size_t r = 0; r < cell->run.n_rounds; r++)
        json_write_number(w, cell->gain[r]);
    json_write_array_end(w);
    member_int(w, "users", cell->run.n_rounds > 0 ? cell->run.users[cell->run.n_rounds - 1] : 0);
    member(w, "paid", cell->run.paid);
    member_bool(w, "control_recommended", cell->is_control);
    member(w, "guardrail_excess", cell->excess);
    member_bool(w, "confirmed", cell->run.confirmed);
    member_bool(w, "promoted", cell->run.promoted);
    member(w, "confirmed_lift", cell->run.confirmed ? cell->run.lift : nan(""));
    member(w, "confirmed_lift_se", cell->run.confirmed ? cell->run.lift_se : nan(""));
    member_int(w, "confirm_users", cell->run.confirm_users);
    member(w, "thinking_seconds", cell->run.seconds);
    json_write_object_end(w);
}

static void json_world(const struct campaign_table *table, const struct campaign_world *world, struct json_writer *w)
{
    json_write_object(w);
    json_write_key(w, "world");
    json_write_string(w, world->name);
    member(w, "attainable", world->attainable);
    member(w, "attainable_se", world->attainable_se);
    member(w, "arm_se", campaign_arm_se(table, world));
    json_write_key(w, "methods");
    json_methods(table, world, w);
    json_write_key(w, "runs");
    json_write_array(w);
    for (size_t s = 0; s < table->n_seeds; s++) {
        for (int m = 0; m < WORLD_METHODS; m++) {
            if (table->methods[m] && m != METHOD_PLUG_IN)
                json_run(table, world, s, (enum world_method)m, w);
        }
    }
    json_write_array_end(w);
    json_write_object_end(w);
}

void campaign_table_json(const struct campaign_table *table, struct buf *ret)
{
    struct json_writer w;
    json_writer_init(&w, ret);
    json_write_object(&w);
    json_write_key(&w, "command");
    json_write_string(&w, table->command);
    member_int(&w, "rounds", (int64_t)table->rounds);
    member_int(&w, "arms", (int64_t)table->arms);
    member_int(&w, "first_seed", table->first_seed);
    member_int(&w, "seeds", (int64_t)table->n_seeds);
    member(&w, "seconds", table->seconds);
    member(&w, "requests_per_minute_and_core", table->requests_per_minute);
    json_write_key(&w, "worlds");
    json_write_array(&w);
    for (size_t i = 0; i < table->n_worlds; i++)
        json_world(table, &table->worlds[i], &w);
    json_write_array_end(&w);
    json_write_key(&w, "pooled");
    json_methods(table, NULL, &w);
    json_write_object_end(&w);
    buf_char(ret, '\n');
}
