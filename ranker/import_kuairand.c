/* KuaiRand-Pure (Gao et al., CIKM 2022) as it stands in its folder: the standard log of 25 April to 4 May 2022, the
 * features of users and videos, and the histories up to 24 April. */
#include <math.h>
#include <string.h>

#include "base/core/mem.h"
#include "ranker/schema.h"

#define TEXT(name)                                                                                                     \
    {                                                                                                                  \
        name, name, COLUMN_TEXT, SCHEMA_AS_IS                                                                          \
    }
#define NUMBER(name)                                                                                                   \
    {                                                                                                                  \
        name, name, COLUMN_NUMBER, SCHEMA_AS_IS                                                                        \
    }

/* The ranges of the same name hold less than the numbers and are left out. */
static const struct schema SCHEMA = {
    .log = "log_standard_4_25_to_5_04_pure.csv",
    .user = "user_id",
    .item = "video_id",
    .time_ms = "time_ms",
    .day = "date",
    .n_heads = 9,
    .heads = {NUMBER("is_click"),
              NUMBER("long_view"),
              NUMBER("is_like"),
              NUMBER("is_profile_enter"),
              {"comment_open", "comment_stay_time", COLUMN_NUMBER, SCHEMA_AS_IS},
              NUMBER("is_comment"),
              NUMBER("is_follow"),
              NUMBER("is_forward"),
              NUMBER("is_hate")},
    .n_context = 3,
    .context = {TEXT("tab"),
                {"hour", "hourmin", COLUMN_TEXT, SCHEMA_HOUR},
                {"weekday", "date", COLUMN_TEXT, SCHEMA_WEEKDAY}},
    .users = {.file = "user_features_pure.csv",
              .id = "user_id",
              .n_columns = 26,
              .columns = {TEXT("user_active_degree"), TEXT("is_lowactive_period"), TEXT("is_live_streamer"),
                          TEXT("is_video_author"),    NUMBER("follow_user_num"),   NUMBER("fans_user_num"),
                          NUMBER("friend_user_num"),  NUMBER("register_days"),     TEXT("onehot_feat0"),
                          TEXT("onehot_feat1"),       TEXT("onehot_feat2"),        TEXT("onehot_feat3"),
                          TEXT("onehot_feat4"),       TEXT("onehot_feat5"),        TEXT("onehot_feat6"),
                          TEXT("onehot_feat7"),       TEXT("onehot_feat8"),        TEXT("onehot_feat9"),
                          TEXT("onehot_feat10"),      TEXT("onehot_feat11"),       TEXT("onehot_feat12"),
                          TEXT("onehot_feat13"),      TEXT("onehot_feat14"),       TEXT("onehot_feat15"),
                          TEXT("onehot_feat16"),      TEXT("onehot_feat17")}},
    .items = {.file = "video_features_basic_pure.csv",
              .id = "video_id",
              .n_columns = 10,
              .columns = {TEXT("author_id"),
                          TEXT("video_type"),
                          TEXT("upload_dt"),
                          TEXT("upload_type"),
                          NUMBER("video_duration"),
                          NUMBER("server_width"),
                          NUMBER("server_height"),
                          TEXT("music_id"),
                          TEXT("music_type"),
                          {"tag", "tag", COLUMN_TEXT, SCHEMA_FIRST}}},
    .category = "tag",
    .n_histories = 3,
    .histories = {{"watch", "user_watch_seq_to_4_24.csv", "user_id", "video_id"},
                  {"long_watch", "user_long_watch_seq_to_4_24.csv", "user_id", "video_id"},
                  {"like", "user_like_seq_to_4_24.csv", "user_id", "video_id"}},
};

static const char HISTORY_FILE[] = "user_history_to_4_24.csv";

/* A new column of the users, NaN everywhere. */
static enum status add_empty(struct table *table, const char *name, struct column **ret, struct err *err)
{
    TRY(table_add(table, name, COLUMN_NUMBER, table->n, ret, err));
    for (size_t i = 0; i < table->n; i++)
        (*ret)->numbers[i] = nan("");
    return STATUS_OK;
}

/* Length of the whole history (the sequences hold only its part on the videos that are here) and the days between its
 * last event and the first row of the log. */
static enum status read_history_row(const struct csv *csv, const size_t at[3], const struct dataset *d,
                                    struct column *length, struct column *idle, struct err *err)
{
    int64_t n, last_ms;
    const uint32_t user = intern_find(&d->user_ids, csv_field(csv, at[0]));
    if (user == INTERN_NONE)
        return csv_refuse(csv, at[0], err, "an id of %s is expected", SCHEMA.users.file);
    TRY(csv_int(csv, at[1], 0, INT32_MAX, &n, err));
    TRY(csv_int(csv, at[2], 0, (int64_t)1 << 53, &last_ms, err));
    length->numbers[user] = (double)n;
    idle->numbers[user] = d->context.n == 0 ? nan("") : (double)(d->row_times[0] - last_ms) / 86400e3;
    return STATUS_OK;
}

static enum status read_history_rows(struct csv *csv, struct dataset *d, struct err *err)
{
    static const char *const NAMES[3] = {"user_id", "history_len", "last_time_ms"};
    struct column *length, *idle;
    size_t at[3];
    for (size_t c = 0; c < 3; c++)
        TRY(csv_column(csv, NAMES[c], &at[c], err));
    TRY(add_empty(&d->users, "history_len", &length, err));
    TRY(add_empty(&d->users, "history_idle_days", &idle, err));
    for (bool more = true;;) {
        TRY(csv_next(csv, &more, err));
        if (!more)
            return STATUS_OK;
        TRY(read_history_row(csv, at, d, length, idle, err));
    }
}

static enum status add_user_history(const char *folder, struct dataset *d, struct err *err)
{
    struct csv csv;
    enum status s = csv_open(&csv, folder, HISTORY_FILE, err);
    if (s == STATUS_OK)
        s = read_history_rows(&csv, d, err);
    csv_done(&csv);
    return s;
}

/* How many of the videos are by the same author. */
static enum status add_author_videos(struct dataset *d, struct err *err)
{
    const struct column *author = table_find(&d->items, "author_id");
    struct column *videos;
    double *counts = mem_alloc(d->texts.n, sizeof *counts);
    if (counts == NULL)
        return err_no_memory(err);
    const enum status s = add_empty(&d->items, "author_videos", &videos, err);
    for (size_t i = 0; s == STATUS_OK && i < d->items.n; i++) {
        if (author->codes[i] != INTERN_NONE)
            counts[author->codes[i]] += 1.0;
    }
    for (size_t i = 0; s == STATUS_OK && i < d->items.n; i++) {
        if (author->codes[i] != INTERN_NONE)
            videos->numbers[i] = counts[author->codes[i]];
    }
    mem_free(counts);
    return s;
}

enum status dataset_import_kuairand(const char *folder, struct dataset **ret, struct err *err)
{
    struct dataset *d = NULL;
    TRY(schema_import(&SCHEMA, folder, &d, err));
    enum status s = add_user_history(folder, d, err);
    if (s == STATUS_OK)
        s = add_author_videos(d, err);
    if (s == STATUS_OK)
        s = dataset_finish(d, err);
    if (s != STATUS_OK) {
        dataset_free(d);
        return s;
    }
    *ret = d;
    return STATUS_OK;
}
