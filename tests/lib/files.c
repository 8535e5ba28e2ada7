#include "tests/lib/files.h"

#include "tests/lib/check.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/core/mem.h"

char *files_folder(void)
{
    const char *parent = getenv("TMPDIR"); /* NOLINT(concurrency-mt-unsafe) */
    char path[4096];
    snprintf(path, sizeof path, "%s/trimtab-test-XXXXXX", parent != NULL ? parent : "/tmp");
    assert_non_null(mkdtemp(path));
    char *folder = mem_strdup(path);
    assert_non_null(folder);
    return folder;
}

void files_remove(char *folder)
{
    char path[4096];
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlink(files_path(folder, entry->d_name, path, sizeof path));
    }
    closedir(dir);
    rmdir(folder);
    mem_free(folder);
}

const char *files_path(const char *folder, const char *name, char *ret, size_t size)
{
    const int n = snprintf(ret, size, "%s/%s", folder, name);
    assert_true(n > 0 && (size_t)n < size);
    return ret;
}

void files_write(const char *folder, const char *name, const void *bytes, size_t n)
{
    char path[4096];
    FILE *file = fopen(files_path(folder, name, path, sizeof path), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

void files_text(const char *folder, const char *name, const char *text)
{
    files_write(folder, name, text, strlen(text));
}
