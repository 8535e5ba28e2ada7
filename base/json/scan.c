#include "base/json/scan.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_MAX = 60 };

struct scan {
    const unsigned char *bytes;
    size_t n, at, max_depth;
    struct err *err;
};

static enum status scan_value(struct scan *s, size_t depth);

static enum status expected(const struct scan *s, size_t at, const char *what)
{
    return err_set(s->err, STATUS_INVALID, "JSON byte %zu: expected %s", at, what);
}

/* The byte at the cursor, -1 at the end. */
static int peek(const struct scan *s)
{
    return s->at < s->n ? s->bytes[s->at] : -1;
}

static void skip_blanks(struct scan *s)
{
    int c;
    while ((c = peek(s)) == ' ' || c == '\t' || c == '\n' || c == '\r')
        s->at++;
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool skip_digits(struct scan *s)
{
    size_t start = s->at;
    while (is_digit(peek(s)))
        s->at++;
    return s->at > start;
}

static enum status scan_number(struct scan *s)
{
    size_t start = s->at;
    if (peek(s) == '-')
        s->at++;
    if (peek(s) == '0') {
        s->at++;
        if (is_digit(peek(s)))
            return expected(s, start, "a number without leading zeros");
    } else if (!skip_digits(s)) {
        return expected(s, start, "a value");
    }
    if (peek(s) == '.') {
        s->at++;
        if (!skip_digits(s))
            return expected(s, s->at, "a digit after the decimal point");
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        s->at++;
        if (peek(s) == '+' || peek(s) == '-')
            s->at++;
        if (!skip_digits(s))
            return expected(s, s->at, "a digit of the exponent");
    }
    size_t length = s->at - start;
    if (length > NUMBER_MAX)
        return expected(s, start, "a number of at most 60 characters");
    char text[NUMBER_MAX + 1];
    memcpy(text, s->bytes + start, length);
    text[length] = '\0';
    return isfinite(strtod(text, NULL)) ? STATUS_OK : expected(s, start, "a finite number");
}

/* Four hex digits at the cursor; -1 when there are not. */
static int scan_hex4(struct scan *s)
{
    int x = 0;
    for (int i = 0; i < 4; i++, s->at++) {
        int c = peek(s);
        int digit = is_digit(c)            ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        x = x * 16 + digit;
    }
    return x;
}

/* Cursor behind the backslash. */
static enum status scan_escape(struct scan *s)
{
    size_t start = s->at - 1;
    int c = peek(s);
    if (c > 0 && strchr("\"\\/bfnrt", c)) {
        s->at++;
        return STATUS_OK;
    }
    if (c != 'u')
        return expected(s, start, "an escape of \" \\ / b f n r t u");
    s->at++;
    int unit = scan_hex4(s);
    if (unit < 0)
        return expected(s, start, "four hex digits after \\u");
    if (unit == 0)
        return expected(s, start, "a character other than \\u0000");
    if (unit >= 0xDC00 && unit <= 0xDFFF)
        return expected(s, start, "a high surrogate before a low one");
    if (unit < 0xD800 || unit > 0xDBFF)
        return STATUS_OK;
    if (peek(s) != '\\' || s->at + 1 >= s->n || s->bytes[s->at + 1] != 'u')
        return expected(s, s->at, "a low surrogate");
    s->at += 2;
    unit = scan_hex4(s);
    return unit >= 0xDC00 && unit <= 0xDFFF ? STATUS_OK : expected(s, start, "a low surrogate after the high one");
}

/* One multi-byte UTF-8 sequence: Unicode 15, table 3-7 (no overlong forms, no surrogates, at most U+10FFFF). */
static enum status scan_utf8(struct scan *s)
{
    size_t start = s->at;
    unsigned lead = s->bytes[s->at++];
    size_t more = lead >= 0xC2 && lead <= 0xDF   ? 1
                  : lead >= 0xE0 && lead <= 0xEF ? 2
                  : lead >= 0xF0 && lead <= 0xF4 ? 3
                                                 : 0;
    if (more == 0)
        return expected(s, start, "valid UTF-8");
    int low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    int high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    for (size_t i = 0; i < more; i++, s->at++, low = 0x80, high = 0xBF) {
        int c = peek(s);
        if (c < low || c > high)
            return expected(s, start, "valid UTF-8");
    }
    return STATUS_OK;
}

static enum status scan_string(struct scan *s)
{
    size_t start = s->at++;
    for (;;) {
        int c = peek(s);
        if (c < 0)
            return expected(s, start, "a string with a closing quote");
        if (c < 0x20)
            return expected(s, s->at, "control characters to be escaped");
        if (c >= 0x80) {
            TRY(scan_utf8(s));
            continue;
        }
        s->at++;
        if (c == '"')
            return STATUS_OK;
        if (c == '\\')
            TRY(scan_escape(s));
    }
}

/* The members or elements behind the opening bracket. */
static enum status scan_items(struct scan *s, size_t depth, bool object)
{
    int close = object ? '}' : ']';
    if (depth >= s->max_depth)
        return err_set(s->err, STATUS_INVALID, "JSON byte %zu: nested deeper than %zu levels", s->at, s->max_depth);
    s->at++;
    skip_blanks(s);
    if (peek(s) == close) {
        s->at++;
        return STATUS_OK;
    }
    for (;;) {
        skip_blanks(s);
        if (object) {
            if (peek(s) != '"')
                return expected(s, s->at, "a member name in quotes");
            TRY(scan_string(s));
            skip_blanks(s);
            if (peek(s) != ':')
                return expected(s, s->at, "':'");
            s->at++;
        }
        TRY(scan_value(s, depth + 1));
        skip_blanks(s);
        int c = peek(s);
        if (c != ',' && c != close)
            return expected(s, s->at, object ? "',' or '}'" : "',' or ']'");
        s->at++;
        if (c == close)
            return STATUS_OK;
    }
}

static enum status scan_word(struct scan *s, const char *word)
{
    size_t length = strlen(word);
    if (s->n - s->at < length || memcmp(s->bytes + s->at, word, length) != 0)
        return expected(s, s->at, "a value");
    s->at += length;
    return STATUS_OK;
}

static enum status scan_value(struct scan *s, size_t depth)
{
    skip_blanks(s);
    switch (peek(s)) {
    case '{':
        return scan_items(s, depth, true);
    case '[':
        return scan_items(s, depth, false);
    case '"':
        return scan_string(s);
    case 't':
        return scan_word(s, "true");
    case 'f':
        return scan_word(s, "false");
    case 'n':
        return scan_word(s, "null");
    default:
        return scan_number(s);
    }
}

enum status scan_json(const char *bytes, size_t n, size_t max_depth, struct err *err)
{
    struct scan s = {(const unsigned char *)bytes, n, 0, max_depth, err};
    TRY(scan_value(&s, 0));
    skip_blanks(&s);
    return s.at == n ? STATUS_OK : expected(&s, s.at, "the end of the text");
}
