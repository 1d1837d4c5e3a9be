/* columns.c - what the records of a file look like, in a line of text: its format, and the names and types of the columns.
 *
 * It is saved with each part, so that one is not gone on with by records that look otherwise: a file has one header.
 */
#include "sink.h"

static const char *type_name(uint32_t type)
{
    static const char *const names[] = {[WEIR_BOOL] = "bool",     [WEIR_I32] = "i32",     [WEIR_I64] = "i64",
                                        [WEIR_F32] = "f32",       [WEIR_F64] = "f64",     [WEIR_TIMESTAMP] = "timestamp",
                                        [WEIR_STRING] = "string", [WEIR_BYTES] = "bytes", [WEIR_ANY] = "any"};
    return type < sizeof names / sizeof *names && names[type] ? names[type] : "?";
}

static weir_status add(weir_ctx *cx, weir_blob *to, const char *text)
{
    return weir_blob_add(cx, to, text, strlen(text));
}

weir_status sink_describe_columns(file_sink *me, weir_ctx *cx)
{
    const weir_schema_view *schema = cx->host->input_schema(cx, 0);
    weir_blob text = {0};
    weir_status s = add(cx, &text, me->format.component->id);
    for (uint32_t i = 0; s == WEIR_OK && i < schema->n_fields; i++) {
        const weir_schema_field *f = weir_schema_at(schema, i);
        s = add(cx, &text, i ? ", " : ": ");
        if (s == WEIR_OK) s = add(cx, &text, f->name);
        if (s == WEIR_OK) s = add(cx, &text, " ");
        if (s == WEIR_OK) s = add(cx, &text, type_name(f->type));
    }
    if (s == WEIR_OK) s = weir_blob_add(cx, &text, "", 1);
    me->columns = (char *)text.data;
    return s;
}
