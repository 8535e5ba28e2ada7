/* lab.h - the whole experiment API inside a test: store, service and HTTP server on a free port, a fake
 * clock, and a client.  The folder under /tmp survives lab_stop() so that a test can open it again. */
#ifndef TRIMTAB_TESTS_LIB_LAB_H
#define TRIMTAB_TESTS_LIB_LAB_H

#include "base/httpc/httpc.h"
#include "experiments/http/service.h"
#include "tests/lib/fake_scorer.h"

struct lab {
    char folder[64];
    struct clock clock;
    struct store *store;
    struct service service;
    struct httpd *httpd;
    struct httpc *client;
    size_t hot_max;           /* of the store; 0: no limit */
    struct fake_model *model; /* that it starts with; NULL: FAKE_MODEL */
};

/* Asserts.  folder "" makes a new one. */
void lab_start(struct lab *lab, int64_t now_ms);
void lab_stop(struct lab *lab);
/* Stop and remove the folder. */
void lab_remove(struct lab *lab);

/* One request; the HTTP status, the body in ret (may be NULL). */
int lab_call(struct lab *lab, const char *method, const char *path, const char *body, struct buf *ret);
/* The same, asserting the status; the answer parsed, freed by the caller. */
struct json *lab_json(struct lab *lab, const char *method, const char *path, const char *body, int want);
/* The call fails with that status and a message that contains the text. */
void lab_refuses(struct lab *lab, const char *method, const char *path, const char *body, int want, const char *text);
/* A number, a flag or a text by its path, "arms.0.units"; asserts that it is there.  The text is borrowed. */
double answer_number(const struct json *json, const char *path);
bool answer_flag(const struct json *json, const char *path);
const char *answer_text(const struct json *json, const char *path);

/* An experiment "feed" of the model's three heads with metrics clicks (count per unit, 100 s) and ctr (per impression),
 * default weights click 1, save 3.5, hide -2; and a round of arms control (click 1) and a1 (save 2, hide -0.5), shares
 * .4 each, salt s1, ending at 20 units an arm, settling 500 ms. */
extern const char LAB_EXPERIMENT[], LAB_ROUND[];
/* POST /v1/rank of candidates i1..i5, k 3; `more` is put behind the members ("" or ",\"k\":..").  Freed by the caller.
 */
struct json *lab_rank(struct lab *lab, const char *unit, const char *more);
/* The id of the unit's arm in the open round of "feed" into ret. */
void lab_arm(struct lab *lab, const char *unit, char *ret, size_t size);
/* One event; `more` as above.  The four counts are asserted. */
void lab_event(struct lab *lab, const char *event_id, const char *more, int accepted, int duplicates, int late,
               int orphans);

#endif
