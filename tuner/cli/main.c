/* trimtab - what people type. */
#include <gsl/gsl_errno.h>

#include "base/core/opt.h"
#include "tuner/cli/optimize.h"

int main(int argc, char **argv)
{
    gsl_set_error_handler_off();
    const struct opt_command commands[] = {
        {"optimize", "", "an optimizer for scripts: JSON lines in, JSON lines out", OPTIMIZE_OPTIONS, 0, 0,
         optimize_run},
        {0},
    };
    return opt_main("trimtab", "tunes the weights of a live ranker", commands, argc, argv);
}
