/* scorer_ranker.h - ranker/ranker.h behind the seam of experiments/http/scorer.h. */
#ifndef TRIMTAB_EXPERIMENTS_DAEMON_SCORER_RANKER_H
#define TRIMTAB_EXPERIMENTS_DAEMON_SCORER_RANKER_H

#include "experiments/http/scorer.h"

/* model is a struct ranker. */
extern const struct scorer_type SCORER_RANKER;

#endif
