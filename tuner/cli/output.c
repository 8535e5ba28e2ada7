#include "tuner/cli/output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/core/opt.h"
#include "base/json/json_write.h"

static bool differs_by_nature(const char *key)
{
    static const char *const KEYS[] = {"created_ms", "updated_ms", "started_ms",    "finished_ms",
                                       "at_ms",      "uuid",       "results_digest"};
    for (size_t i = 0; i < sizeof KEYS / sizeof KEYS[0]; i++) {
        if (strcmp(key, KEYS[i]) == 0)
            return true;
    }
    return false;
}

static void write_without(struct json_writer *w, const struct json_at *at)
{
    struct json_at item = {0};
    if (json_object(at, NULL) == STATUS_OK) {
        json_write_object(w);
        while (json_next(at, &item)) {
            if (differs_by_nature(item.key))
                continue;
            json_write_key(w, item.key);
            write_without(w, &item);
        }
        json_write_object_end(w);
    } else if (json_array(at, SIZE_MAX, &(size_t){0}, NULL) == STATUS_OK) {
        json_write_array(w);
        while (json_next(at, &item))
            write_without(w, &item);
        json_write_array_end(w);
    } else {
        json_write_value(w, at);
    }
}

static enum status write_canonical(struct buf *to, const struct json_at *at, struct err *err)
{
    struct buf less = BUF_INIT;
    struct json *json = NULL;
    struct json_writer w;
    json_writer_init(&w, &less);
    write_without(&w, at);
    enum status s = buf_status(&less, err);
    if (s == STATUS_OK)
        s = json_parse(buf_string(&less), less.length, NULL, &json, err);
    if (s == STATUS_OK) {
        const struct json_at root = json_root(json);
        json_writer_init(&w, to);
        s = json_write_canonical(&w, &root, err);
    }
    json_free(json);
    buf_done(&less);
    return s;
}

enum status output_document(struct buf *to, const struct json_at *at, bool canonical, struct err *err)
{
    if (canonical) {
        TRY(write_canonical(to, at, err));
    } else {
        struct json_writer w;
        json_writer_init(&w, to);
        json_write_value(&w, at);
    }
    buf_char(to, '\n');
    return buf_status(to, err);
}

enum status output_flush(const struct buf *text, struct err *err)
{
    TRY(buf_status(text, err));
    if (fwrite(buf_string(text), 1, text->length, stdout) != text->length || fflush(stdout) != 0)
        return err_errno(err, "write to standard output");
    return STATUS_OK;
}

enum status output_json(const struct json_at *at, bool canonical, struct err *err)
{
    struct buf text = BUF_INIT;
    enum status s = output_document(&text, at, canonical, err);
    if (s == STATUS_OK)
        s = output_flush(&text, err);
    buf_done(&text);
    return s;
}

int output_failed(const struct err *err)
{
    fprintf(stderr, "trimtab: %s\n", err->text[0] != '\0' ? err->text : status_text(err->status));
    return EXIT_FAILED;
}

int output_usage(const struct err *err)
{
    fprintf(stderr, "trimtab: %s\n", err->text);
    return EXIT_USAGE;
}
