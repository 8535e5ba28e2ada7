/* handlers.h - the handlers of TUNER_ROUTES and what they share.  The context is a struct tuner_http. */
#ifndef TRIMTAB_TUNER_HTTP_HANDLERS_H
#define TRIMTAB_TUNER_HTTP_HANDLERS_H

#include "tuner/http/tuner_http.h"

httpd_handler handle_health, handle_ready, handle_metrics, handle_openapi; /* meta.c */
httpd_handler handle_clock_get, handle_clock_put;                          /* clock.c */
httpd_handler handle_campaigns_get, handle_campaign_get;                   /* campaigns_get.c */
httpd_handler handle_campaigns_post;                                       /* campaigns_post.c */
httpd_handler handle_trials_get, handle_trial_get, handle_audit_get;       /* trials_get.c */
httpd_handler handle_events_get;                                           /* events_get.c */
httpd_handler handle_pause, handle_resume, handle_cancel, handle_promote;  /* campaign_post.c */

/* A number of the path, from 1.  STATUS_NOT_FOUND names it. */
MUST_CHECK enum status path_number(const struct httpd_request *request, const char *name, int64_t *ret,
                                   struct err *err);
/* Hand the request to the service thread, which answers it with the status document and the HTTP code. */
MUST_CHECK enum status submit(struct httpd_request *request, struct tuner_http *http, const struct tuner_request *what,
                              struct err *err);

#endif
