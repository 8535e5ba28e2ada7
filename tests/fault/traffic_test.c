/* Every allocation of the world, of slates and of the verdict fails once: STATUS_NO_MEMORY, nothing stays behind, and
 * the output is untouched. */
#include "tests/lib/check.h"

#include <string.h>

#include "base/core/file.h"
#include "base/core/mem.h"
#include "experiments/traffic/export.h"
#include "experiments/traffic/verdict.h"
#include "experiments/world/world_run.h"
#include "tests/lib/files.h"

enum { MAX_ALLOCATIONS = 20000 };

typedef enum status work(void *context, struct err *err);

/* From the first allocation on, one more is granted each time until none is refused. */
static void fail_each(work *attempt, void *context, int64_t step)
{
    const int64_t before = mem_outstanding();
    bool tripped = true;
    for (int64_t n = 0; tripped; n += step) {
        struct err err = ERR_INIT;
        assert_true(n < MAX_ALLOCATIONS);
        mem_fault_after(n);
        const enum status s = attempt(context, &err);
        tripped = mem_fault_tripped();
        mem_fault_after(-1);
        assert_int_equal(s, tripped ? STATUS_NO_MEMORY : STATUS_OK);
        assert_int_equal(mem_outstanding(), before);
    }
}

static enum status decode(void *context, struct err *err)
{
    const struct buf *text = context;
    struct world_params params = {.seed = 77};
    const enum status s = world_params_decode(text->data, text->length, &params, err);
    assert_true(s == STATUS_OK || params.seed == 77);
    return s;
}

static struct world_params small_params(void)
{
    struct buf text = BUF_INIT;
    struct world_params params;
    assert_ok(file_read("worlds/demo.json", 1 << 20, &text, NULL), NULL);
    assert_ok(world_params_decode(text.data, text.length, &params, NULL), NULL);
    buf_done(&text);
    params.log_users = 100;
    params.new_users_per_day = 20;
    params.log_days = 2;
    return params;
}

static enum status no_slate(void *context, const struct world_visit *visit, size_t *ret_n, uint32_t *ret_shown,
                            struct err *err)
{
    (void)context;
    (void)err;
    ret_shown[0] = visit->candidates[0];
    *ret_n = 1;
    return STATUS_OK;
}

static enum status open_and_run(void *context, struct err *err)
{
    static double totals[1000 * (WORLD_RUN_HEADS + WORLD_MAX_HEADS)];
    struct world *world = NULL;
    TRY(world_open(context, 3, &world, err));
    const struct world_run run = {world, 0, 2, no_slate, NULL, NULL};
    const enum status s = world_run(&run, totals, err);
    world_close(world);
    return s;
}

static void test_world(void **state)
{
    (void)state;
    struct buf text = BUF_INIT;
    assert_ok(file_read("worlds/demo.json", 1 << 20, &text, NULL), NULL);
    fail_each(decode, &text, 3);
    buf_done(&text);
    struct world_params params = small_params();
    fail_each(open_and_run, &params, 1);
}

struct exported {
    struct world_params params;
    const char *folder;
};

static enum status export_some(void *context, struct err *err)
{
    const struct exported *e = context;
    struct export_counts counts;
    return export_world(&e->params, e->folder, &counts, err);
}

static void test_export(void **state)
{
    (void)state;
    char *folder = files_folder();
    struct exported e = {small_params(), folder};
    fail_each(export_some, &e, 1);
    files_remove(folder);
}

struct log {
    struct dataset *dataset;
    float p[4096];
};

static enum status judge(void *context, struct err *err)
{
    static struct verdict verdict;
    const struct verdict_question question = {.weights = {{1.0}, {0.5}, {2.0}}, .values = {1.0}};
    const struct log *log = context;
    struct slates slates;
    TRY(slates_init(&slates, log->dataset, 20260101, 20260101, err));
    const enum status s = verdict_compute(&slates, log->p, &question, 50, 1, &verdict, err);
    slates_done(&slates);
    return s;
}

static enum status decode_question(void *context, struct err *err)
{
    static const char *const heads[] = {"click"};
    struct verdict_question question;
    return verdict_question_decode(context, strlen(context), heads, 1, &question, err);
}

/* 20 users with one slate each. */
static struct dataset *make_log(void)
{
    struct err err = ERR_INIT;
    struct buf log = BUF_INIT, users = BUF_INIT, items = BUF_INIT;
    struct dataset *dataset = NULL;
    char *folder = files_folder();
    buf_text(&log, "u,i,t,d,click\n");
    buf_text(&users, "u\n");
    buf_text(&items, "i\n");
    for (int u = 0; u < 20; u++) {
        buf_printf(&users, "%d\n", u);
        for (int i = 0; i < SLATE_SIZE; i++)
            buf_printf(&log, "%d,%d,%d,20260101,%d\n", u, i, 10 * u + i, (u + i) % 2);
    }
    for (int i = 0; i < SLATE_SIZE; i++)
        buf_printf(&items, "%d\n", i);
    files_text(folder, "log.csv", buf_string(&log));
    files_text(folder, "users.csv", buf_string(&users));
    files_text(folder, "items.csv", buf_string(&items));
    files_text(folder, "schema.json",
               "{\"version\":1,\"log\":{\"file\":\"log.csv\",\"user\":\"u\",\"item\":\"i\",\"time_ms\":\"t\","
               "\"day\":\"d\",\"heads\":[{\"name\":\"click\"}],\"context\":[]},"
               "\"users\":{\"file\":\"users.csv\",\"id\":\"u\",\"columns\":[]},"
               "\"items\":{\"file\":\"items.csv\",\"id\":\"i\",\"columns\":[]}}");
    assert_ok(dataset_import_generic(folder, &dataset, &err), &err);
    files_remove(folder);
    buf_done(&log);
    buf_done(&users);
    buf_done(&items);
    return dataset;
}

static void test_verdict(void **state)
{
    (void)state;
    static struct log log;
    static char question[] = "{\"candidate\":{\"click\":1},\"control\":{\"click\":1},\"equal\":{\"click\":1},"
                             "\"values\":{\"click\":1}}";
    log.dataset = make_log();
    fail_each(judge, &log, 1);
    fail_each(decode_question, question, 1);
    dataset_free(log.dataset);
}

/* A folder that cannot be made, because a file has its name. */
static void test_export_over_a_file(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct export_counts counts;
    char *folder = files_folder(), path[256];
    const struct world_params params = small_params();
    files_text(folder, "taken", "x");
    (void)files_path(folder, "taken", path, sizeof path);
    assert_int_not_equal(export_world(&params, path, &counts, &err), STATUS_OK);
    assert_non_null(strstr(err.text, "taken"));
    files_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_world),
        cmocka_unit_test(test_export),
        cmocka_unit_test(test_verdict),
        cmocka_unit_test(test_export_over_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
