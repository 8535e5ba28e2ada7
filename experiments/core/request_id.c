#include "experiments/core/request_id.h"

#include <string.h>

#include "base/core/digest.h"

enum { BODY = 39, MAC = 12, RAW = BODY + MAC, PREFIX = sizeof REQUEST_ID_PREFIX - 1 };
_Static_assert(RAW % 3 == 0 && PREFIX + RAW / 3 * 4 + 1 == REQUEST_ID_SIZE, "base64 without padding");

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static size_t put(uint8_t *bytes, size_t at, uint64_t x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        bytes[at + i] = (uint8_t)(x >> (8 * (n - 1 - i)));
    return at + n;
}

static uint64_t get(const uint8_t *bytes, size_t *at, size_t n)
{
    uint64_t x = 0;
    for (size_t i = 0; i < n; i++)
        x = x << 8 | bytes[*at + i];
    *at += n;
    return x;
}

static void encode64(const uint8_t raw[RAW], char *ret)
{
    for (size_t i = 0; i < RAW; i += 3) {
        uint32_t x = (uint32_t)raw[i] << 16 | (uint32_t)raw[i + 1] << 8 | raw[i + 2];
        for (unsigned j = 0; j < 4; j++)
            *ret++ = ALPHABET[x >> (18 - 6 * j) & 63];
    }
    *ret = '\0';
}

static int value64(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

static bool decode64(const char *text, uint8_t ret[RAW])
{
    for (size_t i = 0; i < RAW; i += 3, text += 4) {
        uint32_t x = 0;
        for (size_t j = 0; j < 4; j++) {
            int v = value64(text[j]);
            if (v < 0)
                return false;
            x = x << 6 | (uint32_t)v;
        }
        (void)put(ret, i, x, 3);
    }
    return true;
}

void request_id_sign(const struct request_id *id, const uint8_t key[REQUEST_KEY_SIZE], char ret[REQUEST_ID_SIZE])
{
    uint8_t raw[RAW], mac[DIGEST_SIZE];
    size_t at = put(raw, 0, id->experiment, 4);
    at = put(raw, at, id->round, 4);
    at = put(raw, at, id->arm, 1);
    at = put(raw, at, (uint64_t)id->exposure_ms, 6);
    at = put(raw, at, id->unit.hi, 8);
    at = put(raw, at, id->unit.lo, 8);
    at = put(raw, at, id->nonce, 8);
    digest_hmac(key, REQUEST_KEY_SIZE, raw, at, mac);
    memcpy(raw + at, mac, MAC);
    memcpy(ret, REQUEST_ID_PREFIX, PREFIX);
    encode64(raw, ret + PREFIX);
}

bool request_id_open(const char *text, const uint8_t key[REQUEST_KEY_SIZE], struct request_id *ret)
{
    uint8_t raw[RAW], mac[DIGEST_SIZE];
    if (strlen(text) != REQUEST_ID_SIZE - 1 || strncmp(text, REQUEST_ID_PREFIX, PREFIX) != 0 ||
        !decode64(text + PREFIX, raw))
        return false;
    digest_hmac(key, REQUEST_KEY_SIZE, raw, BODY, mac);
    if (!digest_equal(mac, raw + BODY, MAC))
        return false;
    size_t at = 0;
    ret->experiment = (uint32_t)get(raw, &at, 4);
    ret->round = (uint32_t)get(raw, &at, 4);
    ret->arm = (uint8_t)get(raw, &at, 1);
    ret->exposure_ms = (int64_t)get(raw, &at, 6);
    ret->unit.hi = get(raw, &at, 8);
    ret->unit.lo = get(raw, &at, 8);
    ret->nonce = get(raw, &at, 8);
    return true;
}
