/* Every allocation of import and decoding fails once: the status is STATUS_NO_MEMORY and nothing stays behind. */
#include "tests/lib/check.h"

#include "base/core/mem.h"
#include "ranker/dataset_internal.h"
#include "tests/lib/files.h"

static char *make_folder(void)
{
    char *folder = files_folder();
    files_text(folder, "schema.json",
               "{\"version\":1,\"log\":{\"file\":\"log.csv\",\"user\":\"u\",\"item\":\"i\",\"time_ms\":\"t\","
               "\"day\":\"d\",\"heads\":[{\"name\":\"click\"}],"
               "\"context\":[{\"name\":\"tab\",\"kind\":\"categorical\"},{\"name\":\"hour\",\"kind\":\"numeric\"}]},"
               "\"users\":{\"file\":\"users.csv\",\"id\":\"u\",\"columns\":[{\"name\":\"s\",\"kind\":\"numeric\"}]},"
               "\"items\":{\"file\":\"items.csv\",\"id\":\"i\",\"category\":\"c\",\"columns\":["
               "{\"name\":\"c\",\"kind\":\"categorical\"}]},"
               "\"histories\":[{\"name\":\"view\",\"file\":\"view.csv\",\"user\":\"u\",\"item\":\"i\"}]}");
    files_text(folder, "log.csv", "u,i,t,d,click,tab,hour\n1,a,5,20240101,1,x,3\n2,b,4,20240101,0,y,\n");
    files_text(folder, "users.csv", "u,s\n1,2.5\n2,\n");
    files_text(folder, "items.csv", "i,c\na,x\nb,\n");
    files_text(folder, "view.csv", "u,i\n2,a\n1,b\n");
    return folder;
}

static void test_import(void **state)
{
    (void)state;
    char *folder = make_folder();
    const int64_t before = mem_outstanding();
    bool tripped = true;
    for (int64_t n = 0; tripped; n++) {
        struct err err = ERR_INIT;
        struct dataset *d = NULL;
        assert_true(n < 2000);
        mem_fault_after(n);
        const enum status s = dataset_import_generic(folder, &d, &err);
        tripped = mem_fault_tripped();
        mem_fault_after(-1);
        assert_int_equal(s, tripped ? STATUS_NO_MEMORY : STATUS_OK);
        dataset_free(d);
        assert_int_equal(mem_outstanding(), before);
    }
    files_remove(folder);
}

static void test_decode(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct buf file = BUF_INIT;
    struct dataset *d = NULL;
    char hash[DIGEST_HEX_SIZE];
    char *folder = make_folder();
    assert_ok(dataset_import_generic(folder, &d, &err), &err);
    assert_ok(dataset_encode(d, &file, hash, &err), &err);
    dataset_free(d);
    files_remove(folder);
    const int64_t before = mem_outstanding();
    bool tripped = true;
    for (int64_t n = 0; tripped; n++) {
        d = NULL;
        assert_true(n < 2000);
        mem_fault_after(n);
        const enum status s = dataset_decode(file.data, file.length, "d", &d, &err);
        tripped = mem_fault_tripped();
        mem_fault_after(-1);
        assert_int_equal(s, tripped ? STATUS_NO_MEMORY : STATUS_OK);
        dataset_free(d);
        assert_int_equal(mem_outstanding(), before);
    }
    buf_done(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_import), cmocka_unit_test(test_decode)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
