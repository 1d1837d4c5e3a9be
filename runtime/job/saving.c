/* saving.c - see the header. */
#include "job/saving.h"

#include "base/alloc.h"
#include "job/swap.h"

struct weir_saving *weir__saving_create(const struct weir_platform *platform, const char *directory,
                                        enum weir_saving_then then)
{
    struct weir_saving *s = weir_alloc(sizeof *s);
    s->platform = platform;
    s->directory = weir_strdup(directory);
    s->then = then;
    atomic_init(&s->references, 2);
    return s;
}

void weir__saving_retain(struct weir_saving *s)
{
    atomic_fetch_add(&s->references, 1);
}

void weir_saving_release(struct weir_saving *s)
{
    if (!s || atomic_fetch_sub(&s->references, 1) > 1) return;
    weir_free(s->directory);
    weir_free(s->path);
    weir__swap_destroy(s->swap);
    weir_free(s);
}

static void publish(struct weir_saving *s)
{
    atomic_store_explicit(&s->answered, 1, memory_order_release);
    s->platform->unpark(s->platform->self, &s->waiter);
}

void weir__saving_answer(struct weir_saving *s, int64_t number, char *path, const struct weir_error *error)
{
    if (atomic_load_explicit(&s->answered, memory_order_acquire)) {
        weir_free(path);
    } else {
        s->path = path;
        s->number = number;
        if (error) s->error = *error;
        publish(s);
    }
    weir_saving_release(s);
}

void weir__saving_answer_early(struct weir_saving *s, const struct weir_error *error)
{
    if (atomic_load_explicit(&s->answered, memory_order_acquire)) return;
    s->error = *error;
    publish(s);
}

void weir__saving_answer_all(struct weir_saving *s, int64_t number, const char *path, const struct weir_error *error)
{
    for (struct weir_saving *next; s; s = next) {
        next = s->next;
        weir__saving_answer(s, number, weir_strdup(path), error);
    }
}

const char *weir__saving_fails_as(const struct weir_saving *s)
{
    if (s->swap) return "keyed state stays where it is";
    return s->directory ? "there is no savepoint" : "there is no checkpoint";
}

void weir__saving_refuse(struct weir_saving *s, const char *why)
{
    struct weir_error error;
    weir_error_set(&error, WEIR_E_CONFIG, "%s: %s", weir__saving_fails_as(s), why);
    weir__saving_answer(s, 0, NULL, &error);
}

void weir__saving_refuse_all(struct weir_saving *s, const char *why)
{
    for (struct weir_saving *next; s; s = next) {
        next = s->next;
        weir__saving_refuse(s, why);
    }
}

bool weir_saving_wait(struct weir_saving *s, int64_t timeout_ms)
{
    const struct weir_platform *p = s->platform;
    int64_t until = timeout_ms < 0 ? INT64_MAX : p->monotonic_ns(p->self) + timeout_ms * 1000000;
    while (!atomic_load_explicit(&s->answered, memory_order_acquire)) {
        if (until != INT64_MAX && p->monotonic_ns(p->self) >= until) return false;
        p->park(p->self, &s->waiter, until);
    }
    return true;
}

weir_status weir_saving_result(const struct weir_saving *s, const char **path, struct weir_error *error)
{
    *path = s->path;
    if (s->error.status != WEIR_OK) *error = s->error;
    return s->error.status;
}

int64_t weir_saving_number(const struct weir_saving *s)
{
    return s->number;
}

const struct weir_moved *weir_saving_moved(const struct weir_saving *s, uint32_t *n)
{
    *n = s->swap ? s->swap->n_moved : 0;
    return s->swap ? s->swap->moved : NULL;
}

/* ---- those that nobody has begun yet ----------------------------------------------------------------------------- */

static struct weir_saving closed; /* a mark, never looked into */

bool weir__savings_add(struct weir_savings *to, struct weir_saving *s)
{
    s->next = atomic_load_explicit(&to->newest, memory_order_acquire);
    do {
        if (s->next == &closed) return false;
    } while (!atomic_compare_exchange_weak_explicit(&to->newest, &s->next, s, memory_order_acq_rel, memory_order_acquire));
    return true;
}

struct weir_saving *weir__savings_take(struct weir_savings *from, bool close)
{
    struct weir_saving *first = NULL, *next, *s = atomic_load_explicit(&from->newest, memory_order_acquire);
    while (s != &closed && !atomic_compare_exchange_weak_explicit(&from->newest, &s, close ? &closed : NULL,
                                                                  memory_order_acq_rel, memory_order_acquire))
        continue;
    for (; s && s != &closed; s = next) {
        next = s->next;
        s->next = first;
        first = s;
    }
    return first;
}
