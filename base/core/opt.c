#include "base/core/opt.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/file.h"
#include "base/core/version.h"

static const struct opt NO_OPTIONS[] = {OPT_END};

static const struct opt *find(const struct opt *options, const char *name, size_t length)
{
    for (const struct opt *o = options; o->name != NULL; o++) {
        if (strlen(o->name) == length && strncmp(o->name, name, length) == 0)
            return o;
    }
    return NULL;
}

static bool limited(const struct opt *o)
{
    return o->min < 0 || o->min > 0 || o->max < 0 || o->max > 0;
}

static enum status out_of_range(const struct opt *o, const char *text, struct err *err)
{
    return err_set(err, STATUS_INVALID, "--%s %s: allowed are %.15g to %.15g", o->name, text, o->min, o->max);
}

static enum status set_int(const struct opt *o, const char *text, struct err *err)
{
    char *end = NULL;
    errno = 0;
    const int64_t value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno == ERANGE)
        return err_set(err, STATUS_INVALID, "--%s %s: a whole number is expected", o->name, text);
    if (limited(o) && ((double)value < o->min || (double)value > o->max))
        return out_of_range(o, text, err);
    *(int64_t *)o->value = value;
    return STATUS_OK;
}

static enum status set_real(const struct opt *o, const char *text, struct err *err)
{
    char *end = NULL;
    const double value = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(value))
        return err_set(err, STATUS_INVALID, "--%s %s: a finite number is expected", o->name, text);
    if (limited(o) && (value < o->min || value > o->max))
        return out_of_range(o, text, err);
    *(double *)o->value = value;
    return STATUS_OK;
}

static enum status set_value(const struct opt *o, const char *text, struct err *err)
{
    switch (o->kind) {
    case OPT_INT:
        return set_int(o, text, err);
    case OPT_REAL:
        return set_real(o, text, err);
    case OPT_TEXT:
        *(const char **)o->value = text;
        return STATUS_OK;
    case OPT_CONFIG:
    case OPT_FLAG:
        break;
    }
    return err_set(err, STATUS_INVALID, "--%s takes no value", o->name);
}

static enum status set_flag(const struct opt *o, const char *text, struct err *err)
{
    const bool yes = strcmp(text, "true") == 0;
    if (!yes && strcmp(text, "false") != 0)
        return err_set(err, STATUS_INVALID, "%s = %s: true or false is expected", o->name, text);
    *(bool *)o->value = yes;
    return STATUS_OK;
}

/* Without the blanks around it; cut in place. */
static char *trim(char *text)
{
    static const char BLANKS[] = " \t\r";
    text += strspn(text, BLANKS);
    size_t n = strlen(text);
    while (n > 0 && strchr(BLANKS, text[n - 1]) != NULL)
        n--;
    text[n] = '\0';
    return text;
}

static enum status config_line(const struct opt *options, char *line, struct err *err)
{
    line = trim(line);
    if (line[0] == '\0' || line[0] == '#')
        return STATUS_OK;
    char *equals = strchr(line, '=');
    if (equals == NULL)
        return err_set(err, STATUS_INVALID, "%s: name = value is expected", line);
    *equals = '\0';
    const char *name = trim(line), *value = trim(equals + 1);
    const struct opt *o = find(options, name, strlen(name));
    if (o == NULL || o->kind == OPT_CONFIG)
        return err_set(err, STATUS_INVALID, "%s is not an option here; --help lists them", name);
    return o->kind == OPT_FLAG ? set_flag(o, value, err) : set_value(o, value, err);
}

static enum status read_config(const struct opt *options, const struct opt *config, const char *path, struct err *err)
{
    enum { CONFIG_MAX = 1 << 20 };
    struct buf *text = config->value;
    if (text->length > 0)
        return err_set(err, STATUS_INVALID, "--%s is given twice", config->name);
    TRY(file_read(path, CONFIG_MAX, text, err));
    if (strlen(text->data) != text->length)
        return err_set(err, STATUS_INVALID, "%s holds a NUL byte: it is not a text file", path);
    size_t number = 1;
    for (char *line = text->data; line != NULL; number++) {
        char *newline = strchr(line, '\n');
        if (newline != NULL)
            *newline = '\0';
        const enum status s = config_line(options, line, err);
        if (s != STATUS_OK)
            return err_wrap(err, s, "%s:%zu", path, number);
        line = newline != NULL ? newline + 1 : NULL;
    }
    return STATUS_OK;
}

/* The two walks over the command line: the first reads the configuration file where it is named, the second sets what
 * the command line says once more, so that it wins. */
enum walk { WALK_FIRST, WALK_AGAIN };

/* argv[*i] is "--name" or "--name=value"; *i moves on when the value is the next word. */
static enum status parse_one(const struct opt *options, enum walk walk, int argc, char **argv, int *i, bool *help,
                             struct err *err)
{
    const char *word = argv[*i] + 2;
    const size_t length = strcspn(word, "=");
    if (strcmp(word, "help") == 0) {
        *help = true;
        return STATUS_OK;
    }
    const struct opt *o = find(options, word, length);
    if (o == NULL)
        return err_set(err, STATUS_INVALID, "--%.*s is not an option here; --help lists them", (int)length, word);
    if (o->kind == OPT_FLAG && word[length] == '\0') {
        *(bool *)o->value = true;
        return STATUS_OK;
    }
    const char *value = word[length] == '=' ? word + length + 1 : NULL;
    if (value == NULL && *i + 1 >= argc)
        return err_set(err, STATUS_INVALID, "--%s needs a value: --%s %s", o->name, o->name, o->unit);
    if (value == NULL)
        value = argv[++*i];
    if (o->kind != OPT_CONFIG)
        return set_value(o, value, err);
    return walk == WALK_FIRST ? read_config(options, o, value, err) : STATUS_OK;
}

