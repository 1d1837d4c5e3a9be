/* host_output.c - what a component emits: from its builder to rows of the stream, with pass-through and key columns. [task]
 */
#include <string.h>

#include "data/arrow.h"
#include "data/key.h"
#include "data/row_codec.h"
#include "operator/instance_internal.h"

static weir_status no_memory(struct weir_instance *in)
{
    return weir_op_fail(in->op, WEIR_E_MEMORY, "no memory for an output batch");
}

/* ---- key columns ------------------------------------------------------------------------------------------------- */

/* At out.length: of the record at hand, of which the key's row is a part, or, where there is none, of the key's bytes. */
static weir_status put_key(struct weir_instance *in, const struct weir_instance_port *port, const weir_row *key)
{
    weir_status s = WEIR_OK;
    if (!key->batch) return weir_key_put(in->key.p, in->key.n, port->builder, port->first_key, port->n_keys);
    for (uint32_t k = 0; s == WEIR_OK && k < port->n_keys; k++)
        s = weir_builder_copy_cell(port->builder, port->first_key + k, &key->batch->columns[k], key->i);
    return s;
}

/* A builder writes cells at out.length; key columns trail behind, so the length is set back for a moment. */
static weir_status fill_port(struct weir_instance *in, struct weir_instance_port *port)
{
    struct weir_builder *b = port->builder;
    int64_t length = b->out.length;
    weir_row key = {0};
    weir_status s = WEIR_OK;
    if (in->key_at >= 0 || !in->key.p) {
        key = weir__instance_key_row(in);
        if (!key.batch) return in->op->error.status;
    }
    for (; s == WEIR_OK && port->keyed_rows < length; port->keyed_rows++) {
        b->out.length = port->keyed_rows;
        s = put_key(in, port, &key);
    }
    b->out.length = length;
    return s == WEIR_OK ? s : no_memory(in);
}

weir_status weir__instance_fill_keys(struct weir_instance *in)
{
    weir_status s = WEIR_OK;
    for (uint32_t p = 0; s == WEIR_OK && p < in->n_ports; p++) {
        struct weir_instance_port *port = &in->ports[p];
        if (port->n_keys > 0 && port->keyed_rows < port->builder->out.length) s = fill_port(in, port);
    }
    return s;
}

/* ---- pass-through columns ---------------------------------------------------------------------------------------- */

static bool is_identity(const uint32_t *origin, int64_t n, int64_t input_length)
{
    if (n != input_length) return false;
    for (int64_t i = 0; i < n; i++) {
        if (origin[i] != (uint32_t)i) return false;
    }
    return true;
}

static weir_status pass_columns(struct weir_instance *in, struct weir_instance_port *port, struct weir_rows *rows,
                                const uint32_t *origin)
{
    if (!in->rows || in->input != &in->inputs[0]) {
        return weir_op_fail(
            in->op, WEIR_E_PLUGIN,
            "a row was emitted outside of a record%s's callback, but the component's output is declared with "
            "'*', the fields of the record; declare it with '@key' or with fields of its own",
            in->n_inputs > 1 ? " of the first input" : "");
    }
    bool whole = !origin || is_identity(origin, rows->view.length, in->rows->view.length);
    if (whole) {
        weir_rows_keep(rows, in->rows);
        for (uint32_t i = 0; i < port->n_pass; i++) rows->columns[port->pass[i]] = in->rows->columns[i];
        return WEIR_OK;
    }
    for (uint32_t i = 0; i < port->n_pass; i++) {
        weir_status s = weir_rows_gather_column(in->op->env->pool, rows, port->pass[i], &in->rows->columns[i], origin,
                                                rows->view.length);
        if (s != WEIR_OK) return no_memory(in);
    }
    return WEIR_OK;
}

/* A map's outputs are null where a required input was. */
static void mask_null_rows(struct weir_instance *in, struct weir_builder *b)
{
    if (!in->view.null_rows || b->out.length != in->view.length) return; /* who miscounts is refused below */
    for (uint32_t c = 0; c < b->n_written; c++) {
        uint8_t *validity = b->columns[c].validity;
        if (!validity) continue;
        for (int64_t i = 0; i < (b->out.length + 7) / 8; i++) validity[i] &= (uint8_t)~in->view.null_rows[i];
    }
}

static weir_status check_one_to_one(struct weir_instance *in, struct weir_rows *rows)
{
    if (in->rows && rows->view.length == in->rows->view.length) return WEIR_OK;
    return weir_op_fail(in->op, WEIR_E_PLUGIN, "a one-to-one component wrote %lld rows for %lld",
                        (long long)rows->view.length, (long long)(in->rows ? in->rows->view.length : 0));
}

/* Rows of a one-to-one component keep the time, the selection and the keys of their input. */
static void keep_time(struct weir_instance *in, struct weir_rows *rows)
{
    rows->view.time = in->rows->view.time;
    rows->view.selection = in->rows->view.selection;
    rows->view.selected = in->rows->view.selected;
    weir_rows_keep(rows, in->rows);
    if (in->rows->keys.buffer) {
        rows->keys = in->rows->keys;
        weir_buffer_retain(rows->keys.buffer);
    }
}

