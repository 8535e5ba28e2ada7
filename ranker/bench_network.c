#include "ranker/bench_network.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/mem.h"
#include "ranker/dataset.h"
#include "ranker/half.h"
#include "ranker/packed.h"

/* One way to score. */
struct way {
    struct bench_network *bench;
    const struct kernel *kernel; /* NULL: as in training */
    const struct packed *packed; /* with its half_kernel, or without one */
    bool held;
};

struct bench_network {
    struct network_shape shape;
    const float *theta;
    struct packed packed, halves; /* halves: only with a half_kernel */
    size_t max_candidates, user_width;
    float *x;              /* [max_candidates * width], the first user_width inputs all the same */
    float *item_part;      /* [max_candidates * hidden1] b1 and the item's share */
    float *w1;             /* [width * hidden1] in panels */
    uint16_t *item_halves; /* item_part and w1 in half precision, or NULL */
    uint16_t *w1_halves;
    uint32_t *pairs; /* [KERNEL_ROWS * width] */
    float *request, *h1, *scratch;
    float *z, *first_z; /* [max_candidates * heads] */
    struct network_work work;
    struct way ways[BENCH_NETWORK_SUBJECTS];
    size_t n_ways;
};

void bench_network_free(struct bench_network *b)
{
    if (b == NULL)
        return;
    packed_done(&b->packed);
    packed_done(&b->halves);
    network_work_done(&b->work);
    mem_free(b->x);
    mem_free(b->item_part);
    mem_free(b->w1);
    mem_free(b->item_halves);
    mem_free(b->w1_halves);
    mem_free(b->pairs);
    mem_free(b->request);
    mem_free(b->h1);
    mem_free(b->scratch);
    mem_free(b->z);
    mem_free(b->first_z);
    mem_free(b);
}

/* to [hidden1] += x [first .. end) W1 [first .. end) */
static void add_share(const struct bench_network *b, const struct kernel *kernel, const float *x, size_t first,
                      size_t end, float *to)
{
    for (size_t i = first; i < end; i++)
        kernel->add(b->packed.hidden1, x[i], b->packed.w1 + i * b->packed.hidden1, to);
}

static void first_layer_held(const struct way *way, size_t first, size_t n)
{
    const struct bench_network *b = way->bench;
    const struct half_kernel *half = way->packed->half;
    const size_t hidden1 = b->packed.hidden1;
    for (size_t i = 0; i < n; i++) {
        if (half != NULL)
            half->join(hidden1, b->item_halves + (first + i) * hidden1, b->request, b->h1 + i * hidden1);
        else
            way->kernel->join(hidden1, b->item_part + (first + i) * hidden1, b->request, b->h1 + i * hidden1);
    }
}

static void first_layer_all(const struct way *way, size_t first, size_t n)
{
    const struct bench_network *b = way->bench;
    const struct half_kernel *half = way->packed->half;
    const size_t width = b->shape.width, hidden1 = b->packed.hidden1;
    const float *x = b->x + first * width;
    if (half == NULL) {
        way->kernel->layer(n, width, hidden1, x, b->w1, b->packed.b1, b->h1);
        return;
    }
    half->pairs(n * width, x, b->pairs);
    half->layer(n, width, hidden1, b->pairs, b->w1_halves, b->packed.b1, b->h1);
}

static void run_kernel(const struct way *way, size_t n)
{
    struct bench_network *b = way->bench;
    if (way->held) {
        memset(b->request, 0, b->packed.hidden1 * sizeof *b->request);
        add_share(b, way->kernel, b->x, 0, b->user_width, b->request);
    }
    for (size_t first = 0; first < n; first += KERNEL_ROWS) {
        const size_t rows = n - first < KERNEL_ROWS ? n - first : KERNEL_ROWS;
        if (way->held)
            first_layer_held(way, first, rows);
        else
            first_layer_all(way, first, rows);
        packed_logits(way->packed, way->kernel, rows, b->h1, b->scratch, b->z + first * b->shape.heads);
    }
}

