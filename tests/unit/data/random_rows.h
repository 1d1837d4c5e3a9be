/* unit/data/random_rows.h - a table of plain cells as the reference for rows: slow, obvious, and unlike a batch in every
 * way. */
#ifndef WEIR_TEST_RANDOM_ROWS_H
#define WEIR_TEST_RANDOM_ROWS_H

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "data/builder.h"
#include "data/rows.h"
#include "harness/suite.h"

struct cell {
    bool null;
    uint64_t bits; /* of a fixed-width value */
    size_t n;
    char bytes[40];
};

struct table {
    struct weir_schema *schema;
    int64_t n_rows, *time;
    uint32_t n_columns;
    struct cell *cells; /* row by row */
};

/* Every type, each without and with '?'. */
static inline struct weir_schema *schema_of_all_types(void)
{
    struct weir_schema_builder b = {0};
    for (int t = WEIR_BOOL; t <= WEIR_ANY; t++) {
        char name[32];
        snprintf(name, sizeof name, "%s_x", weir_type_name((weir_type)t));
        weir_schema_builder_add(&b, name, (weir_type)t, false);
        snprintf(name, sizeof name, "%s_q", weir_type_name((weir_type)t));
        weir_schema_builder_add(&b, name, (weir_type)t, true);
    }
    return weir_schema_build(&b);
}

static inline uint64_t random_bits(struct weir_random *r, weir_type type)
{
    static const double doubles[] = {0.0, -0.0, 1.5, -1e300, 5e-324, __builtin_nan(""), __builtin_inf()};
    uint64_t v = weir_random_next(r) >> weir_random_below(r, 64);
    if (weir_random_below(r, 2)) v = 0 - v;
    if (type == WEIR_BOOL) return v & 1;
    if (type == WEIR_F64 && weir_random_below(r, 4) == 0) memcpy(&v, &doubles[weir_random_below(r, WEIR_LEN(doubles))], 8);
    if (type == WEIR_F32 && weir_random_below(r, 4) == 0) {
        float f = (float)doubles[weir_random_below(r, WEIR_LEN(doubles))];
        v = 0;
        memcpy(&v, &f, 4);
    }
    return weir_type_size(type) == 4 ? (uint32_t)v : v;
}

static inline size_t random_bytes(struct weir_random *r, weir_type type, char *to)
{
    static const char *const texts[] = {"", "a", "hello", "传感器", "𝄞 clef", "é", "a longer text of 31 ASCII bytes"};
    static const struct {
        const char *p;
        size_t n;
    } values[] = {
        {"\x00", 1},         {"\xc3", 1},   {"\x93\x01\x02\x03", 4}, {"\x81\xa1k\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00", 12},
        {"\xd4\x07\x2a", 3}, {"\xa3xyz", 4}};
    size_t n = 0;
    if (type == WEIR_STRING) {
        const char *text = texts[weir_random_below(r, WEIR_LEN(texts))];
        n = strlen(text);
        memcpy(to, text, n);
    } else if (type == WEIR_ANY) {
        size_t k = weir_random_below(r, WEIR_LEN(values));
        n = values[k].n;
        memcpy(to, values[k].p, n);
    } else {
        n = weir_random_below(r, 20);
        for (size_t i = 0; i < n; i++) to[i] = (char)weir_random_next(r);
    }
    return n;
}

/* Takes the schema. null_percent of the nullable cells are null. */
static inline struct table random_table(struct weir_random *r, struct weir_schema *schema, int64_t n_rows,
                                        unsigned null_percent)
{
    struct table t = {.schema = schema, .n_rows = n_rows, .n_columns = weir_schema_count(schema)};
    t.cells = weir_alloc_array((size_t)n_rows * t.n_columns, sizeof *t.cells);
    t.time = weir_alloc_array((size_t)n_rows, sizeof *t.time);
    for (int64_t row = 0; row < n_rows; row++) {
        t.time[row] = (int64_t)weir_random_below(r, 1000000);
        for (uint32_t c = 0; c < t.n_columns; c++) {
            const weir_schema_field *f = weir_schema_field_at(schema, c);
            struct cell *cell = &t.cells[row * t.n_columns + c];
            cell->null = f->nullable && weir_random_below(r, 100) < null_percent;
            if (cell->null) continue;
            if (weir_type_is_variable((weir_type)f->type)) cell->n = random_bytes(r, (weir_type)f->type, cell->bytes);
            else cell->bits = random_bits(r, (weir_type)f->type);
        }
    }
    return t;
}

