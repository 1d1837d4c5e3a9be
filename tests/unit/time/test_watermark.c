/* The valve, the minimum over parts and idleness, against semantics A4. */
#include "time/watermark.h"

#include <stdio.h>

#include "base/random.h"
#include "harness/suite.h"

/* ---- a reference, stateless but for what has been emitted ------------------------------------------------------- */

#define MAX_CHANNELS 5

/* What the channels said, and what has been emitted. Everything else is computed anew at each step: since `last` never
 * falls, the channels that count in the minimum are exactly the active ones that are not behind it. */
struct reference {
    uint32_t n;
    int64_t wm[MAX_CHANNELS];
    bool idle[MAX_CHANNELS], finished[MAX_CHANNELS];
    int64_t last;
    bool said_idle;
};

static void reference_init(struct reference *r, uint32_t n)
{
    *r = (struct reference){.n = n, .last = INT64_MIN};
    for (uint32_t i = 0; i < n; i++) r->wm[i] = INT64_MIN;
}

static void reference_emit(struct reference *r, int64_t wm, struct weir_valve_output *out)
{
    if (wm <= r->last) return;
    r->last = wm;
    out->has_watermark = true;
    out->watermark = wm;
}

static struct weir_valve_output reference_settle(struct reference *r)
{
    struct weir_valve_output out = {0};
    uint32_t open = 0, active = 0;
    int64_t minimum = INT64_MAX, maximum = INT64_MIN;
    for (uint32_t i = 0; i < r->n; i++) {
        if (r->finished[i]) continue;
        open++;
        if (r->wm[i] > maximum) maximum = r->wm[i];
        if (r->idle[i]) continue;
        active++;
        if (r->wm[i] >= r->last && r->wm[i] < minimum) minimum = r->wm[i];
    }
    if (active == 0 && open > 0) {
        if (!r->said_idle) {
            reference_emit(r, maximum, &out);
            out.idle = r->said_idle = true;
        }
        return out;
    }
    out.active = r->said_idle;
    r->said_idle = false;
    if (open == 0) {
        reference_emit(r, INT64_MAX, &out);
    } else if (minimum != INT64_MAX) {
        reference_emit(r, minimum, &out);
    }
    return out;
}

enum event { SAY_WATERMARK, SAY_IDLE, SAY_ACTIVE, SAY_END };

static struct weir_valve_output reference_step(struct reference *r, enum event event, uint32_t c, int64_t wm)
{
    if (event == SAY_END || (event == SAY_WATERMARK && wm == INT64_MAX)) {
        r->finished[c] = true;
    } else if (event == SAY_WATERMARK) {
        if (!r->idle[c] && wm > r->wm[c]) r->wm[c] = wm;
    } else {
        r->idle[c] = event == SAY_IDLE;
    }
    return reference_settle(r);
}

static struct weir_valve_output valve_step(struct weir_valve *v, enum event event, uint32_t c, int64_t wm)
{
    if (event == SAY_END) return weir_valve_end(v, c);
    if (event == SAY_WATERMARK) return weir_valve_watermark(v, c, wm);
    return weir_valve_status(v, c, event == SAY_IDLE);
}

static bool same(struct weir_valve_output a, struct weir_valve_output b)
{
    return a.active == b.active && a.has_watermark == b.has_watermark && (!a.has_watermark || a.watermark == b.watermark) &&
           a.idle == b.idle;
}

static enum event random_event(struct weir_random *r)
{
    uint64_t dice = weir_random_below(r, 100);
    return dice < 60 ? SAY_WATERMARK : dice < 78 ? SAY_IDLE : dice < 97 ? SAY_ACTIVE : SAY_END;
}

static bool agrees_for(uint64_t seed)
{
    struct weir_random random = {seed};
    struct reference reference;
    struct weir_valve valve;
    uint32_t n = 1 + (uint32_t)weir_random_below(&random, MAX_CHANNELS);
    reference_init(&reference, n);
    weir_valve_init(&valve, n);
    bool ok = true, idle = false;
    int64_t last = INT64_MIN;
    for (int step = 0; step < 150 && ok; step++) {
        enum event event = random_event(&random);
        uint32_t c = (uint32_t)weir_random_below(&random, n);
        int64_t wm =
            weir_random_below(&random, 200) == 0 ? INT64_MAX : (int64_t)weir_random_below(&random, 20 + (uint64_t)step);
        struct weir_valve_output got = valve_step(&valve, event, c, wm);
        ok = same(got, reference_step(&reference, event, c, wm));
        if (got.active) idle = false;
        if (got.has_watermark) {
            ok = ok && !idle && got.watermark > last;
            last = got.watermark;
        }
        if (got.idle) idle = true;
        ok = ok && valve.last == last && valve.idle == idle;
        if (!ok) printf("seed %llu step %d\n", (unsigned long long)seed, step);
    }
    weir_valve_finish(&valve);
    return ok;
}

