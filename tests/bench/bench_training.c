/* bench_training DATASET   times the training of `trimtab-ranker train` with the options below, epoch by epoch, and
 * with
 * --export writes the same problem for another program: problem.json, and as little-endian files the initial theta
 * (network.h) and embeddings, the inputs [rows * width], codes [rows * tables] and labels [rows].
 *
 * Nothing random is left but the order of the rows: no dropout, nothing hidden, no decay, and effects that cannot move.
 * Effects and the average of the parameters are computed all the same. */
#include <stdio.h>
#include <sys/resource.h>

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "base/core/opt.h"
#include "base/json/json_write.h"
#include "ranker/dataset.h"
#include "ranker/lesson.h"

static int64_t rows = 32768, batch = 256, epochs = 3, threads = 2, seed = 1;
static const char *layers = "128-64-32", *export_to;

static const struct opt OPTIONS[] = {
    {"layers", OPT_TEXT, &layers, "SHAPE", "outputs of both shared layers and of a tower's", 0, 0},
    {"rows", OPT_INT, &rows, "N", "rows of the log, the first ones", 1, 9e15},
    {"batch", OPT_INT, &batch, "N", "rows a step", 1, 65536},
    {"epochs", OPT_INT, &epochs, "N", "passes over the rows", 1, 100},
    {"threads", OPT_INT, &threads, "N", "threads", 1, WORKERS_MAX},
    {"seed", OPT_INT, &seed, "N", "seed of the parameters and the order", 0, 9e15},
    {"export", OPT_TEXT, &export_to, "FOLDER", "write the problem there and time nothing", 0, 0},
    OPT_END,
};

/* All of it borrowed from main's frame. */
struct problem {
    struct dataset *dataset;
    struct train_options options;
    struct architecture architecture;
    struct lesson lesson;
    struct features *features;
    struct samples samples;
    struct network_shape shape;
    struct workers *workers;
    struct trainer *trainer;
};

static void problem_done(struct problem *p)
{
    trainer_free(p->trainer);
    workers_free(p->workers);
    samples_done(&p->samples);
    features_free(p->features);
    lesson_done(&p->lesson);
    dataset_free(p->dataset);
}

static void choose_options(struct problem *p)
{
    struct train_options *o = &p->options;
    train_options_init(o);
    p->architecture.kind = ARCHITECTURE_SHARED;
    o->architecture = p->architecture;
    o->trainer.seed = (uint64_t)seed;
    o->trainer.batch = (size_t)batch;
    o->trainer.decay = o->trainer.embedding_decay = o->trainer.dropout = 0.0;
    o->trainer.hide_ids = o->trainer.hide_others = 0.0;
    o->trainer.variance[EFFECTS_USER] = o->trainer.variance[EFFECTS_ITEM] = 1e-12;
}

static enum status choose_shape(struct problem *p, struct err *err)
{
    int end = 0;
    p->shape = (struct network_shape){.width = p->features->width, .heads = p->lesson.targets.n};
    if (sscanf(layers, "%zu-%zu-%zu%n", &p->shape.hidden1, &p->shape.hidden2, &p->shape.tower, &end) != 3 ||
        layers[end] != '\0' || !network_shape_valid(&p->shape))
        return err_set(err, STATUS_INVALID, "--layers %.60s: HIDDEN-HIDDEN-TOWER is expected, such as 128-64-32",
                       layers);
    return STATUS_OK;
}

static enum status problem_make(struct problem *p, const char *path, struct err *err)
{
    choose_options(p);
    TRY(dataset_read(path, &p->dataset, err));
    TRY(lesson_make(p->dataset, &p->options, &p->lesson, err));
    const uint32_t *list = p->lesson.all.rows;
    const size_t n = p->lesson.all.n < (size_t)rows ? p->lesson.all.n : (size_t)rows;
    TRY(features_new(p->dataset, list, n, 0, &p->features, err));
    TRY(samples_new(p->features, p->dataset, &p->lesson.targets, list, n, &p->samples, err));
    TRY(workers_new((size_t)threads, &p->workers, err));
    TRY(choose_shape(p, err));
    return trainer_new(&p->samples, &p->shape, p->lesson.rates, p->lesson.targets.keep, &p->options.trainer, p->workers,
                       &p->trainer, err);
}

/* Mean over the rows of the log losses of all heads. */
static enum status joint_loss(const struct problem *p, double *ret, struct err *err)
{
    const size_t heads = p->shape.heads;
    const struct learnt learnt = trainer_learnt(p->trainer);
    float *z = mem_alloc(p->samples.n * heads, sizeof *z);
    if (z == NULL)
        return err_no_memory(err);
    const enum status s = samples_predict(&p->samples, &p->shape, &learnt, p->workers, z, err);
    *ret = 0.0;
    for (size_t i = 0; s == STATUS_OK && i < p->samples.n * heads; i++)
        *ret += network_log_loss((double)z[i], (int)(p->samples.labels[i / heads] >> i % heads & 1u));
    *ret /= (double)p->samples.n;
    mem_free(z);
    return s;
}

static void write_number(struct json_writer *w, const char *key, double value)
{
    json_write_key(w, key);
    json_write_number(w, value);
}

