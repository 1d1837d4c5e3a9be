/* weir.aggregates - count, sum, avg, min, max, first, last, min_by, max_by, count_distinct.
 *
 * Nulls are SQL's: a null value takes no part, and where no value took part the result is null (a count is 0). Integers add
 * up in 128 bits, and a sum that does not fit in i64 fails when it is asked for; floats add up in f64, in order of arrival.
 * Floats are ordered as Java's Double.compare does it, so that every value has its place: -0.0 before 0.0, NaN after
 * everything.
 *
 * Declared mergeable are those for which merging parts gives the same bits whatever order rows arrived in. That leaves out
 * float sums, which round by order, and everything that depends on which row came first; they have `merge` all the same.
 */
#include <weir/udf.h>

/* The types of the inputs, which decide the loops. */
typedef struct aggregate {
    uint32_t type, by;
} aggregate;

static weir_status aggregate_open(void *self, weir_ctx *cx)
{
    aggregate *me = self;
    const weir_schema_view *in = cx->host->input_schema(cx, 0);
    me->type = in->n_fields > 0 ? weir_schema_at(in, 0)->type : 0;
    me->by = in->n_fields > 1 ? weir_schema_at(in, 1)->type : 0;
    return WEIR_OK;
}

/* Runs the statement for each row i in which column 0 is not null, with `acc` the accumulator it goes to. */
#define FOR_PRESENT(T, statement)                           \
    {                                                       \
        bool nullable = batch->columns[0].validity != NULL; \
        for (int64_t i = 0; i < batch->length; i++) {       \
            const weir_row row = {batch, i};                \
            T *acc = accs[i];                               \
            if (nullable && weir_null(row, 0)) continue;    \
            statement;                                      \
        }                                                   \
    }

/* ---- inputs of another type than when the state was saved --------------------------------------------------------- */

/* What has to be done with a value: nothing, or it was an i32 and is now an f64. */
enum widening { OTHER, SAME, FLOATED };

static enum widening widening_of(uint32_t from, uint32_t to)
{
    bool whole = from == WEIR_I64 || from == WEIR_TIMESTAMP || from == WEIR_I32;
    if (from == to || (whole && (to == WEIR_I64 || to == WEIR_TIMESTAMP)) || (from == WEIR_F32 && to == WEIR_F64))
        return SAME;
    return from == WEIR_I32 && to == WEIR_F64 ? FLOATED : OTHER;
}

/* Input `i` of the saved state against that of now. w: NULL: an i32 cannot become an f64. */
static weir_status migrate_input(weir_ctx *cx, const weir_migration *m, uint32_t i, enum widening *w)
{
    static const char *const names[] = {"", "bool", "i32", "i64", "f32", "f64", "timestamp", "string", "bytes", "any"};
    const weir_schema_field *f = weir_schema_at(cx->host->input_schema(cx, 0), i);
    uint32_t from = i < m->n_inputs && m->inputs[i] < WEIR_LEN(names) ? m->inputs[i] : f->type;
    const enum widening found = widening_of(from, f->type);
    if (w) *w = found;
    if (found == SAME || (w && found == FLOATED)) return WEIR_OK;
    return weir_fail(cx, WEIR_E_CONFIG, "'%s' was %s and is %s now; what was kept can only be taken over for wider numbers",
                     f->name, names[from], names[f->type]);
}

/* ---- one value --------------------------------------------------------------------------------------------------- */

typedef struct value {
    bool present;
    int64_t i;     /* bool, i32, i64, timestamp */
    double f;      /* f32, f64 */
    weir_str text; /* string, bytes, any */
} value;
static const weir_field value_members[] = {WEIR_MEMBER(value, present), WEIR_MEMBER(value, i), WEIR_MEMBER(value, f),
                                           WEIR_MEMBER_OF(value, text, WEIR_BYTES)};
static const weir_state value_states[] = {WEIR_VALUE_STATE("value", value, value_members)};

static inline bool is_text(uint32_t type)
{
    return type >= WEIR_STRING;
}

/* A row's value, its text borrowed from the batch. */
static inline value value_at(weir_row row, uint32_t c, uint32_t type)
{
    value v = {.present = !weir_null(row, c)};
    if (!v.present) return v;
    switch (type) {
    case WEIR_BOOL: v.i = weir_bool(row, c); break;
    case WEIR_I32: v.i = weir_i32(row, c); break;
    case WEIR_I64:
    case WEIR_TIMESTAMP: v.i = weir_i64(row, c); break;
    case WEIR_F32: v.f = (double)weir_f32(row, c); break;
    case WEIR_F64: v.f = weir_f64(row, c); break;
    default: v.text = weir_text(row, c); break;
    }
    return v;
}

