/* trimtab-traffic: plays users against the experiment API, simulated ones (--world) or logged ones (--log). */
#include <inttypes.h>
#include <stdio.h>

#include "base/core/file.h"
#include "base/core/log.h"
#include "base/core/opt.h"
#include "experiments/traffic/export.h"

enum { MAX_WORLD_FILE = 1 << 20 };

static struct {
    const char *world, *export_folder;
} options;

static const struct opt OPTIONS[] = {
    {"world", OPT_TEXT, &options.world, "FILE", "simulated users: a world file (docs/worlds.md)", 0, 0},
    {"export", OPT_TEXT, &options.export_folder, "DIR", "write the world's log for trimtab-ranker import generic", 0,
     0},
    OPT_END,
};

static enum status read_world(const char *path, struct world_params *ret, struct err *err)
{
    struct buf text = BUF_INIT;
    enum status s = file_read(path, MAX_WORLD_FILE, &text, err);
    if (s == STATUS_OK) {
        s = world_params_decode(buf_string(&text), text.length, ret, err);
        if (s != STATUS_OK)
            s = err_wrap(err, s, "world file %s", path);
    }
    buf_done(&text);
    return s;
}

static enum status do_export(const struct world_params *params, struct err *err)
{
    struct export_counts counts;
    TRY(export_world(params, options.export_folder, &counts, err));
    printf("%zu impressions, %zu requests, %zu users\n", counts.impressions, counts.requests, counts.users);
    for (size_t h = 0; h < params->n_heads; h++)
        printf("%-12s %8zu  %.4f\n", params->heads[h].name, counts.events[h],
               (double)counts.events[h] / (double)(counts.impressions > 0 ? counts.impressions : 1));
    return STATUS_OK;
}

static int run(int n_operands, char **operands)
{
    (void)n_operands;
    (void)operands;
    struct err err = ERR_INIT;
    struct world_params params;
    if (options.world == NULL) {
        fputs("trimtab-traffic: --world FILE is missing\n", stderr);
        return EXIT_USAGE;
    }
    enum status s = read_world(options.world, &params, &err);
    if (s == STATUS_OK && options.export_folder != NULL)
        s = do_export(&params, &err);
    if (s != STATUS_OK)
        fprintf(stderr, "trimtab-traffic: %s\n", err.text);
    return s == STATUS_OK ? EXIT_DONE : EXIT_FAILED;
}

int main(int argc, char **argv)
{
    static const struct opt_command commands[] = {
        {NULL, "", "plays users against an experiment, or exports a world's log", OPTIONS, 0, 0, run}, {0}};
    return opt_main("trimtab-traffic", "users for the experiment API", commands, argc, argv);
}
