/* weir.filter_compare - rows whose field compares with a constant: "amount ge 100".
 *
 * The constant is read once, as the field's type. Each type has one loop, from which the bitmap of rows that stay is
 * made; nulls go by the validity bitmap afterwards. A null compares as neither true nor false, so its row goes.
 * Floats compare as IEEE 754 says (nothing equals NaN), texts and bytes byte by byte, false before true.
 */
#include <weir/cells.h>
#include <weir/cpu.h>
#include <weir/udf.h>

enum { EQ, NE, LT, LE, GT, GE };

typedef struct compare {
    int32_t field, op;
    const char *value;

    uint32_t type;
    weir_str text;
    union {
        bool boolean;
        int32_t i32;
        int64_t i64;
        float f32;
        double f64;
    } than;
} compare;

static bool parse_value(compare *me)
{
    const weir_cell_times times = {.automatic = true};
    const char *p = me->value;
    size_t n = strlen(p);
    me->text = (weir_str){p, n};
    switch (me->type) {
    case WEIR_BOOL: return weir_text_to_bool(p, n, &me->than.boolean);
    case WEIR_I32: return weir_text_to_i32(p, n, &me->than.i32);
    case WEIR_I64: return weir_text_to_i64(p, n, &me->than.i64);
    case WEIR_F32: return weir_text_to_f32(p, n, &me->than.f32);
    case WEIR_F64: return weir_text_to_f64(p, n, &me->than.f64);
    case WEIR_TIMESTAMP: return weir_cell_to_time(&times, p, n, &me->than.i64);
    case WEIR_STRING: return weir_is_utf8(p, n);
    default: return me->type == WEIR_BYTES;
    }
}

static weir_status compare_open(void *self, weir_ctx *cx)
{
    compare *me = self;
    const weir_schema_field *f = weir_schema_at(cx->host->input_schema(cx, 0), (uint32_t)me->field);
    me->type = f->type;
    if (parse_value(me)) return WEIR_OK;
    return weir_fail(cx, WEIR_E_CONFIG, "option value: \"%s\" is no value of field '%s', which is %s", me->value, f->name,
                     me->type == WEIR_TIMESTAMP ? "a timestamp (an ISO 8601 time or epoch milliseconds)"
                                                : weir_type_word(me->type));
}

/* ---- loops ------------------------------------------------------------------------------------------------------- */

/* Bit k of the byte at keep[i / 8] says whether row i + k stays. */
#define KEEP_WHERE(n, condition)                                               \
    for (int64_t i = 0; i < (n); i += 8) {                                     \
        int64_t rows = (n)-i < 8 ? (n)-i : 8;                                  \
        uint32_t bits = 0;                                                     \
        for (int64_t k = 0; k < rows; k++) bits |= (uint32_t)(condition) << k; \
        keep[i >> 3] = (uint8_t)bits;                                          \
    }

#define RUN 256 /* rows; a multiple of eight */
#define BYTES_WHERE(condition) \
    for (int64_t i = 0; i < n; i++) kept[i] = condition

/* A byte for each row of a run, then bits. */
#define COMPARE_LOOP(name, T)                                                                          \
    WEIR_FOR_SEVERAL_CPUS                                                                              \
    static void name##_run(const T *restrict v, int64_t n, int32_t op, T than, uint8_t *restrict kept) \
    {                                                                                                  \
        switch (op) {                                                                                  \
        case EQ: BYTES_WHERE(v[i] == than); break;                                                     \
        case NE: BYTES_WHERE(v[i] != than); break;                                                     \
        case LT: BYTES_WHERE(v[i] < than); break;                                                      \
        case LE: BYTES_WHERE(v[i] <= than); break;                                                     \
        case GT: BYTES_WHERE(v[i] > than); break;                                                      \
        default: BYTES_WHERE(v[i] >= than); break;                                                     \
        }                                                                                              \
    }                                                                                                  \
    static void name(const T *v, int64_t n, int32_t op, T than, uint8_t *keep)                         \
    {                                                                                                  \
        uint8_t kept[RUN];                                                                             \
        for (int64_t from = 0; from < n; from += RUN) {                                                \
            int64_t rows = n - from < RUN ? n - from : RUN;                                            \
            name##_run(v + from, rows, op, than, kept);                                                \
            weir_bits_from_bytes(keep + from / 8, kept, rows);                                         \
        }                                                                                              \
    }