static weir_status assign_value(weir_ctx *cx, value *to, const value *from, uint32_t type)
{
    to->present = from->present;
    to->i = from->i;
    to->f = from->f;
    return is_text(type) ? weir_assign(cx, 0, &to->text, from->text) : WEIR_OK;
}

static weir_status put_value(weir_ctx *cx, uint32_t column, const value *v)
{
    if (!v->present) {
        weir_put_null(cx, 0, column);
        return WEIR_OK;
    }
    switch (cx->out[0]->columns[column].type) {
    case WEIR_BOOL: weir_put_bool(cx, 0, column, v->i != 0); return WEIR_OK;
    case WEIR_I32: weir_put_i32(cx, 0, column, (int32_t)v->i); return WEIR_OK;
    case WEIR_I64:
    case WEIR_TIMESTAMP: weir_put_i64(cx, 0, column, v->i); return WEIR_OK;
    case WEIR_F32: weir_put_f32(cx, 0, column, (float)v->f); return WEIR_OK;
    case WEIR_F64: weir_put_f64(cx, 0, column, v->f); return WEIR_OK;
    default: return weir_put_text(cx, 0, column, v->text);
    }
}

static void widen_value(value *v, enum widening w)
{
    if (w != FLOATED) return;
    v->f = (double)v->i;
    v->i = 0;
}

static weir_status value_migrate(void *self, weir_ctx *cx, const weir_migration *m)
{
    enum widening w;
    weir_status s = migrate_input(cx, m, 0, &w);
    (void)self;
    if (s == WEIR_OK && m->now) widen_value(m->now, w);
    return s;
}

static weir_status value_result(void *self, weir_ctx *cx, const void *acc, uint32_t column)
{
    (void)self;
    return put_value(cx, column, acc);
}

/* Integers in the order of Java's Double.compare. */
static inline int64_t rank_of(double v)
{
    int64_t bits;
    if (v != v) return INT64_MAX;
    memcpy(&bits, &v, sizeof bits);
    return bits < 0 ? bits ^ INT64_MAX : bits;
}

