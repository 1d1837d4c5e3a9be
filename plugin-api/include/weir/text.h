/* weir/text.h - numbers, times and UTF-8 as text: what formats and plugins need to read and write records.
 *
 * Static inline, libc only, C11 and C++17 clean; not part of the binary contract. Nothing here depends on the locale,
 * allocates, or trims: the whole of p[0..n) is the value or the function says false and leaves the result alone. Texts are
 * not NUL-terminated. Writers put at most WEIR_TEXT_MAX bytes, no NUL, and return how many.
 */
#ifndef WEIR_TEXT_H
#define WEIR_TEXT_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/abi.h>
#include <weir/digits.h>

#define WEIR_TEXT_MAX 48 /* bytes a writer may put; -2.2250738585072014e-308, +292278994-08-17T07:12:55.807Z */

static inline bool weir_text_is_digit_(char c)
{
    return (unsigned char)(c - '0') < 10;
}

/* True when p[0..n) is `word` (lower-case ASCII), whatever its letter case. */
static inline bool weir_text_is_word(const char *p, size_t n, const char *word)
{
    size_t i = 0;
    for (; i < n && word[i]; i++) {
        char c = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] + ('a' - 'A')) : p[i];
        if (c != word[i]) return false;
    }
    return i == n && !word[i];
}

/* ---- bool and integers -------------------------------------------------------------------------------------- */

/* true and false in any letter case, 1 and 0. */
static inline bool weir_text_to_bool(const char *p, size_t n, bool *v)
{
    bool yes = (n == 1 && *p == '1') || weir_text_is_word(p, n, "true");
    if (!yes && !(n == 1 && *p == '0') && !weir_text_is_word(p, n, "false")) return false;
    *v = yes;
    return true;
}

/* n digits, 1 to 16; false: one is none, and *v is nothing. */
static inline bool weir_text_few_digits_(const char *p, size_t n, uint64_t *v)
{
#if WEIR_TEXT_BY_EIGHT_
    if (n <= 8) {
        uint64_t eight = weir_text_eight_(p, n);
        *v = weir_text_digits_value_(eight);
        return weir_text_are_digits_(eight);
    }
    uint64_t first, last;
    memcpy(&first, p, 8);
    memcpy(&last, p + n - 8, 8);
    if (n < 16) first = first << (128 - 8 * n) | 0x3030303030303030u >> (8 * n - 64);
    *v = weir_text_digits_value_(first) * 100000000 + weir_text_digits_value_(last);
    return weir_text_are_digits_(first) && weir_text_are_digits_(last);
#else
    for (size_t i = *v = 0; i < n; i++) {
        if (!weir_text_is_digit_(p[i])) return false;
        *v = *v * 10 + (uint64_t)(p[i] - '0');
    }
    return true;
#endif
}

/* [+-]digits; false when it does not fit. */
static inline bool weir_text_to_i64(const char *p, size_t n, int64_t *v)
{
    const char *end = p + n;
    bool negative = n > 0 && *p == '-';
    uint64_t m = 0;
    if (n > 0 && (*p == '-' || *p == '+')) p++;
    if (p == end) return false;
    if (end - p <= 16) {
        if (!weir_text_few_digits_(p, (size_t)(end - p), &m)) return false;
        *v = negative ? -(int64_t)m : (int64_t)m;
        return true;
    }
    while (p < end && *p == '0') p++;
    if (end - p > 19) return false; /* 19 digits always fit in 64 bits */
    for (; p < end; p++) {
        if (!weir_text_is_digit_(*p)) return false;
        m = m * 10 + (uint64_t)(*p - '0');
    }
    if (m > (uint64_t)INT64_MAX + negative) return false;
    *v = negative ? (int64_t)(0 - m) : (int64_t)m;
    return true;
}

static inline bool weir_text_to_i32(const char *p, size_t n, int32_t *v)
{
    int64_t wide;
    if (!weir_text_to_i64(p, n, &wide) || wide < INT32_MIN || wide > INT32_MAX) return false;
    *v = (int32_t)wide;
    return true;
}

static inline size_t weir_text_from_i64(char *to, int64_t v)
{
    if (v >= 0) return weir_text_from_u64_(to, (uint64_t)v);
    *to = '-';
    return 1 + weir_text_from_u64_(to + 1, 0 - (uint64_t)v);
}

