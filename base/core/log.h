/* log.h - one line per event to stderr, logfmt:  ts=2026-05-01T12:00:00.123Z level=info msg="..." key=value
 *
 * Only daemons and command-line programs log; libraries return errors.  Never pass a token or a signing key.
 * Values with blanks, quotes, '=' or control characters are quoted and escaped, so a user's text cannot forge a line.
 * Thread: a line is one write(2); safe from any thread. */
#ifndef TRIMTAB_BASE_CORE_LOG_H
#define TRIMTAB_BASE_CORE_LOG_H

#include "base/core/status.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Lines below `level` are dropped; the default is LOG_INFO. */
void log_set_level(enum log_level level);
/* pairs: "key", "value", ..., NULL; a NULL value prints as key= (empty). */
void log_event(enum log_level level, const char *msg, ... /* const char *key, const char *value, NULL */)
    __attribute__((sentinel));
/* printf-style message without pairs. */
void log_line(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
