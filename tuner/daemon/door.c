#include "tuner/daemon/door.h"

#include "base/core/clock.h"
#include "base/core/log.h"

static const int64_t STOP_NS = 2000000000;

enum status door_open(struct door *door, const char *url, const char *token_file, struct err *err)
{
    door->options = (struct httpc_options){.base_url = url, .token_file = token_file, .end_ns = &door->end_ns};
    return httpc_new(&door->options, &door->httpc, err);
}

void door_close(struct door *door)
{
    httpc_free(door->httpc);
    door->httpc = NULL;
}

void door_reload(struct door *door)
{
    atomic_store(&door->reload, true);
}

void door_stop(struct door *door)
{
    atomic_store(&door->end_ns, clock_monotonic_ns() + STOP_NS);
}

static void renew(struct door *door)
{
    struct err err = ERR_INIT;
    struct httpc *httpc = NULL;
    if (httpc_new(&door->options, &httpc, &err) != STATUS_OK) {
        log_event(LOG_WARN, "the token for the experiment API is still the old one", "reason", err.text, NULL);
        return;
    }
    httpc_free(door->httpc);
    door->httpc = httpc;
}

enum status door_request(void *context, const char *method, const char *path, const char *body, size_t n, int *ret_http,
                         struct buf *ret_body, struct err *err)
{
    struct door *door = context;
    if (atomic_exchange(&door->reload, false))
        renew(door);
    return httpc_request(door->httpc, method, path, body, n, ret_http, ret_body, err);
}
