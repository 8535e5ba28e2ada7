/* fake_scorer.h - a model of three heads (click, save, hide) that is a few lines of arithmetic: p depends on user, item
 * and head only.  A context entry named "unknown" is refused, as a ranker does with names it does not know. */
#ifndef TRIMTAB_TESTS_LIB_FAKE_SCORER_H
#define TRIMTAB_TESTS_LIB_FAKE_SCORER_H

#include "experiments/http/scorer.h"

extern const struct scorer FAKE_SCORER;
/* What it gives. */
float fake_p(const char *user, const char *item, size_t head);

#endif
