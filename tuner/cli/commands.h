/* commands.h - the verbs of trimtab.  Each file is one family; its table of options is here so that main.c can list it
 * and the help is generated.  A run function returns an exit code of base/core/opt.h. */
#ifndef TRIMTAB_TUNER_CLI_COMMANDS_H
#define TRIMTAB_TUNER_CLI_COMMANDS_H

#include "base/core/opt.h"

/* actions.c: what changes a campaign. */
extern const struct opt LAUNCH_OPTIONS[], ACTION_OPTIONS[], PROMOTE_OPTIONS[];
int launch_run(int n, char **operands);
int pause_run(int n, char **operands);
int resume_run(int n, char **operands);
int cancel_run(int n, char **operands);
int promote_run(int n, char **operands);

/* stop.c: the open round of an experiment, without trimtabd. */
extern const struct opt STOP_OPTIONS[];
int stop_run(int n, char **operands);

/* rollback.c: the default weights of an experiment, without trimtabd. */
extern const struct opt ROLLBACK_OPTIONS[];
int rollback_run(int n, char **operands);

/* campaigns.c, audit.c, trials.c: what there is. */
extern const struct opt CAMPAIGNS_OPTIONS[], AUDIT_OPTIONS[], TRIALS_OPTIONS[], TRIAL_OPTIONS[];
int campaigns_run(int n, char **operands);
int status_run(int n, char **operands);
int best_run(int n, char **operands);
int audit_run(int n, char **operands);
int trials_run(int n, char **operands);
int trial_run(int n, char **operands);

/* watch.c */
extern const struct opt WATCH_OPTIONS[];
int watch_run(int n, char **operands);
/* Follows the campaign to its end, for launch --watch. */
int watch_campaign(int64_t id);

#endif
