/* bench_ranker SHAPE SEED FOLDER   writes the network that `trimtab-ranker bench --network SHAPE --seed SEED` times,
 * for other programs to run: shape.json, theta (network.h), 2000 rows of inputs and their logits, as little-endian
 * floats. */
#include <stdio.h>
#include <stdlib.h>

#include "base/core/mem.h"
#include "base/core/opt.h"
#include "ranker/bench_network.h"

enum { ROWS = 2000 };

static enum status write_file(const char *folder, const char *name, const void *data, size_t size, struct err *err)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    const bool written = file != NULL && fwrite(data, 1, size, file) == size;
    if (file == NULL || fclose(file) != 0 || !written)
        return err_set(err, STATUS_IO, "%s cannot be written", path);
    return STATUS_OK;
}

static enum status write_all(const struct network_shape *s, const float *theta, const float *x, const char *folder,
                             struct err *err)
{
    struct network_work work;
    char shape[256];
    const int length =
        snprintf(shape, sizeof shape, "{\"width\":%zu,\"hidden1\":%zu,\"hidden2\":%zu,\"tower\":%zu,\"heads\":%zu}\n",
                 s->width, s->hidden1, s->hidden2, s->tower, s->heads);
    TRY(network_work_new(s, ROWS, &work, err));
    network_forward(s, theta, x, ROWS, 0.0, NULL, &work);
    enum status status = write_file(folder, "shape.json", shape, (size_t)length, err);
    if (status == STATUS_OK)
        status = write_file(folder, "theta", theta, network_layout(s).n * sizeof *theta, err);
    if (status == STATUS_OK)
        status = write_file(folder, "inputs", x, ROWS * s->width * sizeof *x, err);
    if (status == STATUS_OK)
        status = write_file(folder, "logits", work.z, ROWS * s->heads * sizeof *work.z, err);
    network_work_done(&work);
    return status;
}

static enum status export(const struct network_shape *s, uint64_t seed, const char *folder, struct err *err) {
    float *theta = mem_alloc(network_layout(s).n, sizeof *theta), *x = mem_alloc(ROWS * s->width, sizeof *x);
    enum status status = STATUS_OK; if (theta == NULL || x == NULL){status = err_no_memory(err);}
else
{
    struct rng rng;
    bench_network_weights(s, seed, theta);
    rng_init(&rng, seed, 2, 0);
    for (size_t i = 0; i < ROWS * s->width; i++)
        x[i] = (float)rng_uniform(&rng);
    status = write_all(s, theta, x, folder, err);
}
mem_free(theta);
mem_free(x);
return status;
}

static int run(int n, char **operands)
{
    (void)n;
    struct err err = ERR_INIT;
    struct network_shape shape;
    enum status s = bench_network_shape(operands[0], &shape, &err);
    if (s == STATUS_OK)
        s = export(&shape, strtoull(operands[1], NULL, 10), operands[2], &err);
    if (s == STATUS_OK)
        return EXIT_DONE;
    fprintf(stderr, "bench_ranker: %s\n", err.text);
    return EXIT_FAILED;
}

int main(int argc, char **argv)
{
    static const struct opt OPTIONS[] = {OPT_END};
    static const struct opt_command COMMANDS[] = {
        {NULL, "SHAPE SEED FOLDER", "exports a network with random weights", OPTIONS, 3, 3, run},
        {0},
    };
    return opt_main("bench_ranker", "exports a network with random weights", COMMANDS, argc, argv);
}
