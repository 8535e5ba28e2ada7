/* features.h - from logged values to the numbers that the network reads, and the vocabulary and scale of each.
 *
 * The input of the network is one row of `width` floats made of four blocks, so that serving can compute the share of
 * each block in the first layer on its own:
 *
 *   [ user | context | item | cross ]       cross: what depends on the user and the item, cross.h
 *
 * A categorical feature is a code: 0 for empty, unknown or hidden (its embedding is the learned default), i + 1 for
 * text i of the vocabulary.  It takes `dim` inputs, its embedding. A numeric feature is encoded piecewise linearly
 * (Gorishniy et al. 2022, "On embeddings for numerical features in tabular deep learning", eq. 1) between quantiles
 * t_0 < .. < t_m of the training rows:
 *
 *   x_0 = 1 when the value is empty or hidden, else 0
 *   x_j = clamp((v - t_{j-1}) / (t_j - t_{j-1}), 0, 1),  j = 1 .. m
 *
 * so it is scaled and bent at once, no outlier leaves [0, 1], and the first layer is piecewise linear in the value.
 *
 * A history of the user may be pooled: its inputs are the mean of embeddings of many texts, the items' ids (pooled.h).
 *
 * Thread: immutable once built. */
#ifndef TRIMTAB_RANKER_FEATURES_H
#define TRIMTAB_RANKER_FEATURES_H

#include "ranker/bytes.h"
#include "ranker/cross.h"
#include "ranker/dataset_internal.h"

enum {
    FEATURES_MAX_KNOTS = 18,
    FEATURES_MAX_DIM = 16,
    FEATURES_ID_LIKE = 64,
    FEATURES_MIN_ROWS = 4, /* a text seen less often in training is not in the vocabulary */
    FEATURES_MAX = 3 * TABLE_MAX_COLUMNS + CROSS_MAX + DATASET_MAX_HISTORIES + 2,
};

enum feature_side { SIDE_USER, SIDE_CONTEXT, SIDE_ITEM, SIDE_CROSS, N_SIDES };

/* Where a value comes from: a column of the side's table, the id itself, a number of cross_values(), or the items of a
 * history. */
enum feature_source { SOURCE_COLUMN, SOURCE_ID, SOURCE_CROSS, SOURCE_HISTORY };

struct feature {
    char *name;
    enum feature_side side;
    enum feature_source source;
    enum column_kind kind;
    size_t offset, width;     /* inputs of this feature */
    size_t cross;             /* SOURCE_CROSS: which number */
    size_t history;           /* SOURCE_HISTORY: which one */
    struct intern vocabulary; /* COLUMN_TEXT */
    size_t table;             /* COLUMN_TEXT: where its embeddings [(vocabulary.n + 1) * width] start in the model's */
    size_t n_knots;           /* COLUMN_NUMBER: m + 1 = width */
    float knots[FEATURES_MAX_KNOTS];
};

struct features {
    size_t n;
    struct feature *list;
    size_t starts[N_SIDES + 1]; /* inputs of a side: starts[side] .. starts[side + 1] */
    size_t width;               /* = starts[N_SIDES] */
    size_t n_embeddings;        /* floats in all embeddings */
    /* What the cross numbers are made of, by name, so that a dataset that lacks it is refused. */
    size_t n_histories;
    char *histories[DATASET_MAX_HISTORIES];
    char *category; /* "" when the dataset has none */
    /* Every context column there was, also those without a feature: the names that a request may use. */
    size_t n_context;
    char *context[TABLE_MAX_COLUMNS];
};

/* Vocabularies and quantiles of the rows.  Left out are columns with one value only, and categorical ones of users and
 * items that are nearly another id: with more than FEATURES_ID_LIKE values, over half as many as there are ids (the
 * author of a video, where most authors have one): they teach nothing beyond the id and are learnt by heart.
 * pooled: bit k for history k. */
MUST_CHECK enum status features_new(const struct dataset *dataset, const uint32_t *rows, size_t n_rows, uint32_t pooled,
                                    struct features **ret, struct err *err);
void features_free(struct features *features);
/* Codes of the ids of a side, SIDE_USER or SIDE_ITEM, with 0; 0 when they are no feature. */
size_t features_n_ids(const struct features *features, enum feature_side side);
void features_encode(const struct features *features, struct buf *file);
/* STATUS_CORRUPT, without a name in the line. */
MUST_CHECK enum status features_decode(struct bytes_reader *r, struct features **ret, struct err *err);
/* Whether the dataset has every column that the features read; STATUS_INVALID names the first one missing. Context
 * columns need not be there. */
MUST_CHECK enum status features_fit(const struct features *features, const struct dataset *dataset, struct err *err);

/* 0 when the vocabulary lacks the text or it is NULL. */
uint32_t feature_code(const struct feature *feature, const char *text);
/* How many of x_1 .. x_m are 1 for a value that is not NaN, and in *ret_next the one behind them, 0 when there is none.
 */
size_t feature_steps(const struct feature *feature, double value, float *ret_next);
/* ret [width]. NaN counts as empty. */
void feature_number(const struct feature *feature, double value, float *ret);

#endif
