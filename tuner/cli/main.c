/* trimtab - what people type. */
#include "base/blas/blas.h"
#include "tuner/cli/commands.h"
#include "tuner/cli/optimize.h"

int main(int argc, char **argv)
{
    blas_start(argv);
    const struct opt_command commands[] = {
        {"launch", "FILE", "start the campaign that a file describes", LAUNCH_OPTIONS, 1, 1, launch_run},
        {"campaigns", "", "list the campaigns", CAMPAIGNS_OPTIONS, 0, 0, campaigns_run},
        {"status", "ID", "what a campaign knows and does", CAMPAIGNS_OPTIONS, 1, 1, status_run},
        {"watch", "ID", "follow a campaign to its end", WATCH_OPTIONS, 1, 1, watch_run},
        {"trials", "ID", "every trial of a campaign", TRIALS_OPTIONS, 1, 1, trials_run},
        {"trial", "ID N", "one trial with its metrics", TRIAL_OPTIONS, 2, 2, trial_run},
        {"best", "ID", "the weights to ship", CAMPAIGNS_OPTIONS, 1, 1, best_run},
        {"pause", "ID", "open no further round; the open one goes on", ACTION_OPTIONS, 1, 1, pause_run},
        {"resume", "ID", "go on after a pause", ACTION_OPTIONS, 1, 1, resume_run},
        {"cancel", "ID", "end a campaign and its open round; nothing is promoted", ACTION_OPTIONS, 1, 1, cancel_run},
        {"promote", "ID", "make the confirmed weights the default", PROMOTE_OPTIONS, 1, 1, promote_run},
        {"stop", "EXPERIMENT", "everyone to the default weights at once, even with trimtabd down", STOP_OPTIONS, 1, 1,
         stop_run},
        {"rollback", "EXPERIMENT", "the default weights of before, even with trimtabd down", ROLLBACK_OPTIONS, 1, 1,
         rollback_run},
        {"audit", "ID", "who did what, and when", AUDIT_OPTIONS, 1, 1, audit_run},
        {"optimize", "", "an optimizer for scripts: JSON lines in, JSON lines out", OPTIMIZE_OPTIONS, 0, 0,
         optimize_run},
        {0},
    };
    return opt_main("trimtab", "tunes the weights of a live ranker", commands, argc, argv);
}
