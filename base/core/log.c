#include "base/core/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/core/buf.h"

static _Atomic int threshold = LOG_INFO;
static const char *const LEVELS[] = {"debug", "info", "warn", "error"};

void log_set_level(enum log_level level)
{
    atomic_store(&threshold, (int)level);
}

static void add_value(struct buf *line, const char *value)
{
    if (value[strcspn(value, " \"=\\\t\r\n")] == '\0' && value[0] != '\0') {
        buf_text(line, value);
        return;
    }
    buf_char(line, '"');
    for (const char *c = value; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            buf_printf(line, "\\%c", *c);
        else if ((unsigned char)*c < 0x20)
            buf_printf(line, "\\x%02x", (unsigned)*c);
        else
            buf_char(line, *c);
    }
    buf_char(line, '"');
}

static void start_line(struct buf *line, enum log_level level, const char *msg)
{
    struct timespec now;
    struct tm utc;
    char stamp[32];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
    buf_printf(line, "ts=%s.%03ldZ level=%s msg=", stamp, now.tv_nsec / 1000000, LEVELS[level]);
    add_value(line, msg);
}

static void finish_line(struct buf *line)
{
    buf_char(line, '\n');
    /* A log that cannot be written has nowhere to complain to. */
    if (!line->failed && write(STDERR_FILENO, line->data, line->length) < 0)
        line->failed = true;
    buf_done(line);
}

void log_event(enum log_level level, const char *msg, ...)
{
    if ((int)level < atomic_load(&threshold))
        return;
    struct buf line = BUF_INIT;
    start_line(&line, level, msg);
    va_list args;
    va_start(args, msg);
    for (const char *key = va_arg(args, const char *); key != NULL; key = va_arg(args, const char *)) {
        const char *value = va_arg(args, const char *);
        buf_printf(&line, " %s=", key);
        if (value != NULL)
            add_value(&line, value);
    }
    va_end(args);
    finish_line(&line);
}

void log_line(enum log_level level, const char *format, ...)
{
    if ((int)level < atomic_load(&threshold))
        return;
    char msg[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(msg, sizeof msg, format, args);
    va_end(args);
    struct buf line = BUF_INIT;
    start_line(&line, level, msg);
    finish_line(&line);
}
