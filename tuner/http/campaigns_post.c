#include <string.h>

#include "tuner/http/handlers.h"

/* POST /v1/campaigns[?create=true]: the body is a campaign file. */
enum status handle_campaigns_post(struct httpd_request *request, void *context, struct err *err)
{
    const char *create = httpd_query(request, "create");
    if (create != NULL && strcmp(create, "true") != 0 && strcmp(create, "false") != 0)
        return err_set(err, STATUS_INVALID, "create is \"%.40s\": allowed are true and false", create);
    struct tuner_request launch = {.kind = TUNER_LAUNCH};
    launch.body = httpd_body(request, &launch.n);
    launch.create = create != NULL && strcmp(create, "true") == 0;
    return submit(request, context, &launch, err);
}
