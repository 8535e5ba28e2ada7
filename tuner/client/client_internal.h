/* client_internal.h - one request and the verdict on it. */
#ifndef TRIMTAB_TUNER_CLIENT_CLIENT_INTERNAL_H
#define TRIMTAB_TUNER_CLIENT_CLIENT_INTERNAL_H

#include "tuner/client/client.h"

/* body NULL: none.  ret_body is cleared and filled. */
enum client_verdict client_ask(const struct client_door *door, const char *method, const char *path, const char *body,
                               struct buf *ret_body, struct err *err);

#endif