static void run_way(void *context, size_t n)
{
    const struct way *way = context;
    struct bench_network *b = way->bench;
    if (way->kernel != NULL) {
        run_kernel(way, n);
        return;
    }
    network_forward(&b->shape, b->theta, b->x, n, 0.0, NULL, &b->work);
    memcpy(b->z, b->work.z, n * b->shape.heads * sizeof *b->z);
}

static enum status allocate(struct bench_network *b, struct err *err)
{
    const size_t n = b->max_candidates, hidden1 = b->packed.hidden1;
    b->x = mem_alloc(n * b->shape.width, sizeof *b->x);
    b->item_part = mem_alloc(n * hidden1, sizeof *b->item_part);
    b->w1 = mem_alloc(b->shape.width * hidden1, sizeof *b->w1);
    b->request = mem_alloc(hidden1, sizeof *b->request);
    b->h1 = mem_alloc(KERNEL_ROWS * hidden1, sizeof *b->h1);
    const size_t scratch = packed_scratch(b->halves.half != NULL ? &b->halves : &b->packed);
    b->scratch = mem_alloc(scratch, sizeof *b->scratch);
    b->z = mem_alloc(n * b->shape.heads, sizeof *b->z);
    b->first_z = mem_alloc(n * b->shape.heads, sizeof *b->first_z);
    if (b->x == NULL || b->item_part == NULL || b->w1 == NULL || b->request == NULL || b->h1 == NULL ||
        b->scratch == NULL || b->z == NULL || b->first_z == NULL)
        return err_no_memory(err);
    return network_work_new(&b->shape, n, &b->work, err);
}

/* What only half precision needs, from the same in single. */
static enum status make_halves(struct bench_network *b, struct err *err)
{
    const size_t n_items = b->max_candidates * b->packed.hidden1, n_weights = b->shape.width * b->packed.hidden1;
    b->item_halves = mem_alloc(n_items, sizeof *b->item_halves);
    b->w1_halves = mem_alloc(n_weights, sizeof *b->w1_halves);
    b->pairs = mem_alloc(KERNEL_ROWS * b->shape.width, sizeof *b->pairs);
    if (b->item_halves == NULL || b->w1_halves == NULL || b->pairs == NULL)
        return err_no_memory(err);
    half_from_floats(n_items, b->item_part, b->item_halves);
    half_pack(b->shape.width, b->packed.hidden1, b->packed.w1, b->w1_halves);
    b->ways[0] = (struct way){b, b->ways[0].kernel, &b->halves, true};
    b->ways[1] = (struct way){b, b->ways[0].kernel, &b->packed, true};
    b->ways[2] = (struct way){b, b->ways[0].kernel, &b->halves, false};
    b->ways[3] = (struct way){b, b->ways[0].kernel, &b->packed, false};
    b->n_ways = 4;
    return STATUS_OK;
}

static void draw(struct bench_network *b, uint64_t seed)
{
    const size_t width = b->shape.width, hidden1 = b->packed.hidden1;
    struct rng rng;
    rng_init(&rng, seed, 1, 0);
    for (size_t i = 0; i < b->max_candidates; i++) {
        float *x = b->x + i * width, *part = b->item_part + i * hidden1;
        for (size_t j = 0; j < width; j++)
            x[j] = i > 0 && j < b->user_width ? b->x[j] : (float)rng_uniform(&rng);
        memcpy(part, b->packed.b1, hidden1 * sizeof *part);
        add_share(b, &KERNEL_REFERENCE, x, b->user_width, width, part);
    }
}

static enum status make_all(struct bench_network *b, const struct kernel *kernel, const struct half_kernel *half,
                            uint64_t seed, struct err *err)
{
    TRY(packed_new(&b->shape, b->theta, NULL, &b->packed, err));
    if (half != NULL)
        TRY(packed_new(&b->shape, b->theta, half, &b->halves, err));
    TRY(allocate(b, err));
    kernel_pack(b->shape.width, b->packed.hidden1, b->packed.w1, b->w1);
    draw(b, seed);
    b->ways[0] = (struct way){b, kernel, &b->packed, true};
    b->ways[1] = (struct way){b, &KERNEL_REFERENCE, &b->packed, true};
    b->ways[2] = (struct way){b, kernel, &b->packed, false};
    b->ways[3] = (struct way){b, &KERNEL_REFERENCE, &b->packed, false};
    b->ways[4] = (struct way){b, NULL, &b->packed, false};
    b->n_ways = 5;
    return half != NULL ? make_halves(b, err) : STATUS_OK;
}

