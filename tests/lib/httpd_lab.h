/* httpd_lab.h - an HTTP server inside a test, with handlers that answer at once, later, never, or in streams. */
#ifndef TRIMTAB_TESTS_LIB_HTTPD_LAB_H
#define TRIMTAB_TESTS_LIB_HTTPD_LAB_H

#include <pthread.h>

#include "base/httpc/httpc.h"
#include "base/httpd/httpd.h"

enum { HTTPD_LAB_BODY_MAX = 1000 };

/* What the handlers share: a queue of deferred requests that a thread of the test finishes. */
struct httpd_lab_world {
    pthread_mutex_t mutex;
    struct httpd_request *deferred[64];
    size_t n_deferred;
    int pulls, ended;
    bool finish_at_once; /* defer, and finish on another thread before the handler returns */
};

struct httpd_lab {
    struct httpd_lab_world world;
    struct httpd *httpd;
    struct httpc *httpc;
    struct buf body;
    struct err err;
    int http;
    char url[64];
};

extern const struct httpd_route HTTPD_LAB_ROUTES[];

/* A handshake may take seconds on a busy machine. */
enum { HTTPD_LAB_PATIENCE_MS = 60000 };

/* Assert; a client is made too.  httpd_lab_end() asserts that nothing is outstanding. */
void httpd_lab_begin_with(struct httpd_lab *f, struct httpd_options options, const char *token_file);
void httpd_lab_begin(struct httpd_lab *f);
void httpd_lab_end(struct httpd_lab *f);
enum status httpd_lab_ask(struct httpd_lab *f, const char *method, const char *path, const char *body);
/* A socket of the test's own, for what libcurl would never send. */
int httpd_lab_dial(const struct httpd_lab *f);
void httpd_lab_say(int fd, const char *text);
/* Reads until the text shows up (true) or the connection ends (false). */
bool httpd_lab_hear(int fd, const char *text);
size_t httpd_lab_deferred(struct httpd_lab_world *world);
int httpd_lab_ended(struct httpd_lab_world *world);
int httpd_lab_pulls(struct httpd_lab_world *world);
/* For cmocka_run_group_tests(). */
int httpd_lab_setup(void **state);

#endif
