#include "ranker/train.h"

#include <stdio.h>

#include "base/json/json_write.h"

void train_options_init(struct train_options *options)
{
    *options = (struct train_options){
        .threads = 2,
        .max_epochs = 12,
        .hidden1 = 128,
        .hidden2 = 64,
        .tower = 32,
        .experts = 4,
        .calibration = CALIBRATION_PLATT,
        .checkpoint_steps = 1000,
        .trainer = {.seed = 1,
                    .batch = 256,
                    .learning_rate = 1e-3,
                    .decay = 0.01,
                    .embedding_decay = 0.1,
                    .hide_ids = 0.2,
                    .hide_others = 0.02,
                    .dropout = 0.05,
                    .variance = {[EFFECTS_USER] = 0.2, [EFFECTS_ITEM] = 0.08},
                    .average = 0.99},
    };
}

static void write_number(struct json_writer *w, const char *name, double value)
{
    json_write_key(w, name);
    json_write_number(w, value);
}

static void write_values(struct json_writer *w, const struct train_options *o)
{
    write_number(w, "max_epochs", (double)o->max_epochs);
    write_number(w, "batch", (double)o->trainer.batch);
    write_number(w, "learning_rate", o->trainer.learning_rate);
    write_number(w, "decay", o->trainer.decay);
    write_number(w, "embedding_decay", o->trainer.embedding_decay);
    write_number(w, "hide_ids", o->trainer.hide_ids);
    write_number(w, "hide_others", o->trainer.hide_others);
    write_number(w, "dropout", o->trainer.dropout);
    write_number(w, "average", o->trainer.average);
    write_number(w, "user_variance", o->trainer.variance[EFFECTS_USER]);
    write_number(w, "item_variance", o->trainer.variance[EFFECTS_ITEM]);
    json_write_key(w, "wide");
    json_write_bool(w, o->wide);
    json_write_key(w, "pooled");
    json_write_array(w);
    for (size_t i = 0; i < o->n_pooled; i++)
        json_write_string(w, o->pooled[i]);
    json_write_array_end(w);
}

void train_options_write(const struct train_options *o, size_t epochs, struct buf *text)
{
    struct json_writer w;
    json_writer_init(&w, text);
    json_write_object(&w);
    write_number(&w, "epochs", (double)epochs);
    if (o->left_out.n > 0)
        write_number(&w, "left_out_users", (double)o->left_out.n);
    write_values(&w, o);
    json_write_object_end(&w);
}

static void write_text(struct json_writer *w, const char *name, const char *value)
{
    json_write_key(w, name);
    json_write_string(w, value);
}

void train_options_identify(const struct train_options *o, const char *data_hash, struct buf *text)
{
    struct json_writer w;
    json_writer_init(&w, text);
    json_write_object(&w);
    write_text(&w, "data", data_hash);
    write_number(&w, "first_day", (double)o->first_day);
    write_number(&w, "last_day", (double)o->last_day);
    write_number(&w, "seed", (double)o->trainer.seed);
    write_text(&w, "architecture", architecture_name(o->architecture.kind));
    for (size_t i = 0; i < o->architecture.n_importance; i++)
        write_number(&w, o->architecture.importance[i].name, o->architecture.importance[i].weight);
    write_text(&w, "calibration", calibration_name(o->calibration));
    for (size_t i = 0; i < o->n_keep; i++)
        write_number(&w, o->keep[i].head != NULL ? o->keep[i].head : "*", o->keep[i].share);
    if (o->left_out.n > 0) {
        char key[24];
        (void)snprintf(key, sizeof key, "%016llx", (unsigned long long)o->left_out.key);
        write_text(&w, "left_out", key);
    }
    write_number(&w, "hidden1", (double)o->hidden1);
    write_number(&w, "hidden2", (double)o->hidden2);
    write_number(&w, "tower", (double)o->tower);
    write_number(&w, "experts", (double)o->experts);
    write_values(&w, o);
    json_write_object_end(&w);
}