weir_status weir__instance_flush(struct weir_instance *in, uint32_t index)
{
    struct weir_instance_port *port = &in->ports[index];
    struct weir_builder *b = port->builder;
    if (b->out.length == 0) return WEIR_OK;
    weir_status s = weir__instance_fill_keys(in);
    if (s != WEIR_OK) return s;
    port->keyed_rows = 0;
    mask_null_rows(in, b);

    const uint32_t *origin = NULL;
    int32_t forgotten = -1;
    uint32_t extra = in->rows ? 3 * port->n_pass : 0;
    struct weir_rows *rows = weir_builder_take(b, extra, &origin, &forgotten);
    if (!rows) return no_memory(in);
    if (forgotten >= 0) {
        weir_rows_release(rows);
        return weir_op_fail(
            in->op, WEIR_E_PLUGIN,
            "column '%s' was not written for some row; every output column must be put, or put null, before emit",
            weir_schema_field_at(port->written, (uint32_t)forgotten)->name);
    }
    bool one_to_one = !rows->view.time;
    if (one_to_one) s = check_one_to_one(in, rows);
    if (s == WEIR_OK && port->n_pass > 0) s = pass_columns(in, port, rows, origin);
    if (s == WEIR_OK && one_to_one) keep_time(in, rows);
    if (s != WEIR_OK) {
        weir_rows_release(rows);
        return s;
    }
    s = in->source ? in->source->emit(in->source_arg, rows) : weir_op_emit(in->op, index, rows);
    in->cx.full = in->op->outbox.n > 0;
    return s;
}

/* ---- the host's slots -------------------------------------------------------------------------------------------- */

static weir_status host_flush(weir_ctx *cx, uint32_t port)
{
    struct weir_instance *in = weir_instance_of(cx);
    if (port >= in->n_ports)
        return weir_op_fail(in->op, WEIR_E_PLUGIN, "emit on port %u, but the component declares %u ports", port,
                            in->n_ports);
    return weir__instance_flush(in, port);
}

static weir_status host_reserve_bytes(weir_ctx *cx, uint32_t port, uint32_t column, size_t more)
{
    struct weir_instance *in = weir_instance_of(cx);
    weir_status s = weir_builder_reserve_bytes(in->ports[port].builder, column, more);
    if (s == WEIR_OK) return s;
    return weir_op_fail(in->op, WEIR_E_MEMORY,
                        "no memory for %zu more bytes of column '%s' (a batch's column holds at most 2 GiB)", more,
                        weir_schema_field_at(in->ports[port].written, column)->name);
}

static weir_status host_copy(weir_ctx *cx, uint32_t port, uint32_t column, weir_row from, uint32_t from_column)
{
    struct weir_instance *in = weir_instance_of(cx);
    weir_status s = weir_builder_copy_cell(in->ports[port].builder, column, &from.batch->columns[from_column], from.i);
    if (s != WEIR_E_DATA) return s == WEIR_OK ? s : no_memory(in);
    const char *name = weir_schema_field_at(in->ports[port].written, column)->name;
    return weir_op_fail(in->op, s, "a null was copied into column '%s', which takes none; declare it as '%s: ...?'", name,
                        name);
}

static weir_status host_pack_row(weir_ctx *cx, weir_row row, weir_str *packed)
{
    struct weir_instance *in = weir_instance_of(cx);
    in->packed.n = 0;
    in->packs_rows = true;
    if (weir_row_pack(&in->packed, row.batch, row.i) != WEIR_OK) return no_memory(in);
    char *copy = weir__scratch_take(&in->scratch, in->packed.n);
    if (!copy) return no_memory(in);
    memcpy(copy, in->packed.p, in->packed.n);
    *packed = (weir_str){copy, in->packed.n};
    return WEIR_OK;
}

static weir_status host_unpack_row(weir_ctx *cx, uint32_t port, weir_str packed)
{
    struct weir_instance *in = weir_instance_of(cx);
    return weir_row_unpack((const uint8_t *)packed.p, packed.n, in->ports[port].builder, &in->op->error);
}

static weir_status host_export_arrow(weir_ctx *cx, const weir_batch *batch, struct ArrowSchema *schema,
                                     struct ArrowArray *array)
{
    struct weir_instance *in = weir_instance_of(cx);
    weir_status s = weir_arrow_export_schema(in->input->schema, schema, &in->op->error);
    if (s != WEIR_OK) return s;
    s = weir_arrow_export_copy(batch, array, &in->op->error);
    if (s != WEIR_OK) schema->release(schema);
    return s;
}

void weir__host_output(weir_host *h)
{
    h->flush = host_flush;
    h->reserve_bytes = host_reserve_bytes;
    h->copy = host_copy;
    h->pack_row = host_pack_row;
    h->unpack_row = host_unpack_row;
    h->export_arrow = host_export_arrow;
}
