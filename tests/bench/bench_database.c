/* bench_database - a database from outside, for the tests that kill and hinder its daemon.
 *   bench_database check FILE        PRAGMA integrity_check; exit code 1 when the file is damaged
 *   bench_database lock FILE MS      holds the write lock for that long */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/clock.h"
#include "base/core/opt.h"
#include "experiments/store/schema.h"

static int fail(const struct err *err)
{
    fprintf(stderr, "bench_database: %s\n", err->text);
    return EXIT_FAILED;
}

static int check(int n, char **operands)
{
    struct db *db = NULL;
    struct db_stmt *stmt = NULL;
    struct err err = ERR_INIT;
    bool row = false;
    (void)n;
    if (db_open_reader(operands[0], &db, &err) != STATUS_OK ||
        db_prepare(db, "PRAGMA integrity_check", &stmt, &err) != STATUS_OK || db_step(stmt, &row, &err) != STATUS_OK)
        return fail(&err);
    const bool sound = row && strcmp(db_column_text(stmt, 0), "ok") == 0;
    if (!sound)
        fprintf(stderr, "bench_database: %s: %s\n", operands[0], db_column_text(stmt, 0));
    db_finish(stmt);
    db_close(db);
    return sound ? EXIT_DONE : EXIT_FAILED;
}

/* Says "locked" when it is. */
static int lock(int n, char **operands)
{
    struct db *db = NULL;
    struct err err = ERR_INIT;
    (void)n;
    if (db_open(operands[0], SCHEMA_STEPS, SCHEMA_N_STEPS, &db, &err) != STATUS_OK || db_begin(db, &err) != STATUS_OK)
        return fail(&err);
    printf("locked\n");
    fflush(stdout);
    clock_sleep_ms(strtol(operands[1], NULL, 10));
    db_rollback(db);
    db_close(db);
    return EXIT_DONE;
}

int main(int argc, char **argv)
{
    static const struct opt OPTIONS[] = {OPT_END};
    static const struct opt_command COMMANDS[] = {{"check", "FILE", "whether the file is sound", OPTIONS, 1, 1, check},
                                                  {"lock", "FILE MS", "holds the write lock", OPTIONS, 2, 2, lock},
                                                  {0}};
    return opt_main("bench_database", "a database from outside", COMMANDS, argc, argv);
}
