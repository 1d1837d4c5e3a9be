/* kernels_cast.c - from one type to another. Numbers that widen never fail; all else is checked, row by row.
 *
 * Texts are read and written in the notations of weir/text.h, as formats do. Floats become integers by cutting the
 * fraction.
 */
#include <math.h>
#include <weir/cells.h>

#include "expr/compile_internal.h"

#define CONVERT(name, F, T, expression)                              \
    static void name(struct weir__step *k)                           \
    {                                                                \
        const F *a = weir__values(k, 0);                             \
        T *out = k->out;                                             \
        for (int64_t r = 0; r < k->n; r++) out[r] = (T)(expression); \
    }
CONVERT(bool_i32, uint8_t, int32_t, a[r])
CONVERT(bool_i64, uint8_t, int64_t, a[r])
CONVERT(i32_bool, int32_t, uint8_t, a[r] != 0)
CONVERT(i64_bool, int64_t, uint8_t, a[r] != 0)
CONVERT(i32_i64, int32_t, int64_t, a[r])
CONVERT(i32_f32, int32_t, float, a[r])
CONVERT(i32_f64, int32_t, double, a[r])
CONVERT(i64_f32, int64_t, float, a[r])
CONVERT(i64_f64, int64_t, double, a[r])
CONVERT(i64_i64, int64_t, int64_t, a[r])
CONVERT(f32_f64, float, double, a[r])
CONVERT(f64_f32, double, float, a[r])
CONVERT(text_text, weir_str, weir_str, a[r])
#undef CONVERT

static void i64_i32(struct weir__step *k)
{
    const int64_t *a = weir__values(k, 0);
    int32_t *out = k->out;
    for (int64_t r = 0; r < k->n; r++) {
        out[r] = (int32_t)a[r];
        if (out[r] != a[r] && weir__live(k, r)) weir__fail(k, r, "%lld does not fit into i32", (long long)a[r]);
    }
}

/* Cut towards zero, where the result lies between the bounds, which are exact; NaN lies nowhere. */
#define CUT(name, F, T, word, above, below)                                                      \
    static void name(struct weir__step *k)                                                       \
    {                                                                                            \
        const F *a = weir__values(k, 0);                                                         \
        T *out = k->out;                                                                         \
        for (int64_t r = 0; r < k->n; r++) {                                                     \
            double v = (double)a[r];                                                             \
            bool fits = v above && v < below;                                                    \
            out[r] = fits ? (T)v : 0;                                                            \
            if (!fits && weir__live(k, r)) weir__fail(k, r, "%.17g does not fit into " word, v); \
        }                                                                                        \
    }
CUT(f32_i32, float, int32_t, "i32", > -2147483649.0, 2147483648.0)
CUT(f64_i32, double, int32_t, "i32", > -2147483649.0, 2147483648.0)
CUT(f32_i64, float, int64_t, "i64", >= -9223372036854775808.0, 9223372036854775808.0)
CUT(f64_i64, double, int64_t, "i64", >= -9223372036854775808.0, 9223372036854775808.0)

/* ---- texts ----------------------------------------------------------------------------------------------------------- */

#define WRITE(name, F, notate)                                                      \
    static void name(struct weir__step *k)                                          \
    {                                                                               \
        const F *a = weir__values(k, 0);                                            \
        weir_str *out = k->out;                                                     \
        for (int64_t r = 0; r < k->n; r++) {                                        \
            char *to = weir__live(k, r) ? weir__text_room(k, WEIR_TEXT_MAX) : NULL; \
            out[r] = (weir_str){to, to ? notate(to, a[r]) : 0};                     \
            if (to) weir__text_unused(k, WEIR_TEXT_MAX - out[r].n);                 \
        }                                                                           \
    }
WRITE(bool_text, uint8_t, weir_text_from_bool)
WRITE(i32_text, int32_t, weir_text_from_i64)
WRITE(i64_text, int64_t, weir_text_from_i64)
WRITE(f32_text, float, weir_text_from_f32)
WRITE(f64_text, double, weir_text_from_f64)
WRITE(time_text, int64_t, weir_text_from_time)

static void unreadable(struct weir__step *k, int64_t r, weir_str text, weir_type type)
{
    if (type == WEIR_TIMESTAMP)
        weir__fail(k, r, "'%.*s' is no time of ISO 8601 (2024-01-31T13:45:00Z)", weir_cell_shown(text), text.p);
    else
        weir__fail(k, r, "'%.*s' is %s", weir_cell_shown(text), text.p, weir_cell_trouble(type));
}

