#include "tests/lib/power_cut.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/clock.h"
#include "base/core/rng.h"
#include "tests/lib/check.h"
#include "tests/lib/sqlite_shim.h"

enum { FILES_MAX = 8, SECTOR = 512 };

/* A write, or with no bytes a truncation to `at`. */
struct change {
    int64_t at;
    int n;
    uint8_t *bytes;
};

struct image {
    uint8_t *bytes;
    int64_t length, room;
};

struct disk_file {
    char name[64];
    struct image synced;
    struct change *changes; /* since, in their order */
    size_t n_changes, room, n_settled;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct disk_file disk_files[FILES_MAX];
static size_t n_disk_files;
static char watched[128];

/* NULL: not one that is followed. */
static struct disk_file *find(const char *path)
{
    const size_t n = strlen(watched);
    if (!path || strncmp(path, watched, n) != 0 || path[n] != '/' || strchr(path + n + 1, '/'))
        return NULL;
    size_t i = 0;
    while (i < n_disk_files && strcmp(disk_files[i].name, path + n + 1) != 0)
        i++;
    assert_true(i < FILES_MAX);
    if (i == n_disk_files)
        snprintf(disk_files[n_disk_files++].name, sizeof disk_files[i].name, "%s", path + n + 1);
    return &disk_files[i];
}

static void *cut_open(const char *path)
{
    pthread_mutex_lock(&mutex);
    struct disk_file *disk = find(path);
    pthread_mutex_unlock(&mutex);
    return disk;
}

static void image_resize(struct image *image, int64_t length)
{
    if (length > image->room) {
        image->room = 2 * length;
        image->bytes = realloc(image->bytes, (size_t)image->room);
        assert_non_null(image->bytes);
    }
    if (length > image->length)
        memset(image->bytes + image->length, 0, (size_t)(length - image->length));
    image->length = length;
}

static void image_write(struct image *image, int64_t at, const uint8_t *bytes, int64_t n)
{
    if (at + n > image->length)
        image_resize(image, at + n);
    memcpy(image->bytes + at, bytes, (size_t)n);
}

static void image_apply(struct image *image, const struct change *change)
{
    if (change->bytes)
        image_write(image, change->at, change->bytes, change->n);
    else
        image_resize(image, change->at);
}

static void remember(struct disk_file *disk, const void *bytes, int n, int64_t at)
{
    struct change change = {at, n, bytes ? malloc((size_t)n) : NULL};
    if (bytes)
        memcpy(change.bytes, bytes, (size_t)n);
    if (disk->n_changes == disk->room) {
        disk->room = disk->room ? 2 * disk->room : 64;
        disk->changes = realloc(disk->changes, disk->room * sizeof *disk->changes);
        assert_non_null(disk->changes);
    }
    disk->changes[disk->n_changes++] = change;
}

/* The first `to` changes that there ever were are on disk. */
static void settle(struct disk_file *disk, size_t to)
{
    const size_t n = to > disk->n_settled ? to - disk->n_settled : 0;
    for (size_t i = 0; i < n; i++) {
        image_apply(&disk->synced, &disk->changes[i]);
        free(disk->changes[i].bytes);
    }
    disk->n_settled += n;
    disk->n_changes -= n;
    memmove(disk->changes, disk->changes + n, disk->n_changes * sizeof *disk->changes);
}

static void cut_removed(const char *path)
{
    pthread_mutex_lock(&mutex);
    struct disk_file *disk = find(path);
    if (disk) {
        settle(disk, disk->n_settled + disk->n_changes);
        disk->synced.length = 0;
    }
    pthread_mutex_unlock(&mutex);
}

static int cut_write(struct shim_file *f, const void *bytes, int n, sqlite3_int64 at)
{
    pthread_mutex_lock(&mutex);
    if (f->own)
        remember(f->own, bytes, n, at);
    const int code = f->real->pMethods->xWrite(f->real, bytes, n, at);
    pthread_mutex_unlock(&mutex);
    return code;
}

static int cut_truncate(struct shim_file *f, sqlite3_int64 size)
{
    pthread_mutex_lock(&mutex);
    if (f->own)
        remember(f->own, NULL, 0, size);
    const int code = f->real->pMethods->xTruncate(f->real, size);
    pthread_mutex_unlock(&mutex);
    return code;
}

/* What was written before it began, not what is written while it runs; it takes 0 to 3 ms. */
static int cut_sync(struct shim_file *f, int flags)
{
    static unsigned n;
    struct disk_file *disk = f->own;
    (void)flags;
    if (!disk)
        return SQLITE_OK;
    pthread_mutex_lock(&mutex);
    const size_t to = disk->n_settled + disk->n_changes;
    const int64_t ms = n++ % 4;
    pthread_mutex_unlock(&mutex);
    clock_sleep_ms(ms);
    pthread_mutex_lock(&mutex);
    settle(disk, to);
    pthread_mutex_unlock(&mutex);
    return SQLITE_OK;
}

void power_cut_install(const char *folder)
{
    snprintf(watched, sizeof watched, "%s", folder);
    sqlite_shim_install(&(struct shim_hooks){cut_open, cut_removed, cut_write, cut_truncate, cut_sync});
}

static void image_copy(struct image *to, const struct image *from)
{
    *to = (struct image){0};
    image_resize(to, from->length);
    if (from->length > 0)
        memcpy(to->bytes, from->bytes, (size_t)from->length);
}

/* A change that was not synced: none of it, all of it or some of its sectors. */
static void apply_some(struct image *image, const struct change *change, struct rng *rng)
{
    const uint64_t fate = rng_u64(rng) % 3;
    if (fate == 0)
        return;
    if (fate == 1 || !change->bytes) {
        image_apply(image, change);
        return;
    }
    for (int64_t i = 0; i < change->n; i += SECTOR) {
        const int64_t n = change->n - i < SECTOR ? change->n - i : SECTOR;
        if (rng_u64(rng) % 2 == 0)
            image_write(image, change->at + i, change->bytes + i, n);
    }
}

static void write_image(const struct image *image, const char *folder, const char *name)
{
    char path[1200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(image->bytes, 1, (size_t)image->length, out), image->length);
    assert_int_equal(fclose(out), 0);
}

void power_cut(uint64_t seed, const char *to)
{
    struct image images[FILES_MAX];
    struct rng rng;
    rng_init(&rng, seed, 0, 0);
    pthread_mutex_lock(&mutex);
    const size_t n = n_disk_files;
    for (size_t i = 0; i < n; i++) {
        image_copy(&images[i], &disk_files[i].synced);
        for (size_t j = 0; j < disk_files[i].n_changes; j++)
            apply_some(&images[i], &disk_files[i].changes[j], &rng);
    }
    pthread_mutex_unlock(&mutex);
    for (size_t i = 0; i < n; i++) {
        if (images[i].length > 0)
            write_image(&images[i], to, disk_files[i].name);
        free(images[i].bytes);
    }
}
