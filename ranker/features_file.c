/* The features' part of a model file; docs/formats.md says which bytes. */
#include <math.h>

#include "base/core/mem.h"
#include "ranker/features.h"

void features_encode(const struct features *features, struct buf *file)
{
    bytes_u32(file, (uint32_t)features->n_histories);
    for (size_t k = 0; k < features->n_histories; k++)
        bytes_text(file, features->histories[k]);
    bytes_text(file, features->category);
    bytes_u32(file, (uint32_t)features->n_context);
    for (size_t c = 0; c < features->n_context; c++)
        bytes_text(file, features->context[c]);
    bytes_u32(file, (uint32_t)features->n);
    for (size_t f = 0; f < features->n; f++) {
        const struct feature *feature = &features->list[f];
        bytes_text(file, feature->name);
        bytes_u8(file, (uint8_t)feature->side);
        bytes_u8(file, (uint8_t)feature->source);
        bytes_u8(file, (uint8_t)feature->kind);
        bytes_u32(file, (uint32_t)feature->width);
        if (feature->source == SOURCE_HISTORY)
            bytes_u32(file, (uint32_t)feature->history);
        if (feature->kind == COLUMN_TEXT) {
            bytes_u32(file, (uint32_t)feature->vocabulary.n);
            for (uint32_t i = 0; i < feature->vocabulary.n; i++)
                bytes_text(file, intern_text(&feature->vocabulary, i));
        } else {
            bytes_u32(file, (uint32_t)feature->cross);
            bytes_f32s(file, feature->knots, feature->n_knots);
        }
    }
}

static bool source_fits(const struct feature *feature)
{
    const bool cross = feature->source == SOURCE_CROSS;
    if (feature->side >= N_SIDES || feature->source > SOURCE_HISTORY || feature->kind > COLUMN_NUMBER)
        return false;
    if (feature->source == SOURCE_HISTORY && (feature->side != SIDE_USER || feature->kind != COLUMN_TEXT))
        return false;
    if (feature->source == SOURCE_ID && (feature->side == SIDE_CONTEXT || feature->kind != COLUMN_TEXT))
        return false;
    return cross == (feature->side == SIDE_CROSS) && !(cross && feature->kind == COLUMN_TEXT);
}

static enum status decode_vocabulary(struct bytes_reader *r, struct feature *feature, struct err *err)
{
    const size_t n = bytes_read_count(r, 4, INTERN_NONE - 2);
    for (size_t i = 0; i < n && !r->failed; i++) {
        size_t length;
        uint32_t number = 0;
        const char *text = bytes_read_text(r, DATASET_MAX_TEXT, &length);
        TRY(intern_add(&feature->vocabulary, text, length, &number, err));
        r->failed = r->failed || number != i;
    }
    r->failed = r->failed || feature->width < 1 || feature->width > FEATURES_MAX_DIM;
    return STATUS_OK;
}

static enum status decode_knots(struct bytes_reader *r, struct feature *feature, size_t n_cross, struct err *err)
{
    bool no_memory = false;
    feature->cross = bytes_read_u32(r);
    feature->n_knots = feature->width;
    if (feature->width < 2 || feature->width > FEATURES_MAX_KNOTS || feature->cross >= (n_cross > 0 ? n_cross : 1)) {
        r->failed = true;
        return STATUS_OK;
    }
    float *knots = bytes_read_f32s(r, feature->n_knots, &no_memory);
    if (no_memory)
        return err_no_memory(err);
    for (size_t j = 0; knots != NULL && j < feature->n_knots; j++) {
        feature->knots[j] = knots[j];
        r->failed = r->failed || !isfinite(knots[j]) || (j > 0 && knots[j] <= knots[j - 1]);
    }
    mem_free(knots);
    return STATUS_OK;
}

/* Which history: one that the model has, each at most once, in their order. */
static void decode_history(struct bytes_reader *r, const struct features *features, struct feature *feature)
{
    feature->history = bytes_read_u32(r);
    r->failed = r->failed || feature->history >= features->n_histories;
    for (const struct feature *other = features->list; other < feature; other++)
        r->failed = r->failed || (other->source == SOURCE_HISTORY && other->history >= feature->history);
}

static enum status decode_feature(struct bytes_reader *r, struct features *features, struct err *err)
{
    bool no_memory = false;
    struct feature *feature = &features->list[features->n++];
    feature->name = bytes_read_copy(r, 3 * TABLE_MAX_NAME, &no_memory);
    if (no_memory)
        return err_no_memory(err);
    feature->side = (enum feature_side)bytes_read_u8(r);
    feature->source = (enum feature_source)bytes_read_u8(r);
    feature->kind = (enum column_kind)bytes_read_u8(r);
    feature->width = bytes_read_u32(r);
    r->failed =
        r->failed || !source_fits(feature) || (features->n > 1 && feature->side < features->list[features->n - 2].side);
    if (!r->failed && feature->source == SOURCE_HISTORY)
        decode_history(r, features, feature);
    if (r->failed)
        return STATUS_OK;
    feature->offset = features->width;
    if (feature->kind == COLUMN_NUMBER)
        TRY(decode_knots(r, feature, 2 * features->n_histories, err));
    else
        TRY(decode_vocabulary(r, feature, err));
    if (r->failed)
        return STATUS_OK;
    features->width += feature->width;
    if (feature->kind == COLUMN_TEXT) {
        feature->table = features->n_embeddings;
        features->n_embeddings += (feature->vocabulary.n + 1) * feature->width;
    }
    return STATUS_OK;
}

/* starts[side] is where the first feature of that side or a later one starts. */
static void set_starts(struct features *features)
{
    for (size_t side = 0; side <= N_SIDES; side++) {
        features->starts[side] = features->width;
        for (size_t f = features->n; f-- > 0;) {
            if ((size_t)features->list[f].side >= side)
                features->starts[side] = features->list[f].offset;
        }
    }
}

static void decode_names(struct bytes_reader *r, size_t max, char **names, size_t *ret_n, bool *no_memory)
{
    const size_t n = bytes_read_count(r, 4, max);
    for (size_t i = 0; i < n && !r->failed && !*no_memory; i++)
        names[(*ret_n)++] = bytes_read_copy(r, TABLE_MAX_NAME, no_memory);
}

static enum status decode(struct bytes_reader *r, struct features *features, struct err *err)
{
    bool no_memory = false;
    decode_names(r, DATASET_MAX_HISTORIES, features->histories, &features->n_histories, &no_memory);
    features->category = bytes_read_copy(r, TABLE_MAX_NAME, &no_memory);
    decode_names(r, TABLE_MAX_COLUMNS, features->context, &features->n_context, &no_memory);
    const size_t n = bytes_read_count(r, 11, FEATURES_MAX);
    features->list = mem_alloc(n, sizeof *features->list);
    if (no_memory || features->list == NULL)
        return err_no_memory(err);
    for (size_t f = 0; f < n && !r->failed; f++)
        TRY(decode_feature(r, features, err));
    if (r->failed || features->width == 0)
        return err_set(err, STATUS_CORRUPT, "its features do not fit the format");
    set_starts(features);
    return STATUS_OK;
}

enum status features_decode(struct bytes_reader *r, struct features **ret, struct err *err)
{
    struct features *features = mem_alloc(1, sizeof *features);
    if (features == NULL)
        return err_no_memory(err);
    const enum status s = decode(r, features, err);
    if (s != STATUS_OK) {
        features_free(features);
        return s;
    }
    *ret = features;
    return STATUS_OK;
}
