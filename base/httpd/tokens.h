/* tokens.h - who may: bearer tokens with scopes, read from a file.
 *
 * Lines `scope[,scope...] token`; blank lines and lines that start with '#' are skipped.  Only digests of tokens are
 * kept, and every token is compared in full, so the time of a check tells nothing about them.  Immutable once read. */
#ifndef TRIMTAB_BASE_HTTPD_TOKENS_H
#define TRIMTAB_BASE_HTTPD_TOKENS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/core/err.h"

enum { TOKEN_MIN = 16, TOKEN_MAX = 256, SCOPES_MAX = 128, TOKENS_MAX = 256 };

struct tokens;

/* The file must belong to its readers alone: STATUS_FORBIDDEN when group or others may do anything with it. */
MUST_CHECK enum status tokens_read(const char *path, struct tokens **ret, struct err *err);
/* name stands for the file in error lines ("NAME:3: ..."), which never show a token. */
MUST_CHECK enum status tokens_parse(const char *name, const char *text, size_t n, struct tokens **ret, struct err *err);
void tokens_free(struct tokens *tokens);
/* The scopes ("a,b") of the token, "" when it is unknown.  O(tokens). */
void tokens_find(const struct tokens *tokens, const char *token, char ret_scopes[SCOPES_MAX]);
/* Whether scope is one of the comma-separated scopes. */
bool tokens_scope_in(const char *scopes, const char *scope);

#endif
