/* Clocks of places, against the C library's, which reads the same files in its own way. */
#include "expr/zone_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <weir/text.h>

#include "base/alloc.h"
#include "base/random.h"
#include "harness/suite.h"

static const char *const names[] = {
    "UTC",           "Europe/Berlin",       "America/New_York", "Asia/Kolkata",     "Australia/Lord_Howe",
    "Europe/Dublin", "America/Sao_Paulo",   "Africa/Cairo",     "Asia/Jerusalem",   "Pacific/Apia",
    "Asia/Tehran",   "America/Los_Angeles", "Pacific/Chatham",  "Africa/Casablanca"};

static struct weir__zone *load(const char *name)
{
    struct weir__zone *zone = NULL;
    struct weir_error error = {0};
    CU_ASSERT_EQUAL_FATAL(weir__zone_load(weir_platform_os(), name, &zone, &error), WEIR_OK);
    return zone;
}

static void agrees_with_the_c_library(void)
{
    struct weir_random r = {7};
    char *before = getenv("TZ") ? weir_strdup(getenv("TZ")) : NULL;
    for (size_t i = 0; i < WEIR_LEN(names); i++) {
        struct weir__zone *zone = load(names[i]);
        struct weir__zone_span span = {0};
        size_t wrong = 0;
        setenv("TZ", names[i], 1);
        tzset();
        for (int k = 0; k < 20000; k++) {
            time_t t = (time_t)weir_random_below(&r, 9500000000u) - 2300000000; /* 1897 to 2198 */
            struct tm tm;
            localtime_r(&t, &tm);
            wrong += weir__zone_offset(zone, &span, (int64_t)t * 1000 + 999) != tm.tm_gmtoff * 1000;
        }
        if (wrong) printf("\n    %s: %zu times differ\n", names[i], wrong);
        CU_ASSERT_EQUAL(wrong, 0);
        weir__zone_destroy(zone);
    }
    if (before)
        setenv("TZ", before, 1);
    else
        unsetenv("TZ");
    tzset();
    weir_free(before);
}

/* Every hour of some years: from the instant to the clock and back, where the clock shows it once. */
static void finds_the_way_back(void)
{
    for (size_t i = 0; i < WEIR_LEN(names); i++) {
        struct weir__zone *zone = load(names[i]);
        struct weir__zone_span span = {0};
        for (int64_t t = 1640995200000; t < 1735689600000; t += 1800000) {
            int64_t local = t + weir__zone_offset(zone, &span, t), back = weir__zone_to_utc(zone, &span, local);
            CU_ASSERT_TRUE(back + weir__zone_offset(zone, &span, back) == local);
            CU_ASSERT_TRUE(back <= t && t - back <= 3 * 3600000); /* of two instants the first */
        }
        weir__zone_destroy(zone);
    }
}

static int64_t at(const char *text)
{
    int64_t ms = 0;
    CU_ASSERT_TRUE(weir_text_to_time(text, strlen(text), &ms));
    return ms;
}

static void jumps_and_repeats(void)
{
    struct weir__zone *berlin = load("Europe/Berlin");
    struct weir__zone_span span = {0};
    CU_ASSERT_EQUAL(weir__zone_to_utc(berlin, &span, at("2024-03-31T02:30:00Z")),
                    at("2024-03-31T01:30:00Z")); /* 03:30 there */
    CU_ASSERT_EQUAL(weir__zone_to_utc(berlin, &span, at("2024-10-27T02:30:00Z")), at("2024-10-27T00:30:00Z"));
    CU_ASSERT_EQUAL(weir__zone_to_utc(NULL, &span, 5), 5);
    weir__zone_destroy(berlin);
}

static void refuses_other_names(void)
{
    static const char *const bad[] = {"", "Mars/Base", "../passwd", "/etc/passwd", "+25:00", "Europe", "zone.tab", "a b"};
    for (size_t i = 0; i < WEIR_LEN(bad); i++) {
        struct weir__zone *zone = NULL;
        struct weir_error error = {0};
        CU_ASSERT_EQUAL(weir__zone_load(weir_platform_os(), bad[i], &zone, &error), WEIR_E_CONFIG);
        CU_ASSERT_PTR_NULL(zone);
        CU_ASSERT_TRUE(error.text[0] != 0);
    }
}

/* Cut short or changed at random, a file is refused or read, and nothing else. */
static void survives_damaged_files(void)
{
    struct weir_random r = {3};
    struct weir_error error;
    char *bytes;
    size_t n, blocks = weir_allocated_blocks();
    CU_ASSERT_EQUAL_FATAL(
        weir_read_file(weir_platform_os(), "/usr/share/zoneinfo/Europe/Berlin", 1 << 20, &bytes, &n, &error), WEIR_OK);
    for (int i = 0; i < 3000; i++) {
        size_t kept = i % 2 ? (size_t)weir_random_below(&r, n + 1) : n;
        uint8_t *copy = weir_alloc(kept + 1); /* of its own size, so that reading beyond it shows */
        struct weir__zone *zone = NULL;
        struct weir__zone_span span = {0};
        memcpy(copy, bytes, kept);
        for (int k = 0; i % 2 == 0 && k < 4; k++)
            copy[weir_random_below(&r, i % 4 ? n : 100)] = (uint8_t)weir_random_next(&r);
        if (weir__zone_parse(copy, kept, &zone, &error) == WEIR_OK)
            (void)weir__zone_offset(zone, &span, (int64_t)weir_random_next(&r) / 2000);
        weir__zone_destroy(zone);
        weir_free(copy);
    }
    weir_free(bytes);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

WEIR_SUITE(zone) = {{"agrees with the C library", agrees_with_the_c_library}, {"finds the way back", finds_the_way_back},
                    {"knows jumps and repeats", jumps_and_repeats},           {"refuses other names", refuses_other_names},
                    {"survives damaged files", survives_damaged_files},       {NULL, NULL}};
