/* instance.c - making an instance: the component's view of its input, its output ports, and what happens around each
 * callback.
 *
 * Subtask's thread, but for creation (coordinator). How a schema text becomes columns is said in weir/component.h.
 */
#include "operator/instance.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "graph/stream_graph.h"
#include "operator/instance_internal.h"
#include "operator/record_text.h"
#include "state/ttl.h"

#define COMPONENT_LINE "\n  component: "

/* ---- creation ---------------------------------------------------------------------------------------------------- */

/* View column i is stream field args[i]; those declared without '?' must not be null. */
static void set_up_input(struct weir_instance_input *input, const struct weir_schema_text *text, struct weir_schema *stream,
                         const uint32_t *args, uint32_t n_args)
{
    struct weir_schema_builder builder = {0};
    input->n_args = n_args;
    input->args = weir_alloc_array(n_args + 1, sizeof *input->args);
    input->arg_must = weir_alloc_array(n_args + 1, sizeof *input->arg_must);
    for (uint32_t i = 0; i < n_args; i++) {
        input->args[i] = args[i];
        const weir_schema_field *field = weir_schema_field_at(stream, args[i]);
        const struct weir_item *item = i < text->n ? &text->items[i] : NULL;
        bool named = item && item->kind == WEIR_ITEM_FIELD;
        input->arg_must[i] = named && !item->nullable;
        weir_schema_builder_add(&builder, named ? item->name : field->name, (weir_type)field->type, field->nullable);
    }
    input->schema = weir_schema_build(&builder);
    input->view_columns = weir_alloc_array(n_args + 1, sizeof *input->view_columns);
}

static weir_status set_up_inputs(struct weir_instance *in, const struct weir_instance_options *o, struct weir_error *error)
{
    struct weir_named_schema *texts;
    size_t n;
    weir_status s = weir_inputs_parse(o->part->info->in, &texts, &n, error);
    if (s != WEIR_OK) return s;
    in->n_inputs = o->second ? 2 : 1;
    WEIR_ASSERT(n >= in->n_inputs || o->n_args == 0); /* what looks at no fields has no inputs to tell apart */
    set_up_input(&in->inputs[0], &texts[0].schema, o->in, o->args, o->n_args);
    if (o->second) set_up_input(&in->inputs[1], &texts[n - 1].schema, o->second->in, o->second->args, o->second->n_args);
    weir_named_schemas_finish(texts, n);
    return WEIR_OK;
}

/* Which columns of a port the component writes, which pass through, which are the key's. */
struct port_columns {
    uint32_t *written, n_written;
    uint32_t *keys, n_keys;
    uint32_t *pass, n_pass;
};

static void run_of_columns(uint32_t *to, uint32_t *n, uint32_t *next, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) to[(*n)++] = (*next)++;
}

static void assign_columns(const struct weir_schema_text *text, const struct weir_instance_options *o,
                           struct weir_schema *schema, struct port_columns *to)
{
    uint32_t total = weir_schema_count(schema), next = 0;
    uint32_t fields_in = o->in ? weir_schema_count(o->in) : 0;
    to->written = weir_alloc_array(total + 1, sizeof *to->written);
    to->keys = weir_alloc_array(total + 1, sizeof *to->keys);
    to->pass = weir_alloc_array(total + 1, sizeof *to->pass);
    for (size_t i = 0; i < text->n; i++) {
        switch (text->items[i].kind) {
        case WEIR_ITEM_FIELD: run_of_columns(to->written, &to->n_written, &next, 1); break;
        case WEIR_ITEM_ALL: run_of_columns(to->pass, &to->n_pass, &next, fields_in); break;
        case WEIR_ITEM_KEY: run_of_columns(to->keys, &to->n_keys, &next, o->n_key_fields); break;
        case WEIR_ITEM_IN: run_of_columns(to->written, &to->n_written, &next, fields_in); break;
        case WEIR_ITEM_SCHEMA:
        case WEIR_ITEM_OPTION: { /* everything that the other items leave */
            uint32_t others = 0;
            for (size_t j = i + 1; j < text->n; j++) others += 1;
            run_of_columns(to->written, &to->n_written, &next, total - next - others);
            break;
        }
        }
    }
    WEIR_ASSERT(next == total);
}

