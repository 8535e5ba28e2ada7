/* dataset: import of the generic schema with every fault of a CSV file, derived history columns, the file format. */
#include "tests/lib/check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/core/file.h"
#include "base/core/mem.h"
#include "ranker/bytes.h"
#include "ranker/dataset_internal.h"
#include "ranker/day.h"
#include "tests/lib/files.h"

static const char SCHEMA[] =
    "{\"version\":1,"
    "\"log\":{\"file\":\"log.csv\",\"user\":\"user_id\",\"item\":\"item_id\",\"time_ms\":\"time_ms\",\"day\":\"date\","
    "\"heads\":[{\"name\":\"click\",\"column\":\"click\"},{\"name\":\"dwell\",\"column\":\"seconds\"}],"
    "\"context\":[{\"name\":\"tab\",\"column\":\"tab\",\"kind\":\"categorical\"},"
    "{\"name\":\"hour\",\"column\":\"hour\",\"kind\":\"numeric\"}]},"
    "\"users\":{\"file\":\"users.csv\",\"id\":\"user_id\",\"columns\":[{\"name\":\"segment\",\"kind\":\"categorical\"}]"
    "},"
    "\"items\":{\"file\":\"items.csv\",\"id\":\"item_id\",\"category\":\"category\",\"columns\":["
    "{\"name\":\"category\",\"kind\":\"categorical\"},{\"name\":\"length\",\"kind\":\"numeric\"}]},"
    "\"histories\":[{\"name\":\"view\",\"file\":\"view.csv\",\"user\":\"user_id\",\"item\":\"item_id\"},"
    "{\"name\":\"like\",\"file\":\"like.csv\",\"user\":\"user_id\",\"item\":\"item_id\"}]}";
static const char LOG[] = "user_id,item_id,time_ms,date,click,seconds,tab,hour\n"
                          "u2,i1,1000500,20240229,1,0,home,13\n"
                          "u1,i2,1000400,20240229,0,2.5,\"a,\"\"b\"\"\",\n"
                          "u1,i1,1000500,20240301,0,0,,7.25\r\n";
static const char USERS[] = "user_id,segment\nu1,heavy\nu2,\n";
static const char ITEMS[] = "item_id,length,category\ni1,31.5,news\ni2,,\ni3,1e2,news\n";
static const char VIEW[] = "user_id,item_id\nu2,i1\nu1,i3\nu2,i3\nu2,i3\n";
static const char LIKE[] = "user_id,item_id\nu2,i3\n";

static char *make_folder(void)
{
    char *folder = files_folder();
    files_text(folder, "schema.json", SCHEMA);
    files_text(folder, "log.csv", LOG);
    files_text(folder, "users.csv", USERS);
    files_text(folder, "items.csv", ITEMS);
    files_text(folder, "view.csv", VIEW);
    files_text(folder, "like.csv", LIKE);
    return folder;
}

static struct dataset *make_dataset(void)
{
    struct err err = ERR_INIT;
    struct dataset *d = NULL;
    char *folder = make_folder();
    assert_ok(dataset_import_generic(folder, &d, &err), &err);
    files_remove(folder);
    return d;
}

/* What the files above must become; also after a round trip through the file format. */
static void check_contents(const struct dataset *d)
{
    assert_int_equal(dataset_n_rows(d), 3);
    assert_int_equal(dataset_n_users(d), 2);
    assert_int_equal(dataset_n_items(d), 3);
    assert_int_equal(dataset_n_heads(d), 2);
    assert_string_equal(dataset_head_name(d, 1), "dwell");
    const struct dataset_row first = dataset_row(d, 0), second = dataset_row(d, 1), third = dataset_row(d, 2);
    assert_string_equal(dataset_item_id(d, first.item), "i2");
    assert_int_equal(first.time_ms, 1000400);
    assert_int_equal(first.labels, 2);
    assert_string_equal(dataset_user_id(d, second.user), "u1"); /* the same time: u1 before u2 */
    assert_int_equal(second.day, 20240301);
    assert_int_equal(second.labels, 0);
    assert_string_equal(dataset_user_id(d, third.user), "u2");
    assert_int_equal(third.labels, 1);
    assert_string_equal(dataset_context_name(d, 1), "hour");
    assert_true(dataset_context_is_text(d, 0) && !dataset_context_is_text(d, 1));
    assert_string_equal(dataset_context_text(d, 0, 0), "a,\"b\"");
    assert_null(dataset_context_text(d, 1, 0));
    assert_string_equal(dataset_context_text(d, 2, 0), "home");
    assert_true(isnan(dataset_context_number(d, 0, 1)));
    assert_close(dataset_context_number(d, 1, 1), 7.25, 0.0);
    assert_null(dataset_context_text(d, 1, 1));
    assert_true(isnan(dataset_context_number(d, 1, 0)));
    const struct column *length = table_find(&d->items, "length");
    assert_true(isnan(length->numbers[1]));
    assert_close(length->numbers[2], 100.0, 0.0);
    assert_int_equal(d->category, 0);
}

