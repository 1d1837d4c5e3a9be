/* weir.operators_rolling - running aggregates per key: a record out for every record in.
 *
 * As Flink's rolling aggregations of a keyed stream: rolling_sum, rolling_min and rolling_max emit the key's FIRST record
 * with only the one field made current (the others are stale by design); rolling_min_by and rolling_max_by emit the whole
 * record that holds the extreme. Each output has the event time of the input it came from. A null field takes no part: it
 * neither adds nor compares, and the result stays null until a record has a value.
 *
 * State per key: that record, packed once when it is kept, and the running value of the field beside it.
 *
 * Order of floats: as Java's Double.compare, so that every value has its place: -0.0 before 0.0, NaN after everything.
 */
#include <weir/udf.h>

typedef struct kept {
    weir_str record; /* the first one, or the one that holds the extreme; empty: there was none yet */
    bool present;    /* a value was seen; else the three below mean nothing */
    int64_t i;       /* bool, i32, i64, timestamp */
    double f;        /* f32, f64 */
    weir_str text;   /* string, bytes */
} kept;
static const weir_field kept_members[] = {
    WEIR_MEMBER_OF(kept, record, WEIR_BYTES), WEIR_MEMBER(kept, present), WEIR_MEMBER(kept, i), WEIR_MEMBER(kept, f),
    WEIR_MEMBER_OF(kept, text, WEIR_BYTES),
};
static const weir_state kept_states[] = {WEIR_VALUE_STATE("kept", kept, kept_members)};
enum { KEPT };

typedef struct rolling {
    int32_t field;
    bool first; /* rolling_min_by, rolling_max_by: which of several equal ones */
} rolling;

/* ---- values ------------------------------------------------------------------------------------------------------ */

/* A row's field, in the member that its type uses. */
static kept value_of(weir_row in, uint32_t c)
{
    kept v = {.present = !weir_null(in, c)};
    if (!v.present) return v;
    switch (in.batch->columns[c].type) {
    case WEIR_BOOL: v.i = weir_bool(in, c); break;
    case WEIR_I32: v.i = weir_i32(in, c); break;
    case WEIR_F32: v.f = (double)weir_f32(in, c); break;
    case WEIR_F64: v.f = weir_f64(in, c); break;
    case WEIR_STRING:
    case WEIR_BYTES: v.text = weir_text(in, c); break;
    default: v.i = weir_i64(in, c); break;
    }
    return v;
}

static weir_status put_value(weir_ctx *cx, uint32_t c, uint32_t type, const kept *v)
{
    if (!v->present) {
        weir_put_null(cx, 0, c);
        return WEIR_OK;
    }
    weir_put_present(cx, 0, c);
    switch (type) {
    case WEIR_BOOL: weir_put_bool(cx, 0, c, v->i != 0); return WEIR_OK;
    case WEIR_I32: weir_put_i32(cx, 0, c, (int32_t)v->i); return WEIR_OK;
    case WEIR_F32: weir_put_f32(cx, 0, c, (float)v->f); return WEIR_OK;
    case WEIR_F64: weir_put_f64(cx, 0, c, v->f); return WEIR_OK;
    case WEIR_STRING:
    case WEIR_BYTES: return weir_put_text(cx, 0, c, v->text);
    default: weir_put_i64(cx, 0, c, v->i); return WEIR_OK;
    }
}

static weir_status keep_value(weir_ctx *cx, kept *k, const kept *v, uint32_t type)
{
    k->present = v->present;
    k->i = v->i;
    k->f = v->f;
    return type == WEIR_STRING || type == WEIR_BYTES ? weir_assign(cx, KEPT, &k->text, v->text) : WEIR_OK;
}

static weir_status keep_record(weir_ctx *cx, kept *k, weir_row in)
{
    weir_str packed;
    weir_status s = cx->host->pack_row(cx, in, &packed);
    return s == WEIR_OK ? weir_assign(cx, KEPT, &k->record, packed) : s;
}

/* Doubles in the order of Java's Double.compare. */
static int64_t rank_of(double v)
{
    int64_t bits;
    if (v != v) return INT64_MAX;
    memcpy(&bits, &v, sizeof bits);
    return bits < 0 ? bits ^ INT64_MAX : bits;
}

