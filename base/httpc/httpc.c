#include "base/httpc/httpc.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/core/clock.h"
#include "base/core/file.h"
#include "base/core/mem.h"
#include "base/core/rng.h"
#include "base/core/version.h"

enum { CONNECT_MS = 2000, TOTAL_MS = 10000, RESPONSE_MAX = 16 << 20, TOKEN_FILE_MAX = 4096, SHOWN = 120 };

struct httpc {
    CURL *curl;
    char *base_url; /* without a trailing slash */
    struct curl_slist *headers;
    size_t max_response;
    const _Atomic int64_t *end_ns;
    bool too_large; /* of the request under way */
    struct buf *body;
    char reason[CURL_ERROR_SIZE];
};

enum status httpc_init(struct err *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(err, STATUS_INTERNAL, "libcurl did not start");
    return STATUS_OK;
}

static size_t receive(char *bytes, size_t one, size_t n, void *context)
{
    struct httpc *httpc = context;
    if (httpc->body->length + n * one > httpc->max_response) {
        httpc->too_large = true;
        return 0;
    }
    buf_add(httpc->body, bytes, n * one);
    return httpc->body->failed ? 0 : n * one;
}

/* libcurl calls it about once a second while nothing comes; not 0 gives the request up. */
static int past_the_end(void *context, curl_off_t to_get, curl_off_t got, curl_off_t to_send, curl_off_t sent)
{
    const struct httpc *httpc = context;
    (void)to_get;
    (void)got;
    (void)to_send;
    (void)sent;
    const int64_t end_ns = httpc->end_ns != NULL ? atomic_load(httpc->end_ns) : 0;
    return end_ns != 0 && clock_monotonic_ns() >= end_ns;
}

static bool add_header(struct httpc *httpc, const char *line)
{
    struct curl_slist *longer = curl_slist_append(httpc->headers, line);
    if (longer == NULL)
        return false;
    httpc->headers = longer;
    return true;
}

static enum status check_mode(const char *path, struct err *err)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return err_errno(err, "open the token file %s", path);
    if ((info.st_mode & 077) != 0)
        return err_set(err, STATUS_FORBIDDEN, "the token file %s is open to others (mode %03o): chmod 600 %s", path,
                       (unsigned)info.st_mode & 0777, path);
    return STATUS_OK;
}

/* text: the whole file; one word, blanks around it are dropped. */
static enum status add_token(struct httpc *httpc, const char *path, struct buf *text, struct err *err)
{
    char *token = text->data + strspn(buf_string(text), " \t\r\n");
    const size_t n = strcspn(token, " \t\r\n");
    const bool one = n > 0 && token[n + strspn(token + n, " \t\r\n")] == '\0';
    for (size_t i = 0; one && i < n; i++) {
        if (token[i] <= ' ' || token[i] > '~')
            return err_set(err, STATUS_INVALID, "the token in %s holds characters that a token cannot", path);
    }
    if (!one)
        return err_set(err, STATUS_INVALID, "the token file %s must hold one token and nothing else", path);
    struct buf header = BUF_INIT;
    buf_text(&header, "Authorization: Bearer ");
    buf_add(&header, token, n);
    const bool added = !header.failed && add_header(httpc, header.data);
    if (header.data != NULL)
        explicit_bzero(header.data, header.length);
    buf_done(&header);
    return added ? STATUS_OK : err_no_memory(err);
}

static enum status read_token(struct httpc *httpc, const char *path, struct err *err)
{
    TRY(check_mode(path, err));
    struct buf text = BUF_INIT;
    enum status s = file_read(path, TOKEN_FILE_MAX, &text, err);
    if (s == STATUS_OK)
        s = add_token(httpc, path, &text, err);
    if (text.data != NULL)
        explicit_bzero(text.data, text.length);
    buf_done(&text);
    return s;
}

static enum status set_base(struct httpc *httpc, const char *url, struct err *err)
{
    const size_t scheme = strncmp(url, "http://", 7) == 0 ? 7 : strncmp(url, "https://", 8) == 0 ? 8 : 0;
    size_t n = strlen(url);
    if (scheme == 0 || n == scheme || strpbrk(url, "?# @\t\r\n") != NULL)
        return err_set(err, STATUS_INVALID,
                       "%s is not an address: http://HOST[:PORT] or https://HOST[:PORT] is expected", url);
    while (n > scheme && url[n - 1] == '/')
        n--;
    httpc->base_url = mem_strndup(url, n);
    return httpc->base_url != NULL ? STATUS_OK : err_no_memory(err);
}