static void test_import(void **state)
{
    (void)state;
    struct dataset *d = make_dataset();
    check_contents(d);
    dataset_free(d);
}

static void test_history_columns(void **state)
{
    (void)state;
    struct dataset *d = make_dataset();
    /* views: u1 {i3}, u2 {i1, i3, i3}; likes: u2 {i3}; 1 like in 4 views; prior strength 10 */
    const struct column *views = table_find(&d->users, "history.view");
    const struct column *likes = table_find(&d->users, "history.like.rate");
    assert_close(views->numbers[0], log(2.0), 1e-15);
    assert_close(views->numbers[1], log(4.0), 1e-15);
    assert_close(likes->numbers[0], 2.5 / 11.0, 1e-15);
    assert_close(likes->numbers[1], 3.5 / 13.0, 1e-15);
    const struct column *items = table_find(&d->items, "history.like.rate");
    assert_close(items->numbers[0], 2.5 / 11.0, 1e-15);
    assert_close(items->numbers[1], 0.25, 1e-15);
    assert_close(items->numbers[2], 3.5 / 13.0, 1e-15);
    assert_int_equal(d->histories[0].starts[2], 4);
    assert_int_equal(d->histories[0].items[1], 0); /* u2 saw i1 first */
    dataset_free(d);
}

static void test_file_round_trip(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    char *folder = files_folder();
    char path[4096];
    struct dataset *d = make_dataset(), *again = NULL;
    files_path(folder, "d", path, sizeof path);
    assert_ok(dataset_write(d, path, &err), &err);
    assert_ok(dataset_read(path, &again, &err), &err);
    check_contents(again);
    assert_non_null(table_find(&again->users, "history.view"));
    assert_int_equal(strlen(again->hash), 64);
    dataset_free(again);
    dataset_free(d);
    assert_refused(dataset_read("/nowhere/d", &again, &err), STATUS_NOT_FOUND, &err, "/nowhere/d");
    files_remove(folder);
}

/* Every single flipped bit and every shorter length is refused, and so is a newer version with a right checksum. */
static void test_damaged_file(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct buf file = BUF_INIT;
    char hash[DIGEST_HEX_SIZE];
    struct dataset *d = make_dataset(), *again = NULL;
    assert_ok(dataset_encode(d, &file, hash, &err), &err);
    for (size_t i = 0; i < file.length; i++) {
        file.data[i] = (char)(file.data[i] ^ (1 << (i % 8)));
        assert_int_equal(dataset_decode(file.data, file.length, "x.ds", &again, &err), STATUS_CORRUPT);
        assert_non_null(strstr(err.text, "x.ds"));
        file.data[i] = (char)(file.data[i] ^ (1 << (i % 8)));
        assert_refused(dataset_decode(file.data, i, "x.ds", &again, &err), STATUS_CORRUPT, &err, "cut short");
    }
    file.data[8] = 2;
    digest_sha256(file.data, file.length - DIGEST_SIZE, (uint8_t *)file.data + file.length - DIGEST_SIZE);
    assert_refused(dataset_decode(file.data, file.length, "x.ds", &again, &err), STATUS_CORRUPT, &err, "version 2");
    assert_null(again);
    buf_done(&file);
    dataset_free(d);
}

static void check_fault(const char *name, const char *text, const char *want)
{
    struct err err = ERR_INIT;
    struct dataset *d = NULL;
    char *folder = make_folder();
    files_text(folder, name, text);
    assert_refused(dataset_import_generic(folder, &d, &err), STATUS_INVALID, &err, want);
    assert_null(d);
    files_remove(folder);
}

