/* Bytes -> lines of the optimizer's protocol: every line gets one JSON object without a newline, and the session lives.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_errno.h>

#include "base/json/json.h"
#include "tuner/cli/optimize.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gsl_set_error_handler_off();
    struct optimize_session *session = optimize_session_new();
    struct buf reply = BUF_INIT;
    const char *at = (const char *)data, *end = at + size;
    bool more = session != NULL;
    for (int lines = 0; more && at < end && lines < 32; lines++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at)), *stop = newline != NULL ? newline : end;
        struct json *json = NULL;
        buf_clear(&reply);
        more = optimize_session_line(session, at, (size_t)(stop - at), &reply);
        must(memchr(buf_string(&reply), '\n', reply.length) == NULL);
        must(json_parse(buf_string(&reply), reply.length, NULL, &json, NULL) == STATUS_OK);
        json_free(json);
        at = newline != NULL ? newline + 1 : end;
    }
    buf_done(&reply);
    optimize_session_free(session);
    return 0;
}
