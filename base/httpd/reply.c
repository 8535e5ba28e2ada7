#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "base/httpd/internal.h"
#include "base/json/json_write.h"

struct buf *httpd_reply(struct httpd_request *request)
{
    return &request->reply;
}

void httpd_reply_code(struct httpd_request *request, int http)
{
    request->code = http;
}

void httpd_reply_type(struct httpd_request *request, const char *content_type)
{
    request->type = content_type;
}

/* RFC 9110, section 5.6.2: a name is a token; a value holds no control characters, so nobody can add a header line. */
static bool header_ok(const char *name, const char *value)
{
    const size_t n = strlen(name);
    if (n == 0 || strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != n)
        return false;
    for (; *value != '\0'; value++) {
        if ((unsigned char)*value < ' ' || *value == 0x7f)
            return false;
    }
    return true;
}

enum status httpd_reply_header(struct httpd_request *request, const char *name, const char *value, struct err *err)
{
    if (!header_ok(name, value))
        return err_set(err, STATUS_INVALID, "the reply header %.64s holds characters that headers cannot", name);
    if (request->n_headers == HTTPD_HEADERS_MAX)
        return err_set(err, STATUS_INVALID, "the reply has more than %d headers", HTTPD_HEADERS_MAX);
    const size_t name_size = strlen(name) + 1, value_size = strlen(value) + 1;
    char *block = mem_alloc(name_size + value_size, 1);
    if (block == NULL)
        return err_no_memory(err);
    memcpy(block, name, name_size);
    memcpy(block + name_size, value, value_size);
    request->headers[request->n_headers++] = (struct route_pair){block, name_size - 1, block + name_size};
    return STATUS_OK;
}

void reply_done(struct httpd_request *request)
{
    for (size_t i = 0; i < request->n_headers; i++) {
        union {
            const char *name;
            char *block;
        } owned = {request->headers[i].name};
        mem_free(owned.block);
    }
    request->n_headers = 0;
    buf_done(&request->reply);
}

static void write_error(struct httpd_request *request, enum status s, const struct err *err)
{
    struct json_writer w;
    buf_clear(&request->reply);
    json_writer_init(&w, &request->reply);
    json_write_object(&w);
    json_write_key(&w, "error");
    json_write_object(&w);
    json_write_key(&w, "code");
    json_write_string(&w, status_name(s));
    json_write_key(&w, "message");
    json_write_string(&w, err != NULL && err->text[0] != '\0' ? err->text : status_text(s));
    json_write_object_end(&w);
    json_write_object_end(&w);
    buf_char(&request->reply, '\n');
}

/* MHD copies both; it fails only without memory, and a reply without the header is better than none. */
static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    const enum MHD_Result ignored = MHD_add_response_header(response, name, value);
    (void)ignored;
}

static void add_headers(const struct httpd_request *request, struct MHD_Response *response, enum status s, bool last)
{
    add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, request->type);
    add_header(response, "X-Content-Type-Options", "nosniff");
    add_header(response, "X-Request-Id", request->id);
    if (s == STATUS_UNAUTHORIZED)
        add_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    if (s != STATUS_OK && status_http(s) == 503)
        add_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    if (last)
        add_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    for (size_t i = 0; i < request->n_headers; i++)
        add_header(response, request->headers[i].name, request->headers[i].value);
}

/* Counts the answer; whether the connection should end with it. */
static bool count(struct httpd *httpd, int code)
{
    pthread_mutex_lock(&httpd->mutex);
    const bool stopping = httpd->stopping;
    httpd->counts.by_class[code / 100]++;
    pthread_mutex_unlock(&httpd->mutex);
    return stopping;
}

static void tell_failure(const struct httpd_request *request, int code, const struct err *err)
{
    const struct httpd_route *route = request->match.route;
    const struct httpd_failure failure = {.id = request->id,
                                          .method = request->method,
                                          .route = route != NULL ? route->path : "",
                                          .reason = err != NULL ? err->text : "",
                                          .code = code,
                                          .took_ms = (clock_monotonic_ns() - request->began_ns) / 1000000};
    if (request->httpd->options.on_failure != NULL)
        request->httpd->options.on_failure(&failure);
}

enum MHD_Result reply_send(struct httpd_request *request, enum status s, const struct err *err)
{
    if (s == STATUS_OK && !request->streaming && request->reply.failed)
        s = STATUS_NO_MEMORY;
    const bool failed = s != STATUS_OK;
    if (failed)
        write_error(request, s, err);
    if (failed || request->type == NULL)
        request->type = request->streaming && !failed ? "text/event-stream" : "application/json";
    const int code = failed ? status_http(s) : request->code != 0 ? request->code : 200;
    assert(code >= 200 && code <= 599);
    const bool stopping = count(request->httpd, code);
    if (code >= 500)
        tell_failure(request, code, err);
    struct MHD_Response *response =
        request->streaming && !failed
            ? stream_response(request)
            : MHD_create_response_from_buffer(request->reply.length, request->reply.data, MHD_RESPMEM_PERSISTENT);
    if (response == NULL)
        return MHD_NO;
    add_headers(request, response, s, stopping || request->last);
    const enum MHD_Result result = MHD_queue_response(request->mhd, (unsigned)code, response);
    MHD_destroy_response(response);
    return result;
}