static int order_of_texts(weir_str a, weir_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

static int order_of(const value *a, const value *b, uint32_t type)
{
    if (is_text(type)) return order_of_texts(a->text, b->text);
    int64_t x = a->i, y = b->i;
    if (type == WEIR_F32 || type == WEIR_F64) {
        x = rank_of(a->f);
        y = rank_of(b->f);
    }
    return (x > y) - (x < y);
}

/* ---- count ------------------------------------------------------------------------------------------------------- */

typedef struct counter {
    int64_t n;
} counter;
static const weir_field counter_members[] = {WEIR_MEMBER(counter, n)};
static const weir_state counter_states[] = {WEIR_VALUE_STATE("count", counter, counter_members)};

static weir_status count_add(void *self, weir_ctx *cx, void *acc, weir_row row)
{
    (void)self, (void)cx;
    (void)row;
    ((counter *)acc)->n++;
    return WEIR_OK;
}
static weir_status count_add_rows(void *self, weir_ctx *cx, void *const *accs, const weir_batch *batch)
{
    (void)self, (void)cx;
    for (int64_t i = 0; i < batch->length; i++) ((counter *)accs[i])->n++;
    return WEIR_OK;
}
static weir_status count_of_add(void *self, weir_ctx *cx, void *acc, weir_row row)
{
    (void)self, (void)cx;
    ((counter *)acc)->n += !weir_null(row, 0);
    return WEIR_OK;
}
static weir_status count_of_add_rows(void *self, weir_ctx *cx, void *const *accs, const weir_batch *batch)
{
    (void)self, (void)cx;
    FOR_PRESENT(counter, acc->n++)
    return WEIR_OK;
}
static weir_status count_merge(void *self, weir_ctx *cx, void *acc, const void *other)
{
    (void)self, (void)cx;
    ((counter *)acc)->n += ((const counter *)other)->n;
    return WEIR_OK;
}
static weir_status count_subtract(void *self, weir_ctx *cx, void *acc, const void *other)
{
    (void)self, (void)cx;
    ((counter *)acc)->n -= ((const counter *)other)->n;
    return WEIR_OK;
}
static weir_status count_result(void *self, weir_ctx *cx, const void *acc, uint32_t column)
{
    (void)self;
    weir_put_i64(cx, 0, column, ((const counter *)acc)->n);
    return WEIR_OK;
}

static const weir_aggregate count_vtable = {.struct_size = sizeof(weir_aggregate),
                                            .add = count_add,
                                            .add_rows = count_add_rows,
                                            .merge = count_merge,
                                            .subtract = count_subtract,
                                            .result = count_result};
typedef aggregate count;
WEIR_COMPONENT(count, WEIR_AGGREGATE, count_vtable, .id = "count", .doc = "how many rows", .out = "result:i64",
               .flags = WEIR_MERGEABLE | WEIR_INVERTIBLE, WEIR_STATES(counter_states));

/* It only looks at what is null. */
static weir_status count_of_migrate(void *self, weir_ctx *cx, const weir_migration *m)
{
    (void)self, (void)cx, (void)m;
    return WEIR_OK;
}

static const weir_aggregate count_of_vtable = {.struct_size = sizeof(weir_aggregate),
                                               .add = count_of_add,
                                               .add_rows = count_of_add_rows,
                                               .merge = count_merge,
                                               .subtract = count_subtract,
                                               .result = count_result};
typedef aggregate count_of;
WEIR_COMPONENT(count_of, WEIR_AGGREGATE, count_of_vtable, .id = "count_of", .doc = "how many rows whose value is not null",
               .in = "value:anything?", .out = "result:i64", .flags = WEIR_MERGEABLE | WEIR_INVERTIBLE,
               WEIR_STATES(counter_states), .migrate = count_of_migrate);

/* ---- sum --------------------------------------------------------------------------------------------------------- */

__extension__ typedef __int128 wide_integer;

/* Integers add up in 128 bits, which 2^63 rows cannot fill: whether the sum fits is asked at the end, so that it does not
 * matter in which order rows came, or in which parts. */
typedef struct total {
    bool present;
    int64_t low, high; /* i32, i64 */
    double f;          /* f32, f64 */
} total;
static const weir_field total_members[] = {WEIR_MEMBER(total, present), WEIR_MEMBER(total, low), WEIR_MEMBER(total, high),
                                           WEIR_MEMBER(total, f)};
static const weir_state total_states[] = {WEIR_VALUE_STATE("total", total, total_members)};

/* *high:*low += v */
static inline void wide_add(int64_t *low, int64_t *high, wide_integer v)
{
    wide_integer s = (wide_integer)*high * ((wide_integer)1 << 64) + (uint64_t)*low + v;
    *low = (int64_t)(uint64_t)s;
    *high = (int64_t)(s >> 64);
}
static inline wide_integer wide_of(int64_t low, int64_t high)
{
    return (wide_integer)high * ((wide_integer)1 << 64) + (uint64_t)low;
}

static inline void sum_integer(total *acc, int64_t v)
{
    acc->present = true;
    wide_add(&acc->low, &acc->high, v);
}
static inline void sum_float(total *acc, double v)
{
    acc->present = true;
    acc->f += v;
}

static weir_status sum_add(void *self, weir_ctx *cx, void *acc, weir_row row)
{
    uint32_t type = ((const aggregate *)self)->type;
    value v = value_at(row, 0, type);
    (void)cx;
    if (!v.present) return WEIR_OK;
    if (type == WEIR_F32 || type == WEIR_F64)
        sum_float(acc, v.f);
    else
        sum_integer(acc, v.i);
    return WEIR_OK;
}

static weir_status sum_add_rows(void *self, weir_ctx *cx, void *const *accs, const weir_batch *batch)
{
    (void)cx;
    switch (((const aggregate *)self)->type) {
    case WEIR_I32: FOR_PRESENT(total, sum_integer(acc, weir_i32(row, 0))) break;
    case WEIR_I64: FOR_PRESENT(total, sum_integer(acc, weir_i64(row, 0))) break;
    case WEIR_F32: FOR_PRESENT(total, sum_float(acc, (double)weir_f32(row, 0))) break;
    default: FOR_PRESENT(total, sum_float(acc, weir_f64(row, 0))) break;
    }
    return WEIR_OK;
}

static weir_status sum_merge(void *self, weir_ctx *cx, void *acc, const void *other)
{
    total *a = acc;
    const total *b = other;
    (void)self, (void)cx;
    a->present |= b->present;
    a->f += b->f;
    wide_add(&a->low, &a->high, wide_of(b->low, b->high));
    return WEIR_OK;
}

static weir_status sum_result(void *self, weir_ctx *cx, const void *acc, uint32_t column)
{
    const total *a = acc;
    const value v = {.present = a->present, .i = a->low, .f = a->f};
    (void)self;
    if (a->high == a->low >> 63) return put_value(cx, column, &v);
    return weir_fail(cx, WEIR_E_DATA, "the sum of '%s' no longer fits in i64; sum a field of type f64 instead",
                     weir_schema_at(cx->host->input_schema(cx, 0), 0)->name);
}

static void float_sum(int64_t *low, int64_t *high, double *f)
{
    *f = (double)wide_of(*low, *high);
    *low = *high = 0;
}
static weir_status sum_migrate(void *self, weir_ctx *cx, const weir_migration *m)
{
    enum widening w;
    total *now = m->now;
    weir_status s = migrate_input(cx, m, 0, &w);
    (void)self;
    if (s == WEIR_OK && now && w == FLOATED) float_sum(&now->low, &now->high, &now->f);
    return s;
}

static const weir_aggregate sum_vtable = {.struct_size = sizeof(weir_aggregate),
                                          .open = aggregate_open,
                                          .add = sum_add,
                                          .add_rows = sum_add_rows,
                                          .merge = sum_merge,
                                          .result = sum_result};
typedef aggregate sum;
WEIR_COMPONENT(sum, WEIR_AGGREGATE, sum_vtable, .id = "sum", .doc = "the values added up: integers as i64, floats as f64",
               .in = "value:number?", .out = "result:wide(value)?", .flags = WEIR_MERGEABLE_BUT_FLOATS,
               WEIR_STATES(total_states), .migrate = sum_migrate);

/* ---- avg --------------------------------------------------------------------------------------------------------- */

/* Integers add up in 128 bits, which 2^63 rows cannot fill; `f` is the sum of floats. */
typedef struct mean {
    int64_t n, low, high;
    double f;
} mean;
static const weir_field mean_members[] = {WEIR_MEMBER(mean, n), WEIR_MEMBER(mean, low), WEIR_MEMBER(mean, high),
                                          WEIR_MEMBER(mean, f)};
static const weir_state mean_states[] = {WEIR_VALUE_STATE("mean", mean, mean_members)};

static weir_status avg_add(void *self, weir_ctx *cx, void *acc, weir_row row)
{
    mean *a = acc;
    value v = value_at(row, 0, ((const aggregate *)self)->type);
    (void)cx;
    if (!v.present) return WEIR_OK;
    a->n++;
    a->f += v.f; /* 0 for integers, as v.i is for floats */
    wide_add(&a->low, &a->high, v.i);
    return WEIR_OK;
}

static weir_status avg_add_rows(void *self, weir_ctx *cx, void *const *accs, const weir_batch *batch)
{
    (void)cx;
    switch (((const aggregate *)self)->type) {
    case WEIR_I32: FOR_PRESENT(mean, (acc->n++, wide_add(&acc->low, &acc->high, weir_i32(row, 0)))) break;
    case WEIR_I64: FOR_PRESENT(mean, (acc->n++, wide_add(&acc->low, &acc->high, weir_i64(row, 0)))) break;
    case WEIR_F32: FOR_PRESENT(mean, (acc->n++, acc->f += (double)weir_f32(row, 0))) break;
    default: FOR_PRESENT(mean, (acc->n++, acc->f += weir_f64(row, 0))) break;
    }
    return WEIR_OK;
}

static weir_status avg_merge(void *self, weir_ctx *cx, void *acc, const void *other)
{
    mean *a = acc;
    const mean *b = other;
    (void)self, (void)cx;
    a->n += b->n;
    a->f += b->f;
    wide_add(&a->low, &a->high, wide_of(b->low, b->high));
    return WEIR_OK;
}

static weir_status avg_result(void *self, weir_ctx *cx, const void *acc, uint32_t column)
{
    const mean *a = acc;
    uint32_t type = ((const aggregate *)self)->type;
    double sum_of = type == WEIR_F32 || type == WEIR_F64 ? a->f : (double)wide_of(a->low, a->high);
    if (a->n == 0)
        weir_put_null(cx, 0, column);
    else
        weir_put_f64(cx, 0, column, sum_of / (double)a->n);
    return WEIR_OK;
}

static weir_status avg_migrate(void *self, weir_ctx *cx, const weir_migration *m)
{
    enum widening w;
    mean *now = m->now;
    weir_status s = migrate_input(cx, m, 0, &w);
    (void)self;
    if (s == WEIR_OK && now && w == FLOATED) float_sum(&now->low, &now->high, &now->f);
    return s;
}

static const weir_aggregate avg_vtable = {.struct_size = sizeof(weir_aggregate),
                                          .open = aggregate_open,
                                          .add = avg_add,
                                          .add_rows = avg_add_rows,
                                          .merge = avg_merge,
                                          .result = avg_result};
typedef aggregate avg;
WEIR_COMPONENT(avg, WEIR_AGGREGATE, avg_vtable, .id = "avg", .doc = "the mean of the values", .in = "value:number?",
               .out = "result:f64?", .flags = WEIR_MERGEABLE_BUT_FLOATS, WEIR_STATES(mean_states), .migrate = avg_migrate);

/* ---- min, max ---------------------------------------------------------------------------------------------------- */

/* sign: -1 min, 1 max. Constant where these are inlined. */
static inline void extreme_integer(value *acc, int64_t v, int sign)
{
    if (acc->present && (sign > 0 ? v <= acc->i : v >= acc->i)) return;
    acc->present = true;
    acc->i = v;
}
static inline void extreme_float(value *acc, double v, int sign)
{
    int64_t a = rank_of(v), b = rank_of(acc->f);
    if (acc->present && (sign > 0 ? a <= b : a >= b)) return;
    acc->present = true;
    acc->f = v;
}
static inline weir_status extreme_text(weir_ctx *cx, value *acc, weir_str v, int sign)
{
    if (acc->present && order_of_texts(v, acc->text) * sign <= 0) return WEIR_OK;
    acc->present = true;
    return weir_assign(cx, 0, &acc->text, v);
}

static inline weir_status extreme_add(const aggregate *me, weir_ctx *cx, value *acc, const value *v, int sign)
{
    if (!v->present) return WEIR_OK;
    if (is_text(me->type)) return extreme_text(cx, acc, v->text, sign);
    if (me->type == WEIR_F32 || me->type == WEIR_F64)
        extreme_float(acc, v->f, sign);
    else
        extreme_integer(acc, v->i, sign);
    return WEIR_OK;
}

static inline weir_status extreme_add_rows(const aggregate *me, weir_ctx *cx, void *const *accs, const weir_batch *batch,
                                           int sign)
{
    weir_status s = WEIR_OK;
    switch (me->type) {
    case WEIR_BOOL: FOR_PRESENT(value, extreme_integer(acc, weir_bool(row, 0), sign)) break;
    case WEIR_I32: FOR_PRESENT(value, extreme_integer(acc, weir_i32(row, 0), sign)) break;
    case WEIR_I64:
    case WEIR_TIMESTAMP: FOR_PRESENT(value, extreme_integer(acc, weir_i64(row, 0), sign)) break;
    case WEIR_F32: FOR_PRESENT(value, extreme_float(acc, (double)weir_f32(row, 0), sign)) break;
    case WEIR_F64: FOR_PRESENT(value, extreme_float(acc, weir_f64(row, 0), sign)) break;
    default: FOR_PRESENT(value, if (s == WEIR_OK) s = extreme_text(cx, acc, weir_text(row, 0), sign)) break;
    }
    return s;
}

#define EXTREME(name, sign, described)                                                                         \
    static weir_status name##_add(void *self, weir_ctx *cx, void *acc, weir_row row)                           \
    {                                                                                                          \
        value v = value_at(row, 0, ((const aggregate *)self)->type);                                           \
        return extreme_add(self, cx, acc, &v, sign);                                                           \
    }                                                                                                          \
    static weir_status name##_add_rows(void *self, weir_ctx *cx, void *const *accs, const weir_batch *batch)   \
    {                                                                                                          \
        return extreme_add_rows(self, cx, accs, batch, sign);                                                  \
    }                                                                                                          \
    static weir_status name##_merge(void *self, weir_ctx *cx, void *acc, const void *other)                    \
    {                                                                                                          \
        return extreme_add(self, cx, acc, other, sign);                                                        \
    }                                                                                                          \
    static const weir_aggregate name##_vtable = {.struct_size = sizeof(weir_aggregate),                        \
                                                 .open = aggregate_open,                                       \
                                                 .add = name##_add,                                            \
                                                 .add_rows = name##_add_rows,                                  \
                                                 .merge = name##_merge,                                        \
                                                 .result = value_result};                                      \
    typedef aggregate name;                                                                                    \
    WEIR_COMPONENT(name, WEIR_AGGREGATE, name##_vtable, .id = #name, .doc = described, .in = "value:ordered?", \
                   .out = "result:same(value)?", .flags = WEIR_MERGEABLE, WEIR_STATES(value_states),           \
                   .migrate = value_migrate)

