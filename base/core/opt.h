/* opt.h - command-line options as tables that parse and print their own help.
 *
 *   static int64_t port = 8470;
 *   static const struct opt OPTIONS[] = {
 *       {"listen", OPT_TEXT, &listen, "ADDRESS:PORT", "where the API listens"},
 *       {"seed", OPT_INT, &seed, "N", "seed of every random choice", .min = 0, .max = INT64_MAX},
 *       OPT_END,
 *   };
 *
 * "--name value" and "--name=value"; flags take no value; "--" ends options; everything else is an operand, in any
 * order.
 *
 * A program that lists an OPT_CONFIG row takes the same options from a file, too: lines "name = value" ("true" or
 * "false" for a flag); blank lines and lines that start with '#' are skipped.  The command line wins, in any order;
 * a line that is refused is named FILE:LINE.
 *
 * --help is understood everywhere.  Values point into argv (text) or are parsed in full (numbers): "12x" is refused.
 * Thread: main only. */
#ifndef TRIMTAB_BASE_CORE_OPT_H
#define TRIMTAB_BASE_CORE_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/core/buf.h"
#include "base/core/err.h"

enum opt_kind { OPT_FLAG, OPT_TEXT, OPT_INT, OPT_REAL, OPT_CONFIG };

struct opt {
    const char *name; /* without the dashes */
    enum opt_kind kind;
    void *value;      /* bool *, const char **, int64_t *, double *, struct buf * (keeps the texts of the file) */
    const char *unit; /* shown in the help: "FILE", "N", "MS"; NULL for a flag */
    const char *text;
    double min, max; /* OPT_INT and OPT_REAL, inclusive; both zero: no limit */
};

#define OPT_END                                                                                                        \
    {                                                                                                                  \
        NULL, OPT_FLAG, NULL, NULL, NULL, 0, 0                                                                         \
    }

/* One command of a program: `name operands...`.  run returns the exit code: 0 done, 1 the request failed, 2 wrong
 * usage. */
struct opt_command {
    const char *name;     /* NULL in a program that has no verbs */
    const char *operands; /* "ID [N]", "" */
    const char *text;     /* one line */
    const struct opt *options;
    int min_operands, max_operands; /* max < 0: any number */
    int (*run)(int n_operands, char **operands);
};

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* Parse argv[0 .. argc) against options; operands are moved to the front of argv, their number returned.
 * STATUS_INVALID with a line that names the option, the value and what is allowed.  *ret_help: --help was there. */
MUST_CHECK enum status opt_parse(const struct opt *options, int argc, char **argv, int *ret_operands, bool *ret_help,
                                 struct err *err);

/* A whole program: finds the verb (a table with name == NULL has none), parses, answers --help and --version on stdout,
 * prints a usage error on stderr, runs.  commands ends with {0}. */
int opt_main(const char *program, const char *summary, const struct opt_command *commands, int argc, char **argv);

#endif