static inline size_t weir_text_from_bool(char *to, bool v)
{
    memcpy(to, v ? "true" : "false", v ? 4 : 5);
    return v ? 4 : 5;
}

/* ---- floating point ----------------------------------------------------------------------------------------- */

/* A decimal number taken apart: (-1)^negative * digits * 10^exponent, without leading zeros. 0 has no digits.
 * A double is decided by its first 768 significant digits and whether anything follows them, so no more are kept. */
typedef struct weir_text_decimal_ {
    char digits[800];
    uint32_t n;
    int32_t exponent;
    bool negative;
    uint64_t m; /* the value of digits while n <= 19 */
} weir_text_decimal_;

static inline void weir_text_digit_(weir_text_decimal_ *d, char c, bool fraction)
{
    if (d->n == 0 && c == '0') {
        d->exponent -= fraction;
        return;
    }
    if (d->n < 780) {
        d->digits[d->n++] = c;
        if (d->n <= 19) d->m = d->m * 10 + (uint64_t)(c - '0');
        d->exponent -= fraction;
    } else {
        if (c != '0') d->digits[779] = '1'; /* sticky: only says that the value lies above the digits */
        d->exponent += !fraction;
    }
}

/* [+-] (digits [. digits*] | . digits) [(e|E) [+-] digits]; whole text of less than 2^30 bytes. */
static inline bool weir_text_decimal_read_(const char *p, size_t n, weir_text_decimal_ *d)
{
    const char *end = p + n, *start;
    bool any = false;
    int32_t e = 0;
    d->n = 0;
    d->exponent = 0;
    d->m = 0;
    if (n == 0 || n > (size_t)1 << 30) return false;
    d->negative = *p == '-';
    if (*p == '-' || *p == '+') p++;
    for (start = p; p < end && weir_text_is_digit_(*p); p++) weir_text_digit_(d, *p, false);
    any = p > start;
    if (p < end && *p == '.') {
        for (start = ++p; p < end && weir_text_is_digit_(*p); p++) weir_text_digit_(d, *p, true);
        any |= p > start;
    }
    if (!any) return false;
    if (p == end) return true;
    if ((*p | 32) != 'e' || ++p == end) return false;
    bool down = *p == '-';
    if (*p == '-' || *p == '+') p++;
    for (start = p; p < end && weir_text_is_digit_(*p); p++) e = e < 100000000 ? e * 10 + (*p - '0') : e;
    d->exponent += down ? -e : e;
    return p == end && p > start;
}

/* The digits and the exponent without a decimal point, which is what strtod would read by the locale. */
static inline void weir_text_decimal_plain_(weir_text_decimal_ *d, char to[832])
{
    int32_t e = d->exponent < -100000 ? -100000 : d->exponent > 100000 ? 100000 : d->exponent;
    size_t n = 0;
    if (d->negative) to[n++] = '-';
    memcpy(to + n, d->digits, d->n);
    n += d->n;
    to[n++] = 'e';
    n += weir_text_from_i64(to + n, e);
    to[n] = 0;
}

static inline bool weir_text_is_special_(const char *p, size_t n, double *v)
{
    bool negative = n > 0 && *p == '-';
    if (n > 0 && (*p == '-' || *p == '+')) p++, n--;
    if (weir_text_is_word(p, n, "nan")) {
        *v = (double)NAN;
        return true;
    }
    if (!weir_text_is_word(p, n, "inf") && !weir_text_is_word(p, n, "infinity")) return false;
    *v = negative ? -(double)INFINITY : (double)INFINITY;
    return true;
}