static weir_status set_up_port(struct weir_instance *in, uint32_t index, const struct weir_schema_text *text,
                               const struct weir_instance_options *o, struct weir_error *error)
{
    struct weir_instance_port *port = &in->ports[index];
    port->schema = weir_schema_retain(o->outputs[index]);
    struct port_columns columns = {0};
    assign_columns(text, o, port->schema, &columns);

    struct weir_schema_builder written = {0};
    for (uint32_t i = 0; i < columns.n_written; i++) {
        const weir_schema_field *f = weir_schema_field_at(port->schema, columns.written[i]);
        weir_schema_builder_add(&written, f->name, (weir_type)f->type, f->nullable);
    }
    port->written = weir_schema_build(&written);
    port->pass = columns.pass;
    port->n_pass = columns.n_pass;
    port->first_key = columns.n_written;
    port->n_keys = columns.n_keys;
    in->puts_keys |= columns.n_keys > 0;

    bool one_to_one = o->part->info->flags & WEIR_ONE_TO_ONE;
    memcpy(columns.written + columns.n_written, columns.keys, columns.n_keys * sizeof *columns.keys);
    weir_status s =
        weir_builder_init(&port->own, in->op->env->pool, port->schema, columns.written, columns.n_written + columns.n_keys,
                          in->op->env->batch_rows, !one_to_one, !one_to_one && columns.n_pass > 0, error);
    port->own.out.n_columns = columns.n_written; /* the key's columns are not the component's business */
    port->builder = &port->own;
    weir_free(columns.written);
    weir_free(columns.keys);
    return s;
}

static weir_status set_up_ports(struct weir_instance *in, const struct weir_instance_options *o, struct weir_error *error)
{
    const struct weir_component_info *info = o->part->info;
    struct weir_named_schema *sides = NULL;
    size_t n_sides = 0;
    struct weir_schema_text main_text;
    weir_status s = weir_schema_text_parse(info->out, true, &main_text, error);
    if (s != WEIR_OK) return s;
    s = weir_sides_parse(info->sides, &sides, &n_sides, error);
    in->ports = weir_alloc_array(o->n_outputs + 1, sizeof *in->ports);
    in->outs = weir_alloc_array(o->n_outputs + 1, sizeof *in->outs);
    for (uint32_t i = 0; s == WEIR_OK && i < o->n_outputs && i <= n_sides; i++) {
        in->n_ports = i + 1;
        s = set_up_port(in, i, i == 0 ? &main_text : &sides[i - 1].schema, o, error);
        in->outs[i] = &in->ports[i].own.out;
    }
    weir_schema_text_finish(&main_text);
    weir_named_schemas_finish(sides, n_sides);
    return s;
}

/* The builder that the owner lends stands for port 0. */
static void lend_port(struct weir_instance *in, struct weir_builder *builder)
{
    in->ports = weir_alloc_array(1, sizeof *in->ports);
    in->outs = weir_alloc_array(1, sizeof *in->outs);
    in->n_ports = 1;
    in->ports[0].builder = builder;
    in->ports[0].schema = weir_schema_retain(builder->schema);
    in->ports[0].written = weir_schema_retain(builder->schema);
    in->outs[0] = &builder->out;
}

