/* files.h - a folder of its own for a test, and small text files in it. */
#ifndef TRIMTAB_TESTS_LIB_FILES_H
#define TRIMTAB_TESTS_LIB_FILES_H

#include <stddef.h>

/* A new empty folder; asserts.  The caller hands it to files_remove(). */
char *files_folder(void);
/* Removes the files in it (one level) and frees the name. */
void files_remove(char *folder);
/* folder/name with these bytes, over an old one; asserts. */
void files_write(const char *folder, const char *name, const void *bytes, size_t n);
void files_text(const char *folder, const char *name, const char *text);
/* "folder/name" in a buffer of the caller; returns it. */
const char *files_path(const char *folder, const char *name, char *ret, size_t size);

#endif
