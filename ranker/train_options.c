#include "ranker/train.h"

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

void train_options_write(const struct train_options *o, size_t epochs, struct buf *text)
{
    struct json_writer w;
    json_writer_init(&w, text);
    json_write_object(&w);
    write_number(&w, "epochs", (double)epochs);
    write_number(&w, "max_epochs", (double)o->max_epochs);
    write_number(&w, "batch", (double)o->trainer.batch);
    write_number(&w, "learning_rate", o->trainer.learning_rate);
    write_number(&w, "decay", o->trainer.decay);
    write_number(&w, "embedding_decay", o->trainer.embedding_decay);
    write_number(&w, "hide_ids", o->trainer.hide_ids);
    write_number(&w, "hide_others", o->trainer.hide_others);
    write_number(&w, "dropout", o->trainer.dropout);
    write_number(&w, "average", o->trainer.average);
    write_number(&w, "user_variance", o->trainer.variance[EFFECTS_USER]);
    write_number(&w, "item_variance", o->trainer.variance[EFFECTS_ITEM]);
    json_write_object_end(&w);
}
