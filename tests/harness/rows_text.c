/* rows_text.c - see the header. */
#include "harness/rows_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "data/builder.h"
#include "data/key.h"

struct weir_schema *weir_test_schema(const char *text)
{
    struct weir_schema_text parsed;
    struct weir_schema_builder builder = {0};
    struct weir_error error;
    WEIR_ASSERT(weir_schema_text_parse(text, false, &parsed, &error) == WEIR_OK);
    for (size_t i = 0; i < parsed.n; i++)
        weir_schema_builder_add(&builder, parsed.items[i].name, parsed.items[i].type, parsed.items[i].nullable);
    weir_schema_text_finish(&parsed);
    return weir_schema_build(&builder);
}

/* ---- from text --------------------------------------------------------------------------------------------------- */

static void put_bytes(struct weir_builder *b, uint32_t c, const char *text, size_t n)
{
    weir_out_column *k = &b->columns[c];
    int32_t at = k->offsets[b->out.length];
    if ((int64_t)n > k->bytes_capacity - at) WEIR_ASSERT(weir_builder_reserve_bytes(b, c, n) == WEIR_OK);
    memcpy((char *)k->data + at, text, n);
    k->offsets[b->out.length + 1] = at + (int32_t)n;
}

static void put_null(struct weir_builder *b, uint32_t c)
{
    weir_out_column *k = &b->columns[c];
    WEIR_ASSERT(k->validity);
    k->validity[b->out.length >> 3] &= (uint8_t) ~(1u << (b->out.length & 7));
    if (k->offsets) k->offsets[b->out.length + 1] = k->offsets[b->out.length];
}

static void put_cell(struct weir_builder *b, uint32_t c, weir_type type, const char *text)
{
    int64_t row = b->out.length;
    void *data = b->columns[c].data;
    if (strcmp(text, "null") == 0) {
        put_null(b, c);
        return;
    }
    switch (type) {
    case WEIR_BOOL:
        if (strcmp(text, "true") == 0) ((uint8_t *)data)[row >> 3] |= (uint8_t)(1u << (row & 7));
        break;
    case WEIR_I32: ((int32_t *)data)[row] = (int32_t)strtol(text, NULL, 10); break;
    case WEIR_I64:
    case WEIR_TIMESTAMP: ((int64_t *)data)[row] = strtoll(text, NULL, 10); break;
    case WEIR_F32: ((float *)data)[row] = strtof(text, NULL); break;
    case WEIR_F64: ((double *)data)[row] = strtod(text, NULL); break;
    case WEIR_STRING:
    case WEIR_BYTES:
    case WEIR_ANY: put_bytes(b, c, text, strlen(text)); break;
    }
}

static char *trim(char *s)
{
    while (*s == ' ') s++;
    for (size_t n = strlen(s); n > 0 && s[n - 1] == ' '; n--) s[n - 1] = '\0';
    return s;
}

static void put_line(struct weir_builder *b, struct weir_schema *schema, char *line)
{
    char *bar = strchr(line, '|');
    WEIR_ASSERT(bar);
    *bar = '\0';
    char *time = trim(line), *rest = bar + 1;
    b->out.time[b->out.length] = strcmp(time, "-") == 0 ? WEIR_NO_TIME : strtoll(time, NULL, 10);
    for (uint32_t c = 0; c < weir_schema_count(schema); c++) {
        char *cell = strsep(&rest, ",");
        WEIR_ASSERT(cell);
        put_cell(b, c, (weir_type)weir_schema_field_at(schema, c)->type, trim(cell));
    }
    b->out.length++;
}

