/* scan.h - the strict grammar of RFC 8259, checked before cJSON sees a text.
 *
 * One pass, no heap, recursion bounded by max_depth.  Beyond the RFC it refuses NUL inside strings (cJSON would cut the
 * text), numbers that are not finite as double or longer than 60 characters (cJSON's buffer), and lone surrogates. */
#ifndef TRIMTAB_BASE_JSON_SCAN_H
#define TRIMTAB_BASE_JSON_SCAN_H

#include <stddef.h>

#include "base/core/err.h"

/* STATUS_INVALID with "byte N: expected ...". */
MUST_CHECK enum status scan_json(const char *bytes, size_t n, size_t max_depth, struct err *err);

#endif
