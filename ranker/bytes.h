/* bytes.h - the frame of a dataset or model file, and bounds-checked little-endian values inside it.
 *
 *   offset  size  what
 *        0     8  magic
 *        8     4  version of the format
 *       12     4  zero
 *       16     8  n, bytes of the payload
 *       24     n  payload
 *     24+n    32  SHA-256 of everything before
 *
 * A reader is sticky: once a value lies behind the end or breaks a limit, `failed` is set and every later read gives
 * zero, so a decoder checks once per group of values.  Counts are checked against the bytes that are left before
 * anything is allocated: a few forged bytes cannot ask for gigabytes.  Thread: owner only. */
#ifndef TRIMTAB_RANKER_BYTES_H
#define TRIMTAB_RANKER_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/core/buf.h"
#include "base/core/digest.h"

enum { BYTES_MAGIC_SIZE = 8, BYTES_HEADER_SIZE = 24 };

/* What a kind of file looks like. */
struct bytes_format {
    char magic[BYTES_MAGIC_SIZE + 1];
    uint32_t version;
    const char *noun; /* "dataset", for the line */
};

void bytes_begin(struct buf *file, const struct bytes_format *format);
void bytes_u8(struct buf *file, uint8_t x);
void bytes_u32(struct buf *file, uint32_t x);
void bytes_u64(struct buf *file, uint64_t x);
void bytes_f64(struct buf *file, double x);
/* u32 length, bytes. */
void bytes_text(struct buf *file, const char *text);
void bytes_u32s(struct buf *file, const uint32_t *x, size_t n);
void bytes_u64s(struct buf *file, const uint64_t *x, size_t n);
void bytes_f32s(struct buf *file, const float *x, size_t n);
void bytes_f64s(struct buf *file, const double *x, size_t n);
/* Fills in the length and appends the checksum; ret_digest may be NULL. */
MUST_CHECK enum status bytes_end(struct buf *file, uint8_t ret_digest[DIGEST_SIZE], struct err *err);

struct bytes_reader {
    const uint8_t *at, *end;
    bool failed;
};

/* Checks the frame; the reader then stands at the payload, which is borrowed.  name is used in the line.
 * STATUS_CORRUPT: too short, another kind of file, a newer version, cut short, checksum. */
MUST_CHECK enum status bytes_open(const void *file, size_t n, const struct bytes_format *format, const char *name,
                                  struct bytes_reader *ret, struct err *err);
size_t bytes_left(const struct bytes_reader *r);
uint8_t bytes_read_u8(struct bytes_reader *r);
uint32_t bytes_read_u32(struct bytes_reader *r);
uint64_t bytes_read_u64(struct bytes_reader *r);
double bytes_read_f64(struct bytes_reader *r);
/* A u32 count of things that take at least `size` bytes each; fails beyond max or beyond what is left. */
size_t bytes_read_count(struct bytes_reader *r, size_t size, size_t max);
/* A text without inner NUL; ret borrowed, NOT terminated; *ret_length its bytes. "" on failure. */
const char *bytes_read_text(struct bytes_reader *r, size_t max, size_t *ret_length);
/* A copy, owned by the caller; NULL on failure or out of memory (then *no_memory). */
char *bytes_read_copy(struct bytes_reader *r, size_t max, bool *no_memory);
/* Arrays of known length into new blocks, owned by the caller; NULL as above. */
uint32_t *bytes_read_u32s(struct bytes_reader *r, size_t n, bool *no_memory);
uint64_t *bytes_read_u64s(struct bytes_reader *r, size_t n, bool *no_memory);
float *bytes_read_f32s(struct bytes_reader *r, size_t n, bool *no_memory);
double *bytes_read_f64s(struct bytes_reader *r, size_t n, bool *no_memory);

#endif
