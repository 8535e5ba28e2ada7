#include "base/core/status.h"

#include <stddef.h>

static const struct {
    int http;
    const char *name;
    const char *text;
} STATUSES[] = {
#define STATUS_ROW(code, http, text) {http, &#code[sizeof("STATUS_") - 1], text},
    STATUS_MAP(STATUS_ROW)
#undef STATUS_ROW
};

const char *status_text(enum status s)
{
    return STATUSES[s].text;
}

const char *status_name(enum status s)
{
    return STATUSES[s].name;
}

int status_http(enum status s)
{
    return STATUSES[s].http;
}

enum status status_from_http(int http)
{
    if (http >= 200 && http < 300)
        return STATUS_OK;
    for (size_t i = 1; i < sizeof(STATUSES) / sizeof(STATUSES[0]); i++) {
        /* 503 means NO_MEMORY or UNAVAILABLE, 500 several: the other side's memory is not ours. */
        if (STATUSES[i].http == http && http < 500)
            return (enum status)i;
    }
    if (http == 504)
        return STATUS_TIMEOUT;
    return http >= 400 && http < 500 ? STATUS_INVALID : STATUS_UNAVAILABLE;
}
