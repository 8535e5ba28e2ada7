#include "ranker/cli/commands.h"

static const struct opt_command COMMANDS[] = {
    {"import", "kuairand|generic SRC", "read CSV files into a dataset", IMPORT_OPTIONS, 2, 2, command_import},
    {0},
};

int main(int argc, char **argv)
{
    return opt_main("trimtab-ranker", "the embedded multi-task ranker", COMMANDS, argc, argv);
}
