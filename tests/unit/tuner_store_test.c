#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/db/db.h"
#include "tests/lib/check.h"
#include "tests/lib/files.h"
#include "tests/lib/tuner_world.h"
#include "tuner/store/journal_schema.h"

/* The journal as a file: versions, damage, and rows that contradict each other. */

static struct tuner_options options(const char *path)
{
    static struct clock clock;
    clock_init_fake(&clock, 1700000000000);
    return (struct tuner_options){.path = path, .address = "http://fake", .clock = &clock, .poll_ms = 1};
}

/* Change the rows behind the program's back. */
static void change(const char *path, const char *sql)
{
    struct db *db = NULL;
    struct err err = ERR_INIT;
    assert_ok(db_open(path, JOURNAL_STEPS, JOURNAL_N_STEPS, &db, &err), &err);
    assert_ok(db_exec(db, sql, &err), &err);
    db_close(db);
}

static void files_that_are_no_journal(void **state)
{
    (void)state;
    char *folder = files_folder(), path[256];
    struct tuner *tuner = NULL;
    struct db *db = NULL;
    struct err err = ERR_INIT;
    files_text(folder, "text.db", "this is a text, not a database, and long enough to be looked at as one\n");
    struct tuner_options o = options(files_path(folder, "text.db", path, sizeof path));
    assert_refused(tuner_new(&o, &tuner, &err), STATUS_CORRUPT, &err, "not a database");
    o = options("/nonexistent/trimtab.db");
    assert_int_not_equal(tuner_new(&o, &tuner, &err), STATUS_OK);
    assert_non_null(strstr(err.text, "/nonexistent/trimtab.db"));
    /* Steps of a later program. */
    static const char *const LATER[] = {"CREATE TABLE a(x)", "CREATE TABLE b(x)", "CREATE TABLE c(x)",
                                        "CREATE TABLE d(x)"};
    o = options(files_path(folder, "later.db", path, sizeof path));
    assert_ok(db_open(path, LATER, 4, &db, &err), &err);
    db_close(db);
    assert_refused(tuner_new(&o, &tuner, &err), STATUS_CONFLICT, &err, "is newer than this program's 3");
    assert_null(tuner);
    files_remove(folder);
}

static void note(void *context, int64_t campaign, const char *what, const char *detail)
{
    struct tuner_world *w = context;
    (void)snprintf(w->status, sizeof w->status, "%lld %s: %s", (long long)campaign, what, detail);
}

/* Damage to a row stops its campaign with a line, and no other. */
static const struct {
    const char *sql, *line;
} DAMAGE[] = {
    {"UPDATE campaign SET phase='dance'", "phase \"dance\""},
    {"UPDATE campaign SET outcome='won'", "outcome \"won\""},
    {"UPDATE round SET state='later' WHERE seq=0", "round state \"later\""},
    {"UPDATE round SET results_json=NULL WHERE seq=0", "which its results contradict"},
    {"UPDATE round SET results_json='{}' WHERE seq=0", "not results of the API"},
    {"UPDATE trial SET weights_json='[1,2]' WHERE n=2", "2 numbers of a trial, wanted are 3"},
    {"UPDATE trial SET weights_json='x' WHERE n=2", "cannot be read from the journal"},
    {"UPDATE trial SET origin='aliens' WHERE n=3", "origin \"aliens\""},
    {"DELETE FROM trial WHERE n=4", "does not belong to its round"},
    {"UPDATE campaign SET candidate=99", "has no trial 99"},
    {"UPDATE campaign SET file_json='{}'", "name is missing"},
    {"UPDATE campaign SET experiment_json='{\"experiment\":\"feed\"}'", "not an experiment of the API"},
};

static void damaged_rows_are_named(void **state)
{
    (void)state;
    static struct tuner_world w;
    for (size_t i = 0; i < sizeof DAMAGE / sizeof DAMAGE[0]; i++) {
        tuner_world_start(&w);
        assert_int_equal(tuner_world_launch(&w, TUNER_WORLD_FILE, false), STATUS_OK);
        while (w.api.n_rounds < 2)
            tuner_world_turn(&w);
        tuner_free(w.tuner);
        change(w.path, DAMAGE[i].sql);
        struct tuner_options o = options(w.path);
        o.door = fake_api_door(&w.api);
        o.report = note;
        o.context = &w;
        struct err err = ERR_INIT;
        enum status s = tuner_new(&o, &w.tuner, &err);
        if (s == STATUS_OK)
            tuner_world_turn(&w);
        else
            (void)snprintf(w.status, sizeof w.status, "%s", err.text);
        if (strstr(w.status, DAMAGE[i].line) == NULL)
            fail_msg("%s: %s", DAMAGE[i].sql, w.status);
        assert_int_equal(w.api.n_rounds, 2);
        if (s != STATUS_OK)
            w.tuner = NULL;
        tuner_world_end(&w);
    }
}

/* As many digits as read back equal, in the rows and in the documents. */
static void weights_are_written_exactly(void **state)
{
    (void)state;
    static struct tuner_world w;
    tuner_world_start(&w);
    assert_int_equal(tuner_world_launch(&w, TUNER_WORLD_FILE, false), STATUS_OK);
    tuner_world_run(&w, "running");
    struct buf trials = BUF_INIT;
    tuner_world_trials(&w, &trials);
    for (size_t a = 0; a < w.api.round[0].n_arms; a++) {
        const char *at = strstr(buf_string(&trials), "\"save\":");
        for (size_t skip = 0; skip < a; skip++)
            at = strstr(at + 1, "\"save\":");
        assert_close(strtod(at + 7, NULL), w.api.round[0].weight[a][1], 0);
    }
    buf_done(&trials);
    tuner_world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_that_are_no_journal),
        cmocka_unit_test(damaged_rows_are_named),
        cmocka_unit_test(weights_are_written_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
