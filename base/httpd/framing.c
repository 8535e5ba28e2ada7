#include <strings.h>

#include "base/httpd/internal.h"

struct heads {
    unsigned hosts, lengths, codings;
    const char *coding;
};

static enum MHD_Result count(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct heads *heads = context;
    (void)kind;
    if (strcasecmp(name, "Host") == 0)
        heads->hosts++;
    else if (strcasecmp(name, "Content-Length") == 0)
        heads->lengths++;
    else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        heads->codings++;
        heads->coding = value != NULL ? value : "";
    }
    return MHD_YES;
}

enum status framing_check(struct MHD_Connection *mhd, struct err *err)
{
    struct heads heads = {0};
    (void)MHD_get_connection_values(mhd, MHD_HEADER_KIND, count, &heads);
    if (heads.hosts > 1 || heads.lengths > 1 || heads.codings > 1)
        return err_set(err, STATUS_INVALID, "the header %s is there twice: allowed is once",
                       heads.hosts > 1     ? "Host"
                       : heads.lengths > 1 ? "Content-Length"
                                           : "Transfer-Encoding");
    if (heads.codings == 0)
        return STATUS_OK;
    if (heads.lengths > 0)
        return err_set(err, STATUS_INVALID, "Content-Length and Transfer-Encoding are both there: allowed is one");
    if (strcasecmp(heads.coding, "chunked") != 0)
        return err_set(err, STATUS_INVALID, "Transfer-Encoding is \"%.40s\": allowed is chunked", heads.coding);
    return STATUS_OK;
}