#define READ(name, T, type, parse)                                                                 \
    static void name(struct weir__step *k)                                                         \
    {                                                                                              \
        const weir_str *a = weir__values(k, 0);                                                    \
        T *out = k->out;                                                                           \
        for (int64_t r = 0; r < k->n; r++) {                                                       \
            out[r] = 0;                                                                            \
            if (weir__live(k, r) && !parse(a[r].p, a[r].n, &out[r])) unreadable(k, r, a[r], type); \
        }                                                                                          \
    }
static bool read_bool(const char *p, size_t n, uint8_t *v)
{
    bool b = false;
    bool ok = weir_text_to_bool(p, n, &b);
    *v = b;
    return ok;
}
READ(text_bool, uint8_t, WEIR_BOOL, read_bool)
READ(text_i32, int32_t, WEIR_I32, weir_text_to_i32)
READ(text_i64, int64_t, WEIR_I64, weir_text_to_i64)
READ(text_f32, float, WEIR_F32, weir_text_to_f32)
READ(text_f64, double, WEIR_F64, weir_text_to_f64)
READ(text_time, int64_t, WEIR_TIMESTAMP, weir_text_to_time)

static void bytes_text(struct weir__step *k)
{
    const weir_str *a = weir__values(k, 0);
    weir_str *out = k->out;
    for (int64_t r = 0; r < k->n; r++) {
        out[r] = a[r];
        if (weir__live(k, r) && !weir_is_utf8(a[r].p, a[r].n)) weir__fail(k, r, "these bytes are not valid UTF-8");
    }
}

weir__kernel *weir__cast_kernel(weir_type from, weir_type to, bool *raises)
{
    static const struct {
        weir_type from, to;
        bool raises;
        weir__kernel *run;
    } casts[] = {
        {WEIR_BOOL, WEIR_I32, false, bool_i32},      {WEIR_BOOL, WEIR_I64, false, bool_i64},
        {WEIR_BOOL, WEIR_STRING, false, bool_text},  {WEIR_I32, WEIR_BOOL, false, i32_bool},
        {WEIR_I32, WEIR_I64, false, i32_i64},        {WEIR_I32, WEIR_F32, false, i32_f32},
        {WEIR_I32, WEIR_F64, false, i32_f64},        {WEIR_I32, WEIR_STRING, false, i32_text},
        {WEIR_I64, WEIR_BOOL, false, i64_bool},      {WEIR_I64, WEIR_I32, true, i64_i32},
        {WEIR_I64, WEIR_F32, false, i64_f32},        {WEIR_I64, WEIR_F64, false, i64_f64},
        {WEIR_I64, WEIR_STRING, false, i64_text},    {WEIR_I64, WEIR_TIMESTAMP, false, i64_i64},
        {WEIR_TIMESTAMP, WEIR_I64, false, i64_i64},  {WEIR_F32, WEIR_I32, true, f32_i32},
        {WEIR_F32, WEIR_I64, true, f32_i64},         {WEIR_F32, WEIR_F64, false, f32_f64},
        {WEIR_F32, WEIR_STRING, false, f32_text},    {WEIR_F64, WEIR_I32, true, f64_i32},
        {WEIR_F64, WEIR_I64, true, f64_i64},         {WEIR_F64, WEIR_F32, false, f64_f32},
        {WEIR_F64, WEIR_STRING, false, f64_text},    {WEIR_TIMESTAMP, WEIR_STRING, false, time_text},
        {WEIR_STRING, WEIR_BOOL, true, text_bool},   {WEIR_STRING, WEIR_I32, true, text_i32},
        {WEIR_STRING, WEIR_I64, true, text_i64},     {WEIR_STRING, WEIR_F32, true, text_f32},
        {WEIR_STRING, WEIR_F64, true, text_f64},     {WEIR_STRING, WEIR_TIMESTAMP, true, text_time},
        {WEIR_STRING, WEIR_BYTES, false, text_text}, {WEIR_BYTES, WEIR_STRING, true, bytes_text},
    };
    for (size_t i = 0; i < WEIR_LEN(casts); i++) {
        if (casts[i].from != from || casts[i].to != to) continue;
        *raises = casts[i].raises;
        return casts[i].run;
    }
    return NULL;
}
