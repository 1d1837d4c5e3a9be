/* weir.reducers - sum, min, max, min_by, max_by: two records into one, of a key or of a window.
 *
 * As Flink's aggregations by field: sum, min and max keep the FIRST record and make one field current (the others are stale
 * by design); min_by and max_by keep the whole record that holds the extreme. A null field takes no part. Floats are ordered
 * as by Java's Double.compare: -0.0 before 0.0, NaN after everything.
 */
#include <weir/udf.h>

typedef struct reducer {
    int32_t field;
    bool first; /* min_by, max_by: which of several equal ones */
} reducer;

/* ---- values ------------------------------------------------------------------------------------------------------ */

static int64_t whole(weir_row in, uint32_t c)
{
    switch (in.batch->columns[c].type) {
    case WEIR_BOOL: return weir_bool(in, c);
    case WEIR_I32: return weir_i32(in, c);
    default: return weir_i64(in, c);
    }
}

/* Floats by their place in the order. */
static int64_t rank_of(weir_row in, uint32_t c)
{
    double v = in.batch->columns[c].type == WEIR_F32 ? (double)weir_f32(in, c) : weir_f64(in, c);
    int64_t bits;
    if (v != v) return INT64_MAX;
    memcpy(&bits, &v, sizeof bits);
    return bits < 0 ? bits ^ INT64_MAX : bits;
}

static int order_of(weir_row a, weir_row b, uint32_t c)
{
    uint32_t type = a.batch->columns[c].type;
    bool is_float = type == WEIR_F32 || type == WEIR_F64;
    int64_t x, y;
    if (type == WEIR_STRING || type == WEIR_BYTES) {
        weir_str p = weir_text(a, c), q = weir_text(b, c);
        size_t n = p.n < q.n ? p.n : q.n;
        int order = n ? memcmp(p.p, q.p, n) : 0;
        if (order) return order;
        return (p.n > q.n) - (p.n < q.n);
    }
    x = is_float ? rank_of(a, c) : whole(a, c);
    y = is_float ? rank_of(b, c) : whole(b, c);
    return (x > y) - (x < y);
}

static weir_status copy_row(weir_ctx *cx, weir_row from, uint32_t but)
{
    weir_status s = WEIR_OK;
    for (uint32_t c = 0; s == WEIR_OK && c < cx->out[0]->n_columns; c++) {
        if (c != but) s = weir_copy(cx, 0, c, from, c);
    }
    return s;
}
#define NO_FIELD UINT32_MAX

/* ---- sum --------------------------------------------------------------------------------------------------------- */

static weir_status put_sum(weir_ctx *cx, weir_row a, weir_row b, uint32_t c)
{
    uint32_t type = a.batch->columns[c].type;
    int64_t sum;
    if (type == WEIR_F64) {
        weir_put_f64(cx, 0, c, weir_f64(a, c) + weir_f64(b, c));
    } else if (type == WEIR_F32) {
        weir_put_f32(cx, 0, c, weir_f32(a, c) + weir_f32(b, c));
    } else if (__builtin_add_overflow(whole(a, c), whole(b, c), &sum) || (type == WEIR_I32 && sum != (int32_t)sum)) {
        return weir_fail(cx, WEIR_E_DATA, "the sum of field '%s' no longer fits in %s",
                         weir_schema_at(cx->host->input_schema(cx, 0), c)->name, type == WEIR_I32 ? "i32" : "i64");
    } else if (type == WEIR_I32) {
        weir_put_i32(cx, 0, c, (int32_t)sum);
    } else {
        weir_put_i64(cx, 0, c, sum);
    }
    return WEIR_OK;
}

static weir_status sum_reduce(void *self, weir_ctx *cx, weir_row so_far, weir_row next)
{
    uint32_t c = (uint32_t)((const reducer *)self)->field;
    weir_status s = copy_row(cx, so_far, c);
    if (s != WEIR_OK) return s;
    if (weir_null(next, c) || weir_null(so_far, c)) return weir_copy(cx, 0, c, weir_null(next, c) ? so_far : next, c);
    return put_sum(cx, so_far, next, c);
}

