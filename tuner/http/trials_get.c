#include "tuner/http/handlers.h"

/* GET /v1/campaigns/{id}/trials */
enum status handle_trials_get(struct httpd_request *request, void *context, struct err *err)
{
    struct tuner_http *http = context;
    int64_t id;
    TRY(path_number(request, "id", &id, err));
    return journal_reader_trials(http->reader, id, httpd_reply(request), err);
}

/* GET /v1/campaigns/{id}/trials/{n} */
enum status handle_trial_get(struct httpd_request *request, void *context, struct err *err)
{
    struct tuner_http *http = context;
    int64_t id, n;
    TRY(path_number(request, "id", &id, err));
    TRY(path_number(request, "n", &n, err));
    return journal_reader_trial(http->reader, id, n, httpd_reply(request), err);
}

/* GET /v1/campaigns/{id}/audit */
enum status handle_audit_get(struct httpd_request *request, void *context, struct err *err)
{
    struct tuner_http *http = context;
    int64_t id;
    TRY(path_number(request, "id", &id, err));
    return journal_reader_audit(http->reader, id, httpd_reply(request), err);
}
