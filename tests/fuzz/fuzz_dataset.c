/* The decoder of dataset files behind the checksum: the input is the payload, the frame is made here. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "ranker/bytes.h"
#include "ranker/dataset_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct bytes_format FORMAT = {"TRIMTABD", 1, "dataset"};
    struct buf file = BUF_INIT, again = BUF_INIT;
    struct dataset *dataset = NULL;
    char hash[DIGEST_HEX_SIZE];
    bytes_begin(&file, &FORMAT);
    buf_add(&file, data, size);
    if (bytes_end(&file, NULL, NULL) == STATUS_OK &&
        dataset_decode(file.data, file.length, "fuzz", &dataset, NULL) == STATUS_OK) {
        /* what was accepted is written back byte by byte */
        assert(dataset_encode(dataset, &again, hash, NULL) == STATUS_OK);
        assert(again.length == file.length);
        dataset_free(dataset);
    }
    buf_done(&file);
    buf_done(&again);
    return 0;
}
