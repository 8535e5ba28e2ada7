#include "ranker/bytes.h"

#include <string.h>

#include "base/core/mem.h"

/* memcpy between a value and its bits keeps the rules of aliasing; compilers make it one move. */
static uint32_t bits_of_f32(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static uint64_t bits_of_f64(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static void store(uint8_t *to, uint64_t x, size_t size)
{
    for (size_t i = 0; i < size; i++)
        to[i] = (uint8_t)(x >> (8 * i));
}

static uint64_t load(const uint8_t *from, size_t size)
{
    uint64_t x = 0;
    for (size_t i = 0; i < size; i++)
        x |= (uint64_t)from[i] << (8 * i);
    return x;
}

static void add(struct buf *file, uint64_t x, size_t size)
{
    uint8_t bytes[8];
    store(bytes, x, size);
    buf_add(file, bytes, size);
}

void bytes_begin(struct buf *file, const struct bytes_format *format)
{
    buf_clear(file);
    buf_add(file, format->magic, BYTES_MAGIC_SIZE);
    bytes_u32(file, format->version);
    bytes_u32(file, 0);
    bytes_u64(file, 0);
}

void bytes_u8(struct buf *file, uint8_t x)
{
    add(file, x, 1);
}

void bytes_u32(struct buf *file, uint32_t x)
{
    add(file, x, 4);
}

void bytes_u64(struct buf *file, uint64_t x)
{
    add(file, x, 8);
}

void bytes_f64(struct buf *file, double x)
{
    add(file, bits_of_f64(x), 8);
}

void bytes_text(struct buf *file, const char *text)
{
    const size_t length = strlen(text);
    bytes_u32(file, (uint32_t)length);
    buf_add(file, text, length);
}

void bytes_u32s(struct buf *file, const uint32_t *x, size_t n)
{
    if (!buf_reserve(file, 4 * n))
        return;
    for (size_t i = 0; i < n; i++)
        bytes_u32(file, x[i]);
}

void bytes_u64s(struct buf *file, const uint64_t *x, size_t n)
{
    if (!buf_reserve(file, 8 * n))
        return;
    for (size_t i = 0; i < n; i++)
        bytes_u64(file, x[i]);
}

void bytes_f32s(struct buf *file, const float *x, size_t n)
{
    if (!buf_reserve(file, 4 * n))
        return;
    for (size_t i = 0; i < n; i++)
        bytes_u32(file, bits_of_f32(x[i]));
}

void bytes_f64s(struct buf *file, const double *x, size_t n)
{
    if (!buf_reserve(file, 8 * n))
        return;
    for (size_t i = 0; i < n; i++)
        bytes_f64(file, x[i]);
}

enum status bytes_end(struct buf *file, uint8_t ret_digest[DIGEST_SIZE], struct err *err)
{
    uint8_t digest[DIGEST_SIZE];
    TRY(buf_status(file, err));
    uint8_t length[8];
    store(length, file->length - BYTES_HEADER_SIZE, 8);
    memcpy(file->data + 16, length, sizeof length);
    digest_sha256(file->data, file->length, digest);
    buf_add(file, digest, sizeof digest);
    if (ret_digest != NULL)
        memcpy(ret_digest, digest, sizeof digest);
    return buf_status(file, err);
}

enum status bytes_open(const void *file, size_t n, const struct bytes_format *format, const char *name,
                       struct bytes_reader *ret, struct err *err)
{
    const uint8_t *bytes = file;
    if (n < BYTES_HEADER_SIZE + DIGEST_SIZE)
        return err_set(err, STATUS_CORRUPT, "%s is cut short: %zu bytes are too few for a %s file", name, n,
                       format->noun);
    if (memcmp(bytes, format->magic, BYTES_MAGIC_SIZE) != 0)
        return err_set(err, STATUS_CORRUPT, "%s is not a %s file: it does not start with %s", name, format->noun,
                       format->magic);
    const uint32_t version = (uint32_t)load(bytes + 8, 4);
    if (version > format->version)
        return err_set(err, STATUS_CORRUPT, "%s has version %u; this program reads versions up to %u", name, version,
                       format->version);
    const uint64_t length = load(bytes + 16, 8);
    if (length != n - BYTES_HEADER_SIZE - DIGEST_SIZE)
        return err_set(err, STATUS_CORRUPT, "%s is cut short or has text behind its end: %zu bytes", name, n);
    uint8_t digest[DIGEST_SIZE];
    digest_sha256(bytes, n - DIGEST_SIZE, digest);
    if (!digest_equal(digest, bytes + n - DIGEST_SIZE, DIGEST_SIZE))
        return err_set(err, STATUS_CORRUPT, "%s is damaged: its checksum does not match", name);
    if (version != format->version)
        return err_set(err, STATUS_CORRUPT, "%s has version %u; this program reads version %u", name, version,
                       format->version);
    *ret = (struct bytes_reader){bytes + BYTES_HEADER_SIZE, bytes + n - DIGEST_SIZE, false};
    return STATUS_OK;
}

size_t bytes_left(const struct bytes_reader *r)
{
    return r->failed ? 0 : (size_t)(r->end - r->at);
}

/* The next n * size bytes, NULL (and failed) when they are not there. */
static const uint8_t *take(struct bytes_reader *r, size_t n, size_t size)
{
    if (r->failed || n > bytes_left(r) / size) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *bytes = r->at;
    r->at += n * size;
    return bytes;
}

static uint64_t read_value(struct bytes_reader *r, size_t size)
{
    const uint8_t *bytes = take(r, 1, size);
    return bytes == NULL ? 0 : load(bytes, size);
}

uint8_t bytes_read_u8(struct bytes_reader *r)
{
    return (uint8_t)read_value(r, 1);
}

uint32_t bytes_read_u32(struct bytes_reader *r)
{
    return (uint32_t)read_value(r, 4);
}

uint64_t bytes_read_u64(struct bytes_reader *r)
{
    return read_value(r, 8);
}

static double f64_of_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

double bytes_read_f64(struct bytes_reader *r)
{
    return f64_of_bits(read_value(r, 8));
}

size_t bytes_read_count(struct bytes_reader *r, size_t size, size_t max)
{
    const size_t n = bytes_read_u32(r);
    if (r->failed || n > max || n > bytes_left(r) / size) {
        r->failed = true;
        return 0;
    }
    return n;
}

const char *bytes_read_text(struct bytes_reader *r, size_t max, size_t *ret_length)
{
    const size_t length = bytes_read_count(r, 1, max);
    const uint8_t *bytes = take(r, length, 1);
    *ret_length = 0;
    if (bytes == NULL)
        return "";
    if (memchr(bytes, '\0', length) != NULL) {
        r->failed = true;
        return "";
    }
    *ret_length = length;
    return (const char *)bytes;
}

char *bytes_read_copy(struct bytes_reader *r, size_t max, bool *no_memory)
{
    size_t length;
    const char *text = bytes_read_text(r, max, &length);
    if (r->failed)
        return NULL;
    char *copy = mem_strndup(text, length);
    *no_memory = *no_memory || copy == NULL;
    return copy;
}

/* n values of `size` bytes as a new block whose bytes are in the machine's order where `size` is the element. */
static void *read_block(struct bytes_reader *r, size_t n, size_t size, const uint8_t **ret_bytes, bool *no_memory)
{
    *ret_bytes = take(r, n, size);
    if (*ret_bytes == NULL)
        return NULL;
    void *block = mem_alloc(n, size);
    *no_memory = *no_memory || block == NULL;
    return block;
}

uint32_t *bytes_read_u32s(struct bytes_reader *r, size_t n, bool *no_memory)
{
    const uint8_t *bytes;
    uint32_t *x = read_block(r, n, sizeof *x, &bytes, no_memory);
    for (size_t i = 0; x != NULL && i < n; i++)
        x[i] = (uint32_t)load(bytes + 4 * i, 4);
    return x;
}

uint64_t *bytes_read_u64s(struct bytes_reader *r, size_t n, bool *no_memory)
{
    const uint8_t *bytes;
    uint64_t *x = read_block(r, n, sizeof *x, &bytes, no_memory);
    for (size_t i = 0; x != NULL && i < n; i++)
        x[i] = load(bytes + 8 * i, 8);
    return x;
}

float *bytes_read_f32s(struct bytes_reader *r, size_t n, bool *no_memory)
{
    const uint8_t *bytes;
    float *x = read_block(r, n, sizeof *x, &bytes, no_memory);
    for (size_t i = 0; x != NULL && i < n; i++) {
        const uint32_t bits = (uint32_t)load(bytes + 4 * i, 4);
        memcpy(&x[i], &bits, sizeof bits);
    }
    return x;
}

double *bytes_read_f64s(struct bytes_reader *r, size_t n, bool *no_memory)
{
    const uint8_t *bytes;
    double *x = read_block(r, n, sizeof *x, &bytes, no_memory);
    for (size_t i = 0; x != NULL && i < n; i++)
        x[i] = f64_of_bits(load(bytes + 8 * i, 8));
    return x;
}