/* ---- extremes ---------------------------------------------------------------------------------------------------- */

/* wanted: the sign of (next - so_far) with which next's value takes the other's place. */
static bool takes_over(weir_row so_far, weir_row next, uint32_t c, int wanted, bool first)
{
    if (weir_null(next, c)) return false;
    if (weir_null(so_far, c)) return true;
    int order = order_of(next, so_far, c) * wanted;
    return order > 0 || (order == 0 && !first);
}

static weir_status field_of_extreme(const reducer *me, weir_ctx *cx, weir_row so_far, weir_row next, int wanted)
{
    uint32_t c = (uint32_t)me->field;
    weir_status s = copy_row(cx, so_far, c);
    return s == WEIR_OK ? weir_copy(cx, 0, c, takes_over(so_far, next, c, wanted, true) ? next : so_far, c) : s;
}
static weir_status row_of_extreme(const reducer *me, weir_ctx *cx, weir_row so_far, weir_row next, int wanted)
{
    bool over = takes_over(so_far, next, (uint32_t)me->field, wanted, me->first);
    return copy_row(cx, over ? next : so_far, NO_FIELD);
}

static weir_status min_reduce(void *self, weir_ctx *cx, weir_row so_far, weir_row next)
{
    return field_of_extreme(self, cx, so_far, next, -1);
}
static weir_status max_reduce(void *self, weir_ctx *cx, weir_row so_far, weir_row next)
{
    return field_of_extreme(self, cx, so_far, next, 1);
}
static weir_status min_by_reduce(void *self, weir_ctx *cx, weir_row so_far, weir_row next)
{
    return row_of_extreme(self, cx, so_far, next, -1);
}
static weir_status max_by_reduce(void *self, weir_ctx *cx, weir_row so_far, weir_row next)
{
    return row_of_extreme(self, cx, so_far, next, 1);
}

/* ---- the components ---------------------------------------------------------------------------------------------- */

static const weir_option sum_options[] = {
    WEIR_OPTION_OF(reducer, field, WEIR_OPT_FIELD, .flags = WEIR_NUMERIC, .doc = "the number to add up")};
static const weir_option extreme_options[] = {
    WEIR_OPTION_OF(reducer, field, WEIR_OPT_FIELD, .flags = WEIR_ORDERED, .doc = "the field to compare")};
static const weir_option by_options[] = {
    WEIR_OPTION_OF(reducer, field, WEIR_OPT_FIELD, .flags = WEIR_ORDERED, .doc = "the field to compare"),
    WEIR_OPTION(reducer, first, .def = "true", .doc = "of several equal ones keep the earliest; false: the latest")};

#define REDUCER(T, ...)                                                                                 \
    typedef reducer T;                                                                                  \
    static const weir_reducer T##_vtable = {.struct_size = sizeof(weir_reducer), .reduce = T##_reduce}; \
    WEIR_COMPONENT(T, WEIR_REDUCER, T##_vtable, .id = #T, .in = "*", .out = "@in", __VA_ARGS__)
REDUCER(sum, .doc = "the first record, with the sum of a field", WEIR_OPTIONS(sum_options));
REDUCER(min, .doc = "the first record, with the minimum of a field", WEIR_OPTIONS(extreme_options));
REDUCER(max, .doc = "the first record, with the maximum of a field", WEIR_OPTIONS(extreme_options));
REDUCER(min_by, .doc = "the record with the smallest field", WEIR_OPTIONS(by_options));
REDUCER(max_by, .doc = "the record with the largest field", WEIR_OPTIONS(by_options));

WEIR_PLUGIN("weir.reducers", "0.1.0", &sum_component, &min_component, &max_component, &min_by_component, &max_by_component);