static int order_of(const kept *a, const kept *b, uint32_t type)
{
    int64_t x = a->i, y = b->i;
    if (type == WEIR_STRING || type == WEIR_BYTES) {
        size_t n = a->text.n < b->text.n ? a->text.n : b->text.n;
        int order = n ? memcmp(a->text.p, b->text.p, n) : 0;
        if (order) return order;
        x = (int64_t)a->text.n;
        y = (int64_t)b->text.n;
    } else if (type == WEIR_F32 || type == WEIR_F64) {
        x = rank_of(a->f);
        y = rank_of(b->f);
    }
    return (x > y) - (x < y);
}

/* ---- sum, min, max ----------------------------------------------------------------------------------------------- */

/* The kept record with the field made current, at the input's time. */
static weir_status emit_kept(weir_ctx *cx, const kept *k, weir_row in, uint32_t c)
{
    weir_status s = cx->host->unpack_row(cx, 0, k->record);
    if (s == WEIR_OK) s = put_value(cx, c, in.batch->columns[c].type, k);
    return s == WEIR_OK ? weir_emit(cx, 0, weir_time(in)) : s;
}

static weir_status add(weir_ctx *cx, kept *k, const kept *v, uint32_t c, uint32_t type)
{
    if (type == WEIR_F64) {
        k->f += v->f;
    } else if (type == WEIR_F32) {
        k->f = (double)((float)k->f + (float)v->f);
    } else if (__builtin_add_overflow(k->i, v->i, &k->i) || (type == WEIR_I32 && k->i != (int32_t)k->i)) {
        return weir_fail(cx, WEIR_E_DATA, "the sum of field '%s' no longer fits in %s",
                         weir_schema_at(cx->host->input_schema(cx, 0), c)->name, type == WEIR_I32 ? "i32" : "i64");
    }
    return WEIR_OK;
}

/* wanted: 0 sums; else the sign of (new - kept) with which a new value takes the kept one's place. */
static weir_status roll(const rolling *me, weir_ctx *cx, weir_row in, int wanted)
{
    uint32_t c = (uint32_t)me->field, type = in.batch->columns[c].type;
    kept v = value_of(in, c), *k = weir_edit(cx, KEPT);
    weir_status s = WEIR_OK;
    if (!k) return WEIR_E_MEMORY;
    if (k->record.n == 0 && (s = keep_record(cx, k, in)) != WEIR_OK) return s;
    if (v.present && !k->present) {
        s = keep_value(cx, k, &v, type);
    } else if (v.present && wanted == 0) {
        s = add(cx, k, &v, c, type);
    } else if (v.present && order_of(&v, k, type) * wanted > 0) {
        s = keep_value(cx, k, &v, type);
    }
    return s == WEIR_OK ? emit_kept(cx, k, in, c) : s;
}

typedef rolling rolling_sum;
static weir_status rolling_sum_row(rolling_sum *me, weir_ctx *cx, weir_row in)
{
    return roll(me, cx, in, 0);
}
static const weir_option sum_options[] = {
    WEIR_OPTION_OF(rolling, field, WEIR_OPT_FIELD, .flags = WEIR_NUMERIC, .doc = "the number to add up"),
};
WEIR_KEYED_PROCESS(rolling_sum, .id = "rolling_sum", .doc = "running sum of a field, in the key's first record", .in = "*",
                   .out = "@in", WEIR_OPTIONS(sum_options), WEIR_STATES(kept_states));

static const weir_option extreme_options[] = {
    WEIR_OPTION_OF(rolling, field, WEIR_OPT_FIELD, .flags = WEIR_ORDERED, .doc = "the field to compare"),
};
typedef rolling rolling_min;
static weir_status rolling_min_row(rolling_min *me, weir_ctx *cx, weir_row in)
{
    return roll(me, cx, in, -1);
}
WEIR_KEYED_PROCESS(rolling_min, .id = "rolling_min", .doc = "running minimum of a field, in the key's first record",
                   .in = "*", .out = "@in", WEIR_OPTIONS(extreme_options), WEIR_STATES(kept_states));

