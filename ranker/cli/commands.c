#include "ranker/cli/commands.h"

#include <stdio.h>

int command_failed(const struct err *err)
{
    fprintf(stderr, "trimtab-ranker: %s\n", err->text);
    return EXIT_FAILED;
}

int command_usage(const char *line)
{
    fprintf(stderr, "trimtab-ranker: %s\n", line);
    return EXIT_USAGE;
}
