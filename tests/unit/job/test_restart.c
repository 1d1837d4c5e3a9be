/* Restart strategies (semantics A8), stepped by hand. */
#include "job/restart.h"

#include <string.h>

#include "base/random.h"
#include "harness/suite.h"

enum { SECOND = 1000, MINUTE = 60000, HOUR = 3600000 };

static const struct weir_restart_config exponential = {.kind = WEIR_RESTART_EXPONENTIAL,
                                                       .attempts = WEIR_RESTART_UNLIMITED,
                                                       .initial_ms = SECOND,
                                                       .max_ms = MINUTE,
                                                       .reset_after_ms = HOUR,
                                                       .multiplier = 1.5};

static struct weir_restart make(struct weir_restart_config config)
{
    struct weir_restart r;
    weir_restart_init(&r, &config);
    return r;
}

/* How long after the failure the job starts again; -1: never. */
static int64_t delay(struct weir_restart *r, int64_t now_ms, uint64_t random)
{
    int64_t at;
    return weir_restart_failed(r, now_ms, random, &at) ? at - now_ms : -1;
}

static void expect_why(const struct weir_restart *r, const char *expected)
{
    char words[128];
    weir_restart_why(r, words, sizeof words);
    CU_ASSERT_STRING_EQUAL(words, expected);
}

static void none_never_restarts(void)
{
    struct weir_restart r = make((struct weir_restart_config){0});
    CU_ASSERT_EQUAL(delay(&r, 5, 0), -1);
    expect_why(&r, "restart: none");
}

static void fixed_delay_gives_its_attempts(void)
{
    struct weir_restart r =
        make((struct weir_restart_config){.kind = WEIR_RESTART_FIXED_DELAY, .attempts = 3, .delay_ms = 10});
    CU_ASSERT_EQUAL(weir_restart_most(&r), 3);
    CU_ASSERT_EQUAL(delay(&r, 100, 0), 10);
    CU_ASSERT_EQUAL(r.attempts, 1);
    CU_ASSERT_EQUAL(delay(&r, 105, 0), 10);           /* this strategy does not merge failures */
    CU_ASSERT_EQUAL(delay(&r, HOUR * 1000LL, 0), 10); /* and never forgets one */
    CU_ASSERT_EQUAL(delay(&r, HOUR * 2000LL, 0), -1);
    expect_why(&r, "restart: fixed_delay has used up its 3 attempts");
}

static void fixed_delay_without_a_limit(void)
{
    struct weir_restart r = make((struct weir_restart_config){
        .kind = WEIR_RESTART_FIXED_DELAY, .attempts = WEIR_RESTART_UNLIMITED, .delay_ms = SECOND});
    CU_ASSERT_EQUAL(weir_restart_most(&r), 0);
    for (int i = 0; i < 10000; i++) CU_ASSERT_EQUAL(delay(&r, i, 0), SECOND);
}

/* max + 1 failures within the interval are too many; both ends count as within it. */
static void failure_rate_looks_at_the_interval(void)
{
    const struct weir_restart_config config = {
        .kind = WEIR_RESTART_FAILURE_RATE, .failures = 2, .interval_ms = 100, .delay_ms = 7};
    struct weir_restart r = make(config), late = make(config);
    CU_ASSERT_EQUAL(delay(&r, 0, 0), 7);
    CU_ASSERT_EQUAL(delay(&r, 50, 0), 7);
    CU_ASSERT_EQUAL(delay(&r, 101, 0), 7);  /* 0 is out */
    CU_ASSERT_EQUAL(delay(&r, 151, 0), 7);  /* 50 is out */
    CU_ASSERT_EQUAL(delay(&r, 201, 0), -1); /* 101 is exactly the interval ago */
    expect_why(&r, "restart: failure_rate endures 2 failures within 100ms");
    CU_ASSERT_EQUAL(delay(&late, 0, 0), 7);
    CU_ASSERT_EQUAL(delay(&late, 0, 0), 7);
    CU_ASSERT_EQUAL(delay(&late, 0, 0), -1);
}

static void failure_rate_by_default_endures_one_a_minute(void)
{
    struct weir_restart r = make((struct weir_restart_config){
        .kind = WEIR_RESTART_FAILURE_RATE, .failures = 1, .interval_ms = MINUTE, .delay_ms = SECOND});
    CU_ASSERT_EQUAL(delay(&r, 0, 0), SECOND);
    CU_ASSERT_EQUAL(delay(&r, MINUTE + 1, 0), SECOND);
    CU_ASSERT_EQUAL(delay(&r, 2 * MINUTE + 1, 0), -1);
    expect_why(&r, "restart: failure_rate endures 1 failure within 1min");
}

static void the_rate_of_a_hundred(void)
{
    struct weir_restart r = make((struct weir_restart_config){
        .kind = WEIR_RESTART_FAILURE_RATE, .failures = WEIR_RESTART_MOST_FAILURES, .interval_ms = 1000});
    for (int i = 0; i < 5000; i += 10) CU_ASSERT_EQUAL(delay(&r, i, 0), i < 1000 ? 0 : -1);
}