static void valve_agrees_with_the_rules(void)
{
    bool ok = true;
    for (uint64_t seed = 0; seed < 20000 && ok; seed++) ok = agrees_for(seed);
    CU_ASSERT(ok);
}

/* ---- the rules one by one ------------------------------------------------------------------------------------------ */

static struct weir_valve valve_of(uint32_t n)
{
    struct weir_valve v;
    weir_valve_init(&v, n);
    return v;
}

static bool emits(struct weir_valve_output o, int64_t wm)
{
    return o.has_watermark && o.watermark == wm && !o.active && !o.idle;
}
static bool emits_nothing(struct weir_valve_output o)
{
    return !o.has_watermark && !o.active && !o.idle;
}

static void valve_emits_the_minimum(void)
{
    struct weir_valve v = valve_of(3);
    CU_ASSERT(emits_nothing(weir_valve_watermark(&v, 0, 10)));
    CU_ASSERT(emits_nothing(weir_valve_watermark(&v, 1, 5)));
    CU_ASSERT(emits(weir_valve_watermark(&v, 2, 7), 5));
    CU_ASSERT(emits_nothing(weir_valve_watermark(&v, 1, 4)));
    CU_ASSERT(emits(weir_valve_watermark(&v, 1, 9), 7));
    weir_valve_finish(&v);
}

static void watermark_of_an_idle_channel_is_ignored(void)
{
    struct weir_valve v = valve_of(2);
    weir_valve_status(&v, 0, true);
    CU_ASSERT(emits(weir_valve_watermark(&v, 1, 3), 3));
    CU_ASSERT(emits_nothing(weir_valve_watermark(&v, 0, 100)));
    CU_ASSERT_EQUAL(v.channels[0].watermark, INT64_MIN);
    weir_valve_finish(&v);
}

static void all_idle_emits_the_maximum_before_idle(void)
{
    struct weir_valve v = valve_of(2);
    weir_valve_watermark(&v, 0, 10);
    CU_ASSERT(emits(weir_valve_watermark(&v, 1, 4), 4));
    CU_ASSERT(emits_nothing(weir_valve_status(&v, 0, true)));
    struct weir_valve_output o = weir_valve_status(&v, 1, true);
    CU_ASSERT(o.idle && o.has_watermark && o.watermark == 10 && !o.active);
    weir_valve_finish(&v);
}

/* FLINK-40475. */
static void a_channel_that_comes_back_behind_stays_out_until_it_catches_up(void)
{
    struct weir_valve v = valve_of(2);
    weir_valve_watermark(&v, 0, 5);
    weir_valve_watermark(&v, 1, 3);
    weir_valve_status(&v, 1, true); /* now 5 */
    CU_ASSERT(emits(weir_valve_watermark(&v, 0, 20), 20));
    CU_ASSERT(emits_nothing(weir_valve_status(&v, 1, false)));
    CU_ASSERT_FALSE(v.channels[1].aligned);
    CU_ASSERT(emits(weir_valve_watermark(&v, 0, 25), 25));
    CU_ASSERT(emits_nothing(weir_valve_watermark(&v, 1, 24)));
    CU_ASSERT(emits_nothing(weir_valve_watermark(&v, 1, 26)));
    CU_ASSERT(v.channels[1].aligned);
    CU_ASSERT(emits(weir_valve_watermark(&v, 0, 40), 26));
    weir_valve_finish(&v);
}

static void a_channel_that_comes_back_level_counts_at_once(void)
{
    struct weir_valve v = valve_of(2);
    weir_valve_watermark(&v, 0, 5);
    weir_valve_watermark(&v, 1, 9);
    weir_valve_status(&v, 1, true);
    weir_valve_status(&v, 1, false);
    CU_ASSERT(v.channels[1].aligned);
    CU_ASSERT(emits(weir_valve_watermark(&v, 0, 30), 9));
    weir_valve_finish(&v);
}

