/* route.h - from a request line to a row of the routes table.  Pure: bytes in, decisions out.
 *
 * The path is split at '/' first and each segment is percent-decoded afterwards, so "/a%2Fb" is the one segment "a/b".
 * Refused (STATUS_INVALID): a path that does not start with '/', a bad escape, a NUL, invalid UTF-8, more than
 * ROUTE_MAX_SEGMENTS segments.  An empty segment matches nothing, so "/v1//x" and a trailing '/' are 404. */
#ifndef TRIMTAB_BASE_HTTPD_ROUTE_H
#define TRIMTAB_BASE_HTTPD_ROUTE_H

#include "base/httpd/httpd.h"

enum { ROUTE_MAX_SEGMENTS = 16, ROUTE_MAX_PARAMS = 4, ROUTE_MAX_QUERIES = 16 };

struct route_pair {
    const char *name; /* not NUL-terminated in a parameter: use name_length */
    size_t name_length;
    const char *value; /* NUL-terminated */
};

struct route_target {
    char *text; /* owned copy of the path and query, decoded in place; the rest points into it */
    const char *segments[ROUTE_MAX_SEGMENTS];
    size_t n_segments;
    struct route_pair queries[ROUTE_MAX_QUERIES];
    size_t n_queries;
};

struct route_match {
    const struct httpd_route *route; /* NULL: no row with this method */
    struct route_pair params[ROUTE_MAX_PARAMS];
    size_t n_params;
    char allow[64]; /* "GET, HEAD, PUT": the methods of this path; "": the path is unknown */
};

/* "%41" to "A" in place; STATUS_INVALID for a bad escape, a NUL, or text that is not UTF-8. */
MUST_CHECK enum status route_decode(char *text, struct err *err);
/* target: "/v1/x?a=1&b".  ret is zeroed first; route_target_done() in every case. */
MUST_CHECK enum status route_target_init(struct route_target *ret, const char *target, struct err *err);
void route_target_done(struct route_target *target);
/* The first row in table order whose path and method fit; HEAD uses GET rows. */
void route_find(const struct httpd_route *routes, const char *method, const struct route_target *target,
                struct route_match *ret);

#endif
