/* test_text.c - growing strings, suggestions, and values as manifests write them. */
#include "base/text.h"

#include <locale.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "harness/suite.h"

static void grows(void)
{
    struct weir_text t = {0};
    CU_ASSERT_STRING_EQUAL(weir_text_get(&t), "");
    for (int i = 0; i < 1000; i++) weir_text_add(&t, "%d,", i);
    CU_ASSERT_EQUAL(strlen(weir_text_get(&t)), t.n);
    CU_ASSERT_EQUAL(strncmp(weir_text_get(&t), "0,1,2,", 6), 0);
    char *taken = weir_text_take(&t);
    CU_ASSERT_STRING_EQUAL(taken + strlen(taken) - 4, "999,");
    weir_free(taken);
    weir_text_add_bytes(&t, "a\0b", 3);
    CU_ASSERT_EQUAL(t.n, 3);
    CU_ASSERT_EQUAL(memcmp(weir_text_get(&t), "a\0b", 4), 0);
    weir_text_finish(&t);
    taken = weir_text_take(&t);
    CU_ASSERT_STRING_EQUAL(taken, "");
    weir_free(taken);
}

static void escapes_json(void)
{
    struct weir_text t = {0};
    weir_text_add_json(&t, "a\"b\\c\n\t\x01/é");
    CU_ASSERT_STRING_EQUAL(weir_text_get(&t), "\"a\\\"b\\\\c\\n\\t\\u0001/é\"");
    weir_text_finish(&t);
}

static void suggests(void)
{
    static const char *const names[] = {"source", "sink", NULL, "filter", "key_by", "parallelism", "parallel"};
    size_t n = sizeof names / sizeof *names;
    CU_ASSERT_STRING_EQUAL(weir_nearest("sorce", names, n), "source"); /* one missing */
    CU_ASSERT_STRING_EQUAL(weir_nearest("sikn", names, n), "sink");    /* neighbours swapped */
    CU_ASSERT_STRING_EQUAL(weir_nearest("fliter", names, n), "filter");
    CU_ASSERT_STRING_EQUAL(weir_nearest("paralelism", names, n), "parallelism");
    CU_ASSERT_STRING_EQUAL(weir_nearest("keyby", names, n), "key_by");
    CU_ASSERT_PTR_NULL(weir_nearest("xyz", names, n));
    CU_ASSERT_PTR_NULL(weir_nearest("snk2x", names, n)); /* two edits of five letters are too far */
    CU_ASSERT_PTR_NULL(weir_nearest("", names, n));
    CU_ASSERT_PTR_NULL(weir_nearest(NULL, names, n));
    char longest[200];
    memset(longest, 's', sizeof longest);
    longest[sizeof longest - 1] = 0;
    CU_ASSERT_PTR_NULL(weir_nearest(longest, names, n));
}

struct number_case {
    const char *text;
    int64_t value;
};

static void parses_durations(void)
{
    static const struct number_case good[] = {
        {"10d", 864000000}, {"5s", 5000}, {"200ms", 200},  {"1h 30min", 5400000}, {"1h30min", 5400000},
        {"-5s", -5000},     {"0", 0},     {" 5 s ", 5000}, {"1_000ms", 1000},     {"1d 1h 1min 1s 1ms", 90061001}};
    for (size_t i = 0; i < WEIR_LEN(good); i++) {
        struct weir_error e = {0};
        int64_t v = -1;
        CU_ASSERT_EQUAL(weir_parse_duration(good[i].text, &v, &e), WEIR_OK);
        CU_ASSERT_EQUAL(v, good[i].value);
    }
    static const char *const bad[][2] = {{"", "'' is not understood"},
                                         {"s", "'s' is not understood"},
                                         {"500", "'500' has no unit: write 500ms if milliseconds are meant; the units are"},
                                         {"-1_000 ", "'-1_000 ' has no unit: write -1_000ms if"},
                                         {"5m", "did you mean 'min'?"},
                                         {"5 minutes", "did you mean 'min'?"},
                                         {"5x", "unknown unit 'x'"},
                                         {"1h 30", "a number without a unit"},
                                         {"1.5s", "unknown unit '.'"},
                                         {"--5s", "is not understood"},
                                         {"5s5", "a number without a unit"},
                                         {"9223372036854775808ms", "is too large"},
                                         {"9223372036854775807d", "is too large"},
                                         {"1_s", "unknown unit '_s'"}};
    for (size_t i = 0; i < WEIR_LEN(bad); i++) {
        struct weir_error e = {0};
        int64_t v = 77;
        CU_ASSERT_EQUAL(weir_parse_duration(bad[i][0], &v, &e), WEIR_E_CONFIG);
        WEIR_ASSERT_CONTAINS(e.text, bad[i][1]);
        CU_ASSERT_EQUAL(v, 77);
    }
}

