/* optimize.h - `trimtab optimize --stdio`: the optimizer for any script, one JSON object a line, one line back.
 *
 *   {"op":"init","dim":6,"n_constraints":1,"seed":3,"minimize":true,"bounds":[[0,1],..],"constraint_sense":"le0"}
 *       optional: "kinds":["float"|"log"|"integer",..], "control":[..] (the centre of the first points), "acquisition",
 *       "hyper_prior"; "q", "n_init" and "budget" are hints      -> {"ok":true,"name":"trimtab x.y"}
 *   {"op":"tell","results":[{"x":[..],"y":1.2,"se":0.05,"constraints":[{"y":-0.2,"se":0.03}]},{"x":[..],"failed":true}]}
 *       se missing, null or 0: that noise is inferred.  "cov":[[..]] instead of se: the noise covariance of the y of
 *       this tell; "constraints_cov":[[[..]],..] likewise.  Points need not have been asked for.      -> {"ok":true}
 *   {"op":"ask","n":4}    -> {"arms":[{"x":[..]},..]}
 *       they stay pending until told (to a millionth of the range)
 *   {"op":"best"}         -> {"x":[..],"mean":..,"sd":..,"feasible":..,"x_insample":[..]}     x may extrapolate
 *   {"op":"model"}        -> hyper-parameters, leave-one-round-out diagnostics and "warnings" per outcome
 *   {"op":"stop"}         -> {"ok":true}, and the program ends
 * A line that is refused gets {"error":"<one line>"} and changes nothing.
 *
 * A session is bytes in, bytes out: no file, no clock, so that tests and the fuzzer drive it line by line. */
#ifndef TRIMTAB_TUNER_CLI_OPTIMIZE_H
#define TRIMTAB_TUNER_CLI_OPTIMIZE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/core/buf.h"
#include "base/core/opt.h"

enum { OPTIMIZE_MAX_LINE = 10 * 1024 * 1024 };

struct optimize_session;

struct optimize_session *optimize_session_new(void); /* NULL: out of memory */
void optimize_session_free(struct optimize_session *session);

/* Answer one line (without its newline): one JSON object is appended to reply, without a newline.  false: the program
 * should end. */
bool optimize_session_line(struct optimize_session *session, const char *line, size_t length, struct buf *reply);
/* The answer to a line that is longer than OPTIMIZE_MAX_LINE. */
void optimize_session_too_long(struct buf *reply);

/* The verb: reads standard input to its end or to "stop".  Exit code of opt.h. */
int optimize_run(int n_operands, char **operands);
extern const struct opt OPTIMIZE_OPTIONS[];

#endif
