/* kill -9 at every write of a unit's removal: after it the unit is there as a whole or not at all, the file is sound,
 * and the repetition that the client owes ends as if nothing had happened. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/db/db.h"
#include "experiments/store/removal.h"
#include "tests/lib/check.h"
#include "tests/lib/faulty_sqlite.h"
#include "tests/lib/lab.h"

enum { START = 1000000 };

static void live(struct lab *lab)
{
    lab_start(lab, START);
    json_free(lab_json(lab, "PUT", "/v1/experiments/feed", LAB_EXPERIMENT, 201));
    json_free(lab_json(lab, "POST", "/v1/experiments/feed/covariates",
                       "{\"covariates\":[{\"unit\":\"u3\",\"values\":{\"clicks\":4}}]}", 200));
    json_free(lab_json(lab, "PUT", "/v1/experiments/feed/rounds/1", LAB_ROUND, 201));
    for (int u = 0; u < 8; u++) {
        char unit[20], more[200], id[20];
        snprintf(unit, sizeof unit, "u%d", u);
        snprintf(more, sizeof more, ",\"request_id\":\"r%d\"", u);
        struct json *answer = lab_rank(lab, unit, more);
        const bool counted = strcmp(answer_text(answer, "arm"), "default") != 0;
        json_free(answer);
        for (int i = 0; i < u && counted; i++) {
            snprintf(id, sizeof id, "e%d-%d", u, i);
            lab_event(lab, id, more, 1, 0, 0, 0);
        }
    }
}

static void results(struct lab *lab, struct buf *ret)
{
    buf_clear(ret);
    assert_int_equal(lab_call(lab, "GET", "/v1/experiments/feed/rounds/1/results", NULL, ret), 200);
}

static enum status run_removal(struct store *store, void *context, struct err *err)
{
    bool done = false;
    while (!done)
        TRY(removal_step(store, context, &done, err));
    return STATUS_OK;
}

/* In a process of its own: whether it lived. */
static bool remove_with_kill(const struct lab *lab, int64_t n)
{
    const pid_t child = fork();
    if (child == 0) {
        struct clock clock;
        struct store *store = NULL;
        struct removal *removal = NULL;
        clock_init_fake(&clock, START);
        if (store_open(&(struct store_options){.folder = lab->folder, .clock = &clock}, &store, NULL) != STATUS_OK ||
            removal_new("u3", 3, &removal, NULL) != STATUS_OK)
            _exit(2);
        faulty_disk_after(n, DISK_KILL);
        _exit(store_run(store, run_removal, removal, NULL) == STATUS_OK ? 0 : 3);
    }
    int code = 0;
    assert_int_equal(waitpid(child, &code, 0), child);
    if (WIFSIGNALED(code)) {
        assert_int_equal(WTERMSIG(code), SIGKILL);
        return false;
    }
    assert_int_equal(WEXITSTATUS(code), 0);
    return true;
}

static void check_file(const struct lab *lab)
{
    char path[100];
    struct db *db = NULL;
    struct db_stmt *stmt = NULL;
    bool row = false;
    struct err err = ERR_INIT;
    snprintf(path, sizeof path, "%s/experiments.db", lab->folder);
    assert_ok(db_open_reader(path, &db, &err), &err);
    assert_ok(db_prepare(db, "PRAGMA integrity_check", &stmt, &err), &err);
    assert_ok(db_step(stmt, &row, &err), &err);
    assert_string_equal(db_column_text(stmt, 0), "ok");
    db_finish(stmt);
    db_close(db);
}

static void a_unit_is_forgotten_as_a_whole(void **state)
{
    (void)state;
    struct buf before = BUF_INIT, now = BUF_INIT, after = BUF_INIT;
    size_t kills = 0;
    for (bool lived = false; !lived; kills++) {
        struct lab lab = {0};
        live(&lab);
        results(&lab, &before);
        lab_stop(&lab);
        lived = remove_with_kill(&lab, (int64_t)kills);
        check_file(&lab);
        lab_start(&lab, START);
        results(&lab, &now);
        json_free(lab_json(&lab, "DELETE", "/v1/units/u3", NULL, 200));
        results(&lab, &after);
        assert_string_not_equal(buf_string(&before), buf_string(&after));
        assert_true(strcmp(buf_string(&now), buf_string(&after)) == 0 ||
                    (!lived && strcmp(buf_string(&now), buf_string(&before)) == 0));
        lab_remove(&lab);
    }
    assert_true(kills > 5);
    buf_done(&before);
    buf_done(&now);
    buf_done(&after);
}

int main(void)
{
    faulty_sqlite_install();
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_unit_is_forgotten_as_a_whole)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
