/* weir/text.h against libc, printed vectors, and slow obvious references. */
#include <weir/text.h>

#include <locale.h>
#include <time.h>

#include "harness/suite.h"

static uint64_t state = 88172645463325252u;
static uint64_t chance(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static double any_double(void)
{
    double v;
    uint64_t bits = chance();
    memcpy(&v, &bits, sizeof v);
    return isnan(v) || isinf(v) ? 1.0 : v;
}

static bool to_f64(const char *text, double *v)
{
    return weir_text_to_f64(text, strlen(text), v);
}

/* ---- integers ----------------------------------------------------------------------------------------------- */

static void integers_are_checked_for_overflow(void)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t v;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"+7", true, 7},
        {"0000000000000000000000000012", true, 12},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"9999999999999999999", false, 0},
        {"18446744073709551616", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"+", false, 0},
        {"1 ", false, 0},
        {" 1", false, 0},
        {"1.0", false, 0},
        {"0x10", false, 0},
        {"1_000", false, 0},
        {"--1", false, 0},
    };
    for (size_t i = 0; i < WEIR_LEN(cases); i++) {
        int64_t v = -77;
        CU_ASSERT_EQUAL(weir_text_to_i64(cases[i].text, strlen(cases[i].text), &v), cases[i].ok);
        CU_ASSERT_EQUAL(v, cases[i].ok ? cases[i].v : -77);
    }
    int32_t v32 = 5;
    CU_ASSERT_TRUE(weir_text_to_i32("-2147483648", 11, &v32) && v32 == INT32_MIN);
    CU_ASSERT_TRUE(weir_text_to_i32("2147483647", 10, &v32) && v32 == INT32_MAX);
    CU_ASSERT_FALSE(weir_text_to_i32("2147483648", 10, &v32));
    CU_ASSERT_EQUAL(v32, INT32_MAX);
}

static void integers_come_back(void)
{
    char text[WEIR_TEXT_MAX], expected[64];
    for (int i = 0; i < 200000; i++) {
        int64_t v = (int64_t)(chance() >> (chance() % 64)) * (chance() % 2 ? 1 : -1), back;
        size_t n = weir_text_from_i64(text, v);
        snprintf(expected, sizeof expected, "%lld", (long long)v);
        CU_ASSERT_TRUE(n == strlen(expected) && memcmp(text, expected, n) == 0);
        CU_ASSERT_TRUE(weir_text_to_i64(text, n, &back) && back == v);
    }
    CU_ASSERT_EQUAL(weir_text_from_i64(text, INT64_MIN), 20);
    for (uint64_t ten = 1; ten; ten = ten < UINT64_MAX / 10 ? ten * 10 : 0) { /* where another digit begins */
        for (uint64_t v = ten - 1; v <= ten + 1; v++) {
            size_t n = weir_text_from_u64_(text, v);
            snprintf(expected, sizeof expected, "%llu", (unsigned long long)v);
            CU_ASSERT_TRUE(n == strlen(expected) && memcmp(text, expected, n) == 0);
        }
    }
    CU_ASSERT_EQUAL(weir_text_from_u64_(text, UINT64_MAX), 20);
    CU_ASSERT_EQUAL(memcmp(text, "18446744073709551615", 20), 0);
#if WEIR_TEXT_BY_EIGHT_
    for (uint64_t v = 0; v < 100000000; v += 1 + v % 97) { /* each digit at each place */
        char eight[8];
        weir_text_put_eight_(eight, v);
        snprintf(expected, sizeof expected, "%08llu", (unsigned long long)v);
        if (memcmp(eight, expected, 8) != 0) CU_FAIL_FATAL("other digits");
    }
#endif
}

