/* timers_copy.c - all timers at one moment, for another thread.
 *
 * Made by the timers' thread, used and destroyed by any one. Records are never changed, so the copy takes the chunks
 * themselves, with how much of each is written; only what is behind the wheel is copied, nearly always nothing. Which
 * records count, and their order, is found out by who reads.
 */
#include "base/alloc.h"
#include "time/timers_internal.h"

struct piece {
    struct weir__timer_chunk *chunk;
    uint32_t used;
};
struct copied_queue {
    struct piece *pieces; /* each timer's records in the order of writing */
    size_t n_pieces;
    struct weir__timer_memory memory;
    struct weir__timer_list behind;
    const struct weir__timer **timers; /* by group, once one was asked for */
    size_t *ends;                      /* of the groups in `timers` */
};
struct weir_timers_copy {
    struct copied_queue queues[2];
    uint32_t first_group, n_groups;
};

/* ---- making ------------------------------------------------------------------------------------------------------ */

/* The chunks of a list into pieces (NULL: none are taken). How many they are. */
static size_t take_chunks(const struct weir__timer_list *list, struct piece *pieces)
{
    struct weir__timer_chunk *c = list->last;
    size_t n = 0;
    while (c && (c != list->last || n == 0)) {
        c = c->next; /* the first one after the last */
        if (pieces) {
            atomic_fetch_add_explicit(&c->users, 1, memory_order_relaxed);
            pieces[n] = (struct piece){c, c->used};
        }
        n++;
    }
    return n;
}

static size_t take_wheel(const struct weir__timer_queue *q, struct piece *pieces)
{
    size_t n = 0;
    for (uint32_t levels = q->levels; levels; levels &= levels - 1) {
        uint32_t level = (uint32_t)__builtin_ctz(levels);
        for (uint64_t digits = q->digits[level]; digits; digits &= digits - 1) {
            const struct weir__timer_bucket *b = &q->buckets[level][__builtin_ctzll(digits)];
            n += take_chunks(&b->list, pieces ? pieces + n : NULL);
        }
    }
    return n;
}

static bool copy_behind(struct copied_queue *to, struct weir__timer_queue *q)
{
    size_t n = q->n - q->at + q->n_late;
    struct weir__timer_node *nodes = n ? weir_try_alloc(n * sizeof *nodes) : NULL;
    bool ok = nodes && weir__timer_behind(q, nodes) == n;
    for (size_t i = 0; ok && i < n; i++) ok = weir__timer_add_copy(&to->memory, &to->behind, nodes[i].timer) != NULL;
    weir_free(nodes);
    return ok || n == 0;
}

static bool copy_queue(struct copied_queue *to, struct weir__timer_queue *q)
{
    size_t n = take_wheel(q, NULL);
    to->pieces = weir_try_alloc((n + 1) * sizeof *to->pieces);
    if (!to->pieces) return false;
    to->n_pieces = take_wheel(q, to->pieces);
    return copy_behind(to, q);
}

struct weir_timers_copy *weir_timers_copy(struct weir_timers *t)
{
    struct weir_timers_copy *c = weir_alloc(sizeof *c);
    c->first_group = t->first_group;
    c->n_groups = t->last_group - t->first_group + 1;
    if (copy_queue(&c->queues[0], &t->queues[0]) && copy_queue(&c->queues[1], &t->queues[1])) return c;
    weir_timers_copy_destroy(c);
    return NULL;
}

void weir_timers_copy_destroy(struct weir_timers_copy *c)
{
    for (int i = 0; c && i < 2; i++) {
        struct copied_queue *q = &c->queues[i];
        for (size_t k = 0; k < q->n_pieces; k++) weir__timer_chunk_release(q->pieces[k].chunk);
        weir__timer_list_free(&q->memory, &q->behind);
        weir__timer_memory_finish(&q->memory);
        weir_free(q->pieces);
        weir_free(q->timers);
        weir_free(q->ends);
    }
    weir_free(c);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

struct walk {
    const struct copied_queue *queue;
    size_t piece;
    uint32_t at;
    struct weir__timer_walk behind;
};

static const struct weir__timer *next_record(struct walk *w)
{
    while (w->piece < w->queue->n_pieces && w->at == w->queue->pieces[w->piece].used) {
        w->piece++;
        w->at = 0;
    }
    if (w->piece == w->queue->n_pieces) return weir__timer_next(&w->behind);
    const struct weir__timer *t = (const void *)(w->queue->pieces[w->piece].chunk->bytes + w->at);
    w->at += (uint32_t)weir__timer_size(t->n);
    return t;
}

static struct walk walk_of(const struct copied_queue *q)
{
    return (struct walk){.queue = q, .behind = weir__timer_walk(&q->behind)};
}

/* All records by group, those of a group in the order of writing. */
static bool list_by_group(const struct weir_timers_copy *c, struct copied_queue *q)
{
    size_t n = 0;
    weir_free(q->ends);
    q->ends = weir_try_alloc((c->n_groups + (size_t)1) * sizeof *q->ends);
    struct walk walk = walk_of(q);
    for (const struct weir__timer *t; q->ends && (t = next_record(&walk)); n++) q->ends[t->group - c->first_group + 1]++;
    q->timers = q->ends ? weir_try_realloc(NULL, (n + 1) * sizeof *q->timers) : NULL;
    if (!q->timers) return false;
    for (uint32_t g = 1; g <= c->n_groups; g++) q->ends[g] += q->ends[g - 1]; /* where group g begins */
    walk = walk_of(q);
    for (const struct weir__timer *t; (t = next_record(&walk));) q->timers[q->ends[t->group - c->first_group]++] = t;
    return true;
}

weir_status weir_timers_copy_each(struct weir_timers_copy *c, weir_clock clock, uint32_t group,
                                  weir_status (*fn)(void *arg, const struct weir_due_timer *), void *arg)
{
    struct copied_queue *q = &c->queues[clock == WEIR_PROCESSING_TIME];
    WEIR_ASSERT(group >= c->first_group && group - c->first_group < c->n_groups);
    if (q->n_pieces == 0 && q->behind.n == 0) return WEIR_OK;
    if (!q->timers && !list_by_group(c, q)) return WEIR_E_MEMORY;
    uint32_t g = group - c->first_group;
    size_t begin = g ? q->ends[g - 1] : 0, n = q->ends[g] - begin;
    struct weir__timer_node *nodes = n ? weir_try_realloc(NULL, 2 * n * sizeof *nodes) : NULL;
    if (!nodes) return n ? WEIR_E_MEMORY : WEIR_OK;
    for (size_t i = 0; i < n; i++) nodes[i] = weir__timer_node(q->timers[begin + i]);
    weir__timer_sort(nodes, n, nodes + n);
    n = weir__timer_resolve(nodes, n);
    weir_status status = WEIR_OK;
    for (size_t i = 0; status == WEIR_OK && i < n; i++) {
        struct weir_due_timer due = weir__timer_due(nodes[i].timer);
        status = fn(arg, &due);
    }
    weir_free(nodes);
    return status;
}
