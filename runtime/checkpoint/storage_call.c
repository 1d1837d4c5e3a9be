/* storage_call.c - see the header. */
#include "checkpoint/storage_call.h"

#include <stdio.h>

#include "base/log.h"

static int64_t now_of(const struct weir_storage_calls *c)
{
    return c->platform->monotonic_ns(c->platform->self);
}

void weir_storage_calls_init(struct weir_storage_calls *c, const struct weir_platform *platform, int64_t timeout_ms)
{
    *c = (struct weir_storage_calls){
        .platform = platform, .timeout_ms = timeout_ms, .lock = WEIR_LOCK_INIT, .until_ns = INT64_MAX};
}

bool weir_storage_calls_begin(struct weir_storage_calls *c, bool limited, const char *storage, const char *call,
                              const char *checkpoint, const char *object)
{
    int64_t now = now_of(c);
    weir_lock_take(&c->lock);
    bool begun = !limited || now < c->until_ns;
    if (begun) {
        c->now.runs = true;
        c->now.since_ns = now;
        snprintf(c->now.what, sizeof c->now.what, "%s: %s%s%s%s%s", storage, call, checkpoint ? " of " : "",
                 checkpoint ? checkpoint : "", object ? "/" : "", object ? object : "");
    }
    weir_lock_leave(&c->lock);
    return begun;
}

void weir_storage_calls_end(struct weir_storage_calls *c)
{
    int64_t now = now_of(c);
    weir_lock_take(&c->lock);
    bool told = c->told;
    c->told = c->now.runs = false;
    c->now.took_ns = now - c->now.since_ns;
    if (c->now.took_ns > c->slowest.took_ns) c->slowest = c->now;
    const struct weir_storage_call call = c->now;
    weir_lock_leave(&c->lock);
    if (!told) return;
    struct weir_text took = {0};
    weir_text_add_duration(&took, call.took_ns / 1000000);
    weir_log(WEIR_WARN, "checkpoint", "%s has returned after %s", call.what, weir_text_get(&took));
    weir_text_finish(&took);
}

void weir_storage_calls_limit(struct weir_storage_calls *c, int64_t until_ns)
{
    weir_lock_take(&c->lock);
    c->until_ns = until_ns;
    c->slowest.took_ns = -1;
    weir_lock_leave(&c->lock);
}

bool weir_storage_calls_are_late(struct weir_storage_calls *c)
{
    int64_t now = now_of(c);
    weir_lock_take(&c->lock);
    bool late = now >= c->until_ns;
    weir_lock_leave(&c->lock);
    return late;
}

weir_status weir_storage_calls_say_late(struct weir_storage_calls *c, struct weir_error *error)
{
    struct weir_text timeout = {0}, took = {0};
    weir_lock_take(&c->lock);
    const struct weir_storage_call slowest = c->slowest;
    weir_lock_leave(&c->lock);
    weir_text_add_duration(&timeout, c->timeout_ms);
    weir_text_add_duration(&took, slowest.took_ns / 1000000);
    weir_error_set(error, WEIR_E_IO, "it was not written and read back within %s (checkpoint.timeout)%s%s%s%s",
                   weir_text_get(&timeout), slowest.took_ns < 0 ? "" : "; what took longest was ",
                   slowest.took_ns < 0 ? "" : slowest.what, slowest.took_ns < 0 ? "" : ", ",
                   slowest.took_ns < 0 ? "" : weir_text_get(&took));
    weir_text_finish(&timeout);
    weir_text_finish(&took);
    return WEIR_E_IO;
}
