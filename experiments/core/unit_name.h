/* unit_name.h - what is kept of a unit's id.
 *
 * An experiment with "unit_ids":"hashed" keeps no id as it came: everything that is stored of a unit, and the arms it
 * gets, come from its name
 *
 *   "#" hex(first 16 bytes of HMAC-SHA-256(key, "unit " || id))        key: of the installation, 32 random bytes
 *
 * so rows that leave the database tell nobody's id, and two installations call a unit differently.  The id itself is
 * used for what must not depend on the key: layers, holdback, the model's features.  Pure; safe from any thread. */
#ifndef TRIMTAB_EXPERIMENTS_CORE_UNIT_NAME_H
#define TRIMTAB_EXPERIMENTS_CORE_UNIT_NAME_H

#include <stdint.h>

#include "experiments/core/request_id.h"

enum { UNIT_HASH_SIZE = 34 /* with the NUL */ };

/* The name of the unit: the id itself, or its hash in buf. */
const char *unit_name(bool hashed, const uint8_t key[REQUEST_KEY_SIZE], const char *id, char buf[UNIT_HASH_SIZE]);

#endif
