/* aggregates.c - see the header. */
#include "window/aggregates.h"

#include <string.h>

#include "base/alloc.h"

/* ---- layout ------------------------------------------------------------------------------------------------------ */

/* A component's accumulator: its state 0, where it has one. */
static const struct weir_state_layout *accumulator_of(const struct weir_aggregate_config *config)
{
    const struct weir_component_info *info = config->part ? config->part->info : NULL;
    return info && info->n_states > 0 ? &info->states[0] : NULL;
}

static weir_status lay_out(struct weir_aggregates *a, const struct weir_aggregates_beside *beside, struct weir_error *error)
{
    uint32_t size = 0, n_fields = 0;
    for (uint32_t i = 0; i < a->n; i++) {
        const struct weir_state_layout *acc = accumulator_of(a->slots[i].config);
        a->slots[i].offset = size;
        if (!acc) continue;
        size += (acc->size + 15) & ~15u;
        n_fields += acc->n_fields;
    }
    weir_field *fields = weir_alloc_array(n_fields + beside->n + 1, sizeof *fields);
    char **names = weir_alloc_array(n_fields + beside->n + 1, sizeof *names);
    uint32_t n = 0;
    for (uint32_t i = 0; i < a->n; i++) {
        const struct weir_state_layout *acc = accumulator_of(a->slots[i].config);
        for (uint32_t f = 0; acc && f < acc->n_fields; f++) {
            fields[n] = acc->fields[f];
            fields[n].offset += a->slots[i].offset;
            fields[n].name = names[n] = weir_format("%s.%s", a->slots[i].config->name, acc->fields[f].name);
            n++;
        }
    }
    a->beside = size;
    for (uint32_t f = 0; f < beside->n; f++, n++) {
        fields[n] = beside->fields[f];
        fields[n].offset += size;
        fields[n].name = names[n] = weir_strdup(beside->fields[f].name);
    }
    size += beside->size;
    const weir_state state = {.name = "accumulators",
                              .kind = WEIR_VALUE,
                              .version = 1,
                              .size = size ? size : 16,
                              .fields = fields,
                              .n_fields = n,
                              .field_stride = sizeof(weir_field)};
    weir_status s = weir_state_layout_init(&a->layout, &state, error);
    for (uint32_t i = 0; i < n; i++) weir_free(names[i]);
    weir_free(names);
    weir_free(fields);
    return s;
}

/* ---- making and opening ------------------------------------------------------------------------------------------ */

static weir_status make_results(struct weir_aggregates *a, const struct weir_stream_node *node, struct weir_error *error)
{
    struct weir_schema *schema = node->window.aggregated ? node->window.aggregated : node->outputs[0].schema;
    uint32_t *written = weir_alloc_array(a->n + 1, sizeof *written);
    for (uint32_t i = 0; i < a->n; i++) {
        written[i] = node->n_key_fields + i;
        a->slots[i].column = i;
    }
    weir_status s =
        weir_builder_init(&a->results, a->op->env->pool, schema, written, a->n, a->op->env->batch_rows, true, false, error);
    weir_free(written);
    return s;
}

static weir_status make_slot(struct weir_aggregates *a, struct weir_aggregate_slot *slot,
                             const struct weir_stream_node *node, struct weir_registry *registry, struct weir_error *error)
{
    if (!slot->config->part) return WEIR_OK;
    struct weir_instance_options o = {.op = a->op,
                                      .registry = registry,
                                      .part = slot->config->part,
                                      .in = node->in,
                                      .args = slot->config->args,
                                      .n_args = slot->config->n_args,
                                      .builder = &a->results};
    weir_status s = weir_instance_create(&o, &slot->instance, error);
    if (s != WEIR_OK) return s;
    slot->vtable = slot->instance->part.vtable;
    return WEIR_OK;
}

static weir_status open_slot(struct weir_aggregate_slot *slot)
{
    if (!slot->instance || slot->opened) return WEIR_OK;
    slot->opened = true;
    if (!slot->vtable->open) return WEIR_OK;
    weir_status s = slot->vtable->open(slot->instance->part.self, &slot->instance->cx);
    return s < 0 ? weir_instance_failed(slot->instance, s, "open") : WEIR_OK;
}

static weir_status create(struct weir_aggregate_slot *slot, void *acc)
{
    if (!slot->vtable->create) return WEIR_OK;
    weir_status s = slot->vtable->create(slot->instance->part.self, &slot->instance->cx, acc);
    return s < 0 ? weir_instance_failed(slot->instance, s, "create") : WEIR_OK;
}

/* In a window that was saved without it. The component is opened for that, before the others are. */
static weir_status create_restored(void *creator, void *acc, struct weir_error *error)
{
    struct weir_aggregate_slot *slot = creator;
    struct weir_error *own = &slot->instance->op->error;
    weir_status s = open_slot(slot);
    if (s >= 0) s = create(slot, acc);
    if (s < 0 && error != own) *error = *own;
    return s;
}

