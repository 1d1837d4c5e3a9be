/* record_text.c - see the header. For messages only: slow and plain. */
#include "operator/record_text.h"

#include <inttypes.h>
#include <string.h>

#define MOST_TEXT   60 /* characters of one string field */
#define MOST_FIELDS 16

static void add_string(struct weir_text *t, weir_str s)
{
    size_t n = s.n < MOST_TEXT ? s.n : MOST_TEXT;
    weir_text_add(t, "\"");
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\')
            weir_text_add(t, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            weir_text_add(t, "\\x%02x", c);
        else
            weir_text_add_bytes(t, &s.p[i], 1);
    }
    weir_text_add(t, n < s.n ? "...\"" : "\"");
}

static void add_cell(struct weir_text *t, weir_row row, uint32_t c, weir_type type)
{
    if (weir_null(row, c)) {
        weir_text_add(t, "null");
        return;
    }
    switch (type) {
    case WEIR_BOOL: weir_text_add(t, weir_bool(row, c) ? "true" : "false"); break;
    case WEIR_I32: weir_text_add(t, "%" PRId32, weir_i32(row, c)); break;
    case WEIR_I64:
    case WEIR_TIMESTAMP: weir_text_add(t, "%" PRId64, weir_i64(row, c)); break;
    case WEIR_F32: weir_text_add(t, "%.9g", (double)weir_f32(row, c)); break;
    case WEIR_F64: weir_text_add(t, "%.17g", weir_f64(row, c)); break;
    case WEIR_STRING: add_string(t, weir_text(row, c)); break;
    case WEIR_BYTES:
    case WEIR_ANY: weir_text_add(t, "<%zu bytes>", weir_text(row, c).n); break;
    }
}

void weir_text_add_record(struct weir_text *t, const weir_batch *batch, const struct weir_schema *schema, int64_t i)
{
    weir_row row = {batch, i};
    weir_text_add(t, "{");
    for (uint32_t c = 0; c < batch->n_columns && c < MOST_FIELDS; c++) {
        const weir_schema_field *f = weir_schema_field_at(schema, c);
        weir_text_add(t, "%s%s: ", c ? ", " : "", f->name);
        add_cell(t, row, c, (weir_type)f->type);
    }
    weir_text_add(t, batch->n_columns > MOST_FIELDS ? ", ...}" : "}");
}
