#include "base/core/digest.h"

#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <nettle/sha2.h>

void digest_sha256(const void *bytes, size_t n, uint8_t ret_digest[DIGEST_SIZE])
{
    struct sha256_ctx state;
    sha256_init(&state);
    sha256_update(&state, n, bytes);
    sha256_digest(&state, DIGEST_SIZE, ret_digest);
}

void digest_hmac(const void *key, size_t key_length, const void *bytes, size_t n, uint8_t ret_digest[DIGEST_SIZE])
{
    struct hmac_sha256_ctx state;
    hmac_sha256_set_key(&state, key_length, key);
    hmac_sha256_update(&state, n, bytes);
    hmac_sha256_digest(&state, DIGEST_SIZE, ret_digest);
}

void digest_hex(const uint8_t *bytes, size_t n, char *ret)
{
    static const char DIGITS[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        ret[2 * i] = DIGITS[bytes[i] >> 4];
        ret[2 * i + 1] = DIGITS[bytes[i] & 15];
    }
    ret[2 * n] = '\0';
}

bool digest_equal(const void *a, const void *b, size_t n)
{
    return memeql_sec(a, b, n) != 0;
}
