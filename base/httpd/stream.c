#include <stdlib.h>
#include <string.h>

#include "base/core/clock.h"
#include "base/httpd/internal.h"

enum { BLOCK = 4096 };

enum status httpd_stream(struct httpd_request *request, const struct httpd_stream *stream, struct err *err)
{
    struct httpd *httpd = request->httpd;
    pthread_mutex_lock(&httpd->mutex);
    const bool full = httpd->n_streams >= httpd->max_streams;
    if (!full) {
        httpd->n_streams++;
        request->stream = *stream;
        request->streaming = true;
        request->woken = true;
        request->sent_ns = request->pulled_ns = clock_monotonic_ns();
        request->next = httpd->streams;
        request->link = &httpd->streams;
        if (request->next != NULL)
            request->next->link = &request->next;
        httpd->streams = request;
        pthread_cond_signal(&httpd->tick);
    }
    pthread_mutex_unlock(&httpd->mutex);
    if (full)
        return err_set(err, STATUS_UNAVAILABLE, "%u streams are open, no more are allowed; close one",
                       httpd->max_streams);
    return STATUS_OK;
}

void stream_done(struct httpd_request *request)
{
    if (!request->streaming)
        return;
    struct httpd *httpd = request->httpd;
    pthread_mutex_lock(&httpd->mutex);
    *request->link = request->next;
    if (request->next != NULL)
        request->next->link = request->link;
    httpd->n_streams--;
    pthread_mutex_unlock(&httpd->mutex);
    if (request->stream.done != NULL)
        request->stream.done(request->stream.context);
    buf_done(&request->chunk);
}

void stream_rouse(struct httpd_request *request)
{
    request->woken = true;
    if (request->asleep)
        MHD_resume_connection(request->mhd);
    request->asleep = false;
}

void httpd_stream_wake(struct httpd *httpd)
{
    pthread_mutex_lock(&httpd->mutex);
    for (struct httpd_request *r = httpd->streams; r != NULL; r = r->next)
        stream_rouse(r);
    pthread_mutex_unlock(&httpd->mutex);
}

enum turn { TURN_PULL, TURN_SLEEP, TURN_END };

/* Decided in one piece with the suspension, so that no wake between the two is lost. */
static enum turn next_turn(struct httpd_request *request)
{
    enum turn turn = TURN_SLEEP;
    pthread_mutex_lock(&request->httpd->mutex);
    if (request->httpd->stopping || request->gone || request->over)
        turn = TURN_END;
    else if (request->woken)
        turn = TURN_PULL;
    request->woken = false;
    if (turn == TURN_SLEEP) {
        request->asleep = true;
        MHD_suspend_connection(request->mhd);
    }
    pthread_mutex_unlock(&request->httpd->mutex);
    return turn;
}

static void pull(struct httpd_request *request)
{
    const int64_t now = clock_monotonic_ns();
    atomic_store(&request->pulled_ns, now);
    buf_clear(&request->chunk);
    request->chunk_sent = 0;
    request->over = !request->stream.pull(request->stream.context, &request->chunk) || request->chunk.failed;
    const bool silent = now - atomic_load(&request->sent_ns) >= HTTPD_SILENCE_MS * INT64_C(1000000);
    if (request->chunk.length == 0 && silent && strcmp(request->type, "text/event-stream") == 0)
        buf_text(&request->chunk, ":\n\n");
    if (request->chunk.length > 0)
        atomic_store(&request->sent_ns, now);
}

static ssize_t read_stream(void *context, uint64_t position, char *to, size_t max)
{
    (void)position;
    struct httpd_request *request = context;
    while (request->chunk_sent == request->chunk.length) {
        const enum turn turn = next_turn(request);
        if (turn == TURN_END)
            return MHD_CONTENT_READER_END_OF_STREAM;
        if (turn == TURN_SLEEP)
            return 0;
        pull(request);
    }
    const size_t left = request->chunk.length - request->chunk_sent, n = left < max ? left : max;
    memcpy(to, request->chunk.data + request->chunk_sent, n);
    request->chunk_sent += n;
    return (ssize_t)n;
}

struct MHD_Response *stream_response(struct httpd_request *request)
{
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read_stream, request, NULL);
    if (response != NULL && MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") == MHD_NO) {
        MHD_destroy_response(response);
        return NULL;
    }
    return response;
}
