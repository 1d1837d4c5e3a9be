/* general_state.c - the states of the general window operator, all of them in one set: its own, the triggers', the
 * accumulators, the window function's; and the operator cut and restored. Subtask's thread.
 *
 * A snapshot finds states by name. The operator's own have plain ones; those of components are behind a word and a dot, so
 * that none is taken for another: trigger.count.count, function.seen. Everything is keyed, timers too, so nothing has to be
 * derived after a restore (semantics A5.5, A5.6, A7). Rows are kept packed, without names or types: their schema goes along,
 * and rows of another one are refused.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "data/schema.h"
#include "operator/backend.h"
#include "window/general_internal.h"

/* ---- one set ----------------------------------------------------------------------------------------------------- */

static bool is_taken(const struct weir__general *g, const char *name)
{
    for (uint32_t i = 0; i < g->n_layouts; i++) {
        if (strcmp(g->layouts[i].name, name) == 0) return true;
    }
    return false;
}

static void add_states(struct weir__general *g, const char *prefix, const struct weir_state_layout *states, uint32_t n)
{
    g->layouts = weir_realloc_array(g->layouts, g->n_layouts, g->n_layouts + n, sizeof *g->layouts);
    for (uint32_t i = 0; i < n; i++) {
        char *name = weir_format("%s%s", prefix, states[i].name);
        for (uint32_t twin = 2; is_taken(g, name); twin++) { /* a trigger within another of its kind */
            weir_free(name);
            name = weir_format("%s%s.%u", prefix, states[i].name, twin);
        }
        g->layouts[g->n_layouts] = states[i];
        g->layouts[g->n_layouts++].name = name;
    }
}

static void add_trigger_states(struct weir__general *g)
{
    for (uint32_t t = 0; t < g->n_triggers; t++) {
        const struct weir_component_info *info = g->triggers[t]->part.spec->info;
        char *prefix = weir_format("trigger.%s.", info->id);
        g->triggers[t]->state_base = g->n_layouts;
        add_states(g, prefix, info->states, info->n_states);
        g->n_trigger_states += info->n_states;
        weir_free(prefix);
    }
}

static struct weir_schema *key_schema(const struct weir_stream_node *node)
{
    struct weir_schema_builder fields = {0};
    for (uint32_t i = 0; i < node->n_key_fields; i++) {
        const weir_schema_field *f = weir_schema_field_at(node->in, node->key_fields[i]);
        weir_schema_builder_add(&fields, f->name, (weir_type)f->type, false);
    }
    if (node->n_key_fields == 0) weir_schema_builder_add(&fields, "all", WEIR_BOOL, false);
    return weir_schema_build(&fields);
}

/* The components that keep theirs in the set; the function is made later, and given it then. */
static void use_state(struct weir__general *g)
{
    for (uint32_t t = 0; t < g->n_triggers; t++) g->triggers[t]->state = g->state;
    if (g->aggregates_made) weir_aggregates_keep_in(&g->aggregates, g->state, g->aggregates.at);
    if (g->function) g->function->state = g->state;
}

weir_status weir__general_lay_out(struct weir__general *g, struct weir_error *error)
{
    uint32_t first, last;
    add_states(g, "", g->own, WEIR__TRIGGER_STATES);
    add_trigger_states(g);
    uint32_t accumulators = g->n_layouts;
    if (g->aggregates_made) add_states(g, "", &g->aggregates.layout, 1);
    g->function_base = g->n_layouts;
    if (g->config->function)
        add_states(g, "function.", g->config->function->info->states, g->config->function->info->n_states);
    weir_key_group_range(g->op.env->subtask, g->op.env->parallelism, g->op.env->max_parallelism, &first, &last);
    g->key_schema = key_schema(g->node);
    weir_status s = weir_op_state_create(g->op.env, g->layouts, g->n_layouts, first, last, &g->state, error);
    if (s != WEIR_OK) return s;
    g->aggregates.at = accumulators;
    use_state(g);
    return WEIR_OK;
}

/* Triggers, and the function: who else keeps a state has its own owners. The instances are there. */
void weir__general_set_owners(struct weir__general *g)
{
    g->owners = weir_alloc_array(g->n_layouts + 1, sizeof *g->owners);
    for (uint32_t t = 0; t <= g->n_triggers; t++) {
        struct weir_instance *in = t < g->n_triggers ? g->triggers[t] : g->function;
        for (uint32_t i = 0; in && i < in->part.spec->info->n_states; i++) {
            struct weir_state_owner *o = &g->owners[in->state_base + i];
            weir_instance_own(in, i, o);
            g->layouts[in->state_base + i].owners = o;
            g->layouts[in->state_base + i].n_owners = 1;
        }
    }
}

