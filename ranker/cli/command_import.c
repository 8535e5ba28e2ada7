#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/core/file.h"
#include "ranker/cli/commands.h"
#include "ranker/dataset.h"

static const char *out;

const struct opt IMPORT_OPTIONS[] = {
    {"out", OPT_TEXT, &out, "DATASET", "the dataset file to write", 0, 0},
    OPT_END,
};

int command_import(int n, char **operands)
{
    (void)n;
    struct err err = ERR_INIT;
    struct dataset *dataset = NULL;
    if (out == NULL)
        return command_usage("import: --out DATASET is missing");
    enum status s = file_check_writable(out, &err);
    if (s != STATUS_OK)
        return command_failed(&err);
    if (strcmp(operands[0], "kuairand") == 0)
        s = dataset_import_kuairand(operands[1], &dataset, &err);
    else if (strcmp(operands[0], "generic") == 0)
        s = dataset_import_generic(operands[1], &dataset, &err);
    else
        return command_usage("import: the first word says what SRC holds: allowed are kuairand and generic");
    if (s == STATUS_OK)
        s = dataset_write(dataset, out, &err);
    if (s == STATUS_OK)
        printf("%zu impressions, %zu users, %zu items, %zu heads\n", dataset_n_rows(dataset), dataset_n_users(dataset),
               dataset_n_items(dataset), dataset_n_heads(dataset));
    dataset_free(dataset);
    return s == STATUS_OK ? EXIT_DONE : command_failed(&err);
}