EXTREME(min, -1, "the smallest value");
EXTREME(max, 1, "the largest value");

/* ---- first, last ------------------------------------------------------------------------------------------------- */

static weir_status first_take(const aggregate *me, weir_ctx *cx, value *acc, const value *v)
{
    return acc->present || !v->present ? WEIR_OK : assign_value(cx, acc, v, me->type);
}
static weir_status last_take(const aggregate *me, weir_ctx *cx, value *acc, const value *v)
{
    return v->present ? assign_value(cx, acc, v, me->type) : WEIR_OK;
}

#define BY_ARRIVAL(name, described)                                                                             \
    static weir_status name##_add(void *self, weir_ctx *cx, void *acc, weir_row row)                            \
    {                                                                                                           \
        value v = value_at(row, 0, ((const aggregate *)self)->type);                                            \
        return name##_take(self, cx, acc, &v);                                                                  \
    }                                                                                                           \
    static weir_status name##_merge(void *self, weir_ctx *cx, void *acc, const void *other)                     \
    {                                                                                                           \
        return name##_take(self, cx, acc, other);                                                               \
    }                                                                                                           \
    static const weir_aggregate name##_vtable = {.struct_size = sizeof(weir_aggregate),                         \
                                                 .open = aggregate_open,                                        \
                                                 .add = name##_add,                                             \
                                                 .merge = name##_merge,                                         \
                                                 .result = value_result};                                       \
    typedef aggregate name;                                                                                     \
    WEIR_COMPONENT(name, WEIR_AGGREGATE, name##_vtable, .id = #name, .doc = described, .in = "value:anything?", \
                   .out = "result:same(value)?", WEIR_STATES(value_states), .migrate = value_migrate)

