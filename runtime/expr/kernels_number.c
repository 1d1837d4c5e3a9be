/* kernels_number.c - arithmetic, rounding, extremes and hashes.
 *
 * Integers are computed twice when something went wrong: first all rows in a loop that only notes whether any of them
 * overflowed, then, if so, row by row, since the overflow may be in a row that is null, masked out or does not exist.
 */
#include <math.h>

#include "data/key.h"
#include "expr/run_internal.h"

/* ---- sums, differences, products ------------------------------------------------------------------------------------- */

/* The loop says whether the sign bit of `overflow` was set in any row. */
#define CHECKED(name, T, U, word, sign, builtin, wrapped, overflow)                                          \
    static void name##_errors(struct weir__step *k)                                                          \
    {                                                                                                        \
        const struct weir__vector *va = weir__arg(k, 0), *vb = weir__arg(k, 1);                              \
        for (int64_t r = 0; r < k->n; r++) {                                                                 \
            T v, x = ((const T *)va->values)[r], y = ((const T *)vb->values)[r];                             \
            if (!weir__live(k, r) || !builtin(x, y, &v)) continue;                                           \
            weir__fail(k, r, "%lld " sign " %lld does not fit into " word, (long long)x, (long long)y);      \
        }                                                                                                    \
    }                                                                                                        \
    WEIR_FOR_SEVERAL_CPUS                                                                                    \
    static T name##_rows(const T *restrict a, const T *restrict b, T *restrict out, int64_t n, bool fixed)   \
    {                                                                                                        \
        T wrong = 0;                                                                                         \
        if (fixed) {                                                                                         \
            const T y = *b;                                                                                  \
            for (int64_t r = 0; r < n; r++) {                                                                \
                T x = a[r], v = (T)((U)x wrapped(U) y);                                                      \
                out[r] = v;                                                                                  \
                wrong |= overflow;                                                                           \
            }                                                                                                \
            return wrong;                                                                                    \
        }                                                                                                    \
        for (int64_t r = 0; r < n; r++) {                                                                    \
            T x = a[r], y = b[r], v = (T)((U)x wrapped(U) y);                                                \
            out[r] = v;                                                                                      \
            wrong |= overflow;                                                                               \
        }                                                                                                    \
        return wrong;                                                                                        \
    }                                                                                                        \
    void weir__##name(struct weir__step *k)                                                                  \
    {                                                                                                        \
        T wrong = name##_rows(weir__values(k, 0), weir__values(k, 1), k->out, k->n, weir__arg(k, 1)->fixed); \
        if (wrong < 0) name##_errors(k);                                                                     \
    }
CHECKED(add_i32, int32_t, uint32_t, "i32", "+", __builtin_add_overflow, +, (x ^ v) & (y ^ v))
CHECKED(add_i64, int64_t, uint64_t, "i64", "+", __builtin_add_overflow, +, (x ^ v) & (y ^ v))
CHECKED(subtract_i32, int32_t, uint32_t, "i32", "-", __builtin_sub_overflow, -, (x ^ y) & (x ^ v))
CHECKED(subtract_i64, int64_t, uint64_t, "i64", "-", __builtin_sub_overflow, -, (x ^ y) & (x ^ v))

