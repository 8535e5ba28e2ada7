/* journal_schema.h - the steps of trimtab.db; appended, never edited. */
#ifndef TRIMTAB_TUNER_STORE_JOURNAL_SCHEMA_H
#define TRIMTAB_TUNER_STORE_JOURNAL_SCHEMA_H

#include <stddef.h>

extern const char *const JOURNAL_STEPS[];
extern const size_t JOURNAL_N_STEPS;

#endif