enum status bench_network_new(const struct network_shape *shape, const float *theta, const struct kernel *kernel,
                              const struct half_kernel *half, size_t max_candidates, uint64_t seed,
                              struct bench_network **ret, struct err *err)
{
    struct bench_network *b = mem_alloc(1, sizeof *b);
    if (b == NULL)
        return err_no_memory(err);
    b->shape = *shape;
    b->theta = theta;
    b->max_candidates = max_candidates;
    b->user_width = shape->width / 2;
    const enum status s = make_all(b, kernel, half, seed, err);
    if (s != STATUS_OK) {
        bench_network_free(b);
        return s;
    }
    *ret = b;
    return STATUS_OK;
}

static const char *way_name(const struct way *way)
{
    if (way->packed->half != NULL)
        return way->packed->half->name;
    return way->kernel == NULL ? "training" : way->kernel->name;
}

size_t bench_network_subjects(struct bench_network *b, struct bench_subject *ret)
{
    const struct network_shape *s = &b->shape;
    for (size_t i = 0; i < b->n_ways; i++) {
        struct way *way = &b->ways[i];
        const double first = way->held ? 0.0 : 2.0 * (double)(s->width * (s->hidden1 + (s->wide ? s->heads : 0)));
        ret[i] = (struct bench_subject){.name = way->held ? "held" : "all",
                                        .kernel = way_name(way),
                                        .half = way->packed->half != NULL,
                                        .flops = first + network_flops(s),
                                        .context = way,
                                        .run = run_way};
    }
    return b->n_ways;
}

double bench_network_difference(struct bench_network *b)
{
    const size_t n = b->max_candidates * b->shape.heads;
    double largest = 0.0;
    run_way(&b->ways[0], b->max_candidates);
    memcpy(b->first_z, b->z, n * sizeof *b->z);
    for (size_t i = 1; i < b->n_ways; i++) {
        run_way(&b->ways[i], b->max_candidates);
        for (size_t j = 0; j < n; j++) {
            const double difference = fabs((double)b->z[j] - (double)b->first_z[j]);
            largest = difference > largest || isnan(difference) ? difference : largest;
        }
    }
    return largest;
}

void bench_network_weights(const struct network_shape *shape, uint64_t seed, float *theta)
{
    const double b4[DATASET_MAX_HEADS] = {0.0};
    struct rng rng;
    rng_init(&rng, seed, 0, 0);
    network_init(shape, &rng, b4, theta);
}

/* Digits up to `end`; 0, which no size may be, for anything else. */
static size_t read_size(const char **text, char end)
{
    char *stop = NULL;
    const unsigned long value = **text >= '1' && **text <= '9' ? strtoul(*text, &stop, 10) : 0;
    if (value == 0 || *stop != end)
        return 0;
    *text = stop + 1;
    return value;
}

enum status bench_network_shape(const char *text, struct network_shape *ret, struct err *err)
{
    const char *at = text;
    struct network_shape shape = {.width = read_size(&at, '-')};
    size_t *const rest[] = {&shape.hidden1, &shape.hidden2, &shape.heads, &shape.tower};
    for (size_t i = 0; i < 4 && shape.width > 0; i++) {
        *rest[i] = read_size(&at, "--x"[i]);
        if (*rest[i] == 0)
            break;
    }
    if (!network_shape_valid(&shape))
        return err_set(err, STATUS_INVALID, "%.60s is not a network: expected WIDTH-HIDDEN-HIDDEN-HEADSxTOWER", text);
    *ret = shape;
    return STATUS_OK;
}
