/* The decoder of model files behind the checksum: the input is the payload, the frame is made here. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "ranker/bytes.h"
#include "ranker/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct bytes_format FORMAT = {"TRIMTABM", 5, "model"};
    struct buf file = BUF_INIT, again = BUF_INIT;
    struct model *model = NULL;
    bytes_begin(&file, &FORMAT);
    buf_add(&file, data, size);
    if (bytes_end(&file, NULL, NULL) == STATUS_OK &&
        model_decode(file.data, file.length, "fuzz", &model, NULL) == STATUS_OK) {
        /* what was accepted is written back byte by byte */
        assert(model_encode(model, &again, NULL) == STATUS_OK);
        assert(again.length == file.length);
        model_free(model);
    }
    buf_done(&file);
    buf_done(&again);
    return 0;
}