COMPARE_LOOP(compare_i32, int32_t)
COMPARE_LOOP(compare_i64, int64_t)
COMPARE_LOOP(compare_f32, float)
COMPARE_LOOP(compare_f64, double)

static bool holds(int32_t op, int order)
{
    switch (op) {
    case EQ: return order == 0;
    case NE: return order != 0;
    case LT: return order < 0;
    case LE: return order <= 0;
    case GT: return order > 0;
    default: return order >= 0;
    }
}

static int order_of(weir_str a, weir_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

static void compare_texts(const weir_batch *batch, uint32_t c, int32_t op, weir_str than, uint8_t *keep)
{
    KEEP_WHERE(batch->length, holds(op, order_of(weir_text((weir_row){batch, i + k}, c), than)))
}

static void compare_bools(const weir_batch *batch, uint32_t c, int32_t op, bool than, uint8_t *keep)
{
    const bool kept[2] = {holds(op, 0 - than), holds(op, 1 - than)};
    KEEP_WHERE(batch->length, kept[weir_bool((weir_row){batch, i + k}, c)])
}

static void drop_nulls(const weir_column *column, int64_t n, uint8_t *keep)
{
    if (!column->validity) return;
    KEEP_WHERE(n, (keep[i >> 3] >> k & 1) & weir_bit(column->validity, column->bit_offset + i + k))
}

static weir_status compare_filter(void *self, weir_ctx *cx, const weir_batch *batch, uint8_t *keep)
{
    const compare *me = self;
    uint32_t c = (uint32_t)me->field;
    const weir_column *column = &batch->columns[c];
    (void)cx;
    switch (me->type) {
    case WEIR_BOOL: compare_bools(batch, c, me->op, me->than.boolean, keep); break;
    case WEIR_I32: compare_i32(column->data, batch->length, me->op, me->than.i32, keep); break;
    case WEIR_F32: compare_f32(column->data, batch->length, me->op, me->than.f32, keep); break;
    case WEIR_F64: compare_f64(column->data, batch->length, me->op, me->than.f64, keep); break;
    case WEIR_STRING:
    case WEIR_BYTES: compare_texts(batch, c, me->op, me->text, keep); break;
    default: compare_i64(column->data, batch->length, me->op, me->than.i64, keep); break; /* and timestamp */
    }
    drop_nulls(column, batch->length, keep);
    return WEIR_OK;
}

static const char *const compare_ops[] = {"eq", "ne", "lt", "le", "gt", "ge", NULL};
static const weir_option compare_options[] = {
    WEIR_OPTION_OF(compare, field, WEIR_OPT_FIELD, .flags = WEIR_ORDERED, .doc = "the field to look at"),
    WEIR_OPTION(compare, op, .choices = compare_ops, .doc = "how it must compare with `value`"),
    WEIR_OPTION(compare, value, .doc = "as a value of the field's type; times as ISO 8601 or epoch milliseconds"),
};
static const weir_operator compare_vtable = {
    .struct_size = sizeof(weir_operator), .open = compare_open, .filter = compare_filter};
WEIR_COMPONENT(compare, WEIR_OPERATOR, compare_vtable, .id = "compare",
               .doc = "keep rows whose field compares with a constant", .in = "*", .out = "*",
               .flags = WEIR_ACCEPTS_SELECTION, WEIR_OPTIONS(compare_options));

WEIR_PLUGIN("weir.filter_compare", "0.1.0", &compare_component);