/* digits, or digits with one point among them, in at most 17 characters, the everyday case: *m / 10^*fraction. */
static inline bool weir_text_plain_decimal_(const char *p, size_t n, uint64_t *m, uint32_t *fraction)
{
    size_t point = n;
    *fraction = 0;
    if (n == 0 || n > 17) return false;
#if WEIR_TEXT_BY_EIGHT_
    if (n <= 8) {
        uint64_t eight = weir_text_eight_(p, n), dots = eight ^ 0x2E2E2E2E2E2E2E2Eu;
        dots = (dots - 0x0101010101010101u) & ~dots & 0x8080808080808080u; /* its lowest bit is that of the first point */
        if (dots) {                                                        /* the digits before it move over it */
            uint64_t upto = dots ^ (dots - 1);
            eight = (eight & ~upto) | (eight & upto >> 8) << 8 | '0';
            *fraction = (uint32_t)__builtin_clzll(dots & (0 - dots)) / 8;
            if (n == 1) return false;
        }
        if (!weir_text_are_digits_(eight)) return false;
        *m = weir_text_digits_value_(eight);
        return true;
    }
#endif
    *m = 0;
    for (size_t i = 0; i < n; i++) {
        if (weir_text_is_digit_(p[i]))
            *m = *m * 10 + (uint64_t)(p[i] - '0');
        else if (p[i] == '.' && point == n)
            point = i;
        else
            return false;
    }
    if (point < n) *fraction = (uint32_t)(n - 1 - point);
    return point == n || n > 1;
}

/* Correctly rounded. NaN, inf and infinity in any letter case; a finite number too large for a double is refused, one too
 * small becomes 0. The fast path is Clinger's: both operands are exact, so the one rounding is the right one
 * (W. Clinger, "How to read floating point numbers accurately", PLDI 1990). */
static inline bool weir_text_to_f64(const char *p, size_t n, double *v)
{
    static const double ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    weir_text_decimal_ d;
    char plain[832];
    double r;
    bool minus = n > 0 && *p == '-', sign = minus || (n > 0 && *p == '+');
    uint32_t fraction;
    uint64_t m;
    if (weir_text_plain_decimal_(p + sign, n - sign, &m, &fraction) && m <= (uint64_t)1 << 53) {
        r = fraction ? (double)m / ten[fraction] : (double)m;
        *v = minus ? -r : r;
        return true;
    }
    if (!weir_text_decimal_read_(p, n, &d)) return weir_text_is_special_(p, n, v);
    if (d.n == 0) {
        r = 0;
    } else if (d.n <= 19 && d.m <= (uint64_t)1 << 53 && d.exponent >= -22 && d.exponent <= 22) {
        r = d.exponent < 0 ? (double)d.m / ten[-d.exponent] : (double)d.m * ten[d.exponent];
    } else {
        weir_text_decimal_plain_(&d, plain);
        r = strtod(plain, NULL);
        if (isinf(r)) return false;
        *v = r;
        return true;
    }
    *v = d.negative ? -r : r;
    return true;
}

/* The same for a float; not by way of a double, which would round twice. */
static inline bool weir_text_to_f32(const char *p, size_t n, float *v)
{
    static const float ten[] = {1e0f, 1e1f, 1e2f, 1e3f, 1e4f, 1e5f, 1e6f, 1e7f, 1e8f, 1e9f, 1e10f};
    weir_text_decimal_ d;
    char plain[832];
    double special;
    float r;
    bool minus = n > 0 && *p == '-', sign = minus || (n > 0 && *p == '+');
    uint32_t fraction;
    uint64_t m;
    if (weir_text_plain_decimal_(p + sign, n - sign, &m, &fraction) && m <= (uint64_t)1 << 24 && fraction <= 10) {
        r = fraction ? (float)m / ten[fraction] : (float)m;
        *v = minus ? -r : r;
        return true;
    }
    if (!weir_text_decimal_read_(p, n, &d)) {
        if (!weir_text_is_special_(p, n, &special)) return false;
        *v = (float)special;
        return true;
    }
    if (d.n == 0) {
        r = 0;
    } else if (d.n <= 19 && d.m <= (uint64_t)1 << 24 && d.exponent >= -10 && d.exponent <= 10) {
        r = d.exponent < 0 ? (float)d.m / ten[-d.exponent] : (float)d.m * ten[d.exponent];
    } else {
        weir_text_decimal_plain_(&d, plain);
        r = strtof(plain, NULL);
        if (isinf(r)) return false;
        *v = r;
        return true;
    }
    *v = d.negative ? -r : r;
    return true;
}