/* Against readers that go digit by digit: short texts, which are read eight digits at a time. */
static void short_numbers_are_read_as_digit_by_digit(void)
{
    static const char any[] = "0123456789012345678901234567890123456789.+-e:/ \0\xB9";
    for (int i = 0; i < 300000; i++) {
        char text[24], plain[832];
        size_t n = chance() % 20, from = 0, characters = chance() % 8 ? 42 : sizeof any - 1;
        weir_text_decimal_ d;
        int64_t v = -77, expected = 0;
        double f = -77;
        for (size_t k = 0; k < n; k++) text[k] = any[chance() % characters];
        if (n > 0 && chance() % 4 == 0) text[0] = '-';
        bool negative = n > 0 && text[0] == '-', ok = true;
        from = n > 0 && (text[0] == '-' || text[0] == '+');
        for (size_t k = from; k < n; k++) {
            ok = ok && weir_text_is_digit_(text[k]) && !__builtin_mul_overflow(expected, (int64_t)10, &expected) &&
                 !__builtin_add_overflow(expected, (int64_t)((negative ? -1 : 1) * (text[k] - '0')), &expected);
        }
        ok = ok && n > from;
        CU_ASSERT_EQUAL_FATAL(weir_text_to_i64(text, n, &v), ok);
        CU_ASSERT_EQUAL_FATAL(v, ok ? expected : -77);
        double exact = 0;
        ok = weir_text_decimal_read_(text, n, &d);
        if (ok) {
            weir_text_decimal_plain_(&d, plain);
            exact = d.n ? strtod(plain, NULL) : d.negative ? -0.0 : 0.0;
        }
        ok = ok && !isinf(exact);
        CU_ASSERT_EQUAL_FATAL(weir_text_to_f64(text, n, &f), ok);
        if (!ok) continue;
        CU_ASSERT_TRUE_FATAL(memcmp(&f, &exact, sizeof f) == 0);
        float single = 0, exact32 = d.n ? strtof(plain, NULL) : (float)exact;
        if (weir_text_to_f32(text, n, &single)) CU_ASSERT_TRUE_FATAL(memcmp(&single, &exact32, sizeof single) == 0);
    }
}

static void bools(void)
{
    bool v;
    CU_ASSERT_TRUE(weir_text_to_bool("TRUE", 4, &v) && v);
    CU_ASSERT_TRUE(weir_text_to_bool("false", 5, &v) && !v);
    CU_ASSERT_TRUE(weir_text_to_bool("1", 1, &v) && v);
    CU_ASSERT_TRUE(weir_text_to_bool("0", 1, &v) && !v);
    CU_ASSERT_FALSE(weir_text_to_bool("", 0, &v));
    CU_ASSERT_FALSE(weir_text_to_bool("truex", 5, &v));
    CU_ASSERT_FALSE(weir_text_to_bool("yes", 3, &v));
}

/* ---- floating point ----------------------------------------------------------------------------------------- */

static void check_like_strtod(const char *text)
{
    double v = 0, expected = strtod(text, NULL);
    bool ok = to_f64(text, &v);
    CU_ASSERT_TRUE(isinf(expected) ? !ok : ok && memcmp(&v, &expected, sizeof v) == 0);
}

static void doubles_are_rounded_as_strtod_rounds_them(void)
{
    char text[1600]; /* "%.800e" needs 808 */
    for (int i = 0; i < 300000; i++) {
        int digits = (int)(chance() % 22) + 1, n = 0;
        if (chance() % 2) text[n++] = '-';
        for (int k = 0; k < digits; k++) {
            text[n++] = (char)('0' + chance() % 10);
            if (chance() % 8 == 0 && !memchr(text, '.', (size_t)n)) text[n++] = '.';
        }
        text[n] = 0;
        if (chance() % 2) snprintf(text + n, sizeof text - (size_t)n, "e%d", (int)(chance() % 700) - 350);
        check_like_strtod(text);
    }
    for (int i = 0; i < 100000; i++) { /* exactly half-way between two doubles, and a hair to either side */
        double v = fabs(any_double());
        snprintf(text, sizeof text, "%.800e", v);
        check_like_strtod(text);
        snprintf(text, sizeof text, "%.*f", (int)(chance() % 30), fmod(v, 1e15));
        check_like_strtod(text);
        if (i >= 2000) i += 50;
    }
}

