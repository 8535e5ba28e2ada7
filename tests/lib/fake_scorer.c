#include "tests/lib/fake_scorer.h"

#include <string.h>

#include "base/core/mem.h"
#include "base/core/rng.h"
#include "tests/lib/check.h"

struct fake_model FAKE_MODEL = {.hash = "00000000000000000000000000000000000000000000000000000000fa4e5c03",
                                .heads = {"click", "save", "hide"}};

static size_t n_heads(const void *model)
{
    const struct fake_model *fake = model;
    size_t n = 0;
    while (n < FAKE_MAX_HEADS && fake->heads[n])
        n++;
    return n;
}

static const char *head_name(const void *model, size_t head)
{
    const struct fake_model *fake = model;
    return fake->heads[head];
}

static double head_mean(const void *model, size_t head)
{
    (void)model;
    return 0.31 / (double)(1 + head * 3);
}

static double head_sd(const void *model, size_t head)
{
    (void)model;
    return 0.2 / (double)(1 + head);
}

static const char *model_hash(const void *model)
{
    const struct fake_model *fake = model;
    return fake->hash;
}

static enum status scratch_new(const void *model, void **ret, struct err *err)
{
    (void)model;
    *ret = mem_alloc(1, 1);
    return *ret ? STATUS_OK : err_no_memory(err);
}

float fake_p(uint64_t shift, const char *user, const char *item, size_t head)
{
    uint64_t x = rng_mix((rng_hash_text(user) + shift) ^ rng_mix(rng_hash_text(item) + head));
    return (float)(0.001 + 0.998 * (double)(x >> 11) * 0x1p-53) / (float)(1 + head * 3);
}

static enum status score(const void *model, void *scratch, const char *user, const struct ranker_context *context,
                         size_t n_context, size_t n, const char *const *items, float *p, struct err *err)
{
    const struct fake_model *fake = model;
    const size_t heads = n_heads(model);
    (void)scratch;
    if (fake->scoring)
        fake->scoring();
    for (size_t i = 0; i < n_context; i++) {
        if (strcmp(context[i].name, "unknown") == 0)
            return err_set(err, STATUS_INVALID, "context.unknown is no input of the model");
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t h = 0; h < heads; h++)
            p[i * heads + h] = fake_p(fake->shift, user, items[i], h);
    }
    return STATUS_OK;
}

static void close_fake(void *model)
{
    struct fake_model *fake = model;
    atomic_fetch_add(&fake->n_closed, 1);
}

static const struct scorer_type FAKE = {n_heads,     head_name, head_mean, head_sd,   model_hash,
                                        scratch_new, mem_free,  score,     close_fake};

struct scorer *fake_scorer(struct fake_model *model)
{
    struct scorer *scorer = NULL;
    struct err err = ERR_INIT;
    assert_ok(scorer_new(&FAKE, model, &scorer, &err), &err);
    return scorer;
}
