/* kernels_number.c - arithmetic, rounding, extremes and hashes.
 *
 * Integers are computed twice when something went wrong: first all rows in a loop that only notes whether any of them
 * overflowed, then, if so, row by row, since the overflow may be in a row that is null, masked out or does not exist.
 */
#include <math.h>

#include "data/key.h"
#include "expr/run_internal.h"

/* ---- sums, differences, products ------------------------------------------------------------------------------------- */

#define CHECKED(name, T, U, word, sign, builtin, wrapped, overflow)                                           \
    static void name##_rows(struct weir__step *k, const T *a, const T *b)                                     \
    {                                                                                                         \
        for (int64_t r = 0; r < k->n; r++) {                                                                  \
            T v;                                                                                              \
            if (!weir__live(k, r) || !builtin(a[r], b[r], &v)) continue;                                      \
            weir__fail(k, r, "%lld " sign " %lld does not fit into " word, (long long)a[r], (long long)b[r]); \
        }                                                                                                     \
    }                                                                                                         \
    void weir__##name(struct weir__step *k)                                                                   \
    {                                                                                                         \
        const T *a = weir__values(k, 0), *b = weir__values(k, 1);                                             \
        T *out = k->out, wrong = 0;                                                                           \
        for (int64_t r = 0; r < k->n; r++) {                                                                  \
            T v = (T)((U)a[r] wrapped(U) b[r]);                                                               \
            out[r] = v;                                                                                       \
            wrong |= overflow;                                                                                \
        }                                                                                                     \
        if (wrong < 0) name##_rows(k, a, b);                                                                  \
    }
CHECKED(add_i32, int32_t, uint32_t, "i32", "+", __builtin_add_overflow, +, (a[r] ^ v) & (b[r] ^ v))
CHECKED(add_i64, int64_t, uint64_t, "i64", "+", __builtin_add_overflow, +, (a[r] ^ v) & (b[r] ^ v))
CHECKED(subtract_i32, int32_t, uint32_t, "i32", "-", __builtin_sub_overflow, -, (a[r] ^ b[r]) & (a[r] ^ v))
CHECKED(subtract_i64, int64_t, uint64_t, "i64", "-", __builtin_sub_overflow, -, (a[r] ^ b[r]) & (a[r] ^ v))

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

#define FLOATS(name, T, expression)                               \
    void weir__##name(struct weir__step *k)                       \
    {                                                             \
        const T *a = weir__values(k, 0), *b = weir__values(k, 1); \
        T *out = k->out;                                          \
        for (int64_t r = 0; r < k->n; r++) out[r] = expression;   \
    }
FLOATS(add_f32, float, a[r] + b[r])
FLOATS(add_f64, double, a[r] + b[r])
FLOATS(subtract_f32, float, a[r] - b[r])
FLOATS(subtract_f64, double, a[r] - b[r])
FLOATS(multiply_f32, float, a[r] * b[r])
FLOATS(multiply_f64, double, a[r] * b[r])
FLOATS(divide_f32, float, a[r] / b[r])
FLOATS(divide_f64, double, a[r] / b[r])
FLOATS(remainder_f32, float, fmodf(a[r], b[r]))
FLOATS(remainder_f64, double, fmod(a[r], b[r]))
FLOATS(pow_f64, double, pow(a[r], b[r]))

/* ---- of one number --------------------------------------------------------------------------------------------------- */

#define UNARY(name, T, expression)                              \
    void weir__##name(struct weir__step *k)                     \
    {                                                           \
        const T *a = weir__values(k, 0);                        \
        T *out = k->out;                                        \
        for (int64_t r = 0; r < k->n; r++) out[r] = expression; \
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

#define EXTREME(name, T, better)                                                \
    void weir__##name(struct weir__step *k)                                     \
    {                                                                           \
        T *out = k->out;                                                        \
        memcpy(out, weir__values(k, 0), (size_t)k->n * sizeof(T));              \
        for (uint32_t i = 1; i < k->code->n_args; i++) {                        \
            const T *a = weir__values(k, i);                                    \
            for (int64_t r = 0; r < k->n; r++) out[r] = better ? a[r] : out[r]; \
        }                                                                       \
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
