/* door.h - the experiment API over httpc, with a token that can be read again.
 *
 * Thread: door_request() on the service thread; door_reload() and door_stop() on any. */
#ifndef TRIMTAB_TUNER_DAEMON_DOOR_H
#define TRIMTAB_TUNER_DAEMON_DOOR_H

#include <stdatomic.h>

#include "base/httpc/httpc.h"

struct door {
    struct httpc_options options; /* texts borrowed */
    struct httpc *httpc;
    atomic_bool reload;
    _Atomic int64_t end_ns;
};

MUST_CHECK enum status door_open(struct door *door, const char *url, const char *token_file, struct err *err);
void door_close(struct door *door);
/* Read the token file again before the next request; on failure the old token stays. */
void door_reload(struct door *door);
/* Two seconds from now whatever is asked is given up: a hanging API does not keep the program from ending. */
void door_stop(struct door *door);
/* For struct client_door; context is the struct door. */
enum status door_request(void *context, const char *method, const char *path, const char *body, size_t n, int *ret_http,
                         struct buf *ret_body, struct err *err);

#endif
