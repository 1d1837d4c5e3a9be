/* columns.h - fields into typed columns: one column after the other over a run of rows, so that each loop does one thing.
 *
 * A loop stops at the first row whose field is no value of its column's type. Rows before it are emitted, it alone goes
 * through put_row, which finds the field again and rejects the row, and the rest follow.
 */
#ifndef FORMAT_CSV_COLUMNS_H
#define FORMAT_CSV_COLUMNS_H

#include "csv.h"
#include "digits.h"
#include "record.h"

static weir_status make_single(csv *me, weir_ctx *cx, field *f)
{
    size_t n = 0;
    if (f->n > me->single_size) {
        char *more = cx->host->resize(cx, me->single, f->n);
        if (!more) return weir_fail(cx, WEIR_E_MEMORY, "no memory for a field of %" PRIu32 " bytes", f->n);
        me->single = more;
        me->single_size = f->n;
    }
    for (size_t i = 0; i < f->n; i++) {
        me->single[n++] = f->p[i];
        if (f->p[i] == me->scan.of.quote) i++;
    }
    f->p = me->single;
    f->n = (uint32_t)n;
    f->doubled = false;
    return WEIR_OK;
}

/* Null is the null text unquoted; for types that no text can be empty in, also quoted, since many writers quote everything.
 */
static inline bool is_null(const csv *me, const field *f, uint32_t type)
{
    if (f->n != me->null_n || (f->quoted && (type == WEIR_STRING || type == WEIR_BYTES))) return false;
    return f->n == 0 || memcmp(f->p, me->null, f->n) == 0;
}

/* ---- one field --------------------------------------------------------------------------------------------------- */

/* Puts the field into the row being written. False: it is no value of the column, and *why says why not; or me->status. */
static bool put_field(csv *me, weir_ctx *cx, field *f, uint32_t c, const char **why)
{
    uint32_t type = cx->out[0]->columns[c].type;
    if (f->doubled && (me->status = make_single(me, cx, f)) != WEIR_OK) return false;
    *why = weir_cell_trouble(type);
    if (is_null(me, f, type)) {
        if (cx->out[0]->columns[c].validity) {
            weir_put_null(cx, 0, c);
            return true;
        }
        *why = "null, which the column does not allow";
        if (type != WEIR_STRING && type != WEIR_BYTES) return false;
    }
    return weir_cell_put(cx, 0, c, type, &me->times, (weir_str){f->p, f->n}, me->ascii, &me->status) &&
           me->status == WEIR_OK;
}

static weir_status reject(csv *me, weir_ctx *cx, const record *r, uint32_t c, const field *f, const char *why)
{
    const weir_schema_field *column = weir_schema_at(me->schema, c);
    weir_str raw = {me->scan.data + r->start, r->end - r->start}, text = {f->p, f->n};
    int64_t offset = me->offset + (int64_t)r->start;
    const char *hint =
        offset < me->names_end ? "; the line is the names of the columns: `header: true` reads it as such" : "";
    weir_unput(cx, 0);
    if (column->type == WEIR_STRING) {
        return cx->host->reject(cx, raw, me->name, offset, "column '%s' (string): %s%s", column->name, why, hint);
    }
    return cx->host->reject(cx, raw, me->name, offset, "column '%s' (%s): \"%.*s\" is %s%s", column->name,
                            weir_type_word(column->type), weir_cell_shown(text), text.p, why, hint);
}

static weir_status put_row(csv *me, weir_ctx *cx, const record *r, const field *fields)
{
    for (uint32_t i = 0; i < me->n_fields; i++) {
        field f = fields[i];
        const char *why;
        if (me->targets[i] < 0 || put_field(me, cx, &f, (uint32_t)me->targets[i], &why)) continue;
        return me->status == WEIR_OK ? reject(me, cx, r, (uint32_t)me->targets[i], &f, why) : me->status;
    }
    return weir_emit(cx, 0, WEIR_NO_TIME);
}

/* ---- one column -------------------------------------------------------------------------------------------------- */

/* A column's fields: those of row k are at fields[k * stride]. Each loop returns how many rows it put. */
typedef struct run {
    csv *me;
    weir_ctx *cx;
    const field *fields;
    uint32_t stride, n, c;
} run;

/* The loops' way out for what is rare: row k's field by put_field. */
static __attribute__((noinline)) bool put_rare(const run *u, uint32_t k)
{
    weir_out *o = u->cx->out[0];
    field f = u->fields[(size_t)k * u->stride];
    const char *why;
    o->length += k;
    bool fine = put_field(u->me, u->cx, &f, u->c, &why);
    o->length -= k;
    return fine;
}