static void half_way_cases_look_at_every_digit(void)
{
    /* 1 + 2^-53 is half-way between 1 and the next double; a digit far behind decides. */
    char text[1200] = "1.00000000000000011102230246251565404236316680908203125";
    double v;
    CU_ASSERT_TRUE(to_f64(text, &v) && v == 1.0);
    size_t n = strlen(text);
    memset(text + n, '0', 1000);
    CU_ASSERT_TRUE(weir_text_to_f64(text, n + 1000, &v) && v == 1.0);
    text[n + 999] = '1';
    CU_ASSERT_TRUE(weir_text_to_f64(text, n + 1000, &v) && v > 1.0);
    memset(text, '9', 400);
    CU_ASSERT_FALSE(weir_text_to_f64(text, 400, &v));
    memset(text, '0', 1100);
    memcpy(text + 1100, "1e-3", 4);
    CU_ASSERT_TRUE(weir_text_to_f64(text, 1104, &v) && v == 0.001);
}

static void what_is_no_number_is_refused(void)
{
    static const char *const bad[] = {"",      ".",  "-",  "+.", "e5",   "1e", "1e+",     "1.2.3", "1,5",
                                      "0x1p3", "1f", " 1", "1 ", "nano", "in", "infinit", "--1"};
    static const char *const good[] = {"1.", ".5", "-0", "1e5", "1E-5", "+1.5e+05", "inf", "-Infinity", "NaN", "00001.50"};
    double v;
    for (size_t i = 0; i < WEIR_LEN(bad); i++) CU_ASSERT_FALSE(to_f64(bad[i], &v));
    for (size_t i = 0; i < WEIR_LEN(good); i++) CU_ASSERT_TRUE(to_f64(good[i], &v));
    CU_ASSERT_TRUE(to_f64("-inf", &v) && v < 0 && isinf(v));
    CU_ASSERT_TRUE(to_f64("-0", &v) && v == 0 && signbit(v));
    CU_ASSERT_TRUE(to_f64("1e-400", &v) && v == 0);
    CU_ASSERT_TRUE(to_f64("0e999999999999", &v) && v == 0);
    CU_ASSERT_FALSE(to_f64("1e999999999999", &v));
}

static void doubles_come_back_in_the_fewest_digits(void)
{
    static const struct {
        double v;
        const char *text; /* as Python's repr */
    } cases[] = {
        {0.1, "0.1"},
        {3, "3.0"},
        {12.34, "12.34"},
        {1e15, "1000000000000000.0"},
        {1e16, "1e+16"},
        {1e-4, "0.0001"},
        {1e-5, "1e-05"},
        {0.1 + 0.2, "0.30000000000000004"},
        {5e-324, "5e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {123456789012345680.0, "1.2345678901234568e+17"},
        {0.00012345, "0.00012345"},
        {-7.25, "-7.25"},
        {999999999.5, "999999999.5"},
        {1.0 / 3, "0.3333333333333333"},
        {-0.0, "-0.0"},
        {100, "100.0"},
        {1e22, "1e+22"},
        {0.000001, "1e-06"},
        {1234567.000001, "1234567.000001"},
    };
    char text[WEIR_TEXT_MAX];
    for (size_t i = 0; i < WEIR_LEN(cases); i++) {
        size_t n = weir_text_from_f64(text, cases[i].v);
        text[n] = 0;
        CU_ASSERT_STRING_EQUAL(text, cases[i].text);
    }
    for (int i = 0; i < 200000; i++) {
        double v = i % 2 ? any_double() : (double)(int64_t)(chance() % 2000000000) / 100.0, back;
        size_t n = weir_text_from_f64(text, v);
        CU_ASSERT_TRUE(n <= WEIR_TEXT_MAX && weir_text_to_f64(text, n, &back) && memcmp(&v, &back, sizeof v) == 0);
    }
    CU_ASSERT_TRUE(weir_text_from_f64(text, (double)NAN) == 3 && memcmp(text, "NaN", 3) == 0);
    CU_ASSERT_TRUE(weir_text_from_f64(text, -(double)INFINITY) == 4 && memcmp(text, "-inf", 4) == 0);
}

static void floats_come_back_and_round_once(void)
{
    char text[WEIR_TEXT_MAX];
    float back;
    for (int i = 0; i < 200000; i++) {
        float v;
        uint32_t bits = (uint32_t)chance();
        memcpy(&v, &bits, sizeof v);
        if (isnan(v) || isinf(v)) continue;
        size_t n = weir_text_from_f32(text, v);
        CU_ASSERT_TRUE(weir_text_to_f32(text, n, &back) && memcmp(&v, &back, sizeof v) == 0);
    }
    CU_ASSERT_TRUE(weir_text_from_f32(text, 0.1f) == 3 && memcmp(text, "0.1", 3) == 0);
    const char *half = "1.00000005960464477539062500000000000000000000001"; /* as a double: exactly half-way, to even */
    CU_ASSERT_TRUE(weir_text_to_f32(half, strlen(half), &back) && back > 1.0f);
    CU_ASSERT_FALSE(weir_text_to_f32("1e39", 4, &back));
}

static void a_comma_locale_changes_nothing(void)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8"};
    const char *set = NULL;
    for (size_t i = 0; i < WEIR_LEN(names) && !set; i++) set = setlocale(LC_NUMERIC, names[i]);
    char text[WEIR_TEXT_MAX + 1];
    double v = 0;
    CU_ASSERT_TRUE(to_f64("1.2345678901234567890123", &v) && v > 1.2 && v < 1.3);
    CU_ASSERT_TRUE(to_f64("3.5e-300", &v) && v > 0 && v < 1e-299);
    text[weir_text_from_f64(text, 1.0 / 3)] = 0;
    CU_ASSERT_STRING_EQUAL(text, "0.3333333333333333");
    setlocale(LC_NUMERIC, "C");
}

