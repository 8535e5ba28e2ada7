#include "tuner/http/handlers.h"

/* GET /v1/campaigns */
enum status handle_campaigns_get(struct httpd_request *request, void *context, struct err *err)
{
    struct tuner_http *http = context;
    return tuner_list(http->tuner, httpd_reply(request), err);
}

/* GET /v1/campaigns/{id} */
enum status handle_campaign_get(struct httpd_request *request, void *context, struct err *err)
{
    struct tuner_http *http = context;
    int64_t id;
    TRY(path_number(request, "id", &id, err));
    return tuner_status(http->tuner, id, httpd_reply(request), NULL, err);
}
