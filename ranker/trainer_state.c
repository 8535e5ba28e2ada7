/* Saving and restoring a trainer (trainer.h). */
#include <math.h>
#include <string.h>

#include "base/core/mem.h"
#include "ranker/trainer_internal.h"

/* All arrays of floats of the state, in the order of the file. */
enum { STATE_ARRAYS = 8 + 2 * EFFECTS_SIDES };

struct state_array {
    float *at;
    size_t n;
};

static void state_arrays(const struct trainer *t, struct state_array ret[STATE_ARRAYS])
{
    const struct block *blocks[] = {&t->dense, &t->sparse};
    size_t n = 0;
    for (size_t b = 0; b < 2; b++) {
        float *const parts[] = {blocks[b]->theta, blocks[b]->m, blocks[b]->v, blocks[b]->average};
        for (size_t i = 0; i < 4; i++)
            ret[n++] = (struct state_array){parts[i], blocks[b]->n};
    }
    for (size_t side = 0; side < EFFECTS_SIDES; side++) {
        const size_t size = t->effects.n[side] * t->effects.n_heads;
        ret[n++] = (struct state_array){t->effects.mean[side], size};
        ret[n++] = (struct state_array){t->effects.variance[side], size};
    }
}

void trainer_save(const struct trainer *t, struct buf *file)
{
    struct state_array arrays[STATE_ARRAYS];
    bytes_u64(file, t->epoch);
    bytes_u64(file, t->step);
    bytes_u64(file, t->met);
    bytes_f64(file, t->loss);
    bytes_u32s(file, t->order, t->samples->n);
    state_arrays(t, arrays);
    for (size_t i = 0; i < STATE_ARRAYS; i++)
        bytes_f32s(file, arrays[i].at, arrays[i].n);
}

/* A state in the middle of an epoch, and an order that names samples. */
static bool state_fits(const struct trainer *t)
{
    for (size_t i = 0; i < t->samples->n; i++) {
        if (t->order[i] >= t->samples->n)
            return false;
    }
    return t->met > 0 && t->met <= t->samples->n && t->epoch > 0 && isfinite(t->loss);
}

enum status trainer_restore(struct trainer *t, struct bytes_reader *r, struct err *err)
{
    struct state_array arrays[STATE_ARRAYS];
    bool no_memory = false;
    t->epoch = bytes_read_u64(r);
    t->step = bytes_read_u64(r);
    t->met = bytes_read_u64(r);
    t->loss = bytes_read_f64(r);
    uint32_t *order = bytes_read_u32s(r, t->samples->n, &no_memory);
    if (order != NULL)
        memcpy(t->order, order, t->samples->n * sizeof *order);
    mem_free(order);
    state_arrays(t, arrays);
    for (size_t i = 0; i < STATE_ARRAYS; i++) {
        float *values = bytes_read_f32s(r, arrays[i].n, &no_memory);
        if (values != NULL)
            memcpy(arrays[i].at, values, arrays[i].n * sizeof *values);
        mem_free(values);
    }
    if (no_memory)
        return err_no_memory(err);
    if (r->failed || bytes_left(r) != 0 || !state_fits(t))
        return err_set(err, STATUS_CORRUPT, "its state does not fit the format");
    return STATUS_OK;
}