typedef rolling rolling_max;
static weir_status rolling_max_row(rolling_max *me, weir_ctx *cx, weir_row in)
{
    return roll(me, cx, in, 1);
}
WEIR_KEYED_PROCESS(rolling_max, .id = "rolling_max", .doc = "running maximum of a field, in the key's first record",
                   .in = "*", .out = "@in", WEIR_OPTIONS(extreme_options), WEIR_STATES(kept_states));

/* ---- min_by, max_by ---------------------------------------------------------------------------------------------- */

static weir_status roll_by(const rolling *me, weir_ctx *cx, weir_row in, int wanted)
{
    uint32_t c = (uint32_t)me->field, type = in.batch->columns[c].type;
    kept v = value_of(in, c), *k = weir_edit(cx, KEPT);
    weir_status s = WEIR_OK;
    if (!k) return WEIR_E_MEMORY;
    bool takes_over = k->record.n == 0;
    if (!takes_over && v.present) {
        int order = k->present ? order_of(&v, k, type) * wanted : 1;
        takes_over = order > 0 || (order == 0 && !me->first);
    }
    if (takes_over) {
        s = keep_record(cx, k, in);
        if (s == WEIR_OK) s = keep_value(cx, k, &v, type);
    }
    if (s == WEIR_OK) s = cx->host->unpack_row(cx, 0, k->record);
    return s == WEIR_OK ? weir_emit(cx, 0, weir_time(in)) : s;
}

static const weir_option by_options[] = {
    WEIR_OPTION_OF(rolling, field, WEIR_OPT_FIELD, .flags = WEIR_ORDERED, .doc = "the field to compare"),
    WEIR_OPTION(rolling, first, .def = "true", .doc = "of several equal ones keep the earliest; false: the latest"),
};
typedef rolling rolling_min_by;
static weir_status rolling_min_by_row(rolling_min_by *me, weir_ctx *cx, weir_row in)
{
    return roll_by(me, cx, in, -1);
}
WEIR_KEYED_PROCESS(rolling_min_by, .id = "rolling_min_by", .doc = "the record with the smallest field so far", .in = "*",
                   .out = "@in", WEIR_OPTIONS(by_options), WEIR_STATES(kept_states));

typedef rolling rolling_max_by;
static weir_status rolling_max_by_row(rolling_max_by *me, weir_ctx *cx, weir_row in)
{
    return roll_by(me, cx, in, 1);
}
WEIR_KEYED_PROCESS(rolling_max_by, .id = "rolling_max_by", .doc = "the record with the largest field so far", .in = "*",
                   .out = "@in", WEIR_OPTIONS(by_options), WEIR_STATES(kept_states));

/* ---- count ------------------------------------------------------------------------------------------------------- */

typedef struct rolling_count {
    const char *into;
} rolling_count;
typedef struct counted {
    int64_t n;
} counted;
static const weir_field counted_members[] = {WEIR_MEMBER(counted, n)};
static const weir_state count_states[] = {WEIR_VALUE_STATE("count", counted, counted_members)};

static weir_status rolling_count_row(rolling_count *me, weir_ctx *cx, weir_row in)
{
    counted *count = weir_edit(cx, 0);
    (void)me;
    (void)in;
    if (!count) return WEIR_E_MEMORY;
    weir_put_i64(cx, 0, 0, ++count->n);
    return WEIR_OK;
}
static const weir_option count_options[] = {
    WEIR_OPTION(rolling_count, into, .def = "count", .doc = "name of the field that is added"),
};
WEIR_KEYED_MAP(rolling_count, .id = "rolling_count", .doc = "adds how many records of the key there were, this one included",
               .in = "*", .out = "*, {into}:i64", WEIR_OPTIONS(count_options), WEIR_STATES(count_states));

WEIR_PLUGIN("weir.operators_rolling", "0.1.0", &rolling_sum_component, &rolling_min_component, &rolling_max_component,
            &rolling_min_by_component, &rolling_max_by_component, &rolling_count_component);
