/* session.h - a connection to one of the two servers, found through the environment.
 *
 *   SESSION_TUNER        TRIMTAB_URL (http://127.0.0.1:8471), TRIMTAB_TOKEN_FILE
 *   SESSION_EXPERIMENTS  TRIMTAB_EXPERIMENTS_URL (http://127.0.0.1:8470), TRIMTAB_EXPERIMENTS_TOKEN_FILE
 *   both                 TRIMTAB_CA_FILE: whom to trust with https, instead of the system's list
 * An error line ends with what to do next: start the server, name its address, give a token, list the campaigns. */
#ifndef TRIMTAB_TUNER_CLI_SESSION_H
#define TRIMTAB_TUNER_CLI_SESSION_H

#include "base/json/json.h"

enum session_server { SESSION_TUNER, SESSION_EXPERIMENTS };

struct session;

MUST_CHECK enum status session_open(enum session_server server, struct session **ret, struct err *err);
void session_close(struct session *session); /* NULL is fine */
/* body: JSON text or NULL.  The caller frees *ret.  *ret_answered (may be NULL): the server answered, if only with an
 * error. */
MUST_CHECK enum status session_ask(struct session *session, const char *method, const char *path, const char *body,
                                   struct json **ret, bool *ret_answered, struct err *err);
/* One request: open, ask, close. */
MUST_CHECK enum status session_once(enum session_server server, const char *method, const char *path, const char *body,
                                    struct json **ret, struct err *err);

/* An operand that is a campaign's or trial's number: 1 .. 2^53 - 1. */
MUST_CHECK enum status session_number(const char *what, const char *text, int64_t *ret, struct err *err);
/* An operand that is an experiment's id, and so part of a path. */
MUST_CHECK enum status session_experiment(const char *text, struct err *err);

#endif
