#include "experiments/store/view.h"

#include "base/core/mem.h"

struct seen_units *seen_keep(struct seen_units *seen)
{
    if (seen)
        atomic_fetch_add(&seen->references, 1);
    return seen;
}

void seen_release(struct seen_units *seen)
{
    if (!seen || atomic_fetch_sub(&seen->references, 1) > 1)
        return;
    keymap_done(&seen->keys);
    mem_free(seen);
}

struct view *view_keep(struct view *view)
{
    atomic_fetch_add(&view->references, 1);
    return view;
}

void view_release(struct view *view)
{
    if (!view || atomic_fetch_sub(&view->references, 1) > 1)
        return;
    seen_release(view->seen);
    mem_free(view);
}

const char *view_unit_name(const struct view *view, const char *unit, char buf[UNIT_HASH_SIZE])
{
    return unit_name(view->hash_units, view->key, unit, buf);
}

size_t view_assign(const struct view *view, const char *unit, struct key128 *ret_key)
{
    struct assignment a = {0};
    char buf[UNIT_HASH_SIZE];
    const char *name = view_unit_name(view, unit, buf);
    if (view->open)
        a = assign_hash(view->plan.salt, name);
    *ret_key = a.key;
    if (!layer_holds(&view->layer, unit))
        return ARM_NONE;
    if (held_back(view->holdback, view->name, unit))
        return ARM_HOLDBACK;
    if (!view->open)
        return ARM_NONE;
    size_t arm = assign_arm(&view->plan, a.u);
    if (arm == ARM_NONE || view->stopped[arm])
        return ARM_NONE;
    if (view->seen && keymap_find(&view->seen->keys, assign_hash("", name).key, NULL))
        return ARM_NONE;
    return arm;
}

bool view_eligible(const struct view *view, size_t n, const struct attribute *attributes)
{
    return eligible(view->n_rules, view->rules, n, attributes);
}

const double *view_weights(const struct view *view, size_t arm)
{
    if (arm == ARM_HOLDBACK)
        return view->first_weights;
    return arm == ARM_NONE ? view->default_weights : view->plan.arms[arm].weights;
}

const char *view_arm_id(const struct view *view, size_t arm)
{
    if (arm == ARM_HOLDBACK)
        return "holdback";
    return arm == ARM_NONE ? "default" : view->plan.arms[arm].id;
}