/* Before the layout is copied. */
static void set_owners(struct weir_aggregates *a)
{
    a->owners = weir_alloc_array(a->n + 1, sizeof *a->owners);
    for (uint32_t i = 0; i < a->n; i++) {
        struct weir_aggregate_slot *slot = &a->slots[i];
        if (!slot->instance || !accumulator_of(slot->config)) continue;
        struct weir_state_owner *o = &a->owners[a->n_owners++];
        weir_instance_own(slot->instance, 0, o);
        o->part = slot->config->name;
        o->offset = slot->offset;
        if (slot->vtable->create) o->create = create_restored;
        o->creator = &a->slots[i];
    }
    a->layout.owners = a->owners;
    a->layout.n_owners = a->n_owners;
}

static weir_status init(struct weir_aggregates *a, const struct weir_stream_node *node, struct weir_op *op,
                        struct weir_registry *registry, const struct weir_aggregates_beside *beside,
                        struct weir_error *error)
{
    const struct weir_window_config *w = &node->window;
    *a = (struct weir_aggregates){
        .op = op, .n = w->n_aggregates, .slots = weir_alloc_array(w->n_aggregates + 1, sizeof *a->slots)};
    for (uint32_t i = 0; i < a->n; i++) a->slots[i].config = &w->aggregates[i];
    weir_status s = lay_out(a, beside, error);
    if (s != WEIR_OK) return s;
    for (uint32_t i = 0; i < a->layout.n_fields; i++) {
        a->has_texts |= weir_type_is_variable((weir_type)a->layout.fields[i].type);
    }
    s = make_results(a, node, error);
    for (uint32_t i = 0; s == WEIR_OK && i < a->n; i++) s = make_slot(a, &a->slots[i], node, registry, error);
    if (s == WEIR_OK) set_owners(a);
    return s;
}

weir_status weir_aggregates_init(struct weir_aggregates *a, const struct weir_stream_node *node, struct weir_op *op,
                                 struct weir_registry *registry, struct weir_error *error)
{
    static const struct weir_aggregates_beside nothing;
    return init(a, node, op, registry, &nothing, error);
}

weir_status weir_aggregates_init_beside(struct weir_aggregates *a, const struct weir_stream_node *node, struct weir_op *op,
                                        struct weir_registry *registry, const struct weir_aggregates_beside *beside,
                                        struct weir_error *error)
{
    return init(a, node, op, registry, beside, error);
}

struct arrival {
    int64_t row;
};

weir_status weir_aggregates_init_sliced(struct weir_aggregates *a, const struct weir_stream_node *node, struct weir_op *op,
                                        struct weir_registry *registry, struct weir_error *error)
{
    static const weir_field members[] = {
        {.name = "arrival", .type = WEIR_I64, .offset = offsetof(struct arrival, row), .size = sizeof(uint64_t)}};
    static const struct weir_aggregates_beside beside = {members, WEIR_LEN(members), sizeof(struct arrival)};
    weir_status s = init(a, node, op, registry, &beside, error);
    a->arrival = a->beside;
    return s;
}

static bool is_mergeable(const struct weir_aggregate_config *c, const struct weir_schema *in)
{
    if (!c->part || (c->part->info->flags & WEIR_MERGEABLE)) return true;
    if (!(c->part->info->flags & WEIR_MERGEABLE_BUT_FLOATS) || c->n_args == 0) return false;
    for (uint32_t i = 0; i < c->n_args; i++) {
        uint32_t type = weir_schema_at(weir_schema_view_of(in), c->args[i])->type;
        if (type == WEIR_F32 || type == WEIR_F64) return false;
    }
    return true;
}

bool weir_aggregates_are_mergeable(const struct weir_stream_node *node)
{
    for (uint32_t i = 0; i < node->window.n_aggregates; i++) {
        if (!is_mergeable(&node->window.aggregates[i], node->in)) return false;
    }
    return true;
}

weir_status weir_aggregates_open(struct weir_aggregates *a)
{
    weir_status s = WEIR_OK;
    for (uint32_t i = 0; s == WEIR_OK && i < a->n; i++) s = open_slot(&a->slots[i]);
    return s;
}

void weir_aggregates_close(struct weir_aggregates *a)
{
    for (uint32_t i = 0; i < a->n; i++) {
        struct weir_aggregate_slot *slot = &a->slots[i];
        if (slot->opened && slot->vtable->close) slot->vtable->close(slot->instance->part.self, &slot->instance->cx);
        slot->opened = false;
    }
}