/* ---- time --------------------------------------------------------------------------------------------------- */

static void dates_are_as_the_library_has_them(void)
{
    for (int64_t day = -800000; day < 800000; day += 1 + (int64_t)(chance() % 40)) {
        time_t seconds = (time_t)(day * 86400);
        struct tm tm;
        int64_t y;
        int m, d;
        gmtime_r(&seconds, &tm);
        weir_civil_from_days(day, &y, &m, &d);
        CU_ASSERT_TRUE(y == tm.tm_year + 1900 && m == tm.tm_mon + 1 && d == tm.tm_mday);
        CU_ASSERT_EQUAL(weir_days_from_civil(y, m, d), day);
    }
}

static void times_come_back(void)
{
    char text[WEIR_TEXT_MAX];
    int64_t back;
    for (int i = 0; i < 200000; i++) {
        int64_t ms = (int64_t)(chance() >> (1 + chance() % 40)) * (chance() % 2 ? 1 : -1);
        if (ms > INT64_C(9000000000000000000) || ms < -INT64_C(9000000000000000000)) continue;
        size_t n = weir_text_from_time(text, ms);
        CU_ASSERT_TRUE(n <= WEIR_TEXT_MAX && weir_text_to_time(text, n, &back) && back == ms);
    }
    CU_ASSERT_TRUE(weir_text_from_time(text, INT64_MIN) <= WEIR_TEXT_MAX);
    CU_ASSERT_TRUE(weir_text_from_time(text, INT64_MAX) <= WEIR_TEXT_MAX);
}

static void reads_iso_times(void)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"1970-01-01", 0},
        {"1970-01-01T00:00", 0},
        {"1970-01-01 00:00:01", 1000},
        {"1970-01-01T00:00:00.5Z", 500},
        {"2017-11-28T06:01:34.123456789Z", 1511848894123},
        {"2017-11-28t07:01:34.123+01:00", 1511848894123},
        {"2017-11-27T23:31:34-0630", 1511848894000},
        {"2017-11-28T08:01:34+02", 1511848894000},
        {"2016-02-29", 1456704000000},
        {"2016-12-31T23:59:60Z", 1483228800000},
        {"1969-12-31T23:59:59.999Z", -1},
        {"0001-01-01", -62135596800000},
        {"+12345-01-01", 327403382400000},
        {"-0001-01-01", -62198755200000},
    };
    static const char *const bad[] = {"",
                                      "1970",
                                      "1970-1-1",
                                      "1970-13-01",
                                      "1970-00-01",
                                      "1970-01-00",
                                      "2017-02-29",
                                      "1900-02-29",
                                      "1970-01-01T",
                                      "1970-01-01T24:00",
                                      "1970-01-01T00:60",
                                      "1970-01-01T00:00:61",
                                      "1970-01-01T00:00:00.",
                                      "1970-01-01T00:00:00+1",
                                      "1970-01-01T00:00:00+24:00",
                                      "1970-01-01T00:00:00.1234567890",
                                      "1970-01-01x",
                                      " 1970-01-01",
                                      "1970-01-01Z",
                                      "19700-01-01",
                                      "1511848894"};
    int64_t ms;
    for (size_t i = 0; i < WEIR_LEN(good); i++) {
        ms = 0;
        CU_ASSERT_TRUE(weir_text_to_time(good[i].text, strlen(good[i].text), &ms));
        CU_ASSERT_EQUAL(ms, good[i].ms);
    }
    for (size_t i = 0; i < WEIR_LEN(bad); i++) CU_ASSERT_FALSE(weir_text_to_time(bad[i], strlen(bad[i]), &ms));
}