static void exponential_grows_up_to_its_maximum(void)
{
    static const int64_t expected[] = {1000, 1500, 2250, 3375, 5062, 7593, 11390, 17085, 25628, 38443, 57665, 60000, 60000};
    struct weir_restart r = make(exponential);
    int64_t now = 5;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        CU_ASSERT_EQUAL(delay(&r, now, 0), expected[i]);
        now += expected[i] + 1;
    }
    for (int i = 0; i < 10000; i++, now += MINUTE + 1) CU_ASSERT_EQUAL(delay(&r, now, 0), MINUTE);
}

static void failures_during_the_back_off_count_once(void)
{
    struct weir_restart r = make(exponential);
    CU_ASSERT_EQUAL(delay(&r, 100, 0), 1000);
    CU_ASSERT_EQUAL(delay(&r, 100, 0), 1000);
    CU_ASSERT_EQUAL(delay(&r, 600, 0), 500); /* the same restart */
    CU_ASSERT_EQUAL(delay(&r, 1100, 0), 0);
    CU_ASSERT_EQUAL(r.attempts, 1);
    CU_ASSERT_EQUAL(delay(&r, 1101, 0), 1500);
}

static void an_hour_in_peace_begins_anew(void)
{
    struct weir_restart r = make(exponential);
    CU_ASSERT_EQUAL(delay(&r, 0, 0), 1000);
    CU_ASSERT_EQUAL(delay(&r, 1001, 0), 1500); /* due at 2501 */
    CU_ASSERT_EQUAL(delay(&r, 2501 + HOUR - 1, 0), 2250);
    CU_ASSERT_EQUAL(delay(&r, 2501 + HOUR - 1 + 2250 + HOUR, 0), 1000);
}

static void jitter_stays_within_its_share_and_the_bounds(void)
{
    struct weir_restart_config config = exponential;
    struct weir_random random = {1};
    int64_t least = INT64_MAX, most = 0;
    config.jitter = 0.1;
    for (int i = 0; i < 10000; i++) { /* the second delay: 1500, by up to 150 */
        struct weir_restart r = make(config);
        int64_t first = delay(&r, 0, weir_random_next(&random)), second = delay(&r, HOUR / 2, weir_random_next(&random));
        CU_ASSERT(first >= 1000 && first <= 1100); /* never below the initial one */
        if (second < least) least = second;
        if (second > most) most = second;
    }
    CU_ASSERT_EQUAL(least, 1350);
    CU_ASSERT_EQUAL(most, 1650);
    config.initial_ms = config.max_ms = MINUTE;
    for (int i = 0; i < 100; i++) {
        struct weir_restart r = make(config);
        CU_ASSERT_EQUAL(delay(&r, 0, weir_random_next(&random)), MINUTE); /* nor above the maximum */
    }
}

static void the_greatest_numbers_do_no_harm(void)
{
    struct weir_restart_config config = exponential;
    struct weir_random random = {2};
    config.multiplier = 1000;
    config.jitter = 1;
    config.max_ms = INT64_MAX;
    config.reset_after_ms = INT64_MAX;
    struct weir_restart r = make(config);
    for (int i = 0; i < 100; i++) {
        r.next_ms = i - 1;
        int64_t at;
        CU_ASSERT_TRUE(weir_restart_failed(&r, i, weir_random_next(&random), &at));
        CU_ASSERT(at >= i + SECOND);
    }
}

static void exponential_with_a_limit(void)
{
    struct weir_restart_config config = exponential;
    config.attempts = 2;
    struct weir_restart r = make(config);
    CU_ASSERT_EQUAL(delay(&r, 0, 0), 1000);
    CU_ASSERT_EQUAL(delay(&r, MINUTE, 0), 1500);
    CU_ASSERT_EQUAL(delay(&r, 2 * MINUTE, 0), -1);
    expect_why(&r, "restart: exponential has used up its 2 attempts");
    r = make(config);
    for (int64_t i = 0; i < 10; i++) CU_ASSERT_EQUAL(delay(&r, i * 2 * HOUR, 0), 1000); /* each after an hour in peace */
}

WEIR_SUITE(restart) = {{"none never restarts", none_never_restarts},
                       {"fixed_delay gives its attempts, and the next failure is the last", fixed_delay_gives_its_attempts},
                       {"fixed_delay without a limit", fixed_delay_without_a_limit},
                       {"failure_rate gives up at max + 1 failures within the interval", failure_rate_looks_at_the_interval},
                       {"failure_rate by default endures one a minute", failure_rate_by_default_endures_one_a_minute},
                       {"the rate of a hundred", the_rate_of_a_hundred},
                       {"exponential grows by half up to a minute", exponential_grows_up_to_its_maximum},
                       {"failures during the back-off count once", failures_during_the_back_off_count_once},
                       {"an hour in peace begins anew", an_hour_in_peace_begins_anew},
                       {"jitter stays within its share and the bounds", jitter_stays_within_its_share_and_the_bounds},
                       {"the greatest numbers do no harm", the_greatest_numbers_do_no_harm},
                       {"exponential with a limit of attempts", exponential_with_a_limit},
                       {NULL, NULL}};