BY_ARRIVAL(first, "the value that arrived first");
BY_ARRIVAL(last, "the value that arrived last");

/* ---- min_by, max_by ---------------------------------------------------------------------------------------------- */

/* `of` is the value beside the extreme; it may be a null of its own. */
typedef struct pair {
    value by, of;
} pair;
#define PAIR_MEMBER(m, n, t)                                                              \
    {                                                                                     \
        .name = n, .type = t, .offset = offsetof(pair, m), .size = sizeof(((pair *)0)->m) \
    }
static const weir_field pair_members[] = {
    PAIR_MEMBER(by.present, "by_present", WEIR_BOOL),
    PAIR_MEMBER(by.i, "by_i", WEIR_I64),
    PAIR_MEMBER(by.f, "by_f", WEIR_F64),
    PAIR_MEMBER(by.text, "by_text", WEIR_BYTES),
    PAIR_MEMBER(of.present, "of_present", WEIR_BOOL),
    PAIR_MEMBER(of.i, "of_i", WEIR_I64),
    PAIR_MEMBER(of.f, "of_f", WEIR_F64),
    PAIR_MEMBER(of.text, "of_text", WEIR_BYTES),
};
static const weir_state pair_states[] = {WEIR_VALUE_STATE("pair", pair, pair_members)};

