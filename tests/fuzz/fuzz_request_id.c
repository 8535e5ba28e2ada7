/* Any text as a request id: refused, or it is exactly what signing its parts gives. */
#include <stdlib.h>
#include <string.h>

#include "experiments/core/request_id.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t KEY[REQUEST_KEY_SIZE] = {1, 2, 3};

static void must(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[256] = "", again[REQUEST_ID_SIZE];
    struct request_id id, back;
    size_t n = size < sizeof text - 1 ? size : sizeof text - 1;
    memcpy(text, data, n);
    if (request_id_open(text, KEY, &id)) {
        request_id_sign(&id, KEY, again);
        must(strcmp(text, again) == 0);
    }
    memset(&id, 0, sizeof id);
    memcpy(&id.unit, data, size < sizeof id.unit ? size : sizeof id.unit);
    id.arm = (uint8_t)size;
    request_id_sign(&id, KEY, again);
    must(request_id_open(again, KEY, &back) && back.unit.hi == id.unit.hi && back.arm == id.arm);
    if (size > 0) {
        again[4 + size % (REQUEST_ID_SIZE - 5)] ^= 1;
        must(!request_id_open(again, KEY, &back));
    }
    return 0;
}
