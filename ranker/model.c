#include "ranker/model.h"

#include <math.h>
#include <string.h>

#include "base/core/file.h"
#include "base/core/mem.h"
#include "ranker/day.h"

static const struct bytes_format FORMAT = {"TRIMTABM", 6, "model"};
static const size_t MAX_FILE_BYTES = (size_t)4 << 30;

static void head_done(struct model_head *head)
{
    mem_free(head->name);
    calibration_done(&head->calibration);
}

void model_free(struct model *model)
{
    if (model == NULL)
        return;
    features_free(model->features);
    for (size_t h = 0; h < DATASET_MAX_HEADS; h++)
        head_done(&model->heads[h]);
    architecture_done(&model->architecture);
    mem_free(model->theta);
    mem_free(model->embeddings);
    effects_done(&model->effects);
    mem_free(model->options);
    mem_free(model);
}

enum status model_targets(const struct model *model, const struct dataset *dataset, struct targets *ret,
                          struct err *err)
{
    const char *names[DATASET_MAX_HEADS];
    for (size_t h = 0; h < model->shape.heads; h++)
        names[h] = model->heads[h].name;
    return targets_make(&model->architecture, model->shape.heads, names, dataset, ret, err);
}

static void encode_calibration(const struct calibration *c, struct buf *file)
{
    bytes_u8(file, (uint8_t)c->kind);
    bytes_f64(file, c->keep);
    bytes_f64(file, c->slope);
    bytes_f64(file, c->intercept);
    bytes_u32(file, (uint32_t)c->n_knots);
    for (size_t i = 0; i < c->n_knots; i++) {
        bytes_f64(file, c->knots[i].from);
        bytes_f64(file, c->knots[i].to);
    }
}

enum status model_encode(struct model *model, struct buf *file, struct err *err)
{
    const struct network_shape *shape = &model->shape;
    uint8_t digest[DIGEST_SIZE];
    bytes_begin(file, &FORMAT);
    bytes_text(file, model->data_hash);
    bytes_u32(file, (uint32_t)model->first_day);
    bytes_u32(file, (uint32_t)model->last_day);
    bytes_u32(file, (uint32_t)model->calibration_day);
    bytes_u64(file, model->seed);
    bytes_text(file, model->options);
    bytes_u8(file, (uint8_t)model->architecture.kind);
    bytes_u32(file, (uint32_t)model->architecture.n_importance);
    for (size_t i = 0; i < model->architecture.n_importance; i++) {
        bytes_text(file, model->architecture.importance[i].name);
        bytes_f64(file, model->architecture.importance[i].weight);
    }
    bytes_u32(file, (uint32_t)shape->heads);
    for (size_t h = 0; h < shape->heads; h++) {
        const struct model_head *head = &model->heads[h];
        bytes_text(file, head->name);
        encode_calibration(&head->calibration, file);
        bytes_f64(file, head->mean);
        bytes_f64(file, head->sd);
    }
    features_encode(model->features, file);
    bytes_u32(file, (uint32_t)shape->hidden1);
    bytes_u32(file, (uint32_t)shape->hidden2);
    bytes_u32(file, (uint32_t)shape->tower);
    bytes_u32(file, (uint32_t)shape->experts);
    bytes_u8(file, shape->wide ? 1 : 0);
    bytes_f32s(file, model->embeddings, model->features->n_embeddings);
    bytes_f32s(file, model->theta, network_layout(shape).n);
    for (size_t side = 0; side < EFFECTS_SIDES; side++)
        bytes_f32s(file, model->effects.mean[side], model->effects.n[side] * shape->heads);
    TRY(bytes_end(file, digest, err));
    digest_hex(digest, sizeof digest, model->hash);
    return STATUS_OK;
}

static enum status no_fit(struct err *err, const char *part)
{
    return err_set(err, STATUS_CORRUPT, "its %s do not fit the format", part);
}