static weir_status set_up_keys(struct weir_instance *in, const struct weir_instance_options *o, struct weir_error *error)
{
    in->inputs[0].key_fields = o->key_fields;
    in->inputs[0].n_key_fields = o->n_key_fields;
    if (o->second) {
        in->inputs[1].key_fields = o->second->key_fields;
        in->inputs[1].n_key_fields = o->second->n_key_fields;
    }
    in->unkeyed = o->unkeyed;
    in->ttl = o->ttl;
    in->state = o->state;
    in->state_base = o->state_base;
    in->timers = o->timers;
    if (o->n_key_fields == 0) return WEIR_OK;
    struct weir_schema_builder fields = {0};
    for (uint32_t i = 0; i < o->n_key_fields; i++) {
        const weir_schema_field *f = weir_schema_field_at(o->in, o->key_fields[i]);
        weir_schema_builder_add(&fields, f->name, (weir_type)f->type, false);
    }
    struct weir_schema *schema = weir_schema_build(&fields);
    in->key_columns = weir_alloc_array(o->n_key_fields, sizeof *in->key_columns);
    weir_status s = weir_builder_init(&in->key_builder, in->op->env->pool, schema, NULL, 0, 1, true, false, error);
    weir_schema_release(schema);
    return s;
}

static void set_up_host(struct weir_instance *in)
{
    const struct weir_op_env *env = in->op->env;
    in->host = (weir_host){.struct_size = sizeof in->host, .abi_major = WEIR_ABI_MAJOR, .abi_minor = WEIR_ABI_NEWEST};
    weir__host_memory(&in->host);
    weir__host_output(&in->host);
    weir__host_state(&in->host);
    weir__host_source(&in->host);
    in->info = (weir_info){.struct_size = sizeof in->info,
                           .subtask = env->subtask,
                           .parallelism = env->parallelism,
                           .max_parallelism = env->max_parallelism,
                           .attempt = env->attempt,
                           .flags = (env->checkpoints ? WEIR_JOB_CHECKPOINTS : 0) | (env->restored ? WEIR_JOB_RESTORED : 0),
                           .job = env->job,
                           .node = env->node,
                           .base_dir = env->base_dir};
    in->cx.host = &in->host;
    in->cx.out = in->outs;
    in->io = (struct weir_plugin_io){.platform = env->platform, .bytes = &in->op->counters.bytes, .woken = &in->woken};
    in->cx.host_data = &in->io;
}

/* For messages after a crash. Which of several components runs, nobody can tell then, nor at which record. */
static void add_to_place(struct weir_instance *in)
{
    struct weir_running_place *place = &in->op->place;
    const struct weir_component_info *info = in->part.spec->info;
    place->row = place->n_parts == 0 ? &in->cx.row : NULL;
    for (uint32_t i = 0; i < place->n_parts; i++) {
        if (place->parts[i].component == info->id) return;
    }
    if (place->n_parts == WEIR_RUNNING_PARTS) return;
    place->parts[place->n_parts++] =
        (struct weir_running_component){.plugin = info->plugin->id, .component = info->id, .path = info->plugin->path};
}

weir_status weir_instance_create(const struct weir_instance_options *o, struct weir_instance **instance,
                                 struct weir_error *error)
{
    struct weir_instance *in = weir_alloc(sizeof *in);
    *instance = NULL;
    in->op = o->op;
    in->source = o->source;
    in->source_arg = o->source_arg;
    in->key_at = -1;
    in->again_at = INT64_MIN;
    in->input = &in->inputs[0];
    weir_status s = WEIR_OK;
    if (o->nested) {
        in->part = *o->nested;
        in->part_is_borrowed = true;
    } else {
        s = weir_part_instantiate(o->registry, o->part, &in->part, error);
    }
    if (s == WEIR_OK && o->in) s = set_up_inputs(in, o, error);
    if (s == WEIR_OK && o->builder) lend_port(in, o->builder);
    if (s == WEIR_OK && !o->builder) s = set_up_ports(in, o, error);
    if (s == WEIR_OK) s = set_up_keys(in, o, error);
    if (s != WEIR_OK) {
        weir_instance_destroy(in);
        return s;
    }
    set_up_host(in);
    add_to_place(in);
    *instance = in;
    return WEIR_OK;
}