/* Lays out n digits d1 d2 ... of the value d1.d2... * 10^e: plain for 1e-4 <= v < 1e16, else with an exponent. */
static inline size_t weir_text_layout_(char *to, const char *digits, int n, int e)
{
    size_t at = 0;
    if (e < -4 || e > 15) {
        to[at++] = digits[0];
        if (n > 1) to[at++] = '.';
        for (int i = 1; i < n; i++) to[at++] = digits[i];
        to[at++] = 'e';
        to[at++] = e < 0 ? '-' : '+';
        e = e < 0 ? -e : e;
        if (e < 10) to[at++] = '0';
        return at + weir_text_from_u64_(to + at, (uint64_t)e);
    }
    for (int i = e < 0 ? e : 0; i < n || i <= e + 1; i++) { /* i < 0: zeros between the point and the digits */
        if (i == e + 1) to[at++] = '.';
        to[at++] = i >= 0 && i < n ? digits[i] : '0';
    }
    return at;
}

/* The shortest digits, tried from `least` to `most` significant ones, that read back as v (v > 0 and finite). */
static inline size_t weir_text_shortest_(char *to, double v, int least, int most, bool single)
{
    for (int precision = least;; precision++) {
        char printed[64], digits[24];
        int n = 0, e;
        double back = 0;
        float back32 = 0;
        const char *c = printed;
        snprintf(printed, sizeof printed, "%.*e", precision - 1, v);
        for (; *c != 'e'; c++) { /* skips the decimal point, whatever the locale made of it */
            if (weir_text_is_digit_(*c)) digits[n++] = *c;
        }
        e = atoi(c + 1);
        while (n > 1 && digits[n - 1] == '0') n--;
        size_t length = weir_text_layout_(to, digits, n, e);
        bool same = single ? weir_text_to_f32(to, length, &back32) && (double)back32 == v
                           : weir_text_to_f64(to, length, &back) && back == v;
        if (same || precision >= most) return length;
    }
}

/* Up to 15 digits with up to 6 decimals, the everyday case, without printf: the first k for which m / 10^k is v. Such a
 * decimal is the only one of at most 15 digits that reads as v. 0: not such a number. */
static inline size_t weir_text_from_plain_f64_(char *to, double v)
{
    static const uint32_t ten[] = {1, 10, 100, 1000, 10000, 100000, 1000000};
    if (!(v < 1e9)) return 0;
    for (int k = 0; k <= 6; k++) {
        uint64_t m = (uint64_t)(v * ten[k] + 0.5);
        if ((double)m / ten[k] != v) continue;
        size_t n = weir_text_from_u64_(to, m / ten[k]);
        uint64_t fraction = m % ten[k];
        to[n++] = '.';
        for (int i = k - 1; i >= 0; i--) {
            to[n + (size_t)i] = (char)('0' + fraction % 10);
            fraction /= 10;
        }
        if (k == 0) to[n] = '0';
        return n + (size_t)(k ? k : 1);
    }
    return 0;
}

static inline size_t weir_text_from_float_(char *to, double v, bool single)
{
    size_t sign = signbit(v) && !isnan(v) ? 1 : 0, n;
    if (sign) *to++ = '-';
    v = fabs(v);
    if (isnan(v) || isinf(v)) {
        memcpy(to, isnan(v) ? "NaN" : "inf", 3);
        return sign + 3;
    }
    if (v == 0) {
        memcpy(to, "0.0", 3);
        return sign + 3;
    }
    if (single) return sign + weir_text_shortest_(to, v, v < 1.17549435e-38 ? 1 : 6, 9, true);
    n = v >= 1e-4 ? weir_text_from_plain_f64_(to, v) : 0;
    return sign + (n ? n : weir_text_shortest_(to, v, v < 2.2250738585072014e-308 ? 1 : 15, 17, false));
}

/* The fewest digits that read back as the same value, as Python's repr lays them out: 0.1, 3.0, 1e+16, 1e-05; NaN, inf,
 * -inf, -0.0. */
static inline size_t weir_text_from_f64(char *to, double v)
{
    return weir_text_from_float_(to, v, false);
}
static inline size_t weir_text_from_f32(char *to, float v)
{
    return weir_text_from_float_(to, (double)v, true);
}

