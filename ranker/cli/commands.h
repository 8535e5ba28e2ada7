/* commands.h - the verbs of trimtab-ranker, one file each.  Options are static tables that opt_main() fills. */
#ifndef TRIMTAB_RANKER_CLI_COMMANDS_H
#define TRIMTAB_RANKER_CLI_COMMANDS_H

#include "base/core/opt.h"

extern const struct opt IMPORT_OPTIONS[], TRAIN_OPTIONS[], EVALUATE_OPTIONS[], CALIBRATE_OPTIONS[], BENCH_OPTIONS[],
    EXPLAIN_OPTIONS[];
int command_import(int n, char **operands);
int command_train(int n, char **operands);
int command_evaluate(int n, char **operands);
int command_calibrate(int n, char **operands);
int command_bench(int n, char **operands);
int command_explain(int n, char **operands);

/* Prints the line to stderr; returns EXIT_FAILED. */
int command_failed(const struct err *err);
/* Prints "--<option> is missing"; returns EXIT_USAGE. */
int command_usage(const char *line);

#endif
