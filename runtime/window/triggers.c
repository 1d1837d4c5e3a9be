/* triggers.c - the trigger of a window node with the triggers inside it: an instance each, so that each has states and a
 * context of its own. Subtask's thread.
 *
 * triggers[0] is the outermost; the host calls it alone, and it calls those inside it. Key and namespace (the window's
 * id) are set on all of them before each call.
 */
#include "base/alloc.h"
#include "window/general_internal.h"

static const weir_trigger *vtable_of(const struct weir_instance *in)
{
    return in->part.vtable;
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static bool looks_at_rows(const struct weir_part_spec *spec)
{
    if (spec->info->in) return true;
    for (uint32_t i = 0; i < spec->info->n_options; i++) {
        bool trigger = spec->info->options[i].accepts == WEIR_TRIGGER && spec->values[i].set;
        if (trigger && looks_at_rows(spec->values[i].part)) return true;
    }
    return false;
}

/* A trigger hands the row on to those inside it: all see the fields when one looks at them. */
static weir_status make(struct weir__general *g, struct weir_registry *registry, const struct weir_part_spec *spec,
                        const struct weir_part_instance *nested, struct weir_error *error)
{
    uint32_t n_args = looks_at_rows(g->config->trigger) && !g->crosses ? weir_schema_count(g->node->in) : 0;
    uint32_t *args = weir_alloc_array(n_args + 1, sizeof *args);
    for (uint32_t i = 0; i < n_args; i++) args[i] = i;
    struct weir_node_input second = {0}; /* with its key, but not with the arguments of the node's function */
    if (g->crosses) {
        second = *g->node->second;
        second.n_args = 0;
    }
    struct weir_instance_options o = {.op = &g->op,
                                      .registry = registry,
                                      .part = spec,
                                      .nested = nested,
                                      .in = g->node->in,
                                      .args = args,
                                      .n_args = n_args,
                                      .key_fields = g->node->key_fields,
                                      .n_key_fields = g->node->n_key_fields,
                                      .second = g->crosses ? &second : NULL,
                                      .timers = g->timers};
    g->triggers = weir_realloc_array(g->triggers, g->n_triggers, g->n_triggers + 1, sizeof *g->triggers);
    weir_status s = weir_instance_create(&o, &g->triggers[g->n_triggers], error);
    weir_free(args);
    if (s != WEIR_OK) return s;
    g->triggers[g->n_triggers++]->timers_in_ns = true;
    return WEIR_OK;
}

/* Instances of the triggers among an instance's options; the part in its options gets the context. */
static weir_status make_nested(struct weir__general *g, struct weir_registry *registry, uint32_t of,
                               struct weir_error *error)
{
    const struct weir_part_instance *part = &g->triggers[of]->part;
    const struct weir_component_info *info = part->spec->info;
    uint32_t nested = 0;
    weir_status s = WEIR_OK;
    for (uint32_t i = 0; s == WEIR_OK && i < info->n_options; i++) {
        if (info->options[i].type != WEIR_OPT_COMPONENT || !part->spec->values[i].set) continue;
        const struct weir_part_instance *inner = &part->nested[nested++];
        if (info->options[i].accepts != WEIR_TRIGGER) continue;
        s = make(g, registry, inner->spec, inner, error);
        if (s != WEIR_OK) return s;
        uint32_t made = g->n_triggers - 1;
        ((weir_part *)(void *)((char *)part->self + info->options[i].offset))->cx = &g->triggers[made]->cx;
        s = make_nested(g, registry, made, error);
    }
    return s;
}

weir_status weir__triggers_create(struct weir__general *g, struct weir_registry *registry, struct weir_error *error)
{
    weir_status s = make(g, registry, g->config->trigger, NULL, error);
    if (s == WEIR_OK) s = make_nested(g, registry, 0, error);
    if (s != WEIR_OK) return s;
    g->trigger = vtable_of(g->triggers[0]);
    return WEIR_OK;
}

/* Those inside others first: they lean on memory of the outer ones. */
void weir__triggers_destroy(struct weir__general *g)
{
    while (g->n_triggers > 0) weir_instance_destroy(g->triggers[--g->n_triggers]);
    weir_free(g->triggers);
}

/* ---- rows and keys ----------------------------------------------------------------------------------------------- */

weir_status weir__triggers_begin(struct weir__general *g, struct weir_rows *rows)
{
    weir_status s = weir_instance_begin_input(g->triggers[0], g->side, rows);
    for (uint32_t t = 1; s == WEIR_OK && t < g->n_triggers; t++)
        s = weir_instance_begin_input(g->triggers[t], g->side, g->triggers[0]->rows); /* their keys are hashed by now */
    return s;
}

weir_status weir__triggers_end(struct weir__general *g, bool done)
{
    weir_status s = WEIR_OK;
    for (uint32_t t = 0; t < g->n_triggers; t++) {
        weir_status ended = weir_instance_end(g->triggers[t], done);
        if (s == WEIR_OK) s = ended;
    }
    return s;
}

static weir_status spread_key(struct weir__general *g)
{
    weir_status s = WEIR_OK;
    g->key = g->triggers[0]->key;
    for (uint32_t t = 1; s == WEIR_OK && t < g->n_triggers; t++) s = weir_instance_use_key(g->triggers[t], &g->key);
    return s;
}

/* Windows over all rows have one key: a byte, which a snapshot shows as a bool (general_state.c). */
weir_status weir__triggers_use_row_key(struct weir__general *g, int64_t row)
{
    static const uint8_t all = 0;
    if (g->node->n_key_fields == 0) {
        const struct weir_key_ref key = {
            .p = &all, .n = 1, .group = g->state->first_group, .hash = weir_key_hash64(&all, 1)};
        return weir__triggers_use_key(g, &key);
    }
    weir_status s = weir_instance_use_row_key(g->triggers[0], row);
    return s == WEIR_OK ? spread_key(g) : s;
}

weir_status weir__triggers_use_key(struct weir__general *g, const struct weir_key_ref *key)
{
    weir_status s = weir_instance_use_key(g->triggers[0], key);
    return s == WEIR_OK ? spread_key(g) : s;
}

static void use_window(struct weir__general *g, const struct weir__flight *flight)
{
    for (uint32_t t = 0; t < g->n_triggers; t++) g->triggers[t]->ns = flight->id;
}

/* ---- calls ------------------------------------------------------------------------------------------------------- */

static weir_status called(struct weir__general *g, weir_status s, const char *callback, weir_firing firing)
{
    struct weir_instance *in = g->triggers[0];
    if (s == WEIR_OK) s = g->op.error.status; /* a callback that went on after fail() has failed all the same */
    if (s == WEIR_OK && (uint32_t)firing > WEIR_FIRE_AND_PURGE)
        s = weir_op_fail(&g->op, WEIR_E_PLUGIN, "%s said %u; a trigger says one of enum weir_firing", callback,
                         (unsigned)firing);
    if (s == WEIR_MORE) s = weir_op_fail(&g->op, WEIR_E_PLUGIN, "%s returned WEIR_MORE; a trigger does not", callback);
    return s < 0 ? weir_instance_failed(in, s, callback) : WEIR_OK;
}

weir_status weir__trigger_on_row(struct weir__general *g, const struct weir__flight *flight, int64_t row,
                                 weir_firing *firing)
{
    struct weir_instance *in = g->triggers[0];
    use_window(g, flight);
    *firing = WEIR_CONTINUE;
    weir_status s = g->trigger->on_row(in->part.self, &in->cx, &flight->window, (weir_row){&in->view, row}, firing);
    return called(g, s, "on_row", *firing);
}

weir_status weir__trigger_on_timer(struct weir__general *g, const struct weir__flight *flight, const weir_timer *timer,
                                   weir_firing *firing)
{
    struct weir_instance *in = g->triggers[0];
    use_window(g, flight);
    *firing = WEIR_CONTINUE;
    return called(g, g->trigger->on_timer(in->part.self, &in->cx, &flight->window, timer, firing), "on_timer", *firing);
}

static weir_status merge_state(struct weir__general *g, struct weir_instance *in, uint32_t state, int64_t into, int64_t from)
{
    const struct weir_state_ops *ops = g->state->ops;
    uint32_t at = in->state_base + state;
    if (!ops->value_get(g->state, at, &g->key, from)) return WEIR_OK;
    void *value = ops->value_edit(g->state, at, &g->key, into);
    const void *other = ops->value_get(g->state, at, &g->key, from);
    if (!value) return weir__no_window_memory(g);
    return called(g, vtable_of(in)->merge_value(in->part.self, &in->cx, state, value, other), "merge_value", WEIR_CONTINUE);
}

weir_status weir__trigger_merge(struct weir__general *g, const struct weir__flight *into, const struct weir__flight *from,
                                size_t n)
{
    struct weir_instance *outer = g->triggers[0];
    weir_status s = WEIR_OK;
    use_window(g, into);
    for (uint32_t t = 0; t < g->n_triggers; t++) {
        struct weir_instance *in = g->triggers[t];
        for (uint32_t i = 0; i < in->part.spec->info->n_states; i++) {
            for (size_t f = 0; s == WEIR_OK && f < n; f++) s = merge_state(g, in, i, into->id, from[f].id);
        }
    }
    if (s != WEIR_OK || !g->trigger->on_merge) return s;
    return called(g, g->trigger->on_merge(outer->part.self, &outer->cx, &into->window), "on_merge", WEIR_CONTINUE);
}

weir_status weir__trigger_clear(struct weir__general *g, const struct weir__flight *flight)
{
    struct weir_instance *in = g->triggers[0];
    weir_status s = WEIR_OK;
    use_window(g, flight);
    if (g->trigger->clear) s = called(g, g->trigger->clear(in->part.self, &in->cx, &flight->window), "clear", WEIR_CONTINUE);
    for (uint32_t i = 0; i < g->n_trigger_states; i++)
        g->state->ops->clear(g->state, WEIR__TRIGGER_STATES + i, &g->key, flight->id);
    return s;
}
