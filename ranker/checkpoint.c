#include "ranker/checkpoint.h"

#include <math.h>
#include <string.h>

#include "base/core/file.h"
#include "base/core/mem.h"

static const struct bytes_format FORMAT = {"TRIMTABC", 1, "checkpoint"};
static const size_t MAX_FILE_BYTES = (size_t)8 << 30;

enum { MAX_WHAT = 16384, MAX_EPOCHS = 1 << 20 };

enum status checkpoint_write(const char *path, const char *what, const struct checkpoint *c,
                             const struct trainer *trainer, struct err *err)
{
    struct buf file = BUF_INIT;
    bytes_begin(&file, &FORMAT);
    bytes_text(&file, what);
    bytes_u32(&file, (uint32_t)c->pass);
    bytes_u32(&file, (uint32_t)c->epoch);
    bytes_u32(&file, (uint32_t)c->best_epoch);
    bytes_f64(&file, c->best_loss);
    bytes_u32(&file, (uint32_t)c->n_logits);
    bytes_f32s(&file, c->logits, c->n_logits);
    trainer_save(trainer, &file);
    enum status s = bytes_end(&file, NULL, err);
    if (s == STATUS_OK)
        s = file_write_atomic(path, file.data, file.length, 0644, err);
    buf_done(&file);
    return s;
}

static enum status decode(struct bytes_reader *r, const char *what, struct checkpoint *ret, struct err *err)
{
    bool no_memory = false;
    size_t length;
    const char *text = bytes_read_text(r, MAX_WHAT, &length);
    if (!r->failed && (length != strlen(what) || memcmp(text, what, length) != 0))
        return err_set(err, STATUS_CONFLICT,
                       "is of a training with other options or data: give the same, or remove it");
    const uint32_t pass = bytes_read_u32(r);
    ret->epoch = bytes_read_u32(r);
    ret->best_epoch = bytes_read_u32(r);
    ret->best_loss = bytes_read_f64(r);
    const size_t n = bytes_read_count(r, sizeof *ret->logits, SIZE_MAX);
    if (r->failed || pass > CHECKPOINT_REFIT || ret->epoch == 0 || ret->epoch > MAX_EPOCHS ||
        ret->best_epoch > MAX_EPOCHS || n != ret->n_logits || isnan(ret->best_loss))
        return err_set(err, STATUS_CORRUPT, "does not fit the format");
    ret->pass = (enum checkpoint_pass)pass;
    float *logits = bytes_read_f32s(r, n, &no_memory);
    if (logits == NULL)
        return no_memory ? err_no_memory(err) : err_set(err, STATUS_CORRUPT, "does not fit the format");
    memcpy(ret->logits, logits, n * sizeof *logits);
    mem_free(logits);
    return STATUS_OK;
}

enum status checkpoint_read(const char *path, const char *what, struct checkpoint *ret,
                            struct checkpoint_file *ret_file, struct err *err)
{
    *ret_file = (struct checkpoint_file){.file = BUF_INIT};
    enum status s = file_read(path, MAX_FILE_BYTES, &ret_file->file, err);
    if (s == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (s == STATUS_OK)
        s = bytes_open(ret_file->file.data, ret_file->file.length, &FORMAT, path, &ret_file->reader, err);
    if (s != STATUS_OK)
        return s;
    ret_file->found = true;
    s = decode(&ret_file->reader, what, ret, err);
    return s == STATUS_OK ? s : err_wrap(err, s, "%s", path);
}

void checkpoint_file_done(struct checkpoint_file *file)
{
    buf_done(&file->file);
    *file = (struct checkpoint_file){.file = BUF_INIT};
}