static void parses_sizes(void)
{
    static const struct number_case good[] = {{"64KiB", 65536},      {"1MB", 1000000}, {"4096", 4096},
                                              {"1 GiB", 1073741824}, {"7B", 7},        {"2GB", 2000000000}};
    for (size_t i = 0; i < WEIR_LEN(good); i++) {
        struct weir_error e = {0};
        int64_t v = -1;
        CU_ASSERT_EQUAL(weir_parse_size(good[i].text, &v, &e), WEIR_OK);
        CU_ASSERT_EQUAL(v, good[i].value);
    }
    static const char *const bad[][2] = {{"-1", "is negative"},           {"64kb", "did you mean 'KB'?"},
                                         {"1KB 2B", "is not understood"}, {"10TB", "unknown unit 'TB'"},
                                         {"64K", "did you mean 'KiB'?"},  {"9999999999GiB", "is too large"}};
    for (size_t i = 0; i < WEIR_LEN(bad); i++) {
        struct weir_error e = {0};
        int64_t v;
        CU_ASSERT_EQUAL(weir_parse_size(bad[i][0], &v, &e), WEIR_E_CONFIG);
        WEIR_ASSERT_CONTAINS(e.text, bad[i][1]);
    }
}

static void parses_numbers(void)
{
    struct weir_error e = {0};
    int64_t i;
    double d;
    bool b;
    CU_ASSERT_EQUAL(weir_parse_i64("1_000_000", &i, &e), WEIR_OK);
    CU_ASSERT_EQUAL(i, 1000000);
    CU_ASSERT_EQUAL(weir_parse_i64("-9223372036854775808", &i, &e), WEIR_OK);
    CU_ASSERT_EQUAL(i, INT64_MIN);
    CU_ASSERT_EQUAL(weir_parse_i64("9223372036854775808", &i, &e), WEIR_E_CONFIG);
    WEIR_ASSERT_CONTAINS(e.text, "does not fit");
    static const char *const not_integers[] = {"", "-", "1.0", "12x", " 12", "0x10", "1__0", "_1", "1_", "twelve"};
    for (size_t k = 0; k < WEIR_LEN(not_integers); k++) {
        CU_ASSERT_EQUAL(weir_parse_i64(not_integers[k], &i, &e), WEIR_E_CONFIG);
        WEIR_ASSERT_CONTAINS(e.text, "is not a whole number");
    }
    CU_ASSERT_EQUAL(weir_parse_f64("0.5", &d, &e), WEIR_OK);
    CU_ASSERT_EQUAL(d, 0.5);
    CU_ASSERT_EQUAL(weir_parse_f64("1e9", &d, &e), WEIR_OK);
    CU_ASSERT_EQUAL(d, 1e9);
    static const char *const not_floats[] = {"", "1,5", "nan", "inf", "1e999", "1.5x", "e9"};
    for (size_t k = 0; k < WEIR_LEN(not_floats); k++) {
        CU_ASSERT_EQUAL(weir_parse_f64(not_floats[k], &d, &e), WEIR_E_CONFIG);
        WEIR_ASSERT_CONTAINS(e.text, "is not a finite number");
    }
    CU_ASSERT_EQUAL(weir_parse_bool("true", &b, &e), WEIR_OK);
    CU_ASSERT_TRUE(b);
    CU_ASSERT_EQUAL(weir_parse_bool("false", &b, &e), WEIR_OK);
    CU_ASSERT_FALSE(b);
    CU_ASSERT_EQUAL(weir_parse_bool("yes", &b, &e), WEIR_E_CONFIG);
}