static enum status parse_all(const struct opt *options, enum walk walk, int argc, char **argv, int *ret_operands,
                             bool *ret_help, struct err *err)
{
    int operands = 0;
    bool only_operands = false;
    *ret_help = false;
    for (int i = 0; i < argc; i++) {
        if (!only_operands && strcmp(argv[i], "--") == 0)
            only_operands = true;
        else if (!only_operands && strncmp(argv[i], "--", 2) == 0)
            TRY(parse_one(options, walk, argc, argv, &i, ret_help, err));
        else if (walk == WALK_AGAIN)
            argv[operands++] = argv[i];
    }
    *ret_operands = operands;
    return STATUS_OK;
}

enum status opt_parse(const struct opt *options, int argc, char **argv, int *ret_operands, bool *ret_help,
                      struct err *err)
{
    TRY(parse_all(options, WALK_FIRST, argc, argv, ret_operands, ret_help, err));
    return parse_all(options, WALK_AGAIN, argc, argv, ret_operands, ret_help, err);
}

static void print_default(const struct opt *o)
{
    if (o->kind == OPT_INT)
        printf(" [%" PRId64 "]", *(const int64_t *)o->value);
    else if (o->kind == OPT_REAL)
        printf(" [%g]", *(const double *)o->value);
    else if (o->kind == OPT_TEXT && *(const char *const *)o->value != NULL)
        printf(" [%s]", *(const char *const *)o->value);
}

static void print_options(const struct opt *options)
{
    for (const struct opt *o = options; o->name != NULL; o++) {
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", o->name, o->unit != NULL ? " " : "", o->unit != NULL ? o->unit : "");
        printf("  %-28s %s", left, o->text);
        print_default(o);
        putchar('\n');
    }
}

static void print_usage(const char *program, const struct opt_command *c, bool options)
{
    printf("  %s%s%s%s%s\n      %s\n", program, c->name != NULL ? " " : "", c->name != NULL ? c->name : "",
           c->operands[0] != '\0' ? " " : "", c->operands, c->text);
    if (options && c->options != NULL)
        print_options(c->options);
}

static void print_help(const char *program, const char *summary, const struct opt_command *commands)
{
    printf("%s: %s\n\nusage:\n", program, summary);
    for (const struct opt_command *c = commands; c->run != NULL; c++)
        print_usage(program, c, commands[1].run == NULL);
    printf("\n%s%s--version prints the version.  Exit codes: 0 done, 1 the request failed, 2 wrong usage.\n",
           commands[0].name != NULL ? program : "",
           commands[0].name != NULL ? " VERB --help lists the options of a verb.  " : "");
}

static int usage_error(const char *program, const struct err *err)
{
    fprintf(stderr, "%s: %s\n", program, err->text);
    return EXIT_USAGE;
}

static int run_command(const char *program, const struct opt_command *c, int argc, char **argv)
{
    struct err err = ERR_INIT;
    int n = 0;
    bool help = false;
    if (opt_parse(c->options != NULL ? c->options : NO_OPTIONS, argc, argv, &n, &help, &err) != STATUS_OK)
        return usage_error(program, &err);
    if (help) {
        printf("usage:\n");
        print_usage(program, c, true);
        return EXIT_DONE;
    }
    if (n < c->min_operands || (c->max_operands >= 0 && n > c->max_operands)) {
        (void)!err_set(&err, STATUS_INVALID, "%s%s%d operands given, usage: %s %s %s", c->name != NULL ? c->name : "",
                       c->name != NULL ? ": " : "", n, program, c->name != NULL ? c->name : "", c->operands);
        return usage_error(program, &err);
    }
    return c->run(n, argv);
}

int opt_main(const char *program, const char *summary, const struct opt_command *commands, int argc, char **argv)
{
    const bool verbs = commands[0].name != NULL;
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        printf("%s %s\n", program, TRIMTAB_VERSION);
        return EXIT_DONE;
    }
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || (verbs && strcmp(argv[1], "help") == 0))) {
        print_help(program, summary, commands);
        return EXIT_DONE;
    }
    if (!verbs)
        return run_command(program, &commands[0], argc - 1, argv + 1);
    for (const struct opt_command *c = commands; argc > 1 && c->run != NULL; c++) {
        if (strcmp(argv[1], c->name) == 0)
            return run_command(program, c, argc - 2, argv + 2);
    }
    fprintf(stderr, "%s: %s%s%s; %s --help lists the verbs\n", program, argc > 1 ? "\"" : "a verb is missing",
            argc > 1 ? argv[1] : "", argc > 1 ? "\" is not a verb" : "", program);
    return EXIT_USAGE;
}
