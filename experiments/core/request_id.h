/* request_id.h - request ids that carry what an event needs, signed.
 *
 * An event names the request it answers.  The id itself says experiment, round, arm, unit and exposure time, so no
 * table of requests is needed and any node can attribute the event; the signature keeps a client from inventing one.
 *
 *   "tt1." base64url( experiment u32 | round u32 | arm u8 | exposure ms u48 | unit key 16 bytes | nonce u64 | mac 12 )
 *   mac = first 12 bytes of HMAC-SHA-256(key, the 39 bytes before it);  integers big-endian;  72 characters in all
 *
 * The unit key is the one of assign.h, so ids do not reveal units.  Client-named ids may not start with "tt1.".
 * Pure; safe from any thread. */
#ifndef TRIMTAB_EXPERIMENTS_CORE_REQUEST_ID_H
#define TRIMTAB_EXPERIMENTS_CORE_REQUEST_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "experiments/core/keymap.h"

#define REQUEST_ID_PREFIX "tt1."
enum { REQUEST_ID_SIZE = 73 /* with the NUL */, REQUEST_KEY_SIZE = 32 };

struct request_id {
    uint32_t experiment; /* the store's number of it */
    uint32_t round;      /* 0: none was open */
    uint8_t arm;         /* ARM_NONE: the default */
    int64_t exposure_ms; /* 0 .. 2^48 - 1 */
    struct key128 unit;
    uint64_t nonce; /* makes ids of one unit in one millisecond differ */
};

void request_id_sign(const struct request_id *id, const uint8_t key[REQUEST_KEY_SIZE], char ret[REQUEST_ID_SIZE]);
/* False when the text is not an id or its signature is wrong; ret untouched then. */
bool request_id_open(const char *text, const uint8_t key[REQUEST_KEY_SIZE], struct request_id *ret);

#endif
