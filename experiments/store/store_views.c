#include <string.h>

#include "base/core/mem.h"
#include "experiments/store/store_internal.h"

void store_drop_views(struct store *store)
{
    pthread_mutex_lock(&store->mutex);
    for (size_t i = store->n_views; i-- > 0;) {
        if (store_by_number(store, store->views[i]->experiment))
            continue;
        view_release(store->views[i]);
        store->views[i] = store->views[--store->n_views];
    }
    pthread_mutex_unlock(&store->mutex);
}

static void fill_view(const struct store *store, struct view *view, const struct experiment *e)
{
    atomic_init(&view->references, 1);
    view->experiment = (uint32_t)e->id;
    memcpy(view->name, e->name, sizeof view->name);
    view->n_heads = e->plan.n_heads;
    memcpy(view->heads, e->plan.heads, sizeof view->heads);
    memcpy(view->default_weights, e->default_weights, sizeof view->default_weights);
    memcpy(view->first_weights, e->plan.default_weights, sizeof view->first_weights);
    memcpy(view->rules, e->plan.rules, sizeof view->rules);
    view->n_rules = e->plan.n_rules;
    view->layer = e->plan.layer;
    view->holdback = e->plan.holdback;
    view->hash_units = e->plan.hash_units;
    memcpy(view->key, store->key, sizeof view->key);
    const struct hot_round *round = e->round;
    view->open = round && round->life.state == ROUND_OPEN;
    if (!view->open)
        return;
    view->number = (uint32_t)round->number;
    view->plan = round->plan;
    memcpy(view->stopped, round->stopped, sizeof view->stopped);
    view->seen = seen_keep(round->seen);
}

/* Takes the reference over.  The list grows before anything changes. */
static enum status replace_view(struct store *store, struct view *view, struct err *err)
{
    struct view *old = NULL, **more = store->views;
    pthread_mutex_lock(&store->mutex);
    size_t i = 0;
    while (i < store->n_views && store->views[i]->experiment != view->experiment)
        i++;
    if (i == store->n_views) {
        more = mem_resize(store->views, i + 1, sizeof(void *));
        if (more) {
            store->views = more;
            store->n_views = i + 1;
        }
    } else {
        old = store->views[i];
    }
    if (more)
        store->views[i] = view;
    pthread_mutex_unlock(&store->mutex);
    view_release(old);
    if (more)
        return STATUS_OK;
    view_release(view);
    return err_no_memory(err);
}

enum status store_publish(struct store *store, struct experiment *e, struct err *err)
{
    struct view *view = mem_alloc(1, sizeof *view);
    if (!view)
        return err_no_memory(err);
    fill_view(store, view, e);
    TRY(replace_view(store, view, err));
    e->view = view; /* borrowed from the list */
    return STATUS_OK;
}