static void a_channel_that_wakes_the_valve_may_emit_at_once(void)
{
    struct weir_valve v = valve_of(2);
    weir_valve_watermark(&v, 0, 5);
    weir_valve_status(&v, 1, true); /* emits 5 */
    weir_valve_status(&v, 0, true); /* idle */
    struct weir_valve_output o = weir_valve_status(&v, 0, false);
    CU_ASSERT(o.active && !o.has_watermark && !o.idle);
    CU_ASSERT(emits(weir_valve_watermark(&v, 0, 6), 6));
    weir_valve_finish(&v);
}

/* FLINK-38477: a finished channel's INT64_MAX beside an idle one. */
static void a_finished_channel_leaves_the_minimum(void)
{
    struct weir_valve v = valve_of(2);
    weir_valve_watermark(&v, 0, 5);
    weir_valve_watermark(&v, 1, 3);
    struct weir_valve_output o = weir_valve_end(&v, 1);
    CU_ASSERT(emits(o, 5));
    o = weir_valve_status(&v, 0, true);
    CU_ASSERT(o.idle && !o.has_watermark);
    weir_valve_status(&v, 0, false);
    CU_ASSERT(emits(weir_valve_watermark(&v, 0, 8), 8));
    CU_ASSERT(emits(weir_valve_end(&v, 0), INT64_MAX));
    CU_ASSERT(weir_valve_finished(&v));
    weir_valve_finish(&v);
}

static void max_beside_an_idle_channel_is_not_emitted(void)
{
    struct weir_valve v = valve_of(2);
    weir_valve_watermark(&v, 0, 5);
    weir_valve_status(&v, 1, true);
    struct weir_valve_output o = weir_valve_watermark(&v, 0, INT64_MAX);
    CU_ASSERT(o.idle && !o.has_watermark); /* who is left is idle */
    CU_ASSERT(emits_nothing(weir_valve_end(&v, 0)));
    o = weir_valve_watermark(&v, 1, INT64_MAX);
    CU_ASSERT(o.active && o.has_watermark && o.watermark == INT64_MAX);
    CU_ASSERT(emits_nothing(weir_valve_end(&v, 1)));
    weir_valve_finish(&v);
}

/* ---- the minimum over parts -------------------------------------------------------------------------------------- */

static void minimum_over_parts(void)
{
    struct weir_minimum m;
    weir_minimum_init(&m);
    weir_minimum_add(&m, 7);
    weir_minimum_add(&m, 3);
    weir_minimum_add(&m, 7);
    CU_ASSERT_EQUAL(m.n, 2);
    CU_ASSERT_FALSE(weir_minimum_set(&m, 7, 10));
    CU_ASSERT(weir_minimum_set(&m, 3, 4));
    CU_ASSERT_EQUAL(m.last, 4);
    CU_ASSERT_FALSE(weir_minimum_set(&m, 3, 2));
    CU_ASSERT(weir_minimum_idle(&m, 3, true)); /* 7 alone: 10 */
    CU_ASSERT_EQUAL(m.last, 10);
    CU_ASSERT_FALSE(weir_minimum_idle(&m, 7, true));
    CU_ASSERT(m.idle);
    CU_ASSERT_FALSE(weir_minimum_set(&m, 3, 5)); /* active, behind */
    CU_ASSERT_FALSE(m.idle);
    CU_ASSERT(weir_minimum_set(&m, 3, 11));
    CU_ASSERT_FALSE(weir_minimum_remove(&m, 7));
    CU_ASSERT_FALSE(weir_minimum_remove(&m, 7));
    CU_ASSERT_FALSE(weir_minimum_remove(&m, 3));
    CU_ASSERT_EQUAL(m.last, 11);
    weir_minimum_finish(&m);
}

static void all_parts_idle_gives_the_maximum(void)
{
    struct weir_minimum m;
    weir_minimum_init(&m);
    weir_minimum_add(&m, 0);
    weir_minimum_add(&m, 1);
    weir_minimum_set(&m, 0, 10);
    weir_minimum_set(&m, 1, 20);
    CU_ASSERT_EQUAL(m.last, 10);
    CU_ASSERT_FALSE(weir_minimum_idle(&m, 1, true));
    CU_ASSERT(weir_minimum_idle(&m, 0, true));
    CU_ASSERT(m.idle && m.last == 20);
    weir_minimum_finish(&m);
}