weir_status weir_instance_create_for_node(const struct weir_stream_node *node, struct weir_instance_options *o,
                                          struct weir_instance **instance, struct weir_error *error)
{
    struct weir_schema **outputs = weir_alloc_array(node->n_outputs + 1, sizeof *outputs);
    for (uint32_t i = 0; i < node->n_outputs; i++) outputs[i] = node->outputs[i].schema;
    o->part = node->part;
    o->in = node->in;
    o->args = node->args;
    o->n_args = node->n_args;
    o->outputs = outputs;
    o->n_outputs = node->n_outputs;
    o->key_fields = node->key_fields;
    o->n_key_fields = node->n_key_fields;
    o->second = node->second;
    weir_status s = weir_instance_create(o, instance, error);
    weir_free(outputs);
    return s;
}

void weir_instance_destroy(struct weir_instance *in)
{
    if (!in) return;
    weir_rows_release(in->rows);
    weir_rows_release(in->key_rows);
    for (uint32_t i = 0; i < in->n_ports; i++) {
        weir_builder_finish(&in->ports[i].own);
        weir_schema_release(in->ports[i].schema);
        weir_schema_release(in->ports[i].written);
        weir_free(in->ports[i].pass);
    }
    weir_free(in->ports);
    weir_free(in->outs);
    weir_builder_finish(&in->key_builder);
    weir_free(in->key_columns);
    weir_key_bytes_finish(&in->key_bytes);
    weir_key_bytes_finish(&in->packed);
    weir__scratch_finish(&in->scratch);
    weir_buffer_release(in->null_rows);
    for (uint32_t i = 0; i < in->n_inputs; i++) {
        weir_schema_release(in->inputs[i].schema);
        weir_free(in->inputs[i].args);
        weir_free(in->inputs[i].arg_must);
        weir_free(in->inputs[i].view_columns);
    }
    if (!in->part_is_borrowed) weir_part_instance_finish(&in->part);
    weir_free(in);
}

/* ---- around a callback ------------------------------------------------------------------------------------------- */

static weir_status no_memory(struct weir_instance *in, const char *what)
{
    return weir_op_fail(in->op, WEIR_E_MEMORY, "no memory for %s", what);
}

/* Marks the rows in which a required input is null. Returns their first, -1 when there is none, -2 without memory. */
static int64_t mark_null_rows(struct weir_instance *in, uint32_t *which)
{
    int64_t length = in->view.length, first = -1;
    size_t bytes = (size_t)(length + 7) / 8;
    for (uint32_t c = 0; c < in->input->n_args; c++) {
        const weir_column *k = &in->input->view_columns[c];
        if (!in->input->arg_must[c] || !k->validity) continue;
        for (int64_t i = 0; i < length; i++) {
            if (weir_bit(k->validity, i + k->bit_offset)) continue;
            if (in->view.selection && !weir_bit(in->view.selection, i)) continue;
            if (!in->view.null_rows) {
                if (!in->null_rows || in->null_rows->capacity < bytes) {
                    weir_buffer_release(in->null_rows);
                    in->null_rows = weir_buffer_create(bytes);
                    if (!in->null_rows) return -2;
                }
                memset(in->null_rows->bytes, 0, bytes);
                in->view.null_rows = in->null_rows->bytes;
            }
            in->null_rows->bytes[i >> 3] |= (uint8_t)(1u << (i & 7));
            if (first < 0 || i < first) {
                first = i;
                *which = c;
            }
        }
    }
    return first;
}

static weir_status refuse_null(struct weir_instance *in, int64_t row, uint32_t column)
{
    in->cx.row = (uint32_t)row;
    const weir_schema_field *f = weir_schema_field_at(in->input->schema, column);
    weir_op_fail(in->op, WEIR_E_DATA,
                 "field '%s' is null, and the component takes no null there; filter such records out before it, or declare "
                 "'%s: %s?' in the component",
                 f->name, f->name, weir_type_name((weir_type)f->type));
    return weir_instance_failed(in, WEIR_E_DATA, NULL);
}

