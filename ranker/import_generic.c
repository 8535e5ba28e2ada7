/* schema.json (docs/formats.md) into a schema. */
#include <string.h>

#include "base/core/file.h"
#include "base/json/json.h"
#include "ranker/schema.h"

static const size_t MAX_SCHEMA_BYTES = (size_t)1 << 20;
static const char SCHEMA_FILE[] = "schema.json";

static enum status get_name(const struct json_at *at, const char *key, const char **ret, struct err *err)
{
    struct json_at member;
    TRY(json_get_string(at, key, JSON_REQUIRED, TABLE_MAX_NAME, ret, err));
    if ((*ret)[0] != '\0')
        return STATUS_OK;
    TRY(json_member(at, key, JSON_REQUIRED, &member, err));
    return json_refuse(&member, err, "is empty: a name is expected");
}

/* Files lie in the folder of the schema. */
static enum status get_file(const struct json_at *at, const char **ret, struct err *err)
{
    struct json_at member;
    TRY(json_get_string(at, "file", JSON_REQUIRED, 255, ret, err));
    TRY(json_member(at, "file", JSON_REQUIRED, &member, err));
    if (strchr(*ret, '/') != NULL || (*ret)[0] == '\0' || (*ret)[0] == '.')
        return json_refuse(&member, err, "is %s: the name of a file beside schema.json is expected", *ret);
    return STATUS_OK;
}

static enum status get_kind(const struct json_at *at, enum column_kind *ret, struct err *err)
{
    const char *text;
    struct json_at member;
    TRY(json_get_string(at, "kind", JSON_REQUIRED, 16, &text, err));
    TRY(json_member(at, "kind", JSON_REQUIRED, &member, err));
    if (strcmp(text, "categorical") != 0 && strcmp(text, "numeric") != 0)
        return json_refuse(&member, err, "is %s: allowed are categorical and numeric", text);
    *ret = strcmp(text, "categorical") == 0 ? COLUMN_TEXT : COLUMN_NUMBER;
    return STATUS_OK;
}

/* Names are unique within their list. */
static enum status check_unique(const struct json_at *item, const struct schema_column *columns, size_t n,
                                struct err *err)
{
    for (size_t c = 0; c + 1 < n; c++) {
        if (strcmp(columns[c].name, columns[n - 1].name) == 0)
            return json_refuse(item, err, "has the name %s, which is there already", columns[c].name);
    }
    return STATUS_OK;
}

/* A list of {"name", "column" (default: the name), "kind"}; heads have no kind. */
static enum status get_columns(const struct json_at *at, const char *key, bool heads, size_t max,
                               struct schema_column *ret, size_t *ret_n, struct err *err)
{
    static const char *const HEAD[] = {"name", "column", NULL}, *const COLUMN[] = {"name", "column", "kind", NULL};
    struct json_at list, item = {0};
    size_t n;
    TRY(json_member(at, key, heads ? JSON_REQUIRED : JSON_OPTIONAL, &list, err));
    *ret_n = 0;
    if (list.value == NULL)
        return STATUS_OK;
    TRY(json_array(&list, max, &n, err));
    if (heads && n == 0)
        return json_refuse(&list, err, "is empty: at least one head is expected");
    while (json_next(&list, &item)) {
        struct schema_column *column = &ret[*ret_n];
        TRY(json_object(&item, err));
        TRY(json_only(&item, heads ? HEAD : COLUMN, err));
        TRY(get_name(&item, "name", &column->name, err));
        column->column = column->name;
        column->kind = COLUMN_NUMBER;
        TRY(json_get_string(&item, "column", JSON_OPTIONAL, 255, &column->column, err));
        if (!heads)
            TRY(get_kind(&item, &column->kind, err));
        TRY(check_unique(&item, ret, ++*ret_n, err));
    }
    return STATUS_OK;
}