/* ---- time --------------------------------------------------------------------------------------------------- */

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar, and back. H. Hinnant, "chrono-Compatible Low-Level
 * Date Algorithms" (https://howardhinnant.github.io/date_algorithms.html), days_from_civil and civil_from_days. */
static inline int64_t weir_days_from_civil(int64_t y, int month, int day)
{
    y -= month <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}
static inline void weir_civil_from_days(int64_t days, int64_t *y, int *month, int *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t of_era = days - era * 146097;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153; /* months since March */
    *day = (int)(day_of_year - (153 * shifted + 2) / 5 + 1);
    *month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    *y = year_of_era + era * 400 + (*month <= 2);
}

/* A time taken apart; the text said nothing of a part that is still as weir_text_time_ was initialised. */
typedef struct weir_text_time_ {
    int64_t year;
    int month, day, hour, minute, second, ms, offset_minutes;
} weir_text_time_;

static inline bool weir_text_time_ms_(const weir_text_time_ *t, int64_t *ms)
{
    static const int days_in[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = t->year % 4 == 0 && (t->year % 100 != 0 || t->year % 400 == 0);
    if (t->month < 1 || t->month > 12 || t->day < 1 || t->hour > 23 || t->minute > 59 || t->second > 60) return false;
    if (t->day > days_in[t->month - 1] + (t->month == 2 && leap)) return false;
    if (t->year < -290000000 || t->year > 290000000) return false; /* well inside int64 milliseconds */
    int64_t minutes = weir_days_from_civil(t->year, t->month, t->day) * 1440 + t->hour * 60 + t->minute - t->offset_minutes;
    *ms = (minutes * 60 + t->second) * 1000 + t->ms;
    return true;
}

/* From least to most digits; moves *p past them. */
static inline bool weir_text_digits_(const char **p, const char *end, int least, int most, int *v)
{
    int n = 0, x = 0;
    for (; n < most && *p < end && weir_text_is_digit_(**p); n++) x = x * 10 + (*(*p)++ - '0');
    *v = x;
    return n >= least;
}

/* 1 to 9 digits of a second's fraction, cut to milliseconds. */
static inline bool weir_text_fraction_(const char **p, const char *end, int *ms)
{
    int n = 0, x = 0;
    for (; *p < end && weir_text_is_digit_(**p); n++, (*p)++) {
        if (n < 3) x = x * 10 + (**p - '0');
    }
    for (int i = n; i < 3; i++) x *= 10;
    *ms = x;
    return n >= 1 && n <= 9;
}

/* Z, z, +hh, +hhmm or +hh:mm. */
static inline bool weir_text_offset_(const char **p, const char *end, int *minutes)
{
    int h, m = 0;
    if (*p == end) return false;
    char c = *(*p)++;
    *minutes = 0;
    if (c == 'Z' || c == 'z') return true;
    if ((c != '+' && c != '-') || !weir_text_digits_(p, end, 2, 2, &h)) return false;
    if (*p < end && **p == ':') {
        ++*p;
        if (!weir_text_digits_(p, end, 2, 2, &m)) return false;
    } else if (*p < end && weir_text_is_digit_(**p) && !weir_text_digits_(p, end, 2, 2, &m)) {
        return false;
    }
    if (h > 23 || m > 59) return false;
    *minutes = c == '-' ? -(h * 60 + m) : h * 60 + m;
    return true;
}

/* Four digits, or a sign and four to nine. */
static inline bool weir_text_year_(const char **p, const char *end, int64_t *year)
{
    bool sign = *p < end && (**p == '+' || **p == '-'), negative = sign && **p == '-';
    int y;
    if (sign) ++*p;
    if (!weir_text_digits_(p, end, 4, sign ? 9 : 4, &y)) return false;
    *year = negative ? -y : y;
    return true;
}

static inline bool weir_text_char_(const char **p, const char *end, char c)
{
    if (*p == end || **p != c) return false;
    ++*p;
    return true;
}

/* yyyy-mm-ddThh:mm:ss, then nothing, Z, .mmm or .mmmZ: what nearly all times look like. *known false: some other form. */
static inline bool weir_text_common_time_(const char *p, size_t n, bool *known, int64_t *ms)
{
    static const unsigned char at[] = {0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18};
    unsigned d[17], wrong = 0;
    *known = false;
    bool zulu = n > 0 && p[n - 1] == 'Z', fraction = n - zulu == 23;
    if ((n - zulu != 19 && !fraction) || (fraction && p[19] != '.')) return false;
    if (p[4] != '-' || p[7] != '-' || (p[10] != 'T' && p[10] != ' ') || p[13] != ':' || p[16] != ':') return false;
    for (int i = 0; i < 14; i++) wrong |= (d[i] = (unsigned char)(p[at[i]] - '0')) > 9;
    for (int i = 0; i < 3; i++) wrong |= (d[14 + i] = fraction ? (unsigned char)(p[20 + i] - '0') : 0) > 9;
    if (wrong) return false;
    weir_text_time_ t;
    t.year = (int64_t)(d[0] * 1000 + d[1] * 100 + d[2] * 10 + d[3]);
    t.month = (int)(d[4] * 10 + d[5]);
    t.day = (int)(d[6] * 10 + d[7]);
    t.hour = (int)(d[8] * 10 + d[9]);
    t.minute = (int)(d[10] * 10 + d[11]);
    t.second = (int)(d[12] * 10 + d[13]);
    t.ms = (int)(d[14] * 100 + d[15] * 10 + d[16]);
    t.offset_minutes = 0;
    *known = true;
    return weir_text_time_ms_(&t, ms);
}

/* ISO 8601 as RFC 3339 narrows it, a little wider: 2017-11-28, 2017-11-28T05:34, 2017-11-28 05:34:56.789+01:00. Without an
 * offset: UTC. Digits after the milliseconds are cut. A second of 60 is the next minute's first. */
static inline bool weir_text_to_time(const char *p, size_t n, int64_t *ms)
{
    const char *end = p + n;
    weir_text_time_ t = {1970, 1, 1, 0, 0, 0, 0, 0};
    bool known, fine = weir_text_common_time_(p, n, &known, ms);
    if (known) return fine;
    if (!weir_text_year_(&p, end, &t.year) || !weir_text_char_(&p, end, '-')) return false;
    if (!weir_text_digits_(&p, end, 2, 2, &t.month) || !weir_text_char_(&p, end, '-')) return false;
    if (!weir_text_digits_(&p, end, 2, 2, &t.day)) return false;
    if (p < end) {
        if (*p != 'T' && *p != 't' && *p != ' ') return false;
        p++;
        if (!weir_text_digits_(&p, end, 2, 2, &t.hour) || !weir_text_char_(&p, end, ':')) return false;
        if (!weir_text_digits_(&p, end, 2, 2, &t.minute)) return false;
        if (weir_text_char_(&p, end, ':')) {
            if (!weir_text_digits_(&p, end, 2, 2, &t.second)) return false;
            if (weir_text_char_(&p, end, '.') && !weir_text_fraction_(&p, end, &t.ms)) return false;
        }
        if (p < end && !weir_text_offset_(&p, end, &t.offset_minutes)) return false;
    }
    return p == end && weir_text_time_ms_(&t, ms);
}

/* Seconds since the epoch, with or without a fraction, which is cut to milliseconds: 1511848894, 1511848894.25. */
static inline bool weir_text_to_epoch_s(const char *p, size_t n, int64_t *ms)
{
    const char *end = p + n, *dot = n ? (const char *)memchr(p, '.', n) : NULL;
    bool negative = n > 0 && *p == '-';
    int64_t s;
    int fraction = 0;
    if (!weir_text_to_i64(p, dot ? (size_t)(dot - p) : n, &s)) return false;
    if (dot && (++dot, !weir_text_fraction_(&dot, end, &fraction) || dot != end)) return false;
    if (s > INT64_MAX / 1000 - 1 || s < INT64_MIN / 1000 + 1) return false;
    *ms = s * 1000 + (negative ? -fraction : fraction);
    return true;
}

static inline char *weir_text_two_(char *to, int v)
{
    to[0] = (char)('0' + v / 10);
    to[1] = (char)('0' + v % 10);
    return to + 2;
}

static inline weir_text_time_ weir_text_time_of_(int64_t ms)
{
    weir_text_time_ t = {0, 0, 0, 0, 0, 0, 0, 0};
    int64_t days = ms / 86400000, rest = ms % 86400000;
    if (rest < 0) {
        rest += 86400000;
        days--;
    }
    weir_civil_from_days(days, &t.year, &t.month, &t.day);
    t.hour = (int)(rest / 3600000);
    t.minute = (int)(rest / 60000 % 60);
    t.second = (int)(rest / 1000 % 60);
    t.ms = (int)(rest % 1000);
    return t;
}

static inline char *weir_text_put_year_(char *to, int64_t year)
{
    uint64_t y = year < 0 ? (uint64_t)-year : (uint64_t)year;
    if (year < 0 || year > 9999) *to++ = year < 0 ? '-' : '+';
    for (uint64_t least = 1000; least > 1 && y < least; least /= 10) *to++ = '0';
    return to + weir_text_from_u64_(to, y);
}

/* 2017-11-28T05:34:56.789Z: always UTC, always three decimals, so that the texts of years 0 to 9999 sort as the times do.
 * Other years have a sign, as in java.time. */
static inline size_t weir_text_from_time(char *to, int64_t ms)
{
    weir_text_time_ t = weir_text_time_of_(ms);
    char *p = weir_text_put_year_(to, t.year);
    *p++ = '-';
    p = weir_text_two_(p, t.month);
    *p++ = '-';
    p = weir_text_two_(p, t.day);
    *p++ = 'T';
    p = weir_text_two_(p, t.hour);
    *p++ = ':';
    p = weir_text_two_(p, t.minute);
    *p++ = ':';
    p = weir_text_two_(p, t.second);
    *p++ = '.';
    *p++ = (char)('0' + t.ms / 100);
    p = weir_text_two_(p, t.ms % 100);
    *p++ = 'Z';
    return (size_t)(p - to);
}

/* Times by pattern. The patterns are strftime's, a subset: %Y %m %d %H %M %S (fixed width), %f (1 to 9 digits of a second's
 * fraction), %z (Z, +hhmm, +hh:mm), %b (Jan .. Dec, English, any case), %F (%Y-%m-%d), %T (%H:%M:%S), %%; everything else
 * stands for itself. What a pattern does not say is 1970-01-01T00:00:00 UTC. Apache logs: "%d/%b/%Y:%H:%M:%S %z". */
static const char weir_text_months_[] = "janfebmaraprmayjunjulaugsepoctnovdec";

static inline bool weir_text_month_(const char **p, const char *end, int *month)
{
    if (end - *p < 3) return false;
    for (int m = 0; m < 12; m++) {
        char name[4] = {weir_text_months_[3 * m], weir_text_months_[3 * m + 1], weir_text_months_[3 * m + 2], 0};
        if (!weir_text_is_word(*p, 3, name)) continue;
        *p += 3;
        *month = m + 1;
        return true;
    }
    return false;
}

/* NULL when the pattern is one, else where it goes wrong. */
static inline const char *weir_time_pattern_error(const char *pattern)
{
    for (const char *f = pattern; *f; f++) {
        if (*f != '%') continue;
        if (f[1] == 0 || !strchr("YmdHMSfzbFT%", f[1])) return f;
        f++;
    }
    return NULL;
}

static inline bool weir_text_time_part_(char what, const char **p, const char *end, weir_text_time_ *t)
{
    switch (what) {
    case 'Y': return weir_text_year_(p, end, &t->year);
    case 'm': return weir_text_digits_(p, end, 2, 2, &t->month);
    case 'd': return weir_text_digits_(p, end, 2, 2, &t->day);
    case 'H': return weir_text_digits_(p, end, 2, 2, &t->hour);
    case 'M': return weir_text_digits_(p, end, 2, 2, &t->minute);
    case 'S': return weir_text_digits_(p, end, 2, 2, &t->second);
    case 'f': return weir_text_fraction_(p, end, &t->ms);
    case 'z': return weir_text_offset_(p, end, &t->offset_minutes);
    case 'b': return weir_text_month_(p, end, &t->month);
    case '%': return weir_text_char_(p, end, '%');
    case 'F':
        return weir_text_year_(p, end, &t->year) && weir_text_char_(p, end, '-') &&
               weir_text_digits_(p, end, 2, 2, &t->month) && weir_text_char_(p, end, '-') &&
               weir_text_digits_(p, end, 2, 2, &t->day);
    case 'T':
        return weir_text_digits_(p, end, 2, 2, &t->hour) && weir_text_char_(p, end, ':') &&
               weir_text_digits_(p, end, 2, 2, &t->minute) && weir_text_char_(p, end, ':') &&
               weir_text_digits_(p, end, 2, 2, &t->second);
    default: return false;
    }
}

static inline bool weir_text_to_time_by(const char *pattern, const char *p, size_t n, int64_t *ms)
{
    const char *end = p + n;
    weir_text_time_ t = {1970, 1, 1, 0, 0, 0, 0, 0};
    for (; *pattern; pattern++) {
        if (*pattern == '%') {
            if (!weir_text_time_part_(*++pattern, &p, end, &t)) return false;
        } else if (!weir_text_char_(&p, end, *pattern)) {
            return false;
        }
    }
    return p == end && weir_text_time_ms_(&t, ms);
}

/* How a format's timestamps are written, from an option: "iso", "epoch_ms", "epoch_s", or a pattern with a '%'. */
typedef enum weir_time_style {
    WEIR_TIME_ISO = 0,
    WEIR_TIME_EPOCH_MS = 1,
    WEIR_TIME_EPOCH_S = 2,
    WEIR_TIME_PATTERN = 3
} weir_time_style;

/* False: neither a style's name nor a pattern. */
static inline bool weir_time_style_of(const char *option, weir_time_style *style)
{
    if (!strcmp(option, "iso"))
        *style = WEIR_TIME_ISO;
    else if (!strcmp(option, "epoch_ms"))
        *style = WEIR_TIME_EPOCH_MS;
    else if (!strcmp(option, "epoch_s"))
        *style = WEIR_TIME_EPOCH_S;
    else if (strchr(option, '%') && !weir_time_pattern_error(option))
        *style = WEIR_TIME_PATTERN;
    else
        return false;
    return true;
}

/* pattern: the option's text, for WEIR_TIME_PATTERN. */
static inline bool weir_text_to_time_as(weir_time_style style, const char *pattern, const char *p, size_t n, int64_t *ms)
{
    switch (style) {
    case WEIR_TIME_ISO: return weir_text_to_time(p, n, ms);
    case WEIR_TIME_EPOCH_MS: return weir_text_to_i64(p, n, ms);
    case WEIR_TIME_EPOCH_S: return weir_text_to_epoch_s(p, n, ms);
    default: return weir_text_to_time_by(pattern, p, n, ms);
    }
}

/* ---- UTF-8 -------------------------------------------------------------------------------------------------- */

/* Length of the longest prefix that is valid UTF-8 by RFC 3629 (no surrogates, no overlong forms, nothing beyond
 * U+10FFFF); n when all of it is. */
static inline size_t weir_utf8_prefix(const char *text, size_t n)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t i = 0;
    for (uint64_t four[4]; n - i >= 32; i += 32) { /* most texts are ASCII */
        memcpy(four, p + i, 32);
        if ((four[0] | four[1] | four[2] | four[3]) & 0x8080808080808080u) break;
    }
    while (i < n) {
        uint64_t eight;
        unsigned char c;
        if (n - i >= 8 && (memcpy(&eight, p + i, 8), (eight & 0x8080808080808080u) == 0)) {
            i += 8;
            continue;
        }
        if (n - i < 8 && n >= 8 && (memcpy(&eight, p + n - 8, 8), (eight & 0x8080808080808080u) == 0)) return n;
        c = p[i];
        size_t more = c < 0x80 ? 0 : c < 0xC2 ? 9 : c < 0xE0 ? 1 : c < 0xF0 ? 2 : c < 0xF5 ? 3 : 9;
        if (more == 9 || n - i <= more) return i;
        if (more) {
            unsigned char least = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
            unsigned char most = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
            if (p[i + 1] < least || p[i + 1] > most) return i;
            for (size_t k = 2; k <= more; k++) {
                if ((p[i + k] & 0xC0) != 0x80) return i;
            }
        }
        i += more + 1;
    }
    return n;
}
static inline bool weir_is_utf8(const char *p, size_t n)
{
    return weir_utf8_prefix(p, n) == n;
}

#endif