static uint32_t put_any(const run *u)
{
    uint32_t k = 0;
    while (k < u->n && put_rare(u, k)) k++;
    return k;
}

/* Of a type whose text is never null: `read` is of a text, and false where it is no value. */
#define PUT_NUMBERS(name, type, read)                           \
    static uint32_t name(const run *u)                          \
    {                                                           \
        weir_out *o = u->cx->out[0];                            \
        type *to = (type *)o->columns[u->c].data + o->length;   \
        const weir_cell_times *times = &u->me->times;           \
        size_t null_n = u->me->null_n;                          \
        (void)times;                                            \
        for (uint32_t k = 0; k < u->n; k++) {                   \
            const field *f = &u->fields[(size_t)k * u->stride]; \
            if (f->n == null_n || f->doubled) {                 \
                if (!put_rare(u, k)) return k;                  \
            } else if (!(read)) {                               \
                return k;                                       \
            }                                                   \
        }                                                       \
        return u->n;                                            \
    }
#ifdef __x86_64__
/* Rows [k, ...) by fours, as far as they are plain integers: the row behind them. */
DIGITS_AVX2 static uint32_t put_fours(const run *u, uint32_t k, int64_t *to)
{
    const field *f = u->fields + (size_t)k * u->stride;
    size_t stride = u->stride;
    if (u->n - k < 4 || f->p + f->n - u->me->scan.data < DIGITS_MOST) return k;
    for (; u->n - k >= 4; k += 4, f += 4 * stride) {
        const field *g[] = {f, f + stride, f + 2 * stride, f + 3 * stride};
        const char *const end[] = {g[0]->p + g[0]->n, g[1]->p + g[1]->n, g[2]->p + g[2]->n, g[3]->p + g[3]->n};
        const uint32_t n[] = {g[0]->n, g[1]->n, g[2]->n, g[3]->n};
        if (!digits_avx2(end, n, &to[k])) break;
    }
    return k;
}

/* Integers by SIMD; a field at the beginning of the bytes, and one that is no plain integer, as any other. */
#define PUT_INTEGERS(name, read)                                                                             \
    static __attribute__((target("sse4.1"))) uint32_t name(const run *u)                                     \
    {                                                                                                        \
        weir_out *o = u->cx->out[0];                                                                         \
        int64_t *to = (int64_t *)o->columns[u->c].data + o->length;                                          \
        const weir_cell_times *times = &u->me->times;                                                        \
        const char *readable = u->me->scan.data;                                                             \
        size_t null_n = u->me->null_n;                                                                       \
        bool fours = u->me->at_once == 4 && null_n - 1 >= DIGITS_MOST; /* else one of them may be null */    \
        (void)times;                                                                                         \
        for (uint32_t k = 0; k < u->n;) {                                                                    \
            if (fours) k = put_fours(u, k, to);                                                              \
            for (uint32_t until = u->n - k < 4 ? u->n : k + 4; k < until; k++) {                             \
                const field *f = &u->fields[(size_t)k * u->stride];                                          \
                if (f->n == null_n || f->doubled) {                                                          \
                    if (!put_rare(u, k)) return k;                                                           \
                    continue;                                                                                \
                }                                                                                            \
                const char *end = f->p + f->n;                                                               \
                if ((end - readable < DIGITS_MOST || !digits_sse41(end, f->n, &to[k])) && !(read)) return k; \
            }                                                                                                \
        }                                                                                                    \
        return u->n;                                                                                         \
    }
PUT_INTEGERS(put_i64_simd, weir_text_to_i64(f->p, f->n, &to[k]))
PUT_INTEGERS(put_time_simd, weir_cell_to_time(times, f->p, f->n, &to[k]))
#endif
PUT_NUMBERS(put_i64, int64_t, weir_text_to_i64(f->p, f->n, &to[k]))
PUT_NUMBERS(put_i32, int32_t, weir_text_to_i32(f->p, f->n, &to[k]))
PUT_NUMBERS(put_f64, double, weir_text_to_f64(f->p, f->n, &to[k]))
PUT_NUMBERS(put_time, int64_t, weir_cell_to_time(times, f->p, f->n, &to[k]))

/* Short texts are copied by 16 bytes, whatever their length: what is written too much the next text overwrites. */
static inline void copy_text(char *to, const char *from, size_t n, const char *readable)
{
    if (n <= 32 && readable - from >= 32) {
        memcpy(to, from, 16);
        if (n > 16) memcpy(to + 16, from + 16, 16);
    } else {
        memcpy(to, from, n);
    }
}

