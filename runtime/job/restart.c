/* restart.c - see the header. The arithmetic of `exponential` is that of Flink's ExponentialDelayRestartBackoffTimeStrategy
 * (1.19): truncated to milliseconds before the jitter, and bounded after it. Any thread, one at a time. */
#include "job/restart.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define MOST_BACKOFF_MS 4e18 /* twice this much and one still fits in 64 bits */

void weir_restart_init(struct weir_restart *r, const struct weir_restart_config *config)
{
    *r = (struct weir_restart){.config = *config, .next_ms = INT64_MIN};
}

static bool again(struct weir_restart *r, int64_t now_ms, int64_t delay_ms, int64_t *at_ms)
{
    r->attempts++;
    r->next_ms = now_ms > INT64_MAX - delay_ms ? INT64_MAX : now_ms + delay_ms;
    *at_ms = r->next_ms;
    return true;
}

/* ---- failure_rate ------------------------------------------------------------------------------------------------- */

static bool within_rate(struct weir_restart *r, int64_t now_ms)
{
    uint32_t most = r->config.failures;
    if (r->n_times > most) memmove(r->times_ms, r->times_ms + 1, --r->n_times * sizeof *r->times_ms);
    r->times_ms[r->n_times++] = now_ms;
    return r->n_times <= most || now_ms - r->times_ms[0] > r->config.interval_ms;
}

/* ---- exponential -------------------------------------------------------------------------------------------------- */

static int64_t jittered(int64_t backoff_ms, double jitter, uint64_t random)
{
    int64_t most = (int64_t)((double)backoff_ms * jitter);
    return backoff_ms - most + (int64_t)(random % (2 * (uint64_t)most + 1));
}

static int64_t backoff(const struct weir_restart *r, uint64_t random)
{
    const struct weir_restart_config *c = &r->config;
    double ms = (double)c->initial_ms;
    for (uint32_t i = 0; i < r->attempts && ms < MOST_BACKOFF_MS && c->multiplier > 1; i++) ms *= c->multiplier;
    int64_t delay_ms = jittered((int64_t)(ms < MOST_BACKOFF_MS ? ms : MOST_BACKOFF_MS), c->jitter, random);
    if (delay_ms > c->max_ms) delay_ms = c->max_ms;
    return delay_ms < c->initial_ms ? c->initial_ms : delay_ms;
}

static bool back_off(struct weir_restart *r, int64_t now_ms, uint64_t random, int64_t *at_ms)
{
    if (r->next_ms != INT64_MIN && now_ms <= r->next_ms) { /* the same trouble */
        *at_ms = r->next_ms;
        return true;
    }
    if (r->next_ms != INT64_MIN && now_ms - r->next_ms >= r->config.reset_after_ms) r->attempts = 0;
    return r->attempts < r->config.attempts && again(r, now_ms, backoff(r, random), at_ms);
}

/* ---- all of them -------------------------------------------------------------------------------------------------- */

bool weir_restart_failed(struct weir_restart *r, int64_t now_ms, uint64_t random, int64_t *at_ms)
{
    *at_ms = now_ms;
    switch (r->config.kind) {
    case WEIR_RESTART_NONE: return false;
    case WEIR_RESTART_FIXED_DELAY: return r->attempts < r->config.attempts && again(r, now_ms, r->config.delay_ms, at_ms);
    case WEIR_RESTART_FAILURE_RATE: return within_rate(r, now_ms) && again(r, now_ms, r->config.delay_ms, at_ms);
    case WEIR_RESTART_EXPONENTIAL: return back_off(r, now_ms, random, at_ms);
    }
    return false;
}

uint32_t weir_restart_most(const struct weir_restart *r)
{
    bool counts = r->config.kind == WEIR_RESTART_FIXED_DELAY || r->config.kind == WEIR_RESTART_EXPONENTIAL;
    return counts && r->config.attempts != WEIR_RESTART_UNLIMITED ? r->config.attempts : 0;
}

static void say_rate(const struct weir_restart *r, char *words, size_t size)
{
    struct weir_text interval = {0};
    weir_text_add_duration(&interval, r->config.interval_ms);
    snprintf(words, size, "restart: failure_rate endures %u failure%s within %s", r->config.failures,
             r->config.failures == 1 ? "" : "s", weir_text_get(&interval));
    weir_text_finish(&interval);
}

void weir_restart_why(const struct weir_restart *r, char *words, size_t size)
{
    bool fixed = r->config.kind == WEIR_RESTART_FIXED_DELAY;
    if (r->config.kind == WEIR_RESTART_NONE)
        snprintf(words, size, "restart: none");
    else if (r->config.kind == WEIR_RESTART_FAILURE_RATE)
        say_rate(r, words, size);
    else
        snprintf(words, size, "restart: %s has used up its %u attempt%s", fixed ? "fixed_delay" : "exponential",
                 r->config.attempts, r->config.attempts == 1 ? "" : "s");
}