static void reads_times_by_pattern(void)
{
    const char *apache = "%d/%b/%Y:%H:%M:%S %z", *text = "17/May/2015:12:05:03 +0200";
    int64_t ms;
    CU_ASSERT_TRUE(weir_text_to_time_by(apache, text, strlen(text), &ms) && ms == 1431857103000);
    CU_ASSERT_FALSE(weir_text_to_time_by(apache, text, strlen(text) - 1, &ms));
    CU_ASSERT_FALSE(weir_text_to_time_by(apache, "17/Mai/2015:12:05:03 +0200", 26, &ms));
    CU_ASSERT_TRUE(weir_text_to_time_by("%F %T.%f", "1970-01-01 00:00:01.25", 22, &ms) && ms == 1250);
    CU_ASSERT_TRUE(weir_text_to_time_by("%H%M%%", "0102%", 5, &ms) && ms == 3720000);
    CU_ASSERT_PTR_NULL(weir_time_pattern_error(apache));
    CU_ASSERT_STRING_EQUAL(weir_time_pattern_error("%Y %q"), "%q");
    CU_ASSERT_STRING_EQUAL(weir_time_pattern_error("%Y %"), "%");
}

static void styles_of_times(void)
{
    weir_time_style style;
    int64_t ms;
    CU_ASSERT_TRUE(weir_time_style_of("epoch_s", &style));
    CU_ASSERT_TRUE(weir_text_to_time_as(style, "", "1511848894.25", 13, &ms) && ms == 1511848894250);
    CU_ASSERT_TRUE(weir_text_to_time_as(style, "", "-1.5", 4, &ms) && ms == -1500);
    CU_ASSERT_TRUE(weir_text_to_time_as(style, "", "-0.5", 4, &ms) && ms == -500);
    CU_ASSERT_FALSE(weir_text_to_time_as(style, "", "9223372036854775807", 19, &ms));
    CU_ASSERT_FALSE(weir_text_to_time_as(style, "", "1.", 2, &ms));
    CU_ASSERT_TRUE(weir_time_style_of("epoch_ms", &style));
    CU_ASSERT_TRUE(weir_text_to_time_as(style, "", "-5", 2, &ms) && ms == -5);
    CU_ASSERT_TRUE(weir_time_style_of("%Y", &style) && style == WEIR_TIME_PATTERN);
    CU_ASSERT_TRUE(weir_text_to_time_as(style, "%Y", "1971", 4, &ms) && ms == INT64_C(365) * 86400000);
    CU_ASSERT_FALSE(weir_time_style_of("epoch", &style));
    CU_ASSERT_FALSE(weir_time_style_of("%q", &style));
}

/* ---- UTF-8 -------------------------------------------------------------------------------------------------- */

