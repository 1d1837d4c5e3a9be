/* kernels_logic.c - comparisons, three-valued logic, masks and choices.
 *
 * The value of a null bool may be anything but is 0 or 1, so logic needs no branches. A condition is true when it is
 * present and 1.
 */
#include "expr/run_internal.h"

/* ---- comparisons ----------------------------------------------------------------------------------------------------- */

static inline int order_of(weir_str a, weir_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}
static inline bool is_equal(weir_str a, weir_str b)
{
    return a.n == b.n && (a.n == 0 || !memcmp(a.p, b.p, a.n));
}

#define COMPARE(name, T, each)                                                      \
    WEIR__ROWS_OF_TWO(name, T, uint8_t, each)                                       \
    void weir__##name(struct weir__step *k)                                         \
    {                                                                               \
        name(weir__values(k, 0), weir__values(k, 1), k->out, k->n, weir__shape(k)); \
    }
#define COMPARE_ALL(op, sign)             \
    COMPARE(op##_bool, uint8_t, x sign y) \
    COMPARE(op##_i32, int32_t, x sign y)  \
    COMPARE(op##_i64, int64_t, x sign y)  \
    COMPARE(op##_f32, float, x sign y)    \
    COMPARE(op##_f64, double, x sign y)

/* Texts of rows that are null may be none: rows are asked first. */
#define COMPARE_TEXT(op, test)                                                             \
    void weir__##op##_text(struct weir__step *k)                                           \
    {                                                                                      \
        const weir_str *a = weir__values(k, 0), *b = weir__values(k, 1);                   \
        uint8_t *out = k->out;                                                             \
        for (int64_t r = 0; r < k->n; r++) out[r] = (uint8_t)(weir__live(k, r) && (test)); \
    }

COMPARE_ALL(equal, ==)
COMPARE_ALL(differs, !=)
COMPARE_ALL(less, <)
COMPARE_ALL(at_most, <=)
COMPARE_ALL(more, >)
COMPARE_ALL(at_least, >=)
COMPARE_TEXT(equal, is_equal(a[r], b[r]))
COMPARE_TEXT(differs, !is_equal(a[r], b[r]))
COMPARE_TEXT(less, order_of(a[r], b[r]) < 0)
COMPARE_TEXT(at_most, order_of(a[r], b[r]) <= 0)
COMPARE_TEXT(more, order_of(a[r], b[r]) > 0)
COMPARE_TEXT(at_least, order_of(a[r], b[r]) >= 0)

#define EXTREME_TEXT(name, sign)                                                      \
    void weir__##name(struct weir__step *k)                                           \
    {                                                                                 \
        weir_str *out = k->out;                                                       \
        memcpy(out, weir__values(k, 0), (size_t)k->n * sizeof *out);                  \
        for (uint32_t i = 1; i < k->code->n_args; i++) {                              \
            const weir_str *a = weir__values(k, i);                                   \
            for (int64_t r = 0; r < k->n; r++) {                                      \
                if (weir__live(k, r) && order_of(a[r], out[r]) sign 0) out[r] = a[r]; \
            }                                                                         \
        }                                                                             \
    }
EXTREME_TEXT(least_text, <)
EXTREME_TEXT(greatest_text, >)

/* ---- and, or, not ---------------------------------------------------------------------------------------------------- */

WEIR__ROWS_OF_TWO(both, uint8_t, uint8_t, x &y)
WEIR__ROWS_OF_TWO(either, uint8_t, uint8_t, x | y)

/* What both have in common: the result is known where both are, or where one of them is known to be `deciding`. */
static void combine(struct weir__step *k, uint8_t deciding)
{
    const struct weir__vector *va = weir__arg(k, 0), *vb = weir__arg(k, 1);
    const uint8_t *a = va->values, *b = vb->values, *pa = va->valid, *pb = vb->valid;
    uint8_t *out = k->out;
    if (!pa && !pb) {
        (deciding ? either : both)(a, b, out, k->n, WEIR__BOTH_VARY);
        return;
    }
    k->valid = k->valid_room;
    for (int64_t r = 0; r < k->n; r++) {
        uint8_t ka = pa ? pa[r] : 1, kb = pb ? pb[r] : 1;
        uint8_t decided = (ka & (a[r] == deciding)) | (kb & (b[r] == deciding));
        k->valid[r] = decided | (ka & kb);
        out[r] = decided ? deciding : !deciding;
    }
}

void weir__and(struct weir__step *k)
{
    combine(k, 0);
}
void weir__or(struct weir__step *k)
{
    combine(k, 1);
}
void weir__not(struct weir__step *k)
{
    const uint8_t *a = weir__values(k, 0);
    uint8_t *out = k->out;
    for (int64_t r = 0; r < k->n; r++) out[r] = !a[r];
}

void weir__is_null(struct weir__step *k)
{
    const uint8_t *valid = weir__arg(k, 0)->valid;
    uint8_t *out = k->out;
    for (int64_t r = 0; r < k->n; r++) out[r] = valid ? !valid[r] : 0;
}
void weir__is_present(struct weir__step *k)
{
    const uint8_t *valid = weir__arg(k, 0)->valid;
    uint8_t *out = k->out;
    for (int64_t r = 0; r < k->n; r++) out[r] = valid ? valid[r] : 1;
}

/* ---- masks: (mask, condition) ---------------------------------------------------------------------------------------- */

#define MASK(name, test)                                                                               \
    void weir__mask_##name(struct weir__step *k)                                                       \
    {                                                                                                  \
        const struct weir__vector *condition = weir__arg(k, 1);                                        \
        const uint8_t *mask = weir__values(k, 0), *valid = condition->valid, *set = condition->values; \
        uint8_t *out = k->out;                                                                         \
        (void)set;                                                                                     \
        for (int64_t r = 0; r < k->n; r++) {                                                           \
            uint8_t present = valid ? valid[r] : 1;                                                    \
            out[r] = (uint8_t)((mask ? mask[r] : 1) & (test));                                         \
        }                                                                                              \
    }
MASK(true, present &set[r])
MASK(not_true, !(present & set[r]))
MASK(not_false, (!present) | set[r])
MASK(null, !present)

/* ---- choices --------------------------------------------------------------------------------------------------------- */

/* (condition, then, else); `set` is where the condition is true */
#define CHOOSE(name, T)                                                                                               \
    WEIR_FOR_SEVERAL_CPUS                                                                                             \
    static void choose_##name(const uint8_t *restrict set, const T *restrict x, const T *restrict y, T *restrict out, \
                              int64_t n)                                                                              \
    {                                                                                                                 \
        for (int64_t r = 0; r < n; r++) out[r] = set[r] ? x[r] : y[r];                                                \
    }                                                                                                                 \
    void weir__choose_##name(struct weir__step *k)                                                                    \
    {                                                                                                                 \
        const struct weir__vector *c = weir__arg(k, 0), *a = weir__arg(k, 1), *b = weir__arg(k, 2);                   \
        const uint8_t *set = c->values;                                                                               \
        if (c->valid) {                                                                                               \
            both(set, c->valid, k->valid_room, k->n, WEIR__BOTH_VARY);                                                \
            set = k->valid_room;                                                                                      \
        }                                                                                                             \
        choose_##name(set, a->values, b->values, k->out, k->n);                                                       \
        if (!a->valid && !b->valid) return;                                                                           \
        k->valid = k->valid_room;                                                                                     \
        for (int64_t r = 0; r < k->n; r++) {                                                                          \
            const uint8_t *valid = set[r] ? a->valid : b->valid;                                                      \
            k->valid[r] = valid ? valid[r] : 1;                                                                       \
        }                                                                                                             \
    }

/* (a, b): a where it is present, else b */
#define FIRST(name, T)                                                                      \
    void weir__first_##name(struct weir__step *k)                                           \
    {                                                                                       \
        const struct weir__vector *a = weir__arg(k, 0), *b = weir__arg(k, 1);               \
        const T *x = a->values, *y = b->values;                                             \
        T *out = k->out;                                                                    \
        for (int64_t r = 0; r < k->n; r++) out[r] = !a->valid || a->valid[r] ? x[r] : y[r]; \
        if (!a->valid || !b->valid) return;                                                 \
        k->valid = k->valid_room;                                                           \
        for (int64_t r = 0; r < k->n; r++) k->valid[r] = a->valid[r] | b->valid[r];         \
    }

/* (value, condition): null where the condition is true */
#define NULL_IF(name, T)                                                                                      \
    void weir__null_if_##name(struct weir__step *k)                                                           \
    {                                                                                                         \
        const struct weir__vector *a = weir__arg(k, 0), *c = weir__arg(k, 1);                                 \
        const uint8_t *set = c->values;                                                                       \
        memcpy(k->out, a->values, (size_t)k->n * sizeof(T));                                                  \
        k->valid = k->valid_room;                                                                             \
        for (int64_t r = 0; r < k->n; r++) {                                                                  \
            k->valid[r] = (uint8_t)((a->valid ? a->valid[r] : 1) & !(set[r] & (c->valid ? c->valid[r] : 1))); \
        }                                                                                                     \
    }

#define BY_WIDTH(macro) macro(8, uint8_t) macro(32, uint32_t) macro(64, uint64_t) macro(text, weir_str)
BY_WIDTH(CHOOSE)
BY_WIDTH(FIRST)
BY_WIDTH(NULL_IF)