static void a_split_not_read_yet_holds_the_minimum(void)
{
    struct weir_minimum m;
    weir_minimum_init(&m);
    for (uint64_t i = 0; i < 3; i++) weir_minimum_add(&m, i);
    CU_ASSERT_FALSE(weir_minimum_set(&m, 0, 100));
    CU_ASSERT_FALSE(weir_minimum_remove(&m, 0));
    CU_ASSERT_FALSE(weir_minimum_set(&m, 1, 50));
    CU_ASSERT(weir_minimum_set(&m, 2, 40));
    CU_ASSERT_EQUAL(m.last, 40);
    weir_minimum_finish(&m);
}

/* ---- idleness ---------------------------------------------------------------------------------------------------- */

static void idle_only_after_a_second_probe(void)
{
    struct weir_idleness t;
    weir_idleness_init(&t, 100);
    weir_idleness_event(&t);
    CU_ASSERT_FALSE(weir_idleness_probe(&t, 1000, 0)); /* an event came */
    CU_ASSERT_FALSE(weir_idleness_probe(&t, 5000, 0)); /* starts the clock, however late */
    CU_ASSERT_FALSE(weir_idleness_probe(&t, 5100, 0)); /* not more than the timeout */
    CU_ASSERT(weir_idleness_probe(&t, 5101, 0));
    weir_idleness_event(&t);
    CU_ASSERT_FALSE(weir_idleness_probe(&t, 9000, 0));
    CU_ASSERT_FALSE(weir_idleness_probe(&t, 9200, 0));
    CU_ASSERT(weir_idleness_probe(&t, 9301, 0));
}

static void idleness_pauses_under_back_pressure(void)
{
    struct weir_idleness t;
    weir_idleness_init(&t, 100);
    CU_ASSERT_FALSE(weir_idleness_probe(&t, 0, 40)); /* 40 ms before the clock started do not matter */
    CU_ASSERT_FALSE(weir_idleness_probe(&t, 150, 90));
    CU_ASSERT(weir_idleness_probe(&t, 151, 90));
    weir_idleness_init(&t, 0);
    CU_ASSERT_FALSE(weir_idleness_probe(&t, 0, 0));
    CU_ASSERT_FALSE(weir_idleness_probe(&t, INT64_MAX, 0));
}

static void next_event_reactivates_only_with_a_larger_watermark(void)
{
    struct weir_minimum m;
    weir_minimum_init(&m);
    weir_minimum_add(&m, 0);
    CU_ASSERT(weir_minimum_set(&m, 0, 10));
    CU_ASSERT_FALSE(weir_minimum_idle(&m, 0, true));
    CU_ASSERT_FALSE(weir_minimum_set(&m, 0, 10)); /* the event was old: no call says "emit", so the stream stays idle */
    CU_ASSERT(weir_minimum_set(&m, 0, 11));
    weir_minimum_finish(&m);
}

WEIR_SUITE(watermark) = {
    {"valve agrees with the rules, 20000 random histories", valve_agrees_with_the_rules},
    {"valve emits the minimum", valve_emits_the_minimum},
    {"watermark of an idle channel is ignored", watermark_of_an_idle_channel_is_ignored},
    {"all idle emits the maximum before IDLE", all_idle_emits_the_maximum_before_idle},
    {"a channel that comes back behind stays out until it catches up (FLINK-40475)",
     a_channel_that_comes_back_behind_stays_out_until_it_catches_up},
    {"a channel that comes back level counts at once", a_channel_that_comes_back_level_counts_at_once},
    {"a channel that wakes the valve says active first", a_channel_that_wakes_the_valve_may_emit_at_once},
    {"a finished channel leaves the minimum", a_finished_channel_leaves_the_minimum},
    {"MAX beside an idle channel is not emitted (FLINK-38477)", max_beside_an_idle_channel_is_not_emitted},
    {"minimum over parts", minimum_over_parts},
    {"all parts idle gives the maximum", all_parts_idle_gives_the_maximum},
    {"a split not read yet holds the minimum", a_split_not_read_yet_holds_the_minimum},
    {"idle only after a second probe beyond the timeout", idle_only_after_a_second_probe},
    {"idleness pauses under back pressure", idleness_pauses_under_back_pressure},
    {"TRAP: the next event re-activates the stream only when a larger watermark is emitted",
     next_event_reactivates_only_with_a_larger_watermark},
    {NULL, NULL},
};