#define MULTIPLY(T, word)                                                                               \
    void weir__multiply_##word(struct weir__step *k)                                                    \
    {                                                                                                   \
        const T *a = weir__values(k, 0), *b = weir__values(k, 1);                                       \
        T *out = k->out;                                                                                \
        bool wrong = false;                                                                             \
        for (int64_t r = 0; r < k->n; r++) wrong |= __builtin_mul_overflow(a[r], b[r], &out[r]);        \
        for (int64_t r = 0; wrong && r < k->n; r++) {                                                   \
            T v;                                                                                        \
            if (!weir__live(k, r) || !__builtin_mul_overflow(a[r], b[r], &v)) continue;                 \
            weir__fail(k, r, "%lld * %lld does not fit into " #word, (long long)a[r], (long long)b[r]); \
        }                                                                                               \
    }
MULTIPLY(int32_t, i32)
MULTIPLY(int64_t, i64)

/* Quotients and remainders; by -1 without the division, which traps for the smallest integer. */
#define DIVIDE(T, U, word)                                                                                    \
    void weir__divide_##word(struct weir__step *k)                                                            \
    {                                                                                                         \
        const T *a = weir__values(k, 0), *b = weir__values(k, 1);                                             \
        T *out = k->out;                                                                                      \
        for (int64_t r = 0; r < k->n; r++) {                                                                  \
            out[r] = b[r] == -1 ? (T)(0 - (U)a[r]) : b[r] == 0 ? 0 : a[r] / b[r];                             \
            if (b[r] == 0 && weir__live(k, r)) weir__fail(k, r, "division of %lld by zero", (long long)a[r]); \
            if (b[r] == -1 && a[r] != 0 && out[r] == a[r] && weir__live(k, r)) {                              \
                weir__fail(k, r, "%lld / -1 does not fit into " #word, (long long)a[r]);                      \
            }                                                                                                 \
        }                                                                                                     \
    }                                                                                                         \
    void weir__remainder_##word(struct weir__step *k)                                                         \
    {                                                                                                         \
        const T *a = weir__values(k, 0), *b = weir__values(k, 1);                                             \
        T *out = k->out;                                                                                      \
        for (int64_t r = 0; r < k->n; r++) {                                                                  \
            out[r] = b[r] == -1 || b[r] == 0 ? 0 : a[r] % b[r];                                               \
            if (b[r] == 0 && weir__live(k, r)) weir__fail(k, r, "division of %lld by zero", (long long)a[r]); \
        }                                                                                                     \
    }
DIVIDE(int32_t, uint32_t, i32)
DIVIDE(int64_t, uint64_t, i64)

#define FLOATS(name, T, each)                                                       \
    WEIR__ROWS_OF_TWO(name, T, T, each)                                             \
    void weir__##name(struct weir__step *k)                                         \
    {                                                                               \
        name(weir__values(k, 0), weir__values(k, 1), k->out, k->n, weir__shape(k)); \
    }
FLOATS(add_f32, float, x + y)
FLOATS(add_f64, double, x + y)
FLOATS(subtract_f32, float, x - y)
FLOATS(subtract_f64, double, x - y)
FLOATS(multiply_f32, float, x *y)
FLOATS(multiply_f64, double, x *y)
FLOATS(divide_f32, float, x / y)
FLOATS(divide_f64, double, x / y)

/* Calls of the C library, which costs more than the loop. */
#define CALLS(name, T, call)                                          \
    void weir__##name(struct weir__step *k)                           \
    {                                                                 \
        const T *a = weir__values(k, 0), *b = weir__values(k, 1);     \
        T *out = k->out;                                              \
        for (int64_t r = 0; r < k->n; r++) out[r] = call(a[r], b[r]); \
    }
CALLS(remainder_f32, float, fmodf)
CALLS(remainder_f64, double, fmod)
CALLS(pow_f64, double, pow)

/* ---- of one number --------------------------------------------------------------------------------------------------- */

#define UNARY(name, T, each)                                          \
    WEIR_FOR_SEVERAL_CPUS                                             \
    static void name(const T *restrict a, T *restrict out, int64_t n) \
    {                                                                 \
        for (int64_t r = 0; r < n; r++) out[r] = each;                \
    }                                                                 \
    void weir__##name(struct weir__step *k)                           \
    {                                                                 \
        name(weir__values(k, 0), k->out, k->n);                       \
    }
UNARY(negate_f32, float, -a[r])
UNARY(negate_f64, double, -a[r])
UNARY(abs_f32, float, fabsf(a[r]))
UNARY(abs_f64, double, fabs(a[r]))
UNARY(same_i64, int64_t, a[r])
UNARY(floor_f64, double, floor(a[r]))
UNARY(ceil_f64, double, ceil(a[r]))
UNARY(round_f64, double, round(a[r]))
UNARY(sqrt_f64, double, sqrt(a[r]))

#define SIGNED(name, T, smallest, expression, message)                                              \
    void weir__##name(struct weir__step *k)                                                         \
    {                                                                                               \
        const T *a = weir__values(k, 0);                                                            \
        T *out = k->out;                                                                            \
        for (int64_t r = 0; r < k->n; r++) {                                                        \
            out[r] = expression;                                                                    \
            if (a[r] == (smallest) && weir__live(k, r)) weir__fail(k, r, message, (long long)a[r]); \
        }                                                                                           \
    }
SIGNED(negate_i32, int32_t, INT32_MIN, (int32_t)(0 - (uint32_t)a[r]), "the negative of %lld does not fit into i32")
SIGNED(negate_i64, int64_t, INT64_MIN, (int64_t)(0 - (uint64_t)a[r]), "the negative of %lld does not fit into i64")
SIGNED(abs_i32, int32_t, INT32_MIN, (int32_t)(a[r] < 0 ? 0 - (uint32_t)a[r] : (uint32_t)a[r]),
       "abs of %lld does not fit into i32")
SIGNED(abs_i64, int64_t, INT64_MIN, (int64_t)(a[r] < 0 ? 0 - (uint64_t)a[r] : (uint64_t)a[r]),
       "abs of %lld does not fit into i64")

/* Beyond 300 decimals nothing of a double would change, or nothing would be left. What has no fraction at that scale stays.
 */
static double round_to(double x, int64_t n)
{
    double scale = pow(10, (double)(n < -300 ? -300 : n > 300 ? 300 : n < 0 ? -n : n));
    if (n < 0) return round(x / scale) * scale;
    double scaled = x * scale;
    return fabs(scaled) < 4503599627370496.0 ? round(scaled) / scale : x;
}

void weir__round_to_f64(struct weir__step *k)
{
    const double *a = weir__values(k, 0);
    const int64_t *n = weir__values(k, 1);
    double *out = k->out;
    for (int64_t r = 0; r < k->n; r++) out[r] = round_to(a[r], n[r]);
}

/* ---- least and greatest ---------------------------------------------------------------------------------------------- */

/* The better one of out[r] and a[r], in out[r]. */
#define EXTREME(name, T, better)                                                               \
    WEIR_FOR_SEVERAL_CPUS                                                                      \
    static void name(const T *restrict a, T *restrict out, int64_t n)                          \
    {                                                                                          \
        for (int64_t r = 0; r < n; r++) out[r] = better ? a[r] : out[r];                       \
    }                                                                                          \
    void weir__##name(struct weir__step *k)                                                    \
    {                                                                                          \
        memcpy(k->out, weir__values(k, 0), (size_t)k->n * sizeof(T));                          \
        for (uint32_t i = 1; i < k->code->n_args; i++) name(weir__values(k, i), k->out, k->n); \
    }
EXTREME(least_i32, int32_t, a[r] < out[r])
EXTREME(least_i64, int64_t, a[r] < out[r])
EXTREME(least_f32, float, a[r] < out[r] || a[r] != a[r])
EXTREME(least_f64, double, a[r] < out[r] || a[r] != a[r])
EXTREME(greatest_i32, int32_t, a[r] > out[r])
EXTREME(greatest_i64, int64_t, a[r] > out[r])
EXTREME(greatest_f32, float, a[r] > out[r] || a[r] != a[r])
EXTREME(greatest_f64, double, a[r] > out[r] || a[r] != a[r])

/* ---- hash ------------------------------------------------------------------------------------------------------------ */

/* Equal values, equal hashes: both zeros are one here, and all NaNs. */
static uint64_t bits_of(double v)
{
    uint64_t bits = 0x7ff8000000000000u;
    if (v == 0) v = 0;
    if (v == v) memcpy(&bits, &v, sizeof bits);
    return bits;
}

#define HASH(name, T, widened)                               \
    void weir__hash_of_##name(struct weir__step *k)          \
    {                                                        \
        const T *a = weir__values(k, 0);                     \
        int64_t *out = k->out;                               \
        for (int64_t r = 0; r < k->n; r++) {                 \
            uint64_t v = (uint64_t)(widened);                \
            out[r] = (int64_t)weir_key_hash64(&v, sizeof v); \
        }                                                    \
    }
HASH(bool, uint8_t, a[r])
HASH(i32, int32_t, (int64_t)a[r])
HASH(i64, int64_t, a[r])
HASH(f32, float, bits_of((double)a[r]))
HASH(f64, double, bits_of(a[r]))

void weir__hash_of_text(struct weir__step *k)
{
    const weir_str *a = weir__values(k, 0);
    int64_t *out = k->out;
    for (int64_t r = 0; r < k->n; r++) out[r] = weir__live(k, r) ? (int64_t)weir_key_hash64(a[r].p, a[r].n) : 0;
}
