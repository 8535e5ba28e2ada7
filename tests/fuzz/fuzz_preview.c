/* preview_decode() on any bytes: refused with a line, or weights that are finite and not all zero. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/http/preview.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct view VIEW = {.n_heads = 2, .heads = {"a", "b"}, .default_weights = {1, -2}};
    static struct preview_question question;
    struct json *json = NULL;
    struct err err = ERR_INIT;
    if (json_parse((const char *)data, size, NULL, &json, &err) != STATUS_OK)
        return 0;
    const struct json_at root = json_root(json);
    if (preview_decode(&root, &VIEW, &question, &err) == STATUS_OK) {
        must(question.n >= 2 && question.n <= PREVIEW_MAX_WEIGHTS + 1);
        for (size_t w = 0; w < question.n; w++) {
            const double *weights = question.previews[w].weights;
            must(isfinite(weights[0]) && isfinite(weights[1]));
            must(fpclassify(weights[0]) != FP_ZERO || fpclassify(weights[1]) != FP_ZERO);
        }
    } else {
        must(err.text[0] && !strchr(err.text, '\n'));
    }
    json_free(json);
    return 0;
}