/* libcurl's options that every request shares.  "" as proxy: the environment's proxies are for the outer world. */
static bool set_options(struct httpc *httpc, const struct httpc_options *o)
{
    CURL *curl = httpc->curl;
    const int64_t connect_ms = o->connect_ms == 0 ? CONNECT_MS : o->connect_ms;
    const int64_t total_ms = o->total_ms == 0 ? TOTAL_MS : o->total_ms;
    return curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)total_ms) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, httpc->reason) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEDATA, httpc) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, past_the_end) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_XFERINFODATA, httpc) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_USERAGENT, "trimtab/" TRIMTAB_VERSION) == CURLE_OK &&
           (o->ca_file == NULL || curl_easy_setopt(curl, CURLOPT_CAINFO, o->ca_file) == CURLE_OK);
}

static enum status prepare(struct httpc *httpc, const struct httpc_options *options, struct err *err)
{
    TRY(set_base(httpc, options->base_url, err));
    if (options->token_file != NULL)
        TRY(read_token(httpc, options->token_file, err));
    /* Without the empty Expect libcurl waits up to a second before it sends a large body. */
    if (!add_header(httpc, "Content-Type: application/json") || !add_header(httpc, "Expect:"))
        return err_no_memory(err);
    httpc->curl = curl_easy_init();
    if (httpc->curl == NULL)
        return err_no_memory(err);
    if (!set_options(httpc, options))
        return err_set(err, STATUS_INTERNAL, "libcurl refused an option");
    return STATUS_OK;
}

enum status httpc_new(const struct httpc_options *options, struct httpc **ret, struct err *err)
{
    struct httpc *httpc = mem_alloc(1, sizeof *httpc);
    if (httpc == NULL)
        return err_no_memory(err);
    httpc->end_ns = options->end_ns;
    httpc->max_response = options->max_response == 0 ? RESPONSE_MAX : options->max_response;
    const enum status s = prepare(httpc, options, err);
    if (s == STATUS_OK)
        *ret = httpc;
    else
        httpc_free(httpc);
    return s;
}

void httpc_free(struct httpc *httpc)
{
    if (httpc == NULL)
        return;
    curl_easy_cleanup(httpc->curl);
    curl_slist_free_all(httpc->headers);
    mem_free(httpc->base_url);
    mem_free(httpc);
}

static bool set_request(struct httpc *httpc, const char *method, const char *url, const char *body, size_t n)
{
    CURL *curl = httpc->curl;
    const bool head = strcmp(method, "HEAD") == 0, get = strcmp(method, "GET") == 0;
    /* HTTPGET undoes what the previous request set; a body makes it a POST, and CUSTOMREQUEST only names the method. */
    bool ok = curl_easy_setopt(curl, CURLOPT_NOBODY, 0L) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L) == CURLE_OK;
    if (head)
        ok = ok && curl_easy_setopt(curl, CURLOPT_NOBODY, 1L) == CURLE_OK;
    else if (body != NULL || !get)
        ok = ok && curl_easy_setopt(curl, CURLOPT_POST, 1L) == CURLE_OK &&
             curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body != NULL ? body : "") == CURLE_OK &&
             curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)n) == CURLE_OK;
    return ok && curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, head ? NULL : method) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HTTPHEADER, httpc->headers) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK;
}

static enum status transport_error(const struct httpc *httpc, CURLcode code, const char *url, struct err *err)
{
    if (httpc->too_large)
        return err_set(err, STATUS_TOO_LARGE, "%s: the answer is larger than %zu bytes", url, httpc->max_response);
    if (httpc->body->failed || code == CURLE_OUT_OF_MEMORY)
        return err_no_memory(err);
    if (code == CURLE_ABORTED_BY_CALLBACK)
        return err_set(err, STATUS_UNAVAILABLE, "%s: given up, this program is stopping", url);
    const char *reason = httpc->reason[0] != '\0' ? httpc->reason : curl_easy_strerror(code);
    return err_set(err, code == CURLE_OPERATION_TIMEDOUT ? STATUS_TIMEOUT : STATUS_UNAVAILABLE, "%s: %s", url, reason);
}

