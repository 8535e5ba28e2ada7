#include "base/core/mem.h"
#include "tuner/http/handlers.h"

/* One reader of GET /v1/campaigns/{id}/events. */
struct reader {
    struct tuner *tuner;
    int64_t campaign;
    uint64_t seen; /* version last sent */
};

/* "event: status\ndata: <status>\n\n" when there is a new document.  A document holds no line break. */
static bool pull(void *context, struct buf *chunk)
{
    struct reader *reader = context;
    struct buf status = BUF_INIT;
    uint64_t version = 0;
    bool there = tuner_status(reader->tuner, reader->campaign, &status, &version, NULL) == STATUS_OK;
    if (there && version != reader->seen) {
        buf_text(chunk, "event: status\ndata: ");
        buf_text(chunk, buf_string(&status));
        buf_text(chunk, "\n\n");
        reader->seen = version;
    }
    buf_done(&status);
    return there;
}

enum status handle_events_get(struct httpd_request *request, void *context, struct err *err)
{
    struct tuner_http *http = context;
    struct buf status = BUF_INIT;
    int64_t id;
    TRY(path_number(request, "id", &id, err));
    enum status s = tuner_status(http->tuner, id, &status, NULL, err);
    buf_done(&status);
    TRY(s);
    struct reader *reader = mem_alloc(1, sizeof *reader);
    if (reader == NULL)
        return err_no_memory(err);
    *reader = (struct reader){http->tuner, id, UINT64_MAX};
    struct httpd_stream stream = {pull, mem_free, reader, 0};
    s = httpd_stream(request, &stream, err);
    if (s != STATUS_OK)
        mem_free(reader);
    return s;
}
