#include "ranker/cli/commands.h"

static const struct opt_command COMMANDS[] = {
    {"import", "kuairand|generic SRC", "read CSV files into a dataset", IMPORT_OPTIONS, 2, 2, command_import},
    {"train", "DATASET", "train and calibrate a model", TRAIN_OPTIONS, 1, 1, command_train},
    {"evaluate", "MODEL DATASET", "how good its probabilities are, head by head", EVALUATE_OPTIONS, 2, 2,
     command_evaluate},
    {"calibrate", "MODEL DATASET", "fit the calibration of a trained model on a newer day", CALIBRATE_OPTIONS, 2, 2,
     command_calibrate},
    {"explain", "MODEL DATASET USER ITEM...", "one request: each head's probability, its part of the utility, the rank",
     EXPLAIN_OPTIONS, 4, -1, command_explain},
    {"bench", "[MODEL [DATASET]]", "how long scoring takes, with the machine's kernel and the reference", BENCH_OPTIONS,
     0, 2, command_bench},
    {0},
};

int main(int argc, char **argv)
{
    return opt_main("trimtab-ranker", "the embedded multi-task ranker", COMMANDS, argc, argv);
}
