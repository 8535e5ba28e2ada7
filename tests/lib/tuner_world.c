#include "tests/lib/tuner_world.h"

#include <gsl/gsl_errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json/json.h"
#include "tests/lib/check.h"
#include "tests/lib/files.h"

const char TUNER_WORLD_FILE[] =
    "{\"name\":\"demo\",\"experiment\":\"feed\",\"seed\":3,"
    "\"objective\":[{\"metric\":\"click\",\"value\":1},{\"metric\":\"save\",\"value\":0.5}],"
    "\"guardrails\":[{\"metric\":\"hide\",\"max_relative\":0.25}],"
    "\"heads\":[{\"head\":\"click\"},{\"head\":\"save\"},{\"head\":\"hide\",\"sign\":-1,\"control_weight\":-20}],"
    "\"rounds\":{\"max\":3,\"arms\":5,\"units_per_arm\":4000},\"anchors\":[\"equal\"],"
    "\"confirm\":{\"units_per_arm\":20000},\"stop\":{\"delta\":0.002,\"harm\":0},\"promote\":\"auto\"}";

static void tell(void *context)
{
    struct tuner_world *world = context;
    if (world->changed != NULL)
        world->changed(world->context);
}

static void open_service(struct tuner_world *world)
{
    struct tuner_options options = {.path = world->path,
                                    .address = "http://fake",
                                    .door = fake_api_door(&world->api),
                                    .clock = &world->clock,
                                    .poll_ms = 1,
                                    .context = world,
                                    .changed = tell};
    struct err err = ERR_INIT;
    assert_ok(tuner_new(&options, &world->tuner, &err), &err);
}

void tuner_world_start(struct tuner_world *world)
{
    gsl_set_error_handler_off();
    *world = (struct tuner_world){.folder = files_folder()};
    fake_api_init(&world->api);
    files_path(world->folder, "trimtab.db", world->path, sizeof world->path);
    clock_init_fake(&world->clock, 1700000000000);
    open_service(world);
}

void tuner_world_end(struct tuner_world *world)
{
    tuner_free(world->tuner);
    fake_api_done(&world->api);
    files_remove(world->folder);
}

void tuner_world_restart(struct tuner_world *world)
{
    tuner_free(world->tuner);
    fake_api_revive(&world->api);
    open_service(world);
}

static void done(void *context, enum status s, const char *status, const struct err *err)
{
    struct tuner_world *world = context;
    world->answer = *err;
    world->answer.status = s;
    (void)snprintf(world->status, sizeof world->status, "%s", status == NULL ? "" : status);
}

static enum status submit(struct tuner_world *world, struct tuner_request request)
{
    struct err err = ERR_INIT;
    request.done = done;
    request.context = world;
    world->answer.status = STATUS_INTERNAL;
    assert_ok(tuner_submit(world->tuner, &request, &err), &err);
    (void)tuner_turn(world->tuner, false);
    return world->answer.status;
}

enum status tuner_world_ask(struct tuner_world *world, enum tuner_kind kind, int64_t campaign, int64_t trial)
{
    return submit(world, (struct tuner_request){.kind = kind, .campaign = campaign, .trial = trial});
}

enum status tuner_world_launch(struct tuner_world *world, const char *file, bool create)
{
    return submit(world,
                  (struct tuner_request){.kind = TUNER_LAUNCH, .body = file, .n = strlen(file), .create = create});
}

void tuner_world_edit(const char *file, const char *old, const char *new, char *ret, size_t size)
{
    const char *at = strstr(file, old);
    assert_non_null(at);
    int n = snprintf(ret, size, "%.*s%s%s", (int)(at - file), file, new, at + strlen(old));
    assert_true(n > 0 && (size_t)n < size);
}

void tuner_world_turn(struct tuner_world *world)
{
    (void)tuner_turn(world->tuner, true);
}

bool tuner_world_is(struct tuner_world *world, int64_t campaign, const char *state)
{
    struct buf status = BUF_INIT;
    struct err err = ERR_INIT;
    char text[64];
    assert_ok(tuner_status(world->tuner, campaign, &status, NULL, &err), &err);
    (void)snprintf(world->status, sizeof world->status, "%s", buf_string(&status));
    buf_done(&status);
    (void)snprintf(text, sizeof text, "\"state\":\"%s\"", state);
    return strstr(world->status, text) != NULL;
}

void tuner_world_run(struct tuner_world *world, const char *state)
{
    for (int i = 0; i < 400; i++) {
        if (tuner_world_is(world, 1, state))
            return;
        tuner_world_turn(world);
    }
    print_error("not %s: %s\n", state, world->status);
    fail();
}

void tuner_world_trials(struct tuner_world *world, struct buf *ret)
{
    struct journal_reader *reader = NULL;
    struct err err = ERR_INIT;
    assert_ok(journal_reader_open(world->path, &reader, &err), &err);
    assert_ok(journal_reader_trials(reader, 1, ret, &err), &err);
    journal_reader_close(reader);
}

double tuner_world_number(const struct tuner_world *world, const char *const *path)
{
    struct json *json = NULL;
    struct json_at at[8];
    struct err err = ERR_INIT;
    double x = 0;
    size_t i = 0;
    assert_ok(json_parse(world->status, strlen(world->status), NULL, &json, &err), &err);
    at[0] = json_root(json);
    for (; path[i] != NULL && i < 7; i++)
        assert_ok(json_member(&at[i], path[i], JSON_REQUIRED, &at[i + 1], &err), &err);
    assert_ok(json_number(&at[i], -1e18, 1e18, &x, &err), &err);
    json_free(json);
    return x;
}

int tuner_world_setup(void **state)
{
    static struct tuner_world world;
    tuner_world_start(&world);
    *state = &world;
    return 0;
}

int tuner_world_teardown(void **state)
{
    tuner_world_end(*state);
    return 0;
}

bool tuner_world_says(const struct tuner_world *world, const char *text)
{
    if (strstr(world->status, text) != NULL)
        return true;
    print_error("\"%s\" is not in %s\n", text, world->status);
    return false;
}