/* Keyed upstream, but the hashes did not survive a step in between. */
static weir_status hash_keys(struct weir_instance *in)
{
    int64_t bad_row;
    uint32_t bad_field;
    struct weir_rows *own = weir_rows_slice(in->op->env->pool, in->rows, 0, in->rows->view.length);
    if (!own) return no_memory(in, "keys");
    weir_rows_release(in->rows);
    in->rows = own;
    weir_status s = weir_key_rows(in->op->env->pool, own, in->input->key_fields, in->input->n_key_fields,
                                  in->op->env->max_parallelism, &bad_row, &bad_field);
    if (s != WEIR_E_DATA) return s == WEIR_OK ? s : no_memory(in, "keys");
    in->cx.row = (uint32_t)bad_row;
    weir_op_fail(in->op, s, "key field '%s' is null; null keys are not allowed: filter such records out before key_by",
                 weir_schema_field_at(in->key_builder.schema, bad_field)->name);
    return weir_instance_failed(in, s, NULL);
}

weir_status weir_instance_begin_input(struct weir_instance *in, uint32_t port, struct weir_rows *rows)
{
    WEIR_ASSERT(!in->rows && port < in->n_inputs);
    struct weir_instance_input *input = &in->inputs[port];
    in->input = input;
    in->rows = weir_rows_retain(rows);
    in->cx.row = 0;
    uint64_t given = atomic_load_explicit(&in->op->counters.rows_in, memory_order_relaxed),
             n = (uint64_t)rows->view.selected;
    in->op->place.before = given > n ? given - n : 0;
    for (uint32_t i = 0; i < input->n_args; i++) input->view_columns[i] = rows->columns[input->args[i]];
    in->view = rows->view;
    in->view.struct_size = sizeof in->view;
    in->view.n_columns = input->n_args;
    in->view.columns = input->view_columns;
    in->view.null_rows = NULL;
    for (uint32_t i = 0; i < input->n_key_fields; i++) in->key_columns[i] = rows->columns[input->key_fields[i]];
    in->key_view = rows->view;
    in->key_view.n_columns = input->n_key_fields;
    in->key_view.columns = in->key_columns;
    weir__instance_forget_key(in);
    in->fetch_at = in->fetches && in->state && in->state->ops->fetch ? 0 : INT64_MAX;
    weir_status s = input->n_key_fields > 0 && !rows->keys.hash ? hash_keys(in) : WEIR_OK;
    if (s != WEIR_OK) return s;

    uint32_t column = 0;
    int64_t null_row = mark_null_rows(in, &column);
    if (null_row == -2) return no_memory(in, "a bitmap of null rows");
    bool skips_nulls = (in->part.spec->info->flags & WEIR_ONE_TO_ONE) || in->part.spec->info->is_filter;
    if (null_row >= 0 && !skips_nulls) return refuse_null(in, null_row, column);
    for (uint32_t p = 0; p < in->n_ports; p++) {
        if (in->ports[p].builder != &in->ports[p].own) continue;
        if (weir_builder_reserve_rows(in->ports[p].builder, rows->view.length) != WEIR_OK)
            return no_memory(in, "an output batch");
    }
    return WEIR_OK;
}

static weir_status flush_ports(struct weir_instance *in, bool hold)
{
    weir_status s = in->op->error.status; /* a callback that went on after fail() has failed all the same */
    for (uint32_t p = 0; s == WEIR_OK && p < in->n_ports; p++) {
        const struct weir_instance_port *port = &in->ports[p];
        bool held = hold && in->n_ports == 1 && port->n_pass == 0 && port->builder->out.length < port->builder->out.capacity;
        if (port->builder == &port->own) s = held ? weir__instance_fill_keys(in) : weir__instance_flush(in, p);
    }
    if (s != WEIR_OK) {
        in->cx.row = UINT32_MAX; /* nobody knows which record it was */
        weir_instance_failed(in, s, NULL);
    }
    return s;
}

