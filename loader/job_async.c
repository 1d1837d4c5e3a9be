/* loader/job_async.c - the keys that stand beside `async:`: how many rows, in which order, for how long, on how many
 * threads. */
#include "base/alloc.h"
#include "loader/job_internal.h"

#define MOST_IN_FLIGHT 100000
#define MOST_THREADS   256

static const char *const keys[] = {"order", "capacity", "timeout", "threads", NULL};

void weir__read_async(struct weir__job *job, const struct weir__job_node *node, struct weir_async_config *to)
{
    static const char *const orders[] = {"ordered", "unordered", NULL};
    const struct weir_value *order = weir_value_get(node->value, "order"),
                            *capacity = weir_value_get(node->value, "capacity"),
                            *timeout = weir_value_get(node->value, "timeout"),
                            *threads = weir_value_get(node->value, "threads");
    *to = (struct weir_async_config){.ordered = true,
                                     .capacity = WEIR_ASYNC_CAPACITY,
                                     .timeout_ms = WEIR_ASYNC_TIMEOUT_MS,
                                     .threads = WEIR_ASYNC_THREADS};
    if (order) to->ordered = weir__read_choice(job, order, "order", orders) <= 0;
    if (capacity) (void)weir__read_count(job, capacity, "capacity", 1, MOST_IN_FLIGHT, &to->capacity);
    if (timeout && weir__read_duration(job, timeout, "timeout", &to->timeout_ms) && to->timeout_ms < 0)
        weir__say(job, timeout, weir_strdup("0s waits for ever"), "timeout must not be negative");
    if (threads) (void)weir__read_count(job, threads, "threads", 1, MOST_THREADS, &to->threads);
}

void weir__refuse_async_keys(struct weir__job *job, const struct weir__job_node *node)
{
    for (size_t i = 0; keys[i]; i++) {
        const struct weir_value *key = weir_value_key(node->value, keys[i]);
        if (key) weir__say(job, key, NULL, "'%s' belongs to an async step, and this node has none", keys[i]);
    }
}
