/* world_params_decode() on any bytes: no crash; what is accepted can be opened and lived in. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "experiments/world/visit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = ERR_INIT;
    struct world_params params;
    if (world_params_decode((const char *)data, size, &params, &err) != STATUS_OK) {
        must(err.text[0] != '\0');
        return 0;
    }
    must(params.show <= params.candidates && 2 * params.candidates <= params.n_items);
    for (size_t h = 0; h < params.n_heads; h++)
        must(params.heads[h].after < (int)h);
    struct world *world = NULL;
    if (params.candidates > 8 || params.n_items > 200) /* opening it would be slow */
        return 0;
    must(world_open(&params, 1, &world, &err) == STATUS_OK);
    struct world_visit visit;
    static struct world_response response;
    visit_begin(&visit, world, 3, 2);
    for (int i = 0; i < 50 && !visit.over; i++)
        visit_respond(&visit, (size_t)params.show, visit.candidates, &response);
    world_close(world);
    return 0;
}