/* Of equal ones the earlier stays. */
static weir_status take_by(const aggregate *me, weir_ctx *cx, pair *acc, const pair *next, int sign)
{
    if (!next->by.present || (acc->by.present && order_of(&next->by, &acc->by, me->by) * sign <= 0)) return WEIR_OK;
    weir_status s = assign_value(cx, &acc->by, &next->by, me->by);
    return s == WEIR_OK ? assign_value(cx, &acc->of, &next->of, me->type) : s;
}

static weir_status pair_migrate(void *self, weir_ctx *cx, const weir_migration *m)
{
    enum widening of, by;
    pair *now = m->now;
    weir_status s = migrate_input(cx, m, 0, &of);
    (void)self;
    if (s == WEIR_OK) s = migrate_input(cx, m, 1, &by);
    if (s != WEIR_OK || !now) return s;
    widen_value(&now->of, of);
    widen_value(&now->by, by);
    return s;
}

static weir_status by_result(void *self, weir_ctx *cx, const void *acc, uint32_t column)
{
    (void)self;
    return put_value(cx, column, &((const pair *)acc)->of);
}

#define EXTREME_BY(name, sign, described)                                                                        \
    static weir_status name##_add(void *self, weir_ctx *cx, void *acc, weir_row row)                             \
    {                                                                                                            \
        const aggregate *me = self;                                                                              \
        const pair next = {.by = value_at(row, 1, me->by), .of = value_at(row, 0, me->type)};                    \
        return take_by(me, cx, acc, &next, sign);                                                                \
    }                                                                                                            \
    static weir_status name##_merge(void *self, weir_ctx *cx, void *acc, const void *other)                      \
    {                                                                                                            \
        return take_by(self, cx, acc, other, sign);                                                              \
    }                                                                                                            \
    static const weir_aggregate name##_vtable = {.struct_size = sizeof(weir_aggregate),                          \
                                                 .open = aggregate_open,                                         \
                                                 .add = name##_add,                                              \
                                                 .merge = name##_merge,                                          \
                                                 .result = by_result};                                           \
    typedef aggregate name;                                                                                      \
    WEIR_COMPONENT(name, WEIR_AGGREGATE, name##_vtable, .id = #name, .doc = described,                           \
                   .in = "value:anything?, by:ordered?", .out = "result:same(value)?", WEIR_STATES(pair_states), \
                   .migrate = pair_migrate)

