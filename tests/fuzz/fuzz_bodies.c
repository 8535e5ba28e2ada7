/* Any bytes as the body of the requests that come from outside a company's own tools: rankings, events, covariates and
 * OpenFeature evaluations, over HTTP against a server that has an experiment and an open round.  The first byte chooses
 * the route.  Whatever the body, the answer says 200 or what the client did wrong, in JSON, and afterwards a ranking is
 * still served. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/lab.h"

enum { START = 1000000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const PATHS[] = {"/v1/rank", "/v1/events", "/v1/experiments/feed/covariates",
                                    "/ofrep/v1/evaluate/flags/feed", "/ofrep/v1/evaluate/flags"};

static struct lab lab;

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void end(void)
{
    lab_remove(&lab);
}

static void begin(void)
{
    lab_start(&lab, START);
    must(lab_call(&lab, "PUT", "/v1/experiments/feed", LAB_EXPERIMENT, NULL) == 201);
    must(lab_call(&lab, "PUT", "/v1/experiments/feed/rounds/1", LAB_ROUND, NULL) == 201);
    must(atexit(end) == 0);
}

static void check_answer(int http, const struct buf *answer)
{
    struct json *json = NULL;
    struct err err = ERR_INIT;
    must(http == 200 || (http >= 400 && http < 500));
    must(json_parse(buf_string(answer), answer->length, NULL, &json, &err) == STATUS_OK);
    json_free(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char RANK[] =
        "{\"experiment\":\"feed\",\"unit\":\"nobody-else\",\"candidates\":[\"i1\",\"i2\"],\"k\":1}";
    static bool ready;
    struct buf answer = BUF_INIT;
    struct err err = ERR_INIT;
    int http = 0;
    if (!ready)
        begin();
    ready = true;
    if (size == 0)
        return 0;
    const char *path = PATHS[data[0] % (sizeof PATHS / sizeof *PATHS)];
    must(httpc_request(lab.client, "POST", path, (const char *)data + 1, size - 1, &http, &answer, &err) == STATUS_OK ||
         http >= 400);
    check_answer(http, &answer);
    must(lab_call(&lab, "POST", "/v1/rank", RANK, &answer) == 200);
    buf_done(&answer);
    return 0;
}
