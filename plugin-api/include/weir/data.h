/* weir/data.h - batches, columns and the row layer.
 *
 * A stream has a schema; its records move as batches whose columns have Apache Arrow's physical layout. The row layer
 * (weir_f64(row, 0), weir_put_f64(cx, 0, 0, v), weir_emit(cx, 0, t)) reads and writes the same memory through inline
 * functions, so a component written row by row can be turned into whole-batch code without changing its declaration.
 *
 * Ownership: an input batch is borrowed until the callback returns. Output columns belong to the host; the component
 * fills them in place.
 */
#ifndef WEIR_DATA_H
#define WEIR_DATA_H

#include <string.h>
#include <weir/abi.h>

/* One column of an input batch. FROZEN: plugins index arrays of it inline.
 * Row i has its value at data[i] (offsets[i]..offsets[i+1] of data for string, bytes and any); bitmaps alone have a
 * start of their own: row i is bit (bit_offset + i) of validity, and of data when the type is bool. */
typedef struct weir_column {
    const uint8_t *validity; /* LSB-first bitmap, 1 = present; NULL = no row is null */
    const void *data;
    const int32_t *offsets; /* string, bytes, any: length + 1 entries; else NULL */
    int64_t bit_offset;
    uint32_t type; /* enum weir_type */
    uint32_t reserved;
} weir_column;

/* A batch as a component sees it: the columns it declared, in the order it declared them. Host-owned, host-allocated:
 * it may grow at its end in a later minor. */
typedef struct weir_batch {
    uint32_t struct_size, n_columns;
    int64_t length; /* rows */
    const weir_column *columns;
    const int64_t *time; /* event time by row in ms, WEIR_NO_TIME where none; never NULL */
    /* Rows in which an input declared without '?' is null (LSB-first, bit i = row i; NULL = none). Only maps and filters
     * ever see one: the host makes such a map's outputs null and drops such a filter's rows, whatever the component
     * wrote. For every other component a null in such a field is a record error before the call. */
    const uint8_t *null_rows;
    /* Only for a component with WEIR_ACCEPTS_SELECTION: rows that exist (bit i = row i; NULL = all). */
    const uint8_t *selection;
    int64_t selected; /* rows that exist: length unless selection is set */
} weir_batch;

static_assert(sizeof(void *) == 8, "weir is for 64-bit machines");
static_assert(sizeof(weir_column) == 40, "weir_column is frozen");
static_assert(offsetof(weir_batch, columns) == 16 && offsetof(weir_batch, time) == 24, "weir_batch's head is frozen");

/* A name and a type. Arrays of it are passed with a stride. */
typedef struct weir_schema_field {
    const char *name;
    uint32_t type; /* enum weir_type */
    uint32_t nullable;
} weir_schema_field;

typedef struct weir_schema_view {
    uint32_t struct_size, n_fields, field_stride, reserved;
    const weir_schema_field *fields;
} weir_schema_view;

static inline const weir_schema_field *weir_schema_at(const weir_schema_view *s, uint32_t i)
{
    return (const weir_schema_field *)(const void *)((const char *)s->fields + (size_t)i * s->field_stride);
}

/* The field of that name; -1 when there is none. */
static inline int32_t weir_schema_index(const weir_schema_view *s, const char *name)
{
    for (uint32_t i = 0; i < s->n_fields; i++) {
        if (strcmp(weir_schema_at(s, i)->name, name) == 0) return (int32_t)i;
    }
    return -1;
}

/* ---- reading a row ------------------------------------------------------------------------------------------- */

typedef struct weir_row {
    const weir_batch *batch;
    int64_t i;
} weir_row;

static inline bool weir_bit(const uint8_t *bits, int64_t i)
{
    return bits[i >> 3] >> (i & 7) & 1;
}
/* n bytes that are 0 or 1 as bits, LSB first; the last byte's bits beyond n are 0. For filters: compilers make vectors of a
 * loop that writes a byte for each row, not of one that writes bits. */
static inline void weir_bits_from_bytes(uint8_t *bits, const uint8_t *bytes, int64_t n)
{
    for (int64_t i = 0; i < n; i += 8) {
        uint64_t eight = 0;
        memcpy(&eight, bytes + i, n - i < 8 ? (size_t)(n - i) : 8);
        bits[i >> 3] = (uint8_t)(eight * 0x0102040810204080u >> 56); /* byte k to bit 56 + k; little-endian */
    }
}
static inline bool weir_null(weir_row r, uint32_t c)
{
    const weir_column *k = &r.batch->columns[c];
    return k->validity && !weir_bit(k->validity, r.i + k->bit_offset);
}
static inline bool weir_bool(weir_row r, uint32_t c)
{
    const weir_column *k = &r.batch->columns[c];
    return weir_bit((const uint8_t *)k->data, r.i + k->bit_offset);
}
static inline int32_t weir_i32(weir_row r, uint32_t c)
{
    return ((const int32_t *)r.batch->columns[c].data)[r.i];
}
static inline int64_t weir_i64(weir_row r, uint32_t c) /* i64 and timestamp */
{
    return ((const int64_t *)r.batch->columns[c].data)[r.i];
}
static inline float weir_f32(weir_row r, uint32_t c)
{
    return ((const float *)r.batch->columns[c].data)[r.i];
}
static inline double weir_f64(weir_row r, uint32_t c)
{
    return ((const double *)r.batch->columns[c].data)[r.i];
}
/* A string literal, and comparing with one. */
#define WEIR_STR(literal) ((weir_str){(literal), sizeof(literal) - 1})
static inline bool weir_str_is(weir_str s, const char *text)
{
    return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}
static inline weir_str weir_text(weir_row r, uint32_t c) /* string, bytes and any; borrowed with the batch */
{
    const weir_column *k = &r.batch->columns[c];
    weir_str s = {(const char *)k->data + k->offsets[r.i], (size_t)(k->offsets[r.i + 1] - k->offsets[r.i])};
    return s;
}
static inline int64_t weir_time(weir_row r)
{
    return r.batch->time[r.i];
}

/* ---- writing rows -------------------------------------------------------------------------------------------- */

/* One column being written. FROZEN. Values for the row being written go at index weir_out.length. */
typedef struct weir_out_column {
    void *data;             /* bool: bitmap; string, bytes, any: the bytes */
    uint8_t *validity;      /* NULL: declared without '?'. Otherwise all ones; weir_put_null clears the bit. */
    int32_t *offsets;       /* string, bytes, any */
    int64_t bytes_capacity; /* string, bytes, any: size of data */
    uint32_t type, reserved;
} weir_out_column;

/* The rows a component has emitted on one port and the host has not taken yet. The host sees to it that capacity is at
 * least the length of the input batch and that length < capacity whenever a callback starts. */
typedef struct weir_out {
    uint32_t struct_size, n_columns; /* the columns the component writes; fields of '*' and '@key' are the host's */
    int64_t length, capacity;        /* rows */
    weir_out_column *columns;
    int64_t *time;    /* event time by row; NULL for a one-to-one component, whose rows keep their time */
    uint32_t *origin; /* row of the input batch each output row came from; NULL where the host needs none */
} weir_out;

static_assert(sizeof(weir_out_column) == 40, "weir_out_column is frozen");
static_assert(offsetof(weir_out, columns) == 24 && offsetof(weir_out, origin) == 40, "weir_out's head is frozen");

#endif