/* By definition: a sequence is valid when it is the shortest encoding of its code point, which is no surrogate. */
static size_t slow_prefix(const unsigned char *p, size_t n)
{
    size_t i = 0;
    while (i < n) {
        size_t length = p[i] < 0x80             ? 1
                        : (p[i] & 0xE0) == 0xC0 ? 2
                        : (p[i] & 0xF0) == 0xE0 ? 3
                        : (p[i] & 0xF8) == 0xF0 ? 4
                                                : 0;
        if (length == 0 || n - i < length) return i;
        uint32_t c = length == 1 ? p[i] : p[i] & (0xFFu >> (length + 1));
        for (size_t k = 1; k < length; k++) {
            if ((p[i + k] & 0xC0) != 0x80) return i;
            c = c << 6 | (p[i + k] & 0x3F);
        }
        size_t shortest = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        if (shortest != length || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) return i;
        i += length;
    }
    return n;
}

static void utf8_is_checked_as_defined(void)
{
    static const unsigned char likely[] = {0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2,
                                           0xDF, 0xE0, 0xE1, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF4, 0xF5, 0xFF};
    unsigned char text[24];
    for (int i = 0; i < 2000000; i++) {
        size_t n = chance() % sizeof text, ascii = chance() % 12;
        for (size_t k = 0; k < n; k++) text[k] = k < ascii ? 'a' : likely[chance() % sizeof likely];
        if (weir_utf8_prefix((const char *)text, n) != slow_prefix(text, n)) CU_FAIL_FATAL("the prefixes differ");
    }
    CU_ASSERT_TRUE(weir_is_utf8("", 0));
    CU_ASSERT_TRUE(weir_is_utf8("\xF4\x8F\xBF\xBF", 4));
    CU_ASSERT_FALSE(weir_is_utf8("\xED\xA0\x80", 3));
}

/* The common forms are read by a way of their own: it must take what the general one takes. "+0..." is another text for the
 * same year, of which only the general reader knows. */
static void common_times_are_read_as_all_others(void)
{
    static const char *const forms[] = {"%04d-%02d-%02dT%02d:%02d:%02d",       "%04d-%02d-%02d %02d:%02d:%02d.%03d",
                                        "%04d-%02d-%02dT%02d:%02d:%02dZ",      "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                                        "%04d-%02d-%02dT%02d:%02d:%02d.%02dZ", "%04d-%02d-%02dt%02d:%02d:%02d.%03dz"};
    for (int i = 0; i < 100000; i++) {
        char text[64] = "+", *p = text + 1;
        int64_t ms = -77, expected = -77;
        const char *form = forms[chance() % WEIR_LEN(forms)];
        int n = snprintf(p, sizeof text - 1, form, (int)(chance() % 10000), (int)(chance() % 14), (int)(chance() % 33),
                         (int)(chance() % 25), (int)(chance() % 61), (int)(chance() % 62), (int)(chance() % 100));
        if (chance() % 4 == 0) p[chance() % (unsigned)n] = "0:-T.Z x/"[chance() % 9];
        bool ok = *p != '-' && weir_text_to_time(text, (size_t)n + 1, &expected);
        if (*p == '-' || *p == '+') continue;
        CU_ASSERT_EQUAL_FATAL(weir_text_to_time(p, (size_t)n, &ms), ok);
        CU_ASSERT_EQUAL_FATAL(ms, expected);
    }
}

WEIR_SUITE(weir_text) = {
    {"integers are checked for overflow", integers_are_checked_for_overflow},
    {"integers come back", integers_come_back},
    {"short numbers are read as digit by digit", short_numbers_are_read_as_digit_by_digit},
    {"bools", bools},
    {"doubles are rounded as strtod rounds them", doubles_are_rounded_as_strtod_rounds_them},
    {"half-way cases look at every digit", half_way_cases_look_at_every_digit},
    {"what is no number is refused", what_is_no_number_is_refused},
    {"doubles come back in the fewest digits", doubles_come_back_in_the_fewest_digits},
    {"floats come back and round once", floats_come_back_and_round_once},
    {"a comma locale changes nothing", a_comma_locale_changes_nothing},
    {"dates are as the library has them", dates_are_as_the_library_has_them},
    {"times come back", times_come_back},
    {"reads ISO times", reads_iso_times},
    {"common times are read as all others", common_times_are_read_as_all_others},
    {"reads times by pattern", reads_times_by_pattern},
    {"styles of times", styles_of_times},
    {"UTF-8 is checked as defined", utf8_is_checked_as_defined},
    {NULL, NULL},
};
