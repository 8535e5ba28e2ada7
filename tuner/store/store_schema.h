/* store_schema.h - the steps of trimtab.db; appended, never edited. */
#ifndef TRIMTAB_TUNER_STORE_STORE_SCHEMA_H
#define TRIMTAB_TUNER_STORE_STORE_SCHEMA_H

#include <stddef.h>

extern const char *const STORE_STEPS[];
extern const size_t STORE_N_STEPS;

#endif
