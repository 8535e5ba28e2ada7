#include "tuner/http/handlers.h"

/* GET /v1/campaigns */
enum status handle_campaigns_get(struct httpd_request *request, void *context, struct err *err)
{
    struct tuner_http *http = context;
    return service_list(http->service, httpd_reply(request), err);
}

/* GET /v1/campaigns/{id} */
enum status handle_campaign_get(struct httpd_request *request, void *context, struct err *err)
{
    struct tuner_http *http = context;
    int64_t id;
    TRY(path_number(request, "id", &id, err));
    return service_status(http->service, id, httpd_reply(request), NULL, err);
}
