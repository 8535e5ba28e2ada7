/* ranker.h - the embedded multi-task ranker as a server uses it.
 *
 * A ranker is a model file (network, vocabularies, calibration; model.h) joined with the user and item tables of a
 * dataset (dataset.h).  For one user, one context and n candidates it gives one calibrated probability per engagement
 * head; what is done with them (utility.h) is not its business, so weights change without touching the model.
 *
 * Speed comes from structure: the first layer is linear in its inputs, so its item part is computed once per item when
 * the ranker is opened, its user (with pooled histories, pooled.h) and context part once per request, and only what
 * depends on both (the user's history with the item's category) once per candidate.
 *
 * Every user and item that was frequent in training adds its own effect to each head's logit (effects.h), stored with
 * the item's part.
 *
 * What the model never saw is not an error: an unknown user, item or category value uses a default that was learned by
 * hiding values at random in training.  A context entry whose *name* the model does not know is an error, because a
 * misspelt name would silently cost quality.
 *
 * Thread: a struct ranker is immutable after ranker_open() and may be shared; a struct ranker_scratch belongs to one
 * thread at a time. */
#ifndef TRIMTAB_RANKER_RANKER_H
#define TRIMTAB_RANKER_RANKER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/core/err.h"

struct ranker;
struct ranker_scratch;

enum { RANKER_MAX_CANDIDATES = 65536 };

/* One thing known about a request, such as {"tab", "1"} or {"hour", .number = 12}.  text == NULL: the number counts.
 * A number given for a categorical entry is printed with %.15g first (12 -> "12"); a text given for a numeric entry
 * must be a number. Entries that are absent use the learned default. */
struct ranker_context {
    const char *name;
    const char *text;
    double number;
};

/* In what the network's products are computed and the items' parts stored: half takes a processor with AVX512-FP16, and
 * moves probabilities (kernel_half.h; docs/ranker.md has by how much). */
enum ranker_precision { RANKER_SINGLE, RANKER_HALF };
/* "single", "half".  STATUS_INVALID for any other, and for half where this machine or this build cannot. */
MUST_CHECK enum status ranker_precision_find(const char *name, enum ranker_precision *ret, struct err *err);

/* Loads both files and computes the item part of the first layer: O(items * inputs * width), some 100 ms for 10 000
 * items.  *ret owned by the caller, untouched on failure.
 * STATUS_NOT_FOUND, STATUS_IO      a file cannot be read
 * STATUS_CORRUPT                   wrong magic, newer version, checksum or structure is wrong
 * STATUS_INVALID                   the dataset lacks a column that the model needs (the line names it) */
MUST_CHECK enum status ranker_open(const char *model_path, const char *dataset_path, struct ranker **ret,
                                   struct err *err);
/* The same in another precision than single; STATUS_INVALID also when this machine cannot. */
MUST_CHECK enum status ranker_open_as(enum ranker_precision precision, const char *model_path, const char *dataset_path,
                                      struct ranker **ret, struct err *err);
/* NULL is fine. */
void ranker_close(struct ranker *ranker);

size_t ranker_n_heads(const struct ranker *ranker);
/* Borrowed, as long as the ranker; head < n_heads. */
const char *ranker_head_name(const struct ranker *ranker, size_t head);
/* False when there is no such head; ret untouched. */
bool ranker_head_find(const struct ranker *ranker, const char *name, size_t *ret_head);
/* Mean and standard deviation over impressions of the calibrated probability on the calibration day. */
double ranker_head_mean(const struct ranker *ranker, size_t head);
double ranker_head_sd(const struct ranker *ranker, size_t head);
/* SHA-256 of the model file, 64 hex digits; borrowed. */
const char *ranker_model_hash(const struct ranker *ranker);
/* Whether the id is in the dataset's table. O(1). */
bool ranker_user_known(const struct ranker *ranker, const char *user_id);
bool ranker_item_known(const struct ranker *ranker, const char *item_id);
/* The name of the kernel chosen for this machine: "avx512", "avx2", "reference", or of half precision "avx512fp16";
 * static. */
const char *ranker_kernel_name(const struct ranker *ranker);

MUST_CHECK enum status ranker_scratch_new(const struct ranker *ranker, struct ranker_scratch **ret, struct err *err);
/* NULL is fine. */
void ranker_scratch_free(struct ranker_scratch *scratch);

/* p[i * n_heads + h] = calibrated probability of head h for candidate i, in (0, 1), always finite.  Each candidate's
 * digits do not depend on the other candidates or on their order.  n <= RANKER_MAX_CANDIDATES; the same id may occur
 * twice.  Nothing is allocated.
 * STATUS_INVALID   n too large, an unknown context name or a context value that is not finite (p is untouched) */
MUST_CHECK enum status ranker_score(const struct ranker *ranker, struct ranker_scratch *scratch, const char *user_id,
                                    const struct ranker_context *context, size_t n_context, size_t n,
                                    const char *const *item_ids, float *p, struct err *err);

#endif
