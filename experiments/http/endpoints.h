/* endpoints.h - the handlers in SERVICE_ROUTES, each in the file of its name, and what they share. */
#ifndef TRIMTAB_EXPERIMENTS_HTTP_ENDPOINTS_H
#define TRIMTAB_EXPERIMENTS_HTTP_ENDPOINTS_H

#include "base/json/json_write.h"
#include "experiments/http/service.h"

httpd_handler endpoint_experiment_put, endpoint_experiment_get, endpoint_experiment_list;
httpd_handler endpoint_round_put, endpoint_round_stop, endpoint_arm_stop, endpoint_results;
httpd_handler endpoint_covariates, endpoint_unit_delete;
httpd_handler endpoint_default_put, endpoint_default_history;
httpd_handler endpoint_rank, endpoint_events, endpoint_preview;
httpd_handler endpoint_ofrep_flag, endpoint_ofrep_flags;
httpd_handler endpoint_clock_get, endpoint_clock_put;
httpd_handler endpoint_healthz, endpoint_readyz, endpoint_metrics, endpoint_openapi;

/* A request that waits for the writer.  run() is called on the writer thread inside the transaction, fills the reply of
 * `request` and may set its code; the answer leaves after the commit.
 *
 *   handler --call_start--> [body parsed, path read] --deferred, submitted--> run --commit--> answered, released */
struct call {
    struct store_job job;
    struct service *service;
    struct httpd_request *request;
    struct json *body;      /* NULL for a route without one */
    const char *experiment; /* of the path; NULL when it has none */
    int64_t round;          /* the same; 0 */
};
typedef enum status call_function(struct store *store, struct call *call, struct err *err);
/* What a handler returns. */
MUST_CHECK enum status call_start(struct httpd_request *request, struct service *service, call_function *run,
                                  struct err *err);

/* The root of the body; STATUS_INVALID when the request had none. */
MUST_CHECK enum status call_body(const struct call *call, struct json_at *ret, struct err *err);

/* The body of a request as a document. */
MUST_CHECK enum status endpoint_parse_body(const struct httpd_request *request, struct json **ret, struct err *err);
/* STATUS_UNPROCESSABLE naming the first head that the model lacks, and those it has. */
MUST_CHECK enum status endpoint_check_heads(struct service *service, const struct experiment_plan *plan,
                                            struct err *err);

#endif
