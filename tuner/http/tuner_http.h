/* tuner_http.h - the HTTP API of trimtabd: a table of routes over the tuner, one endpoint one file.
 *
 * Handlers decode, ask the tuner, encode.  Documents are copied from what the service has published, so no reader
 * waits for a fit; what changes a campaign is handed to the tuner thread and answered when it is durable.
 * Scopes: read, operate, promote.  docs/openapi/tuner.yaml describes every endpoint and is served at /openapi.yaml. */
#ifndef TRIMTAB_TUNER_HTTP_TUNER_HTTP_H
#define TRIMTAB_TUNER_HTTP_TUNER_HTTP_H

#include <stdatomic.h>

#include "base/core/clock.h"
#include "base/httpd/httpd.h"
#include "tuner/service/tuner.h"
#include "tuner/store/journal.h"

/* What handlers share; made by the daemon, outlives the server.  httpd is set once it runs. */
struct tuner_http {
    struct tuner *tuner;
    struct journal_reader *reader;
    struct clock *clock;
    struct httpd *_Atomic httpd;
};

/* Ends with {0}. */
extern const struct httpd_route TUNER_ROUTES[];

/* The service's `changed`: context is the struct tuner_http. */
void tuner_http_changed(void *context);

#endif