void weir_aggregates_finish(struct weir_aggregates *a)
{
    weir_aggregates_close(a); /* those that were opened to be restored, of an operator that never was */
    for (uint32_t i = 0; i < a->n; i++) weir_instance_destroy(a->slots[i].instance);
    weir_state_layout_finish(&a->layout);
    weir_state_owners_free(a->owners, a->n_owners);
    weir_builder_finish(&a->results);
    weir_free(a->accs);
    weir_free(a->slots);
    *a = (struct weir_aggregates){0};
}

/* ---- adding rows ------------------------------------------------------------------------------------------------- */

weir_status weir_aggregates_begin(struct weir_aggregates *a, struct weir_rows *rows)
{
    for (uint32_t i = 0; i < a->n; i++) {
        if (!a->slots[i].instance) continue;
        weir_status s = weir_instance_begin(a->slots[i].instance, rows);
        if (s != WEIR_OK) return s;
    }
    return WEIR_OK;
}

weir_status weir_aggregates_end(struct weir_aggregates *a)
{
    for (uint32_t i = 0; i < a->n; i++) {
        if (!a->slots[i].instance) continue;
        weir_status s = weir_instance_end(a->slots[i].instance, true);
        if (s != WEIR_OK) return s;
    }
    return WEIR_OK;
}

weir_status weir_aggregates_tell_rows(const struct weir_aggregates *a, struct weir_snapshot *to)
{
    weir_status s = WEIR_OK;
    for (uint32_t i = 0; s == WEIR_OK && i < a->n; i++) {
        if (a->slots[i].instance) s = weir_instance_tell_rows(a->slots[i].instance, a->slots[i].config->name, to);
    }
    return s;
}

weir_status weir_aggregates_check_rows(const struct weir_aggregates *a, const struct weir_snapshot *from, uint32_t n)
{
    weir_status s = WEIR_OK;
    for (uint32_t i = 0; s == WEIR_OK && i < a->n; i++) {
        if (a->slots[i].instance) s = weir_instance_check_rows(a->slots[i].instance, a->slots[i].config->name, from, n);
    }
    return s;
}

static weir_status add_one(struct weir_aggregate_slot *slot, void *acc, int64_t row)
{
    struct weir_instance *in = slot->instance;
    in->cx.row = (uint32_t)row;
    weir_status s = slot->vtable->add(in->part.self, &in->cx, acc, (weir_row){&in->view, row});
    return s < 0 ? weir_instance_failed(in, s, "add") : WEIR_OK;
}

static weir_status add_slot(struct weir_aggregates *a, struct weir_aggregate_slot *slot, void *const *values,
                            const uint8_t *created)
{
    struct weir_instance *in = slot->instance;
    int64_t n = in->view.length;
    weir_status s = WEIR_OK;
    for (int64_t i = 0; s == WEIR_OK && slot->vtable->create && i < n; i++) {
        if (weir_bit(created, i)) s = create(slot, (char *)values[i] + slot->offset);
    }
    void *const *accs = slot->offset > 0 ? a->accs : values;
    for (int64_t i = 0; slot->offset > 0 && i < n; i++) a->accs[i] = (char *)values[i] + slot->offset;
    if (s == WEIR_OK && slot->vtable->add_rows) {
        in->cx.row = 0;
        s = slot->vtable->add_rows(in->part.self, &in->cx, accs, &in->view);
        return s < 0 ? weir_instance_failed(in, s, "add_rows") : WEIR_OK;
    }
    for (int64_t i = 0; s == WEIR_OK && i < n; i++) s = add_one(slot, accs[i], i);
    return s;
}

static weir_status reserve_accs(struct weir_aggregates *a, size_t n)
{
    if (n <= a->accs_capacity) return WEIR_OK;
    if (!WEIR_TRY_RESIZE(a->accs, n)) return weir_op_fail(a->op, WEIR_E_MEMORY, "no memory for the accumulators of a batch");
    a->accs_capacity = n;
    return WEIR_OK;
}

weir_status weir_aggregates_add(struct weir_aggregates *a, void *const *values, const uint8_t *created)
{
    weir_status s = WEIR_OK;
    for (uint32_t i = 0; s == WEIR_OK && i < a->n; i++) {
        if (!a->slots[i].instance) continue;
        s = reserve_accs(a, (size_t)a->slots[i].instance->view.length);
        if (s == WEIR_OK) s = add_slot(a, &a->slots[i], values, created);
    }
    return s;
}

weir_status weir_aggregates_add_row(struct weir_aggregates *a, void *value, bool created, int64_t row)
{
    weir_status s = WEIR_OK;
    for (uint32_t i = 0; s == WEIR_OK && i < a->n; i++) {
        struct weir_aggregate_slot *slot = &a->slots[i];
        if (!slot->instance) continue;
        if (created) s = create(slot, (char *)value + slot->offset);
        if (s == WEIR_OK) s = add_one(slot, (char *)value + slot->offset, row);
    }
    return s;
}

