#include <pthread.h>

#include "base/core/mem.h"
#include "base/db/db.h"
#include "base/json/json_write.h"
#include "tuner/store/journal.h"

struct journal_reader {
    pthread_mutex_t mutex;
    struct db *db;
};

enum status journal_reader_open(const char *path, struct journal_reader **ret, struct err *err)
{
    struct journal_reader *reader = mem_alloc(1, sizeof *reader);
    if (reader == NULL)
        return err_no_memory(err);
    enum status s = db_open_reader(path, &reader->db, err);
    if (s != STATUS_OK) {
        mem_free(reader);
        return s;
    }
    pthread_mutex_init(&reader->mutex, NULL);
    *ret = reader;
    return STATUS_OK;
}

void journal_reader_close(struct journal_reader *reader)
{
    if (reader == NULL)
        return;
    db_close(reader->db);
    pthread_mutex_destroy(&reader->mutex);
    mem_free(reader);
}

static enum status check_campaign(struct db *db, int64_t campaign, struct err *err)
{
    struct db_stmt *stmt = NULL;
    bool row = false;
    TRY(db_prepare(db, "SELECT 1 FROM campaign WHERE id = ?", &stmt, err));
    db_bind_int(stmt, 1, campaign);
    enum status s = db_step(stmt, &row, err);
    db_finish(stmt);
    if (s == STATUS_OK && !row)
        s = err_set(err, STATUS_NOT_FOUND, "there is no campaign %lld", (long long)campaign);
    return s;
}

static void write_document(struct db_stmt *stmt, struct json_writer *w)
{
    json_write_raw(w, db_column_text(stmt, 0));
}

static void write_audit(struct db_stmt *stmt, struct json_writer *w)
{
    json_write_object(w);
    json_write_key(w, "seq");
    json_write_int(w, db_column_int(stmt, 0));
    json_write_key(w, "at_ms");
    json_write_int(w, db_column_int(stmt, 1));
    json_write_key(w, "actor");
    json_write_string(w, db_column_text(stmt, 2));
    json_write_key(w, "action");
    json_write_string(w, db_column_text(stmt, 3));
    json_write_key(w, "detail");
    json_write_string(w, db_column_text(stmt, 4));
    json_write_object_end(w);
}

/* The rows of a campaign, each written by `write`. */
static enum status write_rows(struct db *db, const char *sql, int64_t campaign, int64_t n,
                              void (*write)(struct db_stmt *stmt, struct json_writer *w), struct json_writer *w,
                              size_t *ret_rows, struct err *err)
{
    struct db_stmt *stmt = NULL;
    bool row = false;
    enum status s;
    TRY(db_prepare(db, sql, &stmt, err));
    db_bind_int(stmt, 1, campaign);
    db_bind_int(stmt, 2, n);
    *ret_rows = 0;
    while ((s = db_step(stmt, &row, err)) == STATUS_OK && row) {
        write(stmt, w);
        ++*ret_rows;
    }
    db_finish(stmt);
    return s;
}

static enum status list(struct journal_reader *reader, const char *key, const char *sql, int64_t campaign,
                        void (*write)(struct db_stmt *stmt, struct json_writer *w), struct buf *ret, struct err *err)
{
    struct json_writer w;
    size_t rows;
    json_writer_init(&w, ret);
    json_write_object(&w);
    json_write_key(&w, key);
    json_write_array(&w);
    pthread_mutex_lock(&reader->mutex);
    enum status s = check_campaign(reader->db, campaign, err);
    if (s == STATUS_OK)
        s = write_rows(reader->db, sql, campaign, 0, write, &w, &rows, err);
    pthread_mutex_unlock(&reader->mutex);
    json_write_array_end(&w);
    json_write_object_end(&w);
    return s == STATUS_OK ? buf_status(ret, err) : s;
}

enum status journal_reader_trials(struct journal_reader *reader, int64_t campaign, struct buf *ret, struct err *err)
{
    return list(reader, "trials", "SELECT document_json FROM trial WHERE campaign = ?1 AND ?2 = 0 ORDER BY n", campaign,
                write_document, ret, err);
}

enum status journal_reader_audit(struct journal_reader *reader, int64_t campaign, struct buf *ret, struct err *err)
{
    return list(reader, "audit",
                "SELECT seq, at_ms, actor, action, detail FROM audit WHERE campaign = ?1 AND ?2 = 0 ORDER BY seq",
                campaign, write_audit, ret, err);
}

enum status journal_reader_trial(struct journal_reader *reader, int64_t campaign, int64_t n, struct buf *ret,
                                 struct err *err)
{
    struct json_writer w;
    size_t rows = 0;
    json_writer_init(&w, ret);
    pthread_mutex_lock(&reader->mutex);
    enum status s = check_campaign(reader->db, campaign, err);
    if (s == STATUS_OK)
        s = write_rows(reader->db, "SELECT document_json FROM trial WHERE campaign = ? AND n = ?", campaign, n,
                       write_document, &w, &rows, err);
    pthread_mutex_unlock(&reader->mutex);
    if (s == STATUS_OK && rows == 0)
        s = err_set(err, STATUS_NOT_FOUND, "campaign %lld has no trial %lld", (long long)campaign, (long long)n);
    return s == STATUS_OK ? buf_status(ret, err) : s;
}
