/* encoder_json_lines - one JSON object per line and record, fields in the stream's order, nulls written as null.
 *
 * The quoted names are made once, when the sink opens, each with the comma or brace before it and the colon behind.
 */
#include <weir/json.h>
#include <weir/udf.h>

typedef struct json_lines {
    int32_t timestamps;

    weir_blob names;   /* {"a":,"b": ... */
    size_t *name_ends; /* by field */
    uint32_t n_fields;
} json_lines;
enum { TIMESTAMPS_EPOCH_MS, TIMESTAMPS_ISO };

static weir_status json_lines_open(void *self, weir_ctx *cx)
{
    json_lines *me = self;
    const weir_schema_view *schema = cx->host->input_schema(cx, 0);
    weir_status s = WEIR_OK;
    if (!schema) return weir_fail(cx, WEIR_E_PLUGIN, "the json_lines encoder was opened by a component without an input");
    me->n_fields = schema->n_fields;
    me->name_ends = cx->host->alloc(cx, (schema->n_fields + 1) * sizeof *me->name_ends);
    if (!me->name_ends) return weir_fail(cx, WEIR_E_MEMORY, "no memory for %u names", schema->n_fields);
    for (uint32_t i = 0; i < schema->n_fields && s == WEIR_OK; i++) {
        const char *name = weir_schema_at(schema, i)->name;
        s = weir_blob_add(cx, &me->names, i > 0 ? "," : "{", 1);
        if (s == WEIR_OK) s = weir_json_string(cx, &me->names, name, strlen(name));
        if (s == WEIR_OK) s = weir_blob_add(cx, &me->names, ":", 1);
        me->name_ends[i] = me->names.length;
    }
    return s;
}

static weir_status json_lines_begin(void *self, weir_ctx *cx, weir_blob *to)
{
    (void)self;
    (void)cx;
    (void)to;
    return WEIR_OK;
}

static weir_status add_time(const json_lines *me, weir_ctx *cx, weir_blob *to, int64_t ms)
{
    char text[WEIR_TEXT_MAX + 2];
    if (me->timestamps == TIMESTAMPS_EPOCH_MS) return weir_json_i64(cx, to, ms);
    size_t n = weir_text_from_time(text + 1, ms);
    text[0] = text[n + 1] = '"';
    return weir_blob_add(cx, to, text, n + 2);
}

static weir_status add_value(const json_lines *me, weir_ctx *cx, weir_blob *to, weir_row row, uint32_t column)
{
    char text[WEIR_TEXT_MAX];
    weir_str v;
    if (weir_null(row, column)) return weir_blob_add(cx, to, "null", 4);
    switch (row.batch->columns[column].type) {
    case WEIR_BOOL: return weir_blob_add(cx, to, text, weir_text_from_bool(text, weir_bool(row, column)));
    case WEIR_I32: return weir_json_i64(cx, to, weir_i32(row, column));
    case WEIR_F32: return weir_json_f32(cx, to, weir_f32(row, column));
    case WEIR_F64: return weir_json_f64(cx, to, weir_f64(row, column));
    case WEIR_TIMESTAMP: return add_time(me, cx, to, weir_i64(row, column));
    case WEIR_STRING: v = weir_text(row, column); return weir_json_string(cx, to, v.p, v.n);
    case WEIR_BYTES: v = weir_text(row, column); return weir_json_base64(cx, to, v.p, v.n);
    case WEIR_ANY: v = weir_text(row, column); return weir_json_any(cx, to, v.p, v.n);
    default: return weir_json_i64(cx, to, weir_i64(row, column));
    }
}

static weir_status add_record(const json_lines *me, weir_ctx *cx, weir_blob *to, weir_row row)
{
    weir_status s = me->n_fields == 0 ? weir_blob_add(cx, to, "{", 1) : WEIR_OK;
    for (uint32_t c = 0; c < me->n_fields && s == WEIR_OK; c++) {
        size_t start = c > 0 ? me->name_ends[c - 1] : 0;
        s = weir_blob_add(cx, to, me->names.data + start, me->name_ends[c] - start);
        if (s == WEIR_OK) s = add_value(me, cx, to, row, c);
    }
    return s == WEIR_OK ? weir_blob_add(cx, to, "}\n", 2) : s;
}

static weir_status json_lines_encode(void *self, weir_ctx *cx, const weir_batch *batch, int64_t from, int64_t until,
                                     weir_blob *to)
{
    weir_status s = WEIR_OK;
    for (int64_t i = from; i < until && s == WEIR_OK; i++) s = add_record(self, cx, to, (weir_row){batch, i});
    return s;
}

static void json_lines_close(void *self, weir_ctx *cx)
{
    json_lines *me = self;
    cx->host->release(cx, me->names.data);
    cx->host->release(cx, me->name_ends);
    me->names = (weir_blob){0};
    me->name_ends = NULL;
}

static const char *const timestamp_choices[] = {"epoch_ms", "iso", NULL};
static const weir_encoder json_lines_vtable = {
    .struct_size = sizeof(weir_encoder), .open = json_lines_open, .begin = json_lines_begin, .encode = json_lines_encode,
    .close = json_lines_close,
};
static const weir_option json_lines_options[] = {
    WEIR_OPTION(json_lines, timestamps, .def = "epoch_ms", .choices = timestamp_choices,
                .doc = "milliseconds since the epoch as a number, or \"2024-01-31T12:00:00.000Z\""),
};
WEIR_COMPONENT(json_lines, WEIR_ENCODER, json_lines_vtable, .id = "json_lines", .doc = "one JSON object per line",
               WEIR_OPTIONS(json_lines_options));
WEIR_PLUGIN("weir.encoder_json_lines", "0.1.0", &json_lines_component);