static enum status decode_provenance(struct bytes_reader *r, struct model *model, struct err *err)
{
    bool no_memory = false;
    size_t length;
    const char *hash = bytes_read_text(r, DIGEST_HEX_SIZE - 1, &length);
    memcpy(model->data_hash, hash, length);
    model->first_day = (int32_t)bytes_read_u32(r);
    model->last_day = (int32_t)bytes_read_u32(r);
    model->calibration_day = (int32_t)bytes_read_u32(r);
    model->seed = bytes_read_u64(r);
    model->options = bytes_read_copy(r, MODEL_MAX_OPTIONS, &no_memory);
    if (no_memory)
        return err_no_memory(err);
    if (r->failed || !day_valid(model->first_day) || !day_valid(model->last_day) || !day_valid(model->calibration_day))
        return no_fit(err, "days and options");
    return STATUS_OK;
}

static enum status decode_architecture(struct bytes_reader *r, struct model *model, struct err *err)
{
    struct architecture *a = &model->architecture;
    bool no_memory = false;
    const uint8_t kind = bytes_read_u8(r);
    const size_t n = bytes_read_count(r, 12, DATASET_MAX_HEADS);
    if (r->failed || kind >= ARCHITECTURE_KINDS || (n > 0) != (kind == ARCHITECTURE_BINARY))
        return no_fit(err, "architecture and importances");
    a->kind = (enum architecture_kind)kind;
    for (size_t i = 0; i < n; i++) {
        char *name = bytes_read_copy(r, TABLE_MAX_NAME, &no_memory);
        const double weight = bytes_read_f64(r);
        if (no_memory)
            return err_no_memory(err);
        enum status s = r->failed ? STATUS_INVALID : architecture_add(a, name, weight, err);
        if (s == STATUS_INVALID)
            s = no_fit(err, "architecture and importances");
        mem_free(name);
        if (s != STATUS_OK)
            return s;
    }
    return STATUS_OK;
}

static enum status decode_calibration(struct bytes_reader *r, struct calibration *c, struct err *err)
{
    const uint8_t kind = bytes_read_u8(r);
    c->kind = kind < CALIBRATION_KINDS ? (enum calibration_kind)kind : CALIBRATION_NONE;
    c->keep = bytes_read_f64(r);
    c->shift = log(c->keep);
    c->slope = bytes_read_f64(r);
    c->intercept = bytes_read_f64(r);
    c->n_knots = bytes_read_count(r, 16, CALIBRATE_MAX_KNOTS);
    c->knots = c->n_knots > 0 ? mem_alloc(c->n_knots, sizeof *c->knots) : NULL;
    if (c->n_knots > 0 && c->knots == NULL) {
        c->n_knots = 0;
        return err_no_memory(err);
    }
    for (size_t i = 0; i < c->n_knots; i++) {
        c->knots[i].from = bytes_read_f64(r);
        c->knots[i].to = bytes_read_f64(r);
    }
    return r->failed || kind >= CALIBRATION_KINDS || !calibration_valid(c) ? no_fit(err, "calibrations") : STATUS_OK;
}

static enum status decode_heads(struct bytes_reader *r, struct model *model, struct err *err)
{
    bool no_memory = false;
    model->shape.heads = bytes_read_count(r, 49, DATASET_MAX_HEADS);
    for (size_t h = 0; h < model->shape.heads && !r->failed; h++) {
        struct model_head *head = &model->heads[h];
        head->name = bytes_read_copy(r, TABLE_MAX_NAME, &no_memory);
        if (no_memory)
            return err_no_memory(err);
        TRY(decode_calibration(r, &head->calibration, err));
        head->mean = bytes_read_f64(r);
        head->sd = bytes_read_f64(r);
        if (!(head->mean > 0.0) || !(head->mean < 1.0) || !(head->sd >= 0.0) || !(head->sd < 1.0))
            return no_fit(err, "heads");
    }
    const bool binary = model->architecture.kind == ARCHITECTURE_BINARY;
    if (r->failed || model->shape.heads == 0 || (binary && model->shape.heads != 1))
        return no_fit(err, "heads");
    return STATUS_OK;
}

