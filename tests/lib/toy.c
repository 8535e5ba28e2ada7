#include "tests/lib/toy.h"

#include "tests/lib/check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/core/buf.h"
#include "base/core/rng.h"
#include "tests/lib/files.h"

static const char SCHEMA[] =
    "{\"version\":1,\"log\":{\"file\":\"log.csv\",\"user\":\"user\",\"item\":\"item\",\"time_ms\":\"ms\",\"day\":"
    "\"day\","
    "\"heads\":[{\"name\":\"click\"},{\"name\":\"save\"},{\"name\":\"hide\"}],"
    "\"context\":[{\"name\":\"tab\",\"kind\":\"categorical\"},{\"name\":\"hour\",\"kind\":\"numeric\"},"
    "{\"name\":\"planet\",\"kind\":\"categorical\"}]},"
    "\"users\":{\"file\":\"users.csv\",\"id\":\"user\",\"columns\":[{\"name\":\"segment\",\"kind\":\"categorical\"},"
    "{\"name\":\"age\",\"kind\":\"numeric\"}]},"
    "\"items\":{\"file\":\"items.csv\",\"id\":\"item\",\"category\":\"category\",\"columns\":["
    "{\"name\":\"category\",\"kind\":\"categorical\"},{\"name\":\"length\",\"kind\":\"numeric\"}]},"
    "\"histories\":[{\"name\":\"view\",\"file\":\"view.csv\",\"user\":\"user\",\"item\":\"item\"},"
    "{\"name\":\"like\",\"file\":\"like.csv\",\"user\":\"user\",\"item\":\"item\"}]}";

static double hidden_trait(uint64_t seed, uint64_t which, uint64_t index)
{
    struct rng rng;
    rng_init(&rng, seed, which, index);
    return 0.8 * rng_normal(&rng);
}

static double length_of(uint64_t item)
{
    return (double)(item * 7 % 11) / 4.0;
}

static double truth(uint64_t seed, uint64_t user, uint64_t item, bool home)
{
    const double z = -0.5 + hidden_trait(seed, 11, user) + hidden_trait(seed, 12, item) +
                     (user % 3 == item % 3 ? 0.9 : 0.0) + (home ? 0.6 : 0.0) - 0.3 * length_of(item);
    return 1.0 / (1.0 + exp(-z));
}

double toy_truth(const struct dataset *dataset, size_t row, uint64_t seed)
{
    const struct dataset_row r = dataset_row(dataset, row);
    const char *tab = dataset_context_text(dataset, row, 0);
    return truth(seed, r.user, r.item, tab != NULL && strcmp(tab, "home") == 0);
}

static void write_file(const char *folder, const char *name, struct buf *text)
{
    assert_true(!text->failed);
    files_text(folder, name, text->data);
    buf_clear(text);
}

static void write_log(const char *folder, struct buf *text, size_t rows, uint64_t seed)
{
    struct rng rng;
    rng_init(&rng, seed, 13, 0);
    buf_text(text, "user,item,ms,day,click,save,hide,tab,hour,planet\n");
    for (size_t i = 0; i < rows; i++) {
        const uint64_t user = rng_below(&rng, TOY_USERS), item = rng_below(&rng, TOY_ITEMS);
        const bool home = rng_below(&rng, 2) == 0;
        const int click = rng_uniform(&rng) < truth(seed, user, item, home);
        const int save = click != 0 && rng_uniform(&rng) < 0.2;
        const int day = TOY_FIRST_DAY + (int)(i * TOY_DAYS / rows);
        buf_printf(text, "u%d,i%d,%zu,%d,%d,%d,0,%s,%d,earth\n", (int)user, (int)item, 1000 * i, day, click, save,
                   home ? "home" : "search", (int)rng_below(&rng, 24));
    }
    write_file(folder, "log.csv", text);
}

static void write_tables(const char *folder, struct buf *text, uint64_t seed)
{
    struct rng rng;
    rng_init(&rng, seed, 14, 0);
    buf_text(text, "user,segment,age\n");
    for (int u = 0; u < TOY_USERS; u++)
        buf_printf(text, "u%d,s%d,%s\n", u, u % 3, u % 5 == 0 ? "" : u % 2 == 0 ? "31.5" : "47");
    write_file(folder, "users.csv", text);
    buf_text(text, "item,category,length\n");
    for (int i = 0; i < TOY_ITEMS; i++)
        buf_printf(text, "i%d,c%d,%.17g\n", i, i % 3, length_of((uint64_t)i));
    write_file(folder, "items.csv", text);
    static const char *const KINDS[] = {"view.csv", "like.csv"};
    for (size_t kind = 0; kind < 2; kind++) {
        buf_text(text, "user,item\n");
        for (int u = 1; u < TOY_USERS; u++) { /* u0 has no history */
            for (uint64_t e = rng_below(&rng, kind == 0 ? 9 : 3); e > 0; e--)
                buf_printf(text, "u%d,i%d\n", u, (int)rng_below(&rng, TOY_ITEMS));
        }
        write_file(folder, KINDS[kind], text);
    }
}

struct dataset *toy_dataset(size_t rows, uint64_t seed)
{
    struct err err = ERR_INIT;
    struct buf text = BUF_INIT;
    struct dataset *dataset = NULL, *again = NULL;
    char hash[DIGEST_HEX_SIZE];
    char *folder = files_folder();
    files_text(folder, "schema.json", SCHEMA);
    write_log(folder, &text, rows, seed);
    write_tables(folder, &text, seed);
    assert_ok(dataset_import_generic(folder, &dataset, &err), &err);
    files_remove(folder);
    assert_ok(dataset_encode(dataset, &text, hash, &err), &err);
    assert_ok(dataset_decode(text.data, text.length, "toy", &again, &err), &err);
    dataset_free(dataset);
    buf_done(&text);
    return again;
}
