#include "base/httpd/tokens.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/buf.h"
#include "base/core/digest.h"
#include "base/core/file.h"
#include "base/core/mem.h"

enum { FILE_MAX = 1 << 20 };

struct token {
    uint8_t digest[DIGEST_SIZE];
    char scopes[SCOPES_MAX];
};

struct tokens {
    size_t n;
    struct token list[TOKENS_MAX];
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bool is_scope_char(char c)
{
    return (c >= 'a' && c <= 'z') || c == '_' || c == '-';
}

static bool scopes_ok(const char *scopes, size_t n)
{
    if (n == 0 || n >= SCOPES_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        const bool comma = scopes[i] == ',';
        if (!comma && !is_scope_char(scopes[i]))
            return false;
        if (comma && (i == 0 || i + 1 == n || scopes[i - 1] == ','))
            return false;
    }
    return true;
}

static bool token_ok(const char *token, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (token[i] <= ' ' || token[i] > '~')
            return false;
    }
    return n >= TOKEN_MIN && n <= TOKEN_MAX;
}

/* line: without the newline and the blanks around it, not empty, no comment. */
static enum status parse_line(struct tokens *tokens, const char *line, size_t n, struct err *err)
{
    size_t scopes_length = 0;
    while (scopes_length < n && !is_blank(line[scopes_length]))
        scopes_length++;
    size_t start = scopes_length;
    while (start < n && is_blank(line[start]))
        start++;
    if (!scopes_ok(line, scopes_length) || start == n)
        return err_set(err, STATUS_INVALID, "expected 'scope[,scope] token' with scopes of a-z, - and _");
    if (!token_ok(line + start, n - start))
        return err_set(err, STATUS_INVALID, "the token must have %d to %d printable characters without blanks",
                       TOKEN_MIN, TOKEN_MAX);
    if (tokens->n == TOKENS_MAX)
        return err_set(err, STATUS_INVALID, "more than %d tokens", TOKENS_MAX);
    struct token *token = &tokens->list[tokens->n++];
    digest_sha256(line + start, n - start, token->digest);
    memcpy(token->scopes, line, scopes_length);
    token->scopes[scopes_length] = '\0';
    return STATUS_OK;
}

enum status tokens_parse(const char *name, const char *text, size_t n, struct tokens **ret, struct err *err)
{
    struct tokens *tokens = mem_alloc(1, sizeof *tokens);
    if (tokens == NULL)
        return err_no_memory(err);
    enum status s = STATUS_OK;
    size_t line_number = 1;
    for (size_t at = 0; at < n && s == STATUS_OK; line_number++) {
        const char *newline = memchr(text + at, '\n', n - at);
        const size_t end = newline != NULL ? (size_t)(newline - text) : n;
        size_t first = at, last = end;
        while (first < last && is_blank(text[first]))
            first++;
        while (last > first && is_blank(text[last - 1]))
            last--;
        if (first < last && text[first] != '#')
            s = parse_line(tokens, text + first, last - first, err);
        if (s != STATUS_OK)
            s = err_wrap(err, s, "%s:%zu", name, line_number);
        at = end + 1;
    }
    if (s == STATUS_OK && tokens->n == 0)
        s = err_set(err, STATUS_INVALID, "%s holds no token: expected lines 'scope[,scope] token'", name);
    if (s == STATUS_OK)
        *ret = tokens;
    else
        tokens_free(tokens);
    return s;
}

static enum status check_mode(const char *path, struct err *err)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return err_errno(err, "open the token file %s", path);
    if ((info.st_mode & 077) != 0)
        return err_set(err, STATUS_FORBIDDEN, "the token file %s is open to others (mode %03o): chmod 600 %s", path,
                       (unsigned)info.st_mode & 0777, path);
    return STATUS_OK;
}

enum status tokens_read(const char *path, struct tokens **ret, struct err *err)
{
    TRY(check_mode(path, err));
    struct buf text = BUF_INIT;
    enum status s = file_read(path, FILE_MAX, &text, err);
    if (s == STATUS_OK)
        s = tokens_parse(path, buf_string(&text), text.length, ret, err);
    if (text.data != NULL)
        explicit_bzero(text.data, text.length);
    buf_done(&text);
    return s;
}

void tokens_free(struct tokens *tokens)
{
    mem_free(tokens);
}

void tokens_find(const struct tokens *tokens, const char *token, char ret_scopes[SCOPES_MAX])
{
    uint8_t digest[DIGEST_SIZE];
    digest_sha256(token, strlen(token), digest);
    ret_scopes[0] = '\0';
    for (size_t i = 0; i < tokens->n; i++) {
        if (digest_equal(digest, tokens->list[i].digest, DIGEST_SIZE))
            memcpy(ret_scopes, tokens->list[i].scopes, SCOPES_MAX);
    }
}

bool tokens_scope_in(const char *scopes, const char *scope)
{
    const size_t n = strlen(scope);
    for (const char *at = scopes; *at != '\0';) {
        const size_t length = strcspn(at, ",");
        if (length == n && memcmp(at, scope, n) == 0)
            return true;
        at += length + (at[length] == ',' ? 1 : 0);
    }
    return false;
}