struct weir_rows *weir_test_rows(struct weir_pool *pool, struct weir_schema *schema, const char *text)
{
    struct weir_builder b;
    struct weir_error error;
    int64_t lines = 1;
    int32_t forgotten;
    for (const char *p = text; *p; p++) lines += *p == '\n';
    WEIR_ASSERT(weir_builder_init(&b, pool, schema, NULL, 0, lines + 1, true, false, &error) == WEIR_OK);
    char *copy = weir_strdup(text), *rest = copy;
    for (char *line; (line = strsep(&rest, "\n"));) {
        if (*trim(line)) put_line(&b, schema, line);
    }
    struct weir_rows *rows = weir_builder_take(&b, 0, NULL, &forgotten);
    WEIR_ASSERT(rows);
    weir_builder_finish(&b);
    weir_free(copy);
    return rows;
}

struct weir_rows *weir_test_keyed_rows(struct weir_pool *pool, struct weir_schema *schema, const char *text,
                                       const uint32_t *key_fields, uint32_t n_key_fields, uint32_t max_parallelism)
{
    struct weir_rows *rows = weir_test_rows(pool, schema, text);
    int64_t bad_row;
    uint32_t bad_field;
    WEIR_ASSERT(weir_key_rows(pool, rows, key_fields, n_key_fields, max_parallelism, &bad_row, &bad_field) == WEIR_OK);
    return rows;
}

/* ---- to text ----------------------------------------------------------------------------------------------------- */

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
    case WEIR_F32: weir_text_add(t, "%g", (double)weir_f32(row, c)); break;
    case WEIR_F64: weir_text_add(t, "%.10g", weir_f64(row, c)); break;
    case WEIR_STRING:
    case WEIR_BYTES:
    case WEIR_ANY: weir_text_add_bytes(t, weir_text(row, c).p, weir_text(row, c).n); break;
    }
}

static void add_rows(struct weir_text *t, const struct weir_rows *rows, struct weir_schema *schema, const char *prefix)
{
    for (int64_t i = 0; i < rows->view.length; i++) {
        if (rows->view.selection && !weir_bit(rows->view.selection, i)) continue;
        weir_text_add(t, "%s", prefix);
        if (rows->view.time[i] == WEIR_NO_TIME)
            weir_text_add(t, "- |");
        else
            weir_text_add(t, "%" PRId64 " |", rows->view.time[i]);
        for (uint32_t c = 0; c < weir_schema_count(schema); c++) {
            weir_text_add(t, c ? ", " : " ");
            add_cell(t, (weir_row){&rows->view, i}, c, (weir_type)weir_schema_field_at(schema, c)->type);
        }
        weir_text_add(t, "\n");
    }
}

void weir_test_add_rows(struct weir_text *t, const struct weir_rows *rows, struct weir_schema *schema)
{
    add_rows(t, rows, schema, "");
}

static void add_element(struct weir_text *t, const struct weir_element *e, struct weir_schema *const *schemas)
{
    char prefix[16] = "";
    switch ((enum weir_element_kind)e->kind) {
    case WEIR_ELEMENT_ROWS:
        if (e->port) snprintf(prefix, sizeof prefix, "%u> ", e->port);
        add_rows(t, e->rows, schemas[e->port], prefix);
        break;
    case WEIR_ELEMENT_WATERMARK:
        if (e->value == INT64_MAX)
            weir_text_add(t, "watermark max\n");
        else
            weir_text_add(t, "watermark %" PRId64 "\n", e->value);
        break;
    case WEIR_ELEMENT_IDLE: weir_text_add(t, e->value ? "idle\n" : "active\n"); break;
    case WEIR_ELEMENT_BARRIER: weir_text_add(t, "barrier %" PRId64 "\n", e->value); break;
    case WEIR_ELEMENT_END: weir_text_add(t, "end\n"); break;
    case WEIR_ELEMENT_NONE: break;
    }
}

void weir_test_drain(struct weir_text *t, struct weir_op *op, struct weir_schema *const *schemas)
{
    while (op->outbox.n > 0) {
        struct weir_element e = weir_outbox_pop(&op->outbox);
        add_element(t, &e, schemas);
        if (e.kind == WEIR_ELEMENT_ROWS) weir_rows_release(e.rows);
    }
}