static void write_tables(struct json_writer *w, const struct features *features)
{
    json_write_key(w, "tables");
    json_write_array(w);
    for (size_t f = 0; f < features->n; f++) {
        const struct feature *feature = &features->list[f];
        if (feature->kind != COLUMN_TEXT)
            continue;
        json_write_object(w);
        write_number(w, "rows", (double)(feature->vocabulary.n + 1));
        write_number(w, "width", (double)feature->width);
        write_number(w, "input", (double)feature->offset);
        write_number(w, "at", (double)feature->table);
        json_write_object_end(w);
    }
    json_write_array_end(w);
}

static void describe(const struct problem *p, struct json_writer *w)
{
    json_write_object(w);
    write_number(w, "rows", (double)p->samples.n);
    write_number(w, "width", (double)p->shape.width);
    write_number(w, "hidden1", (double)p->shape.hidden1);
    write_number(w, "hidden2", (double)p->shape.hidden2);
    write_number(w, "tower", (double)p->shape.tower);
    write_number(w, "heads", (double)p->shape.heads);
    write_number(w, "batch", (double)p->options.trainer.batch);
    write_number(w, "learning_rate", p->options.trainer.learning_rate);
    write_tables(w, p->features);
    json_write_object_end(w);
}

static enum status write_file(const char *name, const void *data, size_t size, struct err *err)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", export_to, name);
    FILE *file = fopen(path, "wb");
    const bool written = file != NULL && fwrite(data, 1, size, file) == size;
    if (file == NULL || fclose(file) != 0 || !written)
        return err_set(err, STATUS_IO, "%s cannot be written", path);
    return STATUS_OK;
}

static enum status write_json(const struct problem *p, struct err *err)
{
    struct buf text = BUF_INIT;
    struct json_writer w;
    json_writer_init(&w, &text);
    describe(p, &w);
    enum status s = buf_status(&text, err);
    if (s == STATUS_OK)
        s = write_file("problem.json", text.data, text.length, err);
    buf_done(&text);
    return s;
}

static enum status write_samples(const struct problem *p, float *x, uint32_t *codes, struct err *err)
{
    const struct samples *samples = &p->samples;
    const struct learnt learnt = trainer_learnt(p->trainer);
    for (size_t i = 0; i < samples->n; i++)
        samples_fill(samples, i, learnt.embeddings, NULL, x + i * p->shape.width, codes + i * samples->n_codes);
    TRY(write_file("inputs", x, samples->n * p->shape.width * sizeof *x, err));
    TRY(write_file("codes", codes, samples->n * samples->n_codes * sizeof *codes, err));
    return write_file("labels", samples->labels, samples->n * sizeof *samples->labels, err);
}

static enum status export_problem(const struct problem *p, struct err *err)
{
    const struct learnt learnt = trainer_learnt(p->trainer); /* of no step: where training starts */
    TRY(write_json(p, err));
    TRY(write_file("theta", learnt.theta, network_layout(&p->shape).n * sizeof *learnt.theta, err));
    TRY(write_file("embeddings", learnt.embeddings, p->features->n_embeddings * sizeof *learnt.embeddings, err));
    float *x = mem_alloc(p->samples.n * p->shape.width, sizeof *x);
    uint32_t *codes = mem_alloc(p->samples.n * p->samples.n_codes, sizeof *codes);
    const enum status s = x == NULL || codes == NULL ? err_no_memory(err) : write_samples(p, x, codes, err);
    mem_free(x);
    mem_free(codes);
    return s;
}

/* Of all threads. */
static double cpu_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* One line: {"start_loss", "epochs": [{"loss" as met in training, "per_second" and "per_cpu_second": samples}]} */
static enum status time_epochs(struct problem *p, struct err *err)
{
    double loss = 0.0;
    TRY(joint_loss(p, &loss, err));
    printf("{\"start_loss\":%.9g,\"epochs\":[", loss);
    for (int64_t epoch = 0; epoch < epochs; epoch++) {
        const int64_t start = clock_monotonic_ns();
        const double cpu = cpu_seconds();
        TRY(trainer_epoch(p->trainer, NULL, NULL, &loss, err));
        const double seconds = (double)(clock_monotonic_ns() - start) / 1e9, n = (double)p->samples.n;
        printf("%s{\"loss\":%.9g,\"per_second\":%.6g,\"per_cpu_second\":%.6g}", epoch > 0 ? "," : "", loss, n / seconds,
               n / (cpu_seconds() - cpu));
    }
    printf("]}\n");
    return STATUS_OK;
}

static int run(int n, char **operands)
{
    (void)n;
    struct err err = ERR_INIT;
    struct problem p = {0};
    enum status s = problem_make(&p, operands[0], &err);
    if (s == STATUS_OK)
        s = export_to != NULL ? export_problem(&p, &err) : time_epochs(&p, &err);
    problem_done(&p);
    if (s == STATUS_OK)
        return EXIT_DONE;
    fprintf(stderr, "bench_training: %s\n", err.text);
    return EXIT_FAILED;
}

int main(int argc, char **argv)
{
    static const struct opt_command COMMANDS[] = {
        {NULL, "DATASET", "samples per second of training", OPTIONS, 1, 1, run},
        {0},
    };
    return opt_main("bench_training", "samples per second of training", COMMANDS, argc, argv);
}
