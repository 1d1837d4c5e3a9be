/* owner.c - a component as the owner of its states: which types they depend on, and its migrate. Coordinator's thread. */
#include <string.h>

#include "base/alloc.h"
#include "data/schema.h"
#include "operator/instance_internal.h"
#include "state/unkeyed.h"

/* ---- what its states may depend on ------------------------------------------------------------------------------- */

static void add_type(struct weir_state_owner *o, uint32_t type)
{
    o->inputs = weir_realloc_array(o->inputs, o->n_inputs, o->n_inputs + 1, sizeof *o->inputs);
    o->inputs[o->n_inputs++] = type;
}

/* Fields whose types the declaration leaves open. */
static void add_open_inputs(const struct weir_instance *in, struct weir_state_owner *o)
{
    struct weir_named_schema *texts;
    size_t n;
    if (in->n_inputs == 0 || weir_inputs_parse(in->part.spec->info->in, &texts, &n, NULL) != WEIR_OK) return;
    for (uint32_t port = 0; port < in->n_inputs && port < n; port++) {
        const struct weir_schema_text *text = &texts[port].schema;
        const struct weir_schema *schema = in->inputs[port].schema;
        for (uint32_t i = 0; i < text->n && i < weir_schema_count(schema); i++) {
            const struct weir_item *item = &text->items[i];
            if (item->kind == WEIR_ITEM_FIELD && item->type_kind != WEIR_ITEM_PLAIN)
                add_type(o, weir_schema_field_at(schema, i)->type);
        }
    }
    weir_named_schemas_finish(texts, n);
}

static void add_chosen_fields(const struct weir_instance *in, struct weir_state_owner *o)
{
    const struct weir_component_info *info = in->part.spec->info;
    for (uint32_t i = 0; i < info->n_options; i++) {
        const struct weir_option_value *v = &in->part.spec->values[i];
        if (info->options[i].type != WEIR_OPT_FIELD || in->n_inputs == 0) continue;
        const struct weir_schema *schema = in->inputs[0].schema;
        bool known = v->set && v->index >= 0 && (uint32_t)v->index < weir_schema_count(schema);
        if (known) add_type(o, weir_schema_field_at(schema, (uint32_t)v->index)->type);
    }
}

/* ---- migrating --------------------------------------------------------------------------------------------------- */

/* What assign keeps lives until the next struct: the one before is stored by then. */
static weir_status migrate(void *arg, const weir_migration *m, struct weir_error *error)
{
    struct weir_instance *in = arg;
    struct weir_error *own = &in->op->error;
    weir__scratch_reset(&in->scratch);
    in->migrating = true;
    weir_status s = in->part.component->migrate(in->part.self, &in->cx, m);
    in->migrating = false;
    if (s >= 0) s = own->status; /* it may have failed, and gone on */
    if (s >= 0) return WEIR_OK;
    if (own->status == WEIR_OK)
        weir_error_set(own, s, "migrate failed without calling weir_fail; it must say what is wrong");
    if (m->old) weir_instance_failed(in, s, "migrate");
    if (error == own) return s;
    if (error) *error = *own;
    own->status = WEIR_OK;
    own->text[0] = 0;
    return s;
}

/* ---- owners ------------------------------------------------------------------------------------------------------ */

void weir_instance_own(struct weir_instance *in, uint32_t state, struct weir_state_owner *o)
{
    const weir_component *c = in->part.component;
    *o = (struct weir_state_owner){.state = state, .version = in->part.spec->info->states[state].version, .arg = in};
    add_open_inputs(in, o);
    add_chosen_fields(in, o);
    if (WEIR_HAS(weir_component, c, migrate) && c->migrate) o->migrate = migrate;
}

void weir_state_owners_free(struct weir_state_owner *owners, uint32_t n)
{
    for (uint32_t i = 0; owners && i < n; i++) weir_free(owners[i].inputs);
    weir_free(owners);
}

/* ---- packed rows --------------------------------------------------------------------------------------------------- */

static uint32_t row_schemas(const struct weir_instance *in, struct weir_schema *schemas[2])
{
    for (uint32_t i = 0; i < in->n_inputs; i++) schemas[i] = in->inputs[i].schema;
    return in->n_inputs;
}

weir_status weir_instance_tell_rows(const struct weir_instance *in, const char *of, struct weir_snapshot *to)
{
    struct weir_schema *schemas[2];
    if (!in->packs_rows) return WEIR_OK;
    weir_status s = weir_snapshot_row_schemas(to, of, schemas, row_schemas(in, schemas));
    return s == WEIR_OK ? s : weir_op_fail(in->op, WEIR_E_MEMORY, "no memory for a snapshot");
}

weir_status weir_instance_check_rows(struct weir_instance *in, const char *of, const struct weir_snapshot *from, uint32_t n)
{
    struct weir_schema *schemas[2];
    in->packs_rows = weir_restore_has_rows(from, n, of); /* they stay, whether or not there will be more */
    return weir_restore_row_schemas(from, n, of, schemas, row_schemas(in, schemas), &in->op->error);
}

/* ---- of states that belong to no key ----------------------------------------------------------------------------- */

void weir_unkeyed_states_init(struct weir_unkeyed_states *u, const struct weir_component_info *info)
{
    u->n = info->n_states;
    u->layouts = weir_alloc_array(u->n + 1, sizeof *u->layouts);
    u->owners = weir_alloc_array(u->n + 1, sizeof *u->owners);
    if (u->n > 0) memcpy(u->layouts, info->states, u->n * sizeof *u->layouts);
    u->set = weir_unkeyed_create(u->layouts, u->n);
}

void weir_unkeyed_states_own(struct weir_unkeyed_states *u, struct weir_instance *in)
{
    for (uint32_t i = 0; u->set && i < u->n; i++) {
        weir_instance_own(in, i, &u->owners[i]);
        u->layouts[i].owners = &u->owners[i];
        u->layouts[i].n_owners = 1;
    }
}

void weir_unkeyed_states_finish(struct weir_unkeyed_states *u)
{
    if (u->set) u->set->ops->destroy(u->set);
    weir_state_owners_free(u->owners, u->owners ? u->n : 0);
    weir_free(u->layouts);
    *u = (struct weir_unkeyed_states){0};
}
