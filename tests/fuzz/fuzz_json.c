/* json_parse() on any bytes: no crash, and what is accepted is written back to a text that parses to the same text. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/json_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void write_back(const struct json *json, struct buf *ret)
{
    struct json_writer w;
    const struct json_at root = json_root(json);
    buf_clear(ret);
    json_writer_init(&w, ret);
    must(json_write_canonical(&w, &root, NULL) == STATUS_OK);
    must(buf_status(ret, NULL) == STATUS_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json *json = NULL, *again = NULL;
    struct buf first = BUF_INIT, second = BUF_INIT;
    struct err err = ERR_INIT;
    if (json_parse((const char *)data, size, NULL, &json, &err) != STATUS_OK) {
        must(err.text[0] != '\0');
        return 0;
    }
    write_back(json, &first);
    must(json_parse(first.data, first.length, NULL, &again, &err) == STATUS_OK);
    write_back(again, &second);
    must(first.length == second.length && memcmp(first.data, second.data, first.length) == 0);
    json_free(json);
    json_free(again);
    buf_done(&first);
    buf_done(&second);
    return 0;
}
