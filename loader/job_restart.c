/* job_restart.c - `defaults.restart`: what becomes of a job that failed. One thread.
 *
 *   restart: none
 *   restart: fixed_delay                               a strategy with its defaults
 *   restart: {fixed_delay: {attempts: 3, delay: 10s}}  and with its own
 */
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "loader/job_internal.h"

#define EXAMPLE "restart: {fixed_delay: {attempts: 3, delay: 10s}}"

static const char *const strategies[] = {"none", "fixed_delay", "failure_rate", "exponential", NULL};

/* A8. */
static struct weir_restart_config defaults_of(enum weir_restart_kind kind)
{
    struct weir_restart_config c = {.kind = kind};
    if (kind == WEIR_RESTART_FIXED_DELAY) {
        c.attempts = 1;
        c.delay_ms = 1000;
    } else if (kind == WEIR_RESTART_FAILURE_RATE) {
        c.failures = 1;
        c.interval_ms = 60000;
        c.delay_ms = 1000;
    } else if (kind == WEIR_RESTART_EXPONENTIAL) {
        c.attempts = WEIR_RESTART_UNLIMITED;
        c.initial_ms = 1000;
        c.max_ms = 60000;
        c.reset_after_ms = 3600000;
        c.multiplier = 1.5;
        c.jitter = 0.1;
    }
    return c;
}

/* ---- values -------------------------------------------------------------------------------------------------------- */

static void read_attempts(struct weir__job *job, const struct weir_value *value, uint32_t *to)
{
    if (value->kind == WEIR_VALUE_SCALAR && strcmp(value->text, "unlimited") == 0)
        *to = WEIR_RESTART_UNLIMITED;
    else if (weir__read_count(job, value, "attempts", 0, 1000000, to) && *to == 0)
        weir__say(job, value, weir_strdup("restart: none"), "attempts must be more than nothing, or 'unlimited'");
}

static void read_time(struct weir__job *job, const struct weir_value *value, const char *what, int64_t least, int64_t *to)
{
    int64_t ms;
    if (!weir__read_duration(job, value, what, &ms)) return;
    if (ms >= least)
        *to = ms;
    else
        weir__say(job, value, NULL, "%s must %s", what, least > 0 ? "be more than nothing" : "not be negative");
}

static void read_factor(struct weir__job *job, const struct weir_value *value, const char *what, double least, double most,
                        double *to)
{
    struct weir_error error;
    double factor = 0;
    if (value->broken) return;
    bool ok = value->kind == WEIR_VALUE_SCALAR && weir_parse_f64(value->text, &factor, &error) == WEIR_OK &&
              factor >= least && factor <= most;
    if (ok) {
        *to = factor;
        return;
    }
    char *found = weir__found(value);
    weir__say(job, value, NULL, "%s: expected a number from %g to %g, found %s", what, least, most, found);
    weir_free(found);
}

/* ---- strategies ---------------------------------------------------------------------------------------------------- */

static void read_fixed_delay(struct weir__job *job, const struct weir_value *value, struct weir_restart_config *to)
{
    static const char *const keys[] = {"attempts", "delay", NULL};
    const struct weir_value *attempts = weir_value_get(value, "attempts"), *delay = weir_value_get(value, "delay");
    weir__check_keys(job, value, keys, NULL);
    if (attempts) read_attempts(job, attempts, &to->attempts);
    if (delay) read_time(job, delay, "delay", 0, &to->delay_ms);
}

static void read_failure_rate(struct weir__job *job, const struct weir_value *value, struct weir_restart_config *to)
{
    static const char *const keys[] = {"failures", "interval", "delay", NULL};
    const struct weir_value *failures = weir_value_get(value, "failures"), *interval = weir_value_get(value, "interval");
    const struct weir_value *delay = weir_value_get(value, "delay");
    weir__check_keys(job, value, keys, NULL);
    if (failures) (void)weir__read_count(job, failures, "failures", 1, WEIR_RESTART_MOST_FAILURES, &to->failures);
    if (interval) read_time(job, interval, "interval", 1, &to->interval_ms);
    if (delay) read_time(job, delay, "delay", 0, &to->delay_ms);
}

static void read_exponential(struct weir__job *job, const struct weir_value *value, struct weir_restart_config *to)
{
    static const char *const keys[] = {"initial", "max", "multiplier", "reset_after", "jitter", "attempts", NULL};
    const struct weir_value *initial = weir_value_get(value, "initial"), *max = weir_value_get(value, "max");
    const struct weir_value *reset = weir_value_get(value, "reset_after"), *attempts = weir_value_get(value, "attempts");
    const struct weir_value *multiplier = weir_value_get(value, "multiplier"), *jitter = weir_value_get(value, "jitter");
    size_t before = job->problems->n;
    weir__check_keys(job, value, keys, NULL);
    if (initial) read_time(job, initial, "initial", 1, &to->initial_ms);
    if (max) read_time(job, max, "max", 1, &to->max_ms);
    if (multiplier) read_factor(job, multiplier, "multiplier", 1, 1000, &to->multiplier);
    if (reset) read_time(job, reset, "reset_after", 1, &to->reset_after_ms);
    if (jitter) read_factor(job, jitter, "jitter", 0, 1, &to->jitter);
    if (attempts) read_attempts(job, attempts, &to->attempts);
    if (job->problems->n == before && to->initial_ms > to->max_ms)
        weir__say(job, max ? max : initial, NULL,
                  "the first delay (initial, %lld ms) is longer than the longest (max, %lld ms)", (long long)to->initial_ms,
                  (long long)to->max_ms);
}

static void read_options(struct weir__job *job, const struct weir_value *value, struct weir_restart_config *to)
{
    if (value->kind == WEIR_VALUE_NULL) return;
    if (!weir__is_mapping(job, value, "the settings of a restart strategy, such as {delay: 10s}")) return;
    switch (to->kind) {
    case WEIR_RESTART_NONE: weir__say(job, value, weir_strdup("restart: none"), "none has no settings"); break;
    case WEIR_RESTART_FIXED_DELAY: read_fixed_delay(job, value, to); break;
    case WEIR_RESTART_FAILURE_RATE: read_failure_rate(job, value, to); break;
    case WEIR_RESTART_EXPONENTIAL: read_exponential(job, value, to); break;
    }
}

void weir__read_restart(struct weir__job *job, const struct weir_value *value)
{
    struct weir_restart_config *to = &job->graph->restart;
    const struct weir_value *name =
        value && value->kind == WEIR_VALUE_MAPPING && value->n == 1 ? value->pairs[0].key : value;
    if (!value || value->kind == WEIR_VALUE_NULL) {
        *to = defaults_of(job->graph->checkpoint.directory ? WEIR_RESTART_EXPONENTIAL : WEIR_RESTART_NONE);
        return;
    }
    if (name->kind != WEIR_VALUE_SCALAR) {
        char *found = value->kind == WEIR_VALUE_MAPPING ? weir_format("%zu of them", value->n) : weir__found(value);
        weir__say(job, value, weir_strdup(EXAMPLE), "restart: expected one strategy, found %s", found);
        weir_free(found);
        return;
    }
    int kind = weir__read_choice(job, name, "restart", strategies);
    if (kind < 0) return;
    *to = defaults_of((enum weir_restart_kind)kind);
    if (name != value) read_options(job, value->pairs[0].value, to);
}