static inline void finish_table(struct table *t)
{
    weir_schema_release(t->schema);
    weir_free(t->cells);
    weir_free(t->time);
}

static inline const struct cell *cell_at(const struct table *t, int64_t row, uint32_t c)
{
    return &t->cells[row * t->n_columns + c];
}

static inline void put_cell(struct weir_builder *b, uint32_t i, const struct cell *cell)
{
    weir_out_column *c = &b->columns[i];
    int64_t at = b->out.length;
    if (cell->null) {
        c->validity[at >> 3] &= (uint8_t)~(1u << (at & 7));
        if (c->offsets) c->offsets[at + 1] = c->offsets[at];
    } else if (c->offsets) {
        CU_ASSERT_EQUAL(weir_builder_reserve_bytes(b, i, cell->n), WEIR_OK);
        memcpy((char *)c->data + c->offsets[at], cell->bytes, cell->n);
        c->offsets[at + 1] = c->offsets[at] + (int32_t)cell->n;
    } else if (c->type == WEIR_BOOL) {
        if (cell->bits) ((uint8_t *)c->data)[at >> 3] |= (uint8_t)(1u << (at & 7));
    } else {
        memcpy((char *)c->data + (size_t)at * weir_type_size((weir_type)c->type), &cell->bits,
               weir_type_size((weir_type)c->type));
    }
}

static inline void put_row(struct weir_builder *b, const struct table *t, int64_t row)
{
    for (uint32_t i = 0; i < b->n_written; i++) put_cell(b, i, cell_at(t, row, b->written[i]));
    if (b->out.time) b->out.time[b->out.length] = t->time[row];
    b->out.length++;
}

static inline struct weir_rows *rows_of(struct weir_pool *pool, const struct table *t)
{
    struct weir_builder b;
    int32_t forgotten;
    CU_ASSERT_EQUAL_FATAL(weir_builder_init(&b, pool, t->schema, NULL, 0, t->n_rows ? t->n_rows : 1, true, false, NULL),
                          WEIR_OK);
    for (int64_t row = 0; row < t->n_rows; row++) put_row(&b, t, row);
    struct weir_rows *rows = weir_builder_take(&b, 0, NULL, &forgotten);
    CU_ASSERT_PTR_NOT_NULL_FATAL(rows);
    CU_ASSERT_EQUAL(forgotten, -1);
    weir_builder_finish(&b);
    return rows;
}

static inline bool holds_cell(const weir_batch *batch, uint32_t c, int64_t row, const struct cell *cell)
{
    weir_row r = {batch, row};
    const weir_column *k = &batch->columns[c];
    uint32_t size = weir_type_size((weir_type)k->type);
    if (weir_null(r, c) != cell->null) return false;
    if (cell->null) return true;
    if (k->offsets) return weir_text(r, c).n == cell->n && memcmp(weir_text(r, c).p, cell->bytes, cell->n) == 0;
    if (k->type == WEIR_BOOL) return weir_bool(r, c) == (cell->bits != 0);
    return memcmp((const char *)k->data + (size_t)row * size, &cell->bits, size) == 0;
}

/* Is row i of the batch row origin[i] (i, when origin is NULL) of the table, from `from` on? Checks the invariants of
 * rows.h too. */
static inline bool holds_rows(const weir_batch *batch, const struct table *t, const uint32_t *origin, int64_t from,
                              int64_t n, bool times)
{
    if (batch->length != n || batch->n_columns != t->n_columns) return false;
    for (uint32_t c = 0; c < t->n_columns; c++) {
        bool nulls = false;
        if (batch->columns[c].type != weir_schema_field_at(t->schema, c)->type) return false;
        for (int64_t i = 0; i < n; i++) {
            const struct cell *cell = cell_at(t, origin ? origin[i] : from + i, c);
            if (!holds_cell(batch, c, i, cell)) return false;
            nulls |= cell->null;
        }
        if ((batch->columns[c].validity != NULL) != nulls) return false; /* NULL exactly when there is no null */
    }
    for (int64_t i = 0; times && i < n; i++) {
        if (batch->time[i] != t->time[origin ? origin[i] : from + i]) return false;
    }
    return true;
}

#endif
