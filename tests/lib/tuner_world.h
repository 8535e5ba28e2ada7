/* tuner_world.h - a tuner service over a fake experiment API, stepped by hand: no threads, no sockets. */
#ifndef TRIMTAB_TESTS_LIB_TUNER_WORLD_H
#define TRIMTAB_TESTS_LIB_TUNER_WORLD_H

#include "tests/lib/fake_api.h"
#include "tuner/service/tuner.h"

struct tuner_world {
    struct fake_api api;
    struct clock clock;
    struct tuner *tuner;
    char *folder, path[256];
    void (*changed)(void *context); /* told of new documents; may be set after the start */
    void *context;
    /* Of the last request, and of tuner_world_status(). */
    struct err answer;
    char status[65536];
};

/* A campaign of 3 explore rounds with 5 arms, guardrail on hide, promote auto. */
extern const char TUNER_WORLD_FILE[];

void tuner_world_start(struct tuner_world *world);
void tuner_world_end(struct tuner_world *world);
/* The two for cmocka: one world a test. */
int tuner_world_setup(void **state);
int tuner_world_teardown(void **state);
/* Throw the service away as a kill would, and open its journal again. */
void tuner_world_restart(struct tuner_world *world);
/* Ask and step once; the answer's status. */
enum status tuner_world_ask(struct tuner_world *world, enum tuner_kind kind, int64_t campaign, int64_t trial);
enum status tuner_world_launch(struct tuner_world *world, const char *file, bool create);
/* The file with old replaced by new (once; asserts that it is there) into ret. */
void tuner_world_edit(const char *file, const char *old, const char *new, char *ret, size_t size);
void tuner_world_turn(struct tuner_world *world);
bool tuner_world_is(struct tuner_world *world, int64_t campaign, const char *state);
/* Step until campaign 1 is in the state; fails the test after 400 steps. */
void tuner_world_run(struct tuner_world *world, const char *state);
/* Whether the last status has the text; prints both when it has not. */
bool tuner_world_says(const struct tuner_world *world, const char *text);
/* {"trials":[..]} of campaign 1. */
void tuner_world_trials(struct tuner_world *world, struct buf *ret);
/* The number at a path of members in the last status; NULL ends the path. */
double tuner_world_number(const struct tuner_world *world, const char *const *path);
#define WORLD_NUMBER(world, ...) tuner_world_number((world), (const char *const[]){__VA_ARGS__, NULL})

#endif
