/* verdict_question_decode() on any bytes: no crash, and what is accepted is finite and not all zero. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "experiments/traffic/verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check(const double *weights)
{
    double size = 0.0;
    for (size_t h = 0; h < 2; h++) {
        must(isfinite(weights[h]));
        size += fabs(weights[h]);
    }
    must(size > 0.0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const heads[] = {"click", "hide"};
    struct err err = ERR_INIT;
    struct verdict_question question;
    if (verdict_question_decode((const char *)data, size, heads, 2, &question, &err) != STATUS_OK) {
        must(err.text[0] != '\0');
        return 0;
    }
    for (size_t a = 0; a < VERDICT_WEIGHTS; a++)
        check(question.weights[a]);
    check(question.values);
    return 0;
}
