#include "ranker/left_out.h"

#include <string.h>

#include "base/core/file.h"
#include "base/core/mem.h"
#include "base/core/rng.h"
#include "ranker/dataset_internal.h"

enum { MAX_FILE = 256 << 20 };

static enum status add(struct left_out *left_out, const struct dataset *dataset, const char *id, size_t line,
                       struct err *err)
{
    const uint32_t user = intern_find(&dataset->user_ids, id);
    if (user == INTERN_NONE)
        return err_set(err, STATUS_INVALID, "line %zu: \"%.100s\" is not a user of the dataset", line, id);
    if (left_out->user[user])
        return err_set(err, STATUS_INVALID, "line %zu: user %.100s stands there twice", line, id);
    left_out->user[user] = true;
    left_out->n++;
    left_out->key += rng_hash_text(id); /* a sum has no order */
    return STATUS_OK;
}

/* The text is cut up. */
static enum status add_lines(struct left_out *left_out, const struct dataset *dataset, struct buf *text,
                             struct err *err)
{
    size_t line = 0;
    if (text->length == 0 || memchr(text->data, '\0', text->length) != NULL)
        return err_set(err, STATUS_INVALID, "user ids are expected, one a line, and it %s",
                       text->length == 0 ? "is empty" : "holds a byte 0");
    for (char *id = text->data, *next; *id != '\0'; id = next) {
        next = id + strcspn(id, "\n");
        if (*next != '\0')
            *next++ = '\0';
        TRY(add(left_out, dataset, id, ++line, err));
    }
    return STATUS_OK;
}

enum status left_out_read(const char *path, const struct dataset *dataset, struct left_out *ret, struct err *err)
{
    struct left_out left_out = {.user = mem_alloc(dataset->user_ids.n, sizeof *left_out.user)};
    struct buf text = BUF_INIT;
    enum status s = left_out.user != NULL ? file_read(path, MAX_FILE, &text, err) : err_no_memory(err);
    if (s == STATUS_OK) {
        s = add_lines(&left_out, dataset, &text, err);
        if (s != STATUS_OK)
            s = err_wrap(err, s, "%s", path);
    }
    buf_done(&text);
    if (s != STATUS_OK) {
        left_out_done(&left_out);
        return s;
    }
    *ret = left_out;
    return STATUS_OK;
}

void left_out_done(struct left_out *left_out)
{
    mem_free(left_out->user);
    *left_out = (struct left_out){0};
}
