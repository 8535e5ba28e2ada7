/* digest.h - SHA-256 and HMAC-SHA-256 over nettle, and what is built on them.
 *
 * Used for file checksums, frozen results, signed request ids and the assignment of units to arms. */
#ifndef TRIMTAB_BASE_CORE_DIGEST_H
#define TRIMTAB_BASE_CORE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIGEST_SIZE 32
#define DIGEST_HEX_SIZE 65 /* with the NUL */

void digest_sha256(const void *bytes, size_t n, uint8_t ret_digest[DIGEST_SIZE]);
void digest_hmac(const void *key, size_t key_length, const void *bytes, size_t n, uint8_t ret_digest[DIGEST_SIZE]);
/* Lower-case hex of n bytes; ret holds 2 n + 1 characters. */
void digest_hex(const uint8_t *bytes, size_t n, char *ret);
/* Time depends on n only. */
bool digest_equal(const void *a, const void *b, size_t n);

#endif
