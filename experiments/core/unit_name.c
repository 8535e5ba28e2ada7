#include "experiments/core/unit_name.h"

#include <string.h>

#include "base/core/digest.h"
#include "experiments/core/plan.h"

const char *unit_name(bool hashed, const uint8_t key[REQUEST_KEY_SIZE], const char *id, char buf[UNIT_HASH_SIZE])
{
    static const char DOMAIN[] = "unit ";
    char text[sizeof DOMAIN + PLAN_TEXT_SIZE];
    uint8_t mac[DIGEST_SIZE];
    if (!hashed)
        return id;
    const size_t n = strnlen(id, PLAN_TEXT_SIZE - 1);
    memcpy(text, DOMAIN, sizeof DOMAIN - 1);
    memcpy(text + sizeof DOMAIN - 1, id, n);
    digest_hmac(key, REQUEST_KEY_SIZE, text, sizeof DOMAIN - 1 + n, mac);
    buf[0] = '#';
    digest_hex(mac, 16, buf + 1);
    return buf;
}