static enum status get_log(const struct json_at *root, struct schema *schema, struct err *err)
{
    static const char *const NAMES[] = {"file", "user", "item", "time_ms", "day", "heads", "context", NULL};
    struct json_at log;
    TRY(json_member(root, "log", JSON_REQUIRED, &log, err));
    TRY(json_object(&log, err));
    TRY(json_only(&log, NAMES, err));
    TRY(get_file(&log, &schema->log, err));
    TRY(get_name(&log, "user", &schema->user, err));
    TRY(get_name(&log, "item", &schema->item, err));
    TRY(get_name(&log, "time_ms", &schema->time_ms, err));
    TRY(get_name(&log, "day", &schema->day, err));
    TRY(get_columns(&log, "heads", true, DATASET_MAX_HEADS, schema->heads, &schema->n_heads, err));
    return get_columns(&log, "context", false, TABLE_MAX_COLUMNS, schema->context, &schema->n_context, err);
}

static enum status get_table(const struct json_at *root, const char *key, struct schema_table *ret,
                             const char **ret_category, struct err *err)
{
    static const char *const USERS[] = {"file", "id", "columns", NULL}, *const ITEMS[] = {"file", "id", "columns",
                                                                                          "category", NULL};
    struct json_at table;
    TRY(json_member(root, key, JSON_REQUIRED, &table, err));
    TRY(json_object(&table, err));
    TRY(json_only(&table, ret_category != NULL ? ITEMS : USERS, err));
    TRY(get_file(&table, &ret->file, err));
    TRY(get_name(&table, "id", &ret->id, err));
    if (ret_category != NULL)
        TRY(json_get_string(&table, "category", JSON_OPTIONAL, TABLE_MAX_NAME, ret_category, err));
    return get_columns(&table, "columns", false, TABLE_MAX_COLUMNS, ret->columns, &ret->n_columns, err);
}

static enum status get_histories(const struct json_at *root, struct schema *schema, struct err *err)
{
    static const char *const NAMES[] = {"name", "file", "user", "item", NULL};
    struct json_at list, item = {0};
    size_t n;
    TRY(json_member(root, "histories", JSON_OPTIONAL, &list, err));
    if (list.value == NULL)
        return STATUS_OK;
    TRY(json_array(&list, DATASET_MAX_HISTORIES, &n, err));
    while (json_next(&list, &item)) {
        struct schema_history *history = &schema->histories[schema->n_histories++];
        TRY(json_object(&item, err));
        TRY(json_only(&item, NAMES, err));
        TRY(get_name(&item, "name", &history->name, err));
        TRY(get_file(&item, &history->file, err));
        TRY(get_name(&item, "user", &history->user, err));
        TRY(get_name(&item, "item", &history->item, err));
    }
    return STATUS_OK;
}

static enum status get_schema(const struct json_at *root, struct schema *schema, struct err *err)
{
    static const char *const NAMES[] = {"version", "log", "users", "items", "histories", NULL};
    int64_t version;
    TRY(json_object(root, err));
    TRY(json_only(root, NAMES, err));
    TRY(json_get_int(root, "version", JSON_REQUIRED, 1, 1, &version, err));
    TRY(get_log(root, schema, err));
    TRY(get_table(root, "users", &schema->users, NULL, err));
    TRY(get_table(root, "items", &schema->items, &schema->category, err));
    return get_histories(root, schema, err);
}

static enum status import_text(const char *folder, const struct buf *text, struct dataset **ret, struct err *err)
{
    struct json *json = NULL;
    struct schema schema = {0};
    struct dataset *d = NULL;
    enum status s = json_parse(text->data, text->length, NULL, &json, err);
    if (s == STATUS_OK) {
        const struct json_at root = json_root(json);
        s = get_schema(&root, &schema, err);
    }
    if (s != STATUS_OK) {
        json_free(json);
        return err_wrap(err, s, "%s", SCHEMA_FILE);
    }
    s = schema_import(&schema, folder, &d, err);
    if (s == STATUS_OK)
        s = dataset_finish(d, err);
    json_free(json);
    if (s != STATUS_OK) {
        dataset_free(d);
        return s;
    }
    *ret = d;
    return STATUS_OK;
}

enum status dataset_import_generic(const char *folder, struct dataset **ret, struct err *err)
{
    struct buf path = BUF_INIT, text = BUF_INIT;
    buf_printf(&path, "%s/%s", folder, SCHEMA_FILE);
    enum status s = buf_status(&path, err);
    if (s == STATUS_OK)
        s = file_read(path.data, MAX_SCHEMA_BYTES, &text, err);
    if (s == STATUS_OK)
        s = import_text(folder, &text, ret, err);
    buf_done(&path);
    buf_done(&text);
    return s;
}