EXTREME_BY(min_by, -1, "the value of the row in which `by` is smallest");
EXTREME_BY(max_by, 1, "the value of the row in which `by` is largest");

/* ---- count_distinct ---------------------------------------------------------------------------------------------- */

/* The set is one run of bytes without pointers, so that the host can move and store it:
 *
 *   set_head | slots: n_slots * u64, 0 = free | entries, in order of first appearance: u32 length, bytes
 *
 * A slot is 24 bits of the value's hash above 40 bits of its entry's place + 1. Equal hashes prove nothing: entries are
 * compared. */
typedef struct distinct {
    weir_str set;
} distinct;
static const weir_field distinct_members[] = {WEIR_MEMBER_OF(distinct, set, WEIR_BYTES)};
static const weir_state distinct_states[] = {WEIR_VALUE_STATE("distinct", distinct, distinct_members)};

typedef struct set_head {
    uint64_t count, n_slots, used; /* n_slots: a power of two; used: bytes of entries */
} set_head;

#define SLOT_PLACE  ((UINT64_C(1) << 40) - 1)
#define FIRST_SLOTS 8

static inline set_head set_head_of(weir_str set)
{
    set_head h = {0, 0, 0};
    if (set.n) memcpy(&h, set.p, sizeof h);
    return h;
}
static inline uint64_t slot_at(const char *set, uint64_t i)
{
    uint64_t v;
    memcpy(&v, set + sizeof(set_head) + i * sizeof v, sizeof v);
    return v;
}
static inline const char *entries_of(const char *set, const set_head *h)
{
    return set + sizeof *h + h->n_slots * sizeof(uint64_t);
}
static inline weir_str entry_at(const char *entries, uint64_t place)
{
    uint32_t n;
    memcpy(&n, entries + place, sizeof n);
    return (weir_str){entries + place + sizeof n, n};
}

static uint64_t hash_of(weir_str v)
{
    uint64_t h = v.n * UINT64_C(0x9E3779B97F4A7C15), word;
    for (size_t i = 0; i < v.n; i += sizeof word) {
        word = 0;
        memcpy(&word, v.p + i, v.n - i < sizeof word ? v.n - i : sizeof word);
        h = (h ^ word) * UINT64_C(0xD6E8FEB86659FD93);
        h ^= h >> 32;
    }
    h *= UINT64_C(0xD6E8FEB86659FD93);
    return h ^ h >> 32;
}

/* The slot of the value, or the free one where it belongs. There is one. */
static uint64_t find_slot(const char *set, const set_head *h, weir_str v, uint64_t hash, bool *found)
{
    const char *entries = entries_of(set, h);
    for (uint64_t i = hash & (h->n_slots - 1);; i = (i + 1) & (h->n_slots - 1)) {
        uint64_t slot = slot_at(set, i);
        *found = false;
        if (slot == 0) return i;
        if ((slot ^ hash) & ~SLOT_PLACE) continue;
        weir_str entry = entry_at(entries, (slot & SLOT_PLACE) - 1);
        *found = entry.n == v.n && (v.n == 0 || memcmp(entry.p, v.p, v.n) == 0);
        if (*found) return i;
    }
}

static void set_slot(char *set, uint64_t i, uint64_t hash, uint64_t place)
{
    uint64_t v = (hash & ~SLOT_PLACE) | (place + 1);
    memcpy(set + sizeof(set_head) + i * sizeof v, &v, sizeof v);
}