/* Only where such a locale is installed does this show anything. */
static void ignores_the_locale(void)
{
    struct weir_error e;
    double d = 0;
    setlocale(LC_ALL, "de_DE.UTF-8");
    CU_ASSERT_EQUAL(weir_parse_f64("1234567890123456789.25e-3", &d, &e), WEIR_OK);
    struct weir_text t = {0};
    weir_text_add_size(&t, 1536);
    CU_ASSERT_STRING_EQUAL(weir_text_get(&t), "1.5 KiB");
    weir_text_finish(&t);
    setlocale(LC_ALL, "C");
    CU_ASSERT_EQUAL(d, 1234567890123456789.25e-3);
}

static void check_text(struct weir_text *t, const char *expected)
{
    CU_ASSERT_STRING_EQUAL(weir_text_get(t), expected);
    weir_text_finish(t);
}

static void writes_values_for_people(void)
{
    struct weir_text t = {0};
    weir_text_add_duration(&t, 5400000), check_text(&t, "1h 30min");
    weir_text_add_duration(&t, 0), check_text(&t, "0ms");
    weir_text_add_duration(&t, -5200), check_text(&t, "-5s 200ms");
    weir_text_add_duration(&t, INT64_MIN), check_text(&t, "-106751991167d 7h 12min 55s 808ms");
    weir_text_add_time(&t, 1511847296789), check_text(&t, "2017-11-28T05:34:56.789Z");
    weir_text_add_time(&t, INT64_MIN + 1), check_text(&t, "-292275055-05-16T16:47:04.193Z");
    weir_text_add_time(&t, INT64_MIN), check_text(&t, "none yet");
    weir_text_add_time(&t, INT64_MAX), check_text(&t, "the end");
    weir_text_add_size(&t, 1023), check_text(&t, "1023 B");
    weir_text_add_size(&t, 1572864), check_text(&t, "1.5 MiB");
    weir_text_add_size(&t, 65536), check_text(&t, "64 KiB");
    weir_text_add_size(&t, 1048575), check_text(&t, "1 MiB");
    weir_text_add_size(&t, INT64_MAX), check_text(&t, "8 EiB");
    weir_text_add_count(&t, 0), check_text(&t, "0");
    weir_text_add_count(&t, 999), check_text(&t, "999");
    weir_text_add_count(&t, 1000), check_text(&t, "1,000");
    weir_text_add_count(&t, 12345678), check_text(&t, "12,345,678");
    weir_text_add_count(&t, UINT64_MAX), check_text(&t, "18,446,744,073,709,551,615");
}

static void reads_the_durations_it_writes(void)
{
    struct weir_random r = {7};
    for (int k = 0; k < 10000; k++) {
        int64_t ms = (int64_t)weir_random_next(&r) >> weir_random_below(&r, 63), back = 1;
        struct weir_text t = {0};
        if (ms == INT64_MIN) continue;
        weir_text_add_duration(&t, ms);
        CU_ASSERT_EQUAL(weir_parse_duration(weir_text_get(&t), &back, NULL), WEIR_OK);
        CU_ASSERT_EQUAL(back, ms);
        weir_text_finish(&t);
    }
}

WEIR_SUITE(text) = {
    {"grows, is taken, holds NUL bytes", grows},
    {"escapes JSON", escapes_json},
    {"suggests the nearest name, if near enough", suggests},
    {"parses durations", parses_durations},
    {"parses sizes", parses_sizes},
    {"parses numbers and truth values", parses_numbers},
    {"ignores the locale", ignores_the_locale},
    {"writes durations, sizes and counts for people", writes_values_for_people},
    {"reads the durations it writes", reads_the_durations_it_writes},
    {NULL, NULL},
};