weir_status weir_instance_flush(struct weir_instance *in)
{
    return flush_ports(in, false);
}

static weir_status end_call(struct weir_instance *in, bool done, bool hold)
{
    weir_status s = flush_ports(in, hold);
    weir__scratch_reset(&in->scratch);
    if (in->ttl) weir_ttl_sweep(in->ttl, in->state);
    if (in->state) in->state->ops->settle(in->state);
    if (in->unkeyed) in->unkeyed->ops->settle(in->unkeyed);
    if (in->timers) {
        int64_t next = weir_timers_next(in->timers, WEIR_PROCESSING_TIME);
        in->op->next_due_ms = next == INT64_MAX ? INT64_MAX : next + 1; /* A5.1: at ts + 1 ms */
    }
    if (done) {
        weir_rows_release(in->rows);
        in->rows = NULL;
        in->input = &in->inputs[0];
        weir__instance_forget_key(in);
    }
    return s;
}

weir_status weir_instance_end(struct weir_instance *in, bool done)
{
    return end_call(in, done, false);
}

weir_status weir_instance_end_holding(struct weir_instance *in, bool done)
{
    return end_call(in, done, true);
}

static void add_key(struct weir_text *t, const struct weir_instance *in, const weir_batch *keys, int64_t row)
{
    weir_text_add(t, "\n  key: ");
    weir_text_add_record(t, keys, in->key_builder.schema, row);
}

/* The record, with its key and event time; or the key of a timer. */
static void add_record(struct weir_text *t, struct weir_instance *in)
{
    if (in->rows && in->cx.row < in->rows->view.length) {
        int64_t time = in->rows->view.time[in->cx.row];
        if (in->input->n_key_fields > 0) add_key(t, in, &in->key_view, in->cx.row);
        if (time != WEIR_NO_TIME) {
            weir_text_add(t, "\n  event time: ");
            weir_text_add_time(t, time);
        }
        weir_text_add(t, "\n  record: ");
        weir_text_add_record(t, &in->view, in->input->schema, in->cx.row);
    } else if (!in->rows && in->key.p && in->inputs[0].n_key_fields > 0) {
        weir_row key = weir__instance_key_row(in);
        if (key.batch) add_key(t, in, key.batch, key.i);
    }
}

weir_status weir_instance_failed(struct weir_instance *in, weir_status status, const char *callback)
{
    const struct weir_component_info *info = in->part.spec->info;
    struct weir_error *error = &in->op->error;
    if (error->status == WEIR_OK) {
        weir_error_set(error, status, "%s returned \"%s\" without calling weir_fail; the component must say what is wrong",
                       callback ? callback : "the component", weir_status_name(status));
    }
    if (strstr(error->text, COMPONENT_LINE)) return status; /* named already, where it failed first */
    struct weir_text record = {0};
    add_record(&record, in);
    size_t used = strlen(error->text);
    snprintf(error->text + used, sizeof error->text - used, COMPONENT_LINE "%s/%s of %s%s", info->plugin->id, info->id,
             info->plugin->path, weir_text_get(&record));
    weir_text_finish(&record);
    return status;
}

weir_status weir_instance_check_row(struct weir_instance *in, weir_status status, const char *callback, int64_t before,
                                    int64_t row)
{
    int64_t length = in->view.length;
    bool right = status == WEIR_MORE ? row >= before && row < length : row == length;
    if (right) return status;
    in->cx.row = (uint32_t)length; /* no record is to blame */
    return weir_op_fail(in->op, WEIR_E_PLUGIN,
                        "%s was given rows %lld to %lld, returned %s and left its row at %lld; it must be at the end when "
                        "all is done, and at the row to go on with for WEIR_MORE",
                        callback, (long long)before, (long long)length - 1, status == WEIR_MORE ? "WEIR_MORE" : "WEIR_OK",
                        (long long)row);
}