static bool all_finite(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(x[i]))
            return false;
    }
    return true;
}

static void decode_effects(struct bytes_reader *r, struct model *model, bool *no_memory)
{
    static const enum feature_side SIDES[EFFECTS_SIDES] = {SIDE_USER, SIDE_ITEM};
    struct effects *effects = &model->effects;
    effects->n_heads = model->shape.heads;
    for (size_t side = 0; side < EFFECTS_SIDES; side++) {
        effects->n[side] = features_n_ids(model->features, SIDES[side]);
        effects->mean[side] = bytes_read_f32s(r, effects->n[side] * effects->n_heads, no_memory);
    }
}

static bool effects_finite(const struct effects *effects)
{
    for (size_t side = 0; side < EFFECTS_SIDES; side++) {
        if (!all_finite(effects->mean[side], effects->n[side] * effects->n_heads))
            return false;
    }
    return true;
}

static enum status decode_parameters(struct bytes_reader *r, struct model *model, struct err *err)
{
    struct network_shape *shape = &model->shape;
    bool no_memory = false;
    shape->width = model->features->width;
    shape->hidden1 = bytes_read_u32(r);
    shape->hidden2 = bytes_read_u32(r);
    shape->tower = bytes_read_u32(r);
    shape->experts = bytes_read_u32(r);
    const uint8_t wide = bytes_read_u8(r);
    shape->wide = wide == 1;
    if (r->failed || wide > 1 || !network_shape_valid(shape) ||
        (shape->experts > 0) != (model->architecture.kind == ARCHITECTURE_MMOE))
        return no_fit(err, "sizes of layers");
    const size_t n = network_layout(shape).n;
    model->embeddings = bytes_read_f32s(r, model->features->n_embeddings, &no_memory);
    model->theta = bytes_read_f32s(r, n, &no_memory);
    decode_effects(r, model, &no_memory);
    if (no_memory)
        return err_no_memory(err);
    if (r->failed || bytes_left(r) != 0 || !effects_finite(&model->effects) ||
        !all_finite(model->embeddings, model->features->n_embeddings) || !all_finite(model->theta, n))
        return no_fit(err, "parameters");
    return STATUS_OK;
}

static enum status decode(struct bytes_reader *r, struct model *model, struct err *err)
{
    TRY(decode_provenance(r, model, err));
    TRY(decode_architecture(r, model, err));
    TRY(decode_heads(r, model, err));
    TRY(features_decode(r, &model->features, err));
    return decode_parameters(r, model, err);
}

enum status model_decode(const void *file, size_t n, const char *name, struct model **ret, struct err *err)
{
    struct bytes_reader r = {0};
    TRY(bytes_open(file, n, &FORMAT, name, &r, err));
    struct model *model = mem_alloc(1, sizeof *model);
    if (model == NULL)
        return err_no_memory(err);
    const enum status s = decode(&r, model, err);
    if (s != STATUS_OK) {
        model_free(model);
        return err_wrap(err, s, "%s", name);
    }
    digest_hex((const uint8_t *)file + n - DIGEST_SIZE, DIGEST_SIZE, model->hash);
    *ret = model;
    return STATUS_OK;
}

enum status model_read(const char *path, struct model **ret, struct err *err)
{
    struct buf file = BUF_INIT;
    enum status s = file_read(path, MAX_FILE_BYTES, &file, err);
    if (s == STATUS_OK)
        s = model_decode(file.data, file.length, path, ret, err);
    buf_done(&file);
    return s;
}

enum status model_write(struct model *model, const char *path, struct err *err)
{
    struct buf file = BUF_INIT;
    enum status s = model_encode(model, &file, err);
    if (s == STATUS_OK)
        s = file_write_atomic(path, file.data, file.length, 0644, err);
    buf_done(&file);
    return s;
}