/* Twice the slots: the entries move up, the slots are made anew from them. `set` has the room. */
static void grow_slots(char *set, set_head *h)
{
    uint64_t n_slots = h->n_slots ? h->n_slots * 2 : FIRST_SLOTS;
    const char *from = entries_of(set, h);
    h->n_slots = n_slots;
    memmove(set + (entries_of(set, h) - set), from, h->used);
    memset(set + sizeof *h, 0, n_slots * sizeof(uint64_t));
    for (uint64_t place = 0; place < h->used;) {
        weir_str entry = entry_at(entries_of(set, h), place);
        uint64_t hash = hash_of(entry);
        bool found;
        set_slot(set, find_slot(set, h, entry, hash, &found), hash, place);
        place += sizeof(uint32_t) + entry.n;
    }
}

static weir_status distinct_insert(weir_ctx *cx, distinct *acc, weir_str v, uint64_t hash)
{
    set_head h = set_head_of(acc->set);
    bool grows = (h.count + 1) * 4 > h.n_slots * 3, found;
    uint64_t n_slots = grows ? (h.n_slots ? h.n_slots * 2 : FIRST_SLOTS) : h.n_slots;
    size_t need = sizeof h + n_slots * sizeof(uint64_t) + h.used + sizeof(uint32_t) + v.n, size = acc->set.n;
    if (need > size) size = need + need / 2;
    char *set = cx->host->resize_bytes(cx, 0, &acc->set, size);
    if (!set) return WEIR_E_MEMORY;
    if (grows) grow_slots(set, &h);
    uint32_t n = (uint32_t)v.n;
    char *entry = set + (entries_of(set, &h) - set) + h.used;
    set_slot(set, find_slot(set, &h, v, hash, &found), hash, h.used);
    memcpy(entry, &n, sizeof n);
    if (n) memcpy(entry + sizeof n, v.p, n);
    h.count++;
    h.used += sizeof n + n;
    memcpy(set, &h, sizeof h);
    return WEIR_OK;
}

static weir_status distinct_bytes(weir_ctx *cx, distinct *acc, weir_str v)
{
    set_head h = set_head_of(acc->set);
    uint64_t hash = hash_of(v);
    bool found = false;
    if (h.n_slots) find_slot(acc->set.p, &h, v, hash, &found);
    return found ? WEIR_OK : distinct_insert(cx, acc, v, hash);
}

static weir_status count_distinct_add(void *self, weir_ctx *cx, void *acc, weir_row row)
{
    uint32_t type = ((const aggregate *)self)->type;
    value v = value_at(row, 0, type);
    if (!v.present) return WEIR_OK;
    if (is_text(type)) return distinct_bytes(cx, acc, v.text);
    int64_t word = type == WEIR_F32 || type == WEIR_F64 ? rank_of(v.f) : v.i;
    return distinct_bytes(cx, acc, (weir_str){(const char *)&word, sizeof word});
}

static weir_status count_distinct_merge(void *self, weir_ctx *cx, void *acc, const void *other)
{
    const distinct *from = other;
    set_head h = set_head_of(from->set);
    weir_status s = WEIR_OK;
    (void)self;
    for (uint64_t place = 0; s == WEIR_OK && place < h.used;) {
        weir_str entry = entry_at(entries_of(from->set.p, &h), place);
        s = distinct_bytes(cx, acc, entry);
        place += sizeof(uint32_t) + entry.n;
    }
    return s;
}

/* Words and texts are the same for wider numbers, but not for whole ones that become floats. */
static weir_status count_distinct_migrate(void *self, weir_ctx *cx, const weir_migration *m)
{
    (void)self;
    return migrate_input(cx, m, 0, NULL);
}

static weir_status count_distinct_result(void *self, weir_ctx *cx, const void *acc, uint32_t column)
{
    (void)self;
    weir_put_i64(cx, 0, column, (int64_t)set_head_of(((const distinct *)acc)->set).count);
    return WEIR_OK;
}

static const weir_aggregate count_distinct_vtable = {.struct_size = sizeof(weir_aggregate),
                                                     .open = aggregate_open,
                                                     .add = count_distinct_add,
                                                     .merge = count_distinct_merge,
                                                     .result = count_distinct_result};
typedef aggregate count_distinct;
WEIR_COMPONENT(count_distinct, WEIR_AGGREGATE, count_distinct_vtable, .id = "count_distinct",
               .doc = "how many different values", .in = "value:anything?", .out = "result:i64", .flags = WEIR_MERGEABLE,
               WEIR_STATES(distinct_states), .migrate = count_distinct_migrate);

WEIR_PLUGIN("weir.aggregates", "0.1.0", &count_component, &count_of_component, &sum_component, &avg_component,
            &min_component, &max_component, &first_component, &last_component, &min_by_component, &max_by_component,
            &count_distinct_component);