weir_status weir_aggregates_add_run(struct weir_aggregates *a, void *const *values, const uint8_t *created, int64_t from,
                                    int64_t until, int64_t n)
{
    weir_status s = WEIR_OK;
    if (until - from == n) return weir_aggregates_add(a, values, created);
    for (int64_t i = from; s == WEIR_OK && i < until; i++)
        s = weir_aggregates_add_row(a, values[i], weir_bit(created, i), i);
    return s;
}

weir_status weir_aggregates_create(struct weir_aggregates *a, void *value)
{
    weir_status s = WEIR_OK;
    for (uint32_t i = 0; s == WEIR_OK && i < a->n; i++) {
        if (a->slots[i].instance) s = create(&a->slots[i], (char *)value + a->slots[i].offset);
    }
    return s;
}

bool weir_aggregates_can_merge(const struct weir_aggregates *a)
{
    for (uint32_t i = 0; i < a->n; i++) {
        if (a->slots[i].instance && !a->slots[i].vtable->merge) return false;
    }
    return true;
}

static weir_str *text_at(void *value, const weir_field *f)
{
    return (weir_str *)(void *)((char *)value + f->offset);
}

weir_status weir_aggregates_merge(struct weir_aggregates *a, void *value, const void *other)
{
    for (uint32_t i = 0; i < a->n; i++) {
        struct weir_aggregate_slot *slot = &a->slots[i];
        if (!slot->instance) continue;
        weir_status s = slot->vtable->merge(slot->instance->part.self, &slot->instance->cx, (char *)value + slot->offset,
                                            (const char *)other + slot->offset);
        if (s < 0) return weir_instance_failed(slot->instance, s, "merge");
    }
    return WEIR_OK;
}

weir_status weir_aggregates_copy(struct weir_aggregates *a, struct weir_state_set *set, void *to, const void *from)
{
    const struct weir_state_layout *l = &a->layout;
    memcpy(to, from, l->size);
    for (uint32_t i = 0; a->has_texts && i < l->n_fields; i++) {
        if (weir_type_is_variable((weir_type)l->fields[i].type)) *text_at(to, &l->fields[i]) = (weir_str){0};
    }
    for (uint32_t i = 0; a->has_texts && i < l->n_fields; i++) {
        if (!weir_type_is_variable((weir_type)l->fields[i].type)) continue;
        weir_str bytes = *text_at((void *)(uintptr_t)from, &l->fields[i]);
        if (bytes.n > 0 && set->ops->assign(set, 0, text_at(to, &l->fields[i]), bytes) != WEIR_OK) return WEIR_E_MEMORY;
    }
    return WEIR_OK;
}

void weir_aggregates_clear(struct weir_aggregates *a, struct weir_state_set *set, void *value)
{
    const struct weir_state_layout *l = &a->layout;
    for (uint32_t i = 0; a->has_texts && i < l->n_fields; i++) {
        if (!weir_type_is_variable((weir_type)l->fields[i].type)) continue;
        weir_status s = set->ops->assign(set, 0, text_at(value, &l->fields[i]), (weir_str){0}); /* gives back: cannot fail */
        WEIR_ASSERT(s == WEIR_OK);
    }
    memset(value, 0, l->size);
}

void weir_aggregates_use(struct weir_aggregates *a, struct weir_state_set *set)
{
    for (uint32_t i = 0; i < a->n; i++) {
        if (!a->slots[i].instance) continue;
        a->slots[i].instance->state = set;
        a->slots[i].instance->state_base = set == a->state ? a->at : 0;
    }
}

void weir_aggregates_keep_in(struct weir_aggregates *a, struct weir_state_set *set, uint32_t at)
{
    a->state = set;
    a->at = at;
    weir_aggregates_use(a, set);
}

/* ---- results ----------------------------------------------------------------------------------------------------- */

weir_status weir_aggregates_result(struct weir_aggregates *a, const void *value, int64_t window_start, int64_t window_end,
                                   int64_t time)
{
    weir_out *out = &a->results.out;
    for (uint32_t i = 0; i < a->n; i++) {
        struct weir_aggregate_slot *slot = &a->slots[i];
        if (slot->config->result != WEIR_RESULT_AGGREGATE) {
            ((int64_t *)out->columns[i].data)[out->length] =
                slot->config->result == WEIR_RESULT_WINDOW_START ? window_start : window_end;
            continue;
        }
        struct weir_instance *in = slot->instance;
        weir_status s = slot->vtable->result(in->part.self, &in->cx, (const char *)value + slot->offset, slot->column);
        if (s < 0) return weir_instance_failed(in, s, "result");
    }
    out->time[out->length++] = time;
    return WEIR_OK;
}
