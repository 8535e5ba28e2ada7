#include "experiments/core/assign.h"

#include <string.h>

#include "base/core/digest.h"

struct assignment assign_hash(const char *salt, const char *unit)
{
    uint8_t text[PLAN_TEXT_SIZE + PLAN_TEXT_SIZE], digest[DIGEST_SIZE];
    size_t n_salt = strnlen(salt, PLAN_TEXT_SIZE - 1), n_unit = strnlen(unit, PLAN_TEXT_SIZE - 1);
    memcpy(text, salt, n_salt);
    text[n_salt] = 0;
    memcpy(text + n_salt + 1, unit, n_unit);
    digest_sha256(text, n_salt + 1 + n_unit, digest);
    uint64_t first = key_u64(digest);
    return (struct assignment){(double)(first >> 11) * 0x1p-53, {key_u64(digest + 8), key_u64(digest + 16)}};
}

size_t assign_arm(const struct round_plan *plan, double u)
{
    double edge = 0.0;
    for (size_t a = 0; a < plan->n_arms; a++) {
        edge += plan->arms[a].allocation;
        if (u < edge)
            return a;
    }
    return edge >= 1.0 - 1e-9 ? plan->n_arms - 1 : ARM_NONE;
}
