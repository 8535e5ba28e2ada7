/* pairs.h - lists such as click=1,save=2.5 in options. */
#ifndef TRIMTAB_RANKER_CLI_PAIRS_H
#define TRIMTAB_RANKER_CLI_PAIRS_H

#include <stdbool.h>

/* Cuts the next "name=value" off a text that is changed on the way; false at its end.  *ret_value NULL: no "=". */
bool pairs_next(char **text, char **ret_name, char **ret_value);
/* Whether value is a number in full; it may be NULL. */
bool pairs_number(const char *value, double *ret);

#endif
