/* optimize_session.h - inside of a session: what init, tell and the questions share.  See optimize.h. */
#ifndef TRIMTAB_TUNER_CLI_OPTIMIZE_SESSION_H
#define TRIMTAB_TUNER_CLI_OPTIMIZE_SESSION_H

#include "base/json/json.h"
#include "base/json/json_write.h"
#include "tuner/core/optimizer.h"
#include "tuner/core/space.h"

enum { OPTIMIZE_MAX_PENDING = 1024 };
static const double OPTIMIZE_ANY = 1e100; /* bound of every number of the protocol */

struct optimize_session {
    struct optimizer *optimizer; /* NULL before init */
    size_t dim, n_constraints;
    double sign;            /* +1 maximise, -1 minimise */
    double constraint_sign; /* +1: feasible is <= 0 */
    struct space_param space[OPTIMIZER_MAX_DIM];
    size_t n_pending;
    double *pending; /* [OPTIMIZE_MAX_PENDING * dim] natural values, as they were sent */
};

/* Frees what the session holds and makes it empty. */
void optimize_session_clear(struct optimize_session *session);

/* An operation reads its members from root and writes members of the answer; on failure nothing has changed. */
MUST_CHECK enum status optimize_init(struct optimize_session *session, const struct json_at *root,
                                     struct json_writer *w, struct err *err);
MUST_CHECK enum status optimize_tell(struct optimize_session *session, const struct json_at *root,
                                     struct json_writer *w, struct err *err);

/* An array of exactly `want` entries. */
MUST_CHECK enum status optimize_count(const struct json_at *at, size_t want, struct err *err);
/* A point inside the bounds: natural into ret_x [dim], as a point of the cube into ret_cube [dim]. */
MUST_CHECK enum status optimize_point(const struct json_at *at, const struct optimize_session *session, double *ret_x,
                                      double *ret_cube, struct err *err);

#endif