struct weir_state_set *weir__general_exchange_state(struct weir_op *op, struct weir_state_set *to)
{
    struct weir__general *g = (struct weir__general *)(void *)op;
    struct weir_state_set *had = g->state;
    if (!to) return had;
    g->state = to;
    use_state(g);
    return had;
}

void weir__general_state_finish(struct weir__general *g)
{
    if (g->state) g->state->ops->destroy(g->state);
    for (uint32_t i = 0; i < g->n_layouts; i++) weir_free(g->layouts[i].name);
    weir_state_owners_free(g->owners, g->owners ? g->n_layouts : 0);
    weir_free(g->layouts);
    weir_schema_release(g->key_schema);
}

/* ---- cut and restored -------------------------------------------------------------------------------------------- */

static void row_schemas(const struct weir__general *g, struct weir_schema *schemas[2])
{
    schemas[0] = g->node->in;
    schemas[1] = g->crosses ? g->node->second->in : NULL;
}

/* Of what components have packed and keep themselves. */
static weir_status tell_packed(const struct weir__general *g, struct weir_snapshot *to)
{
    weir_status s = g->aggregates_made ? weir_aggregates_tell_rows(&g->aggregates, to) : WEIR_OK;
    for (uint32_t t = 0; s == WEIR_OK && t < g->n_triggers; t++) s = weir_instance_tell_rows(g->triggers[t], "trigger", to);
    return s == WEIR_OK && g->function ? weir_instance_tell_rows(g->function, "function", to) : s;
}

static weir_status check_packed(struct weir__general *g, const struct weir_snapshot *from, uint32_t n)
{
    weir_status s = g->aggregates_made ? weir_aggregates_check_rows(&g->aggregates, from, n) : WEIR_OK;
    for (uint32_t t = 0; s == WEIR_OK && t < g->n_triggers; t++)
        s = weir_instance_check_rows(g->triggers[t], "trigger", from, n);
    return s == WEIR_OK && g->function ? weir_instance_check_rows(g->function, "function", from, n) : s;
}

weir_status weir__general_snapshot(struct weir_op *op, int64_t checkpoint, struct weir_snapshot *to)
{
    struct weir__general *g = (struct weir__general *)(void *)op;
    struct weir_schema *schemas[2];
    (void)checkpoint;
    weir_status s =
        weir_snapshot_keyed(to, g->state, g->timers, g->key_schema, g->state->first_group, g->state->last_group, &op->error);
    if (s == WEIR_OK) s = tell_packed(g, to);
    if (s != WEIR_OK || g->state->ops->entries(g->state, WEIR__ROWS) == 0) return s;
    row_schemas(g, schemas);
    s = weir_snapshot_row_schemas(to, NULL, schemas, 1u + g->crosses);
    return s == WEIR_OK ? s : weir__no_window_memory(g);
}

weir_status weir__general_restore(struct weir_op *op, const struct weir_snapshot *from, uint32_t n)
{
    struct weir__general *g = (struct weir__general *)(void *)op;
    struct weir_schema *schemas[2];
    row_schemas(g, schemas);
    weir_status s = weir_restore_row_schemas(from, n, NULL, schemas, 1u + g->crosses, &op->error);
    if (s == WEIR_OK) s = check_packed(g, from, n);
    if (s == WEIR_OK)
        s = weir_restore_keyed(from, n, g->state, g->timers, g->layouts, g->n_layouts, g->key_schema, g->state->first_group,
                               g->state->last_group, &op->error);
    if (s == WEIR_OK && g->merging && g->aggregates_made) s = weir__sessions_restored(g);
    if (s == WEIR_OK && g->counts.laid_out) s = weir__counts_restored(g);
    /* Processing timers that came due meanwhile fire at the first step. */
    return s == WEIR_OK ? weir__triggers_end(g, false) : s;
}

/* ---- after a restore, where it goes on another way ---------------------------------------------------------------- */

weir_status weir__general_each_key(struct weir__general *g, uint32_t state,
                                   weir_status (*fn)(struct weir__general *, void *value))
{
    struct weir_key_bytes *b = &g->packed;
    weir_status s = WEIR_OK;
    for (uint32_t group = g->state->first_group; s == WEIR_OK && group <= g->state->last_group; group++) {
        weir_cursor cursor = {0};
        void *value;
        while (s == WEIR_OK && g->state->ops->next_key(g->state, state, group, 0, &cursor, &g->key, &value)) {
            b->n = 0;
            if (!weir_key_bytes_add(b, g->key.p, g->key.n)) return weir__no_window_memory(g);
            g->key.p = b->p;
            s = fn(g, value);
        }
    }
    return s;
}

void weir__general_forget_state(struct weir__general *g, uint32_t state)
{
    int64_t ns;
    for (uint32_t group = g->state->first_group; group <= g->state->last_group; group++) {
        while (g->state->ops->next_namespace(g->state, state, group, true, 0, &ns))
            g->state->ops->drop_namespace(g->state, state, ns);
    }
}