/* The start of a text for an error line: control characters become blanks. */
static void show(const struct buf *body, char to[SHOWN + 1])
{
    const size_t n = body->length < SHOWN ? body->length : SHOWN;
    for (size_t i = 0; i < n; i++) {
        const char c = body->data[i];
        to[i] = c;
        if ((unsigned char)c < ' ' || (unsigned char)c >= 0x7f)
            to[i] = ' ';
    }
    to[n] = '\0';
}

/* The line of {"error":{"code":..,"message":..}}; false when the body is something else. */
static bool server_message(const struct buf *body, int http, struct err *err)
{
    struct json *json = NULL;
    const char *message = NULL;
    struct json_at root, error;
    bool found = json_parse(buf_string(body), body->length, NULL, &json, NULL) == STATUS_OK;
    if (found) {
        root = json_root(json);
        found = json_member(&root, "error", JSON_REQUIRED, &error, NULL) == STATUS_OK &&
                json_get_string(&error, "message", JSON_REQUIRED, sizeof err->text, &message, NULL) == STATUS_OK;
    }
    if (found)
        (void)!err_set(err, status_from_http(http), "%s", message);
    json_free(json);
    return found;
}

static enum status http_error(const struct httpc *httpc, int http, const char *url, struct err *err)
{
    if (http >= 200 && http < 300)
        return STATUS_OK;
    if (server_message(httpc->body, http, err))
        return status_from_http(http);
    char text[SHOWN + 1];
    show(httpc->body, text);
    return err_set(err, status_from_http(http), "%s: HTTP %d%s%s%s", url, http,
                   http < 400 ? ", which is not followed" : "", text[0] != '\0' ? ": " : "", text);
}

enum status httpc_request(struct httpc *httpc, const char *method, const char *path, const char *body, size_t n,
                          int *ret_http, struct buf *ret_body, struct err *err)
{
    struct buf url = BUF_INIT;
    buf_printf(&url, "%s%s", httpc->base_url, path);
    *ret_http = 0;
    buf_clear(ret_body);
    httpc->body = ret_body;
    httpc->too_large = false;
    httpc->reason[0] = '\0';
    enum status s = buf_status(&url, err);
    if (s != STATUS_OK)
        goto out;
    if (!set_request(httpc, method, url.data, body, n)) {
        s = err_no_memory(err);
        goto out;
    }
    long http = 0;
    const CURLcode code = curl_easy_perform(httpc->curl);
    if (code == CURLE_OK && curl_easy_getinfo(httpc->curl, CURLINFO_RESPONSE_CODE, &http) == CURLE_OK) {
        *ret_http = (int)http;
        s = http_error(httpc, (int)http, url.data, err);
    } else {
        s = transport_error(httpc, code, url.data, err);
    }
out:
    buf_done(&url);
    return s;
}

enum status httpc_json(struct httpc *httpc, const char *method, const char *path, const char *body, size_t n,
                       struct json **ret, struct err *err)
{
    struct buf text = BUF_INIT;
    int http = 0;
    enum status s = httpc_request(httpc, method, path, body, n, &http, &text, err);
    if (s == STATUS_OK) {
        s = json_parse(buf_string(&text), text.length, NULL, ret, err);
        char start[SHOWN + 1];
        show(&text, start);
        if (s == STATUS_INVALID)
            s = err_wrap(err, STATUS_CORRUPT, "%s%s: the answer is not JSON (\"%s\")", httpc->base_url, path, start);
    }
    buf_done(&text);
    return s;
}

int64_t httpc_backoff_ms(unsigned attempt, uint64_t seed)
{
    const int64_t longest = 10000;
    const int64_t full = attempt < 7 ? 100 * (INT64_C(1) << attempt) : longest;
    const double share = 0.5 + 0.5 * ((double)(rng_mix(seed + attempt) >> 11) * 0x1p-53);
    return (int64_t)((double)(full < longest ? full : longest) * share);
}