static void test_csv_faults(void **state)
{
    (void)state;
    check_fault("users.csv", "user_id,segments\nu1,x\n",
                "users.csv line 1: column segment is missing; the columns are user_id, segments");
    check_fault("items.csv", "item_id,length,category\ni1,31.5s,a\n",
                "items.csv line 2: column length: value '31.5s': a finite number is expected, or nothing");
    check_fault("items.csv", "item_id,length,category\ni1,0x10,a\n", "value '0x10'");
    check_fault("items.csv", "item_id,length,category\ni1,inf,a\n", "value 'inf'");
    check_fault("items.csv", "item_id,length,category\ni1,1e999,a\n", "value '1e999'");
    check_fault("users.csv", "user_id,segment\nu1,heavy\nu2,light", "users.csv line 3: has no line end");
    check_fault("users.csv", "user_id,segment\nu1,\"heavy\n", "users.csv line 2: a quoted value does not end");
    check_fault("users.csv", "user_id,segment\nu1,\"heavy\"x\n", "text follows a closing quote");
    check_fault("users.csv", "user_id,segment\nu1,heavy,x\n", "users.csv line 2: 3 values: allowed are exactly 2");
    check_fault("users.csv", "user_id,segment\n\n", "users.csv line 2: 1 values");
    check_fault("users.csv", "user_id,segment\nu1,a\nu1,b\n",
                "users.csv line 3: column user_id: value 'u1': every id is allowed once");
    check_fault("users.csv", "user_id,segment\nu 1,a\n", "value 'u 1': an id of 1 to 128 printable");
    check_fault("users.csv", "user_id,segment\n,a\n", "value '': an id");
    check_fault("users.csv", "", "users.csv is empty");
    check_fault("view.csv", "user_id,item_id\nu1,i9\n",
                "view.csv line 2: column item_id: value 'i9': an id of items.csv is expected");
    const char *const head = "user_id,item_id,time_ms,date,click,seconds,tab,hour\n";
    static const char *const ROWS[][2] = {
        {"u9,i1,1,20240229,0,0,,\n", "log.csv line 2: column user_id: value 'u9': an id of users.csv"},
        {"u1,i1,1.5,20240229,0,0,,\n", "column time_ms: value '1.5': a whole number"},
        {"u1,i1,1,20230229,0,0,,\n", "column date: value '20230229': a day as yyyymmdd"},
        {"u1,i1,1,20240229,,0,,\n", "column click: value '': a finite number is expected"},
        {"u1,i1,1,20240229,0,nan,,\n", "column seconds: value 'nan'"},
        {"u1,i1,1,20240229,0,0,,noon\n", "column hour: value 'noon'"},
        {"u1,i1,1,20240229,0,0\n", "log.csv line 2: 6 values: allowed are exactly 8"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        char text[512];
        (void)snprintf(text, sizeof text, "%s%s", head, ROWS[i][0]);
        check_fault("log.csv", text, ROWS[i][1]);
    }
}

static void test_line_numbers_count_lines_in_quotes(void **state)
{
    (void)state;
    check_fault("users.csv", "user_id,segment\nu1,\"two\nlines\"\nu1,x\n", "users.csv line 4: column user_id");
}

static void test_schema_faults(void **state)
{
    (void)state;
    static const char *const CASES[][3] = {
        {"\"version\":1", "\"version\":2", "schema.json: version is 2"},
        {"\"day\":\"date\"", "\"day\":\"\"", "log.day is empty"},
        {"\"kind\":\"numeric\"}]},\"users\"", "\"kind\":\"real\"}]},\"users\"",
         "log.context[1].kind is real: allowed are categorical and numeric"},
        {"\"file\":\"log.csv\"", "\"file\":\"../log.csv\"", "log.file is ../log.csv"},
        {"\"name\":\"dwell\"", "\"name\":\"click\"", "log.heads[1] has the name click"},
        {"\"category\":\"category\"", "\"category\":\"length\"", "category is length: a categorical column"},
        {"\"id\":\"item_id\"", "\"id\":\"item_id\",\"extra\":1", "extra"},
        {"\"users\":", "\"user\":", "user"},
        {"\"histories\":[", "\"histories\":[1,", "histories[0]"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        const char *at = strstr(SCHEMA, CASES[i][0]);
        assert_non_null(at);
        char text[2048];
        (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(at - SCHEMA), SCHEMA, CASES[i][1],
                       at + strlen(CASES[i][0]));
        check_fault("schema.json", text, CASES[i][2]);
    }
    check_fault("schema.json", "{", "schema.json");
}

static void test_days(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    int32_t first = 0, last = 0;
    assert_int_equal(day_weekday(20220425), 1);
    assert_int_equal(day_weekday(20220501), 7);
    assert_int_equal(day_weekday(19700101), 4);
    assert_int_equal(day_number(20000301), 11017);
    assert_true(day_valid(20000229) && !day_valid(19000229) && !day_valid(21000229) && !day_valid(20221301));
    assert_ok(day_range("20220425..20220430", &first, &last, &err), &err);
    assert_int_equal(first, 20220425);
    assert_int_equal(last, 20220430);
    assert_ok(day_range("20220501", &first, &last, &err), &err);
    assert_int_equal(last, 20220501);
    static const char *const BAD[] = {"", "20220501..", "20220502..20220501", "20220431", "x", "20220501..20220502x"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        assert_refused(day_range(BAD[i], &first, &last, &err), STATUS_INVALID, &err, "--days");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_import),          cmocka_unit_test(test_history_columns),
        cmocka_unit_test(test_file_round_trip), cmocka_unit_test(test_damaged_file),
        cmocka_unit_test(test_csv_faults),      cmocka_unit_test(test_line_numbers_count_lines_in_quotes),
        cmocka_unit_test(test_schema_faults),   cmocka_unit_test(test_days),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