static uint32_t put_texts(const run *u)
{
    const csv *me = u->me;
    weir_out *o = u->cx->out[0];
    weir_out_column *column = &o->columns[u->c];
    const char *readable = me->scan.data + me->scan.n;
    bool check = !me->ascii && column->type == WEIR_STRING;
    uint32_t n = u->n, stride = u->stride;
    size_t null_n = me->null_n; /* and the following: locals, since a store of bytes might change anything else */
    const field *f = u->fields;
    int32_t *offsets = column->offsets + o->length, at = offsets[0];
    int64_t capacity = column->bytes_capacity;
    char *data = column->data;
    for (uint32_t k = 0; k < n; k++, f += stride) {
        if (f->n == null_n || f->doubled || capacity - at < (int64_t)f->n + 32) {
            if (!put_rare(u, k)) return k;
            capacity = column->bytes_capacity;
            data = column->data;
            at = offsets[k + 1];
            continue;
        }
        if (check && !weir_is_utf8(f->p, f->n)) return k;
        copy_text(data + at, f->p, f->n, readable);
        at += (int32_t)f->n;
        offsets[k + 1] = at;
    }
    return n;
}

static uint32_t put_column(const run *u)
{
    switch (u->cx->out[0]->columns[u->c].type) {
#ifdef __x86_64__
    case WEIR_I64: return u->me->at_once ? put_i64_simd(u) : put_i64(u);
    case WEIR_TIMESTAMP: return u->me->at_once && u->me->times.automatic ? put_time_simd(u) : put_time(u);
#else
    case WEIR_I64: return put_i64(u);
    case WEIR_TIMESTAMP: return put_time(u);
#endif
    case WEIR_I32: return put_i32(u);
    case WEIR_F64: return put_f64(u);
    case WEIR_STRING:
    case WEIR_BYTES: return put_texts(u);
    default: return put_any(u);
    }
}

/* ---- a run of rows ----------------------------------------------------------------------------------------------- */

/* Takes back what was put of rows [from, until), counted from the row being written. */
static void take_back(weir_out *o, int64_t from, int64_t until)
{
    from += o->length;
    until += o->length;
    for (uint32_t c = 0; c < o->n_columns; c++) {
        weir_out_column *k = &o->columns[c];
        for (int64_t i = from; i < until; i++) {
            if (k->validity) k->validity[i >> 3] |= (uint8_t)(1u << (i & 7));
            if (k->offsets) k->offsets[i + 1] = -1;
        }
    }
}

/* Puts and emits me->rows[first ...) as far as their fields are values: *good rows. */
static weir_status put_columns(csv *me, weir_ctx *cx, uint32_t first, uint32_t *good)
{
    run u = {.me = me, .cx = cx, .stride = me->plain ? 1 : me->n_fields, .n = me->n_rows - first};
    for (uint32_t i = 0; i < me->n_fields && u.n > 0; i++) {
        if (me->targets[i] < 0) continue;
        u.c = (uint32_t)me->targets[i];
        u.fields = me->plain ? me->column : me->fields + (size_t)first * me->n_fields + i;
        if (me->plain) plain_column(me, first, i, u.n, me->column);
        u.n = put_column(&u);
        if (me->status != WEIR_OK) return me->status;
    }
    if (u.n < me->n_rows - first) take_back(cx->out[0], u.n, me->n_rows - first);
    *good = u.n;
    return weir_emit_rows(cx, 0, u.n, WEIR_NO_TIME);
}

static size_t start_of(const csv *me, uint32_t row)
{
    const scan *s = &me->scan;
    return me->plain ? s->base + plain_begin(&s->marks, me->plain_first + row * me->n_fields) : me->rows[row].start;
}

static weir_status put_row_alone(csv *me, weir_ctx *cx, uint32_t row)
{
    if (!me->plain) return put_row(me, cx, &me->rows[row], me->fields + (size_t)row * me->n_fields);
    record r;
    plain_row(me, row, &r, me->fields);
    return put_row(me, cx, &r, me->fields);
}

/* Emits or rejects me->rows, there being room for all; *done of them: fewer when a rejected one left no room. */
static weir_status put_rows(csv *me, weir_ctx *cx, uint32_t *done)
{
    weir_status s = WEIR_OK;
    *done = 0;
    me->status = WEIR_OK;
    while (*done < me->n_rows && s == WEIR_OK && (*done == 0 || !weir_full(cx))) {
        uint32_t good;
        if ((s = put_columns(me, cx, *done, &good)) != WEIR_OK) return s;
        *done += good;
        if (*done == me->n_rows) break;
        s = put_row_alone(me, cx, *done);
        ++*done;
    }
    return s;
}

#endif
