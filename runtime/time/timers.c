/* timers.c - a queue of timers for each clock: a wheel of buckets, which are put in order when they are due.
 *
 * One thread. A queue is a radix heap: a wheel whose levels have 64 buckets each, for the 64 values of six bits of the time,
 * so that all of int64 has a place. A timer goes to the bucket of the highest digit in which its time differs from the one
 * that the wheel has reached, as one more record behind others; when the wheel comes to a bucket, its timers are dealt to
 * the buckets below it, or, when all of them are due and they are not many, sorted at once. So each is written a few times,
 * in long runs, and nothing is searched. (Ahuja, Mehlhorn, Orlin and Tarjan 1990; Varghese and Lauck 1987.)
 *
 * Identity is looked at when timers are due: records of one timer come together then, and the last one says whether it is
 * set. Until then a timer that is set a thousand times is a thousand records; when there are twice as many as were left the
 * last time, or four times where most were left, all lists are thinned; and where that finds many, the last few thousand
 * records are remembered, so that timers that are set again and again are one record each.
 *
 * What is set or dropped at a time that the wheel has passed goes into a heap beside it. That is what callbacks do that set
 * timers which are due already, and rows that come late.
 *
 * Invariants: (1) records of one timer are in one list of the wheel, or in the run and in the heap, the older ones in the
 * run; (2) what is in the run or the heap is before all that is in the wheel; (3) a bucket's `first` is not after any of
 * its records; a bucket has records, and the first one was set.
 */
#include "time/timers.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "time/timers_internal.h"

#define FEWEST 128   /* records that are never thinned */
#define SORTED 256   /* records of a bucket that are sorted at once, whatever their times */
#define KEPT   65536 /* bytes of memory that an empty queue may keep */
#define RECENT 4096  /* places of the table of the last records */
#define AHEAD  8     /* records of the run that are fetched before they are looked at */

struct weir_timers *weir_timers_create(uint32_t first_group, uint32_t last_group)
{
    struct weir_timers *t = weir_alloc(sizeof *t);
    t->first_group = first_group;
    t->last_group = last_group;
    t->queues[0].limit = t->queues[1].limit = FEWEST;
    return t;
}

static void finish_queue(struct weir__timer_queue *q)
{
    for (uint32_t level = 0; level < WEIR__TIMER_LEVELS; level++) {
        for (uint32_t d = 0; q->buckets[level] && d < WEIR__TIMER_DIGITS; d++)
            weir__timer_list_free(&q->memory, &q->buckets[level][d].list);
        weir_free(q->buckets[level]);
    }
    weir__timer_list_free(&q->memory, &q->of_run);
    weir__timer_list_free(&q->memory, &q->of_late);
    weir__timer_memory_finish(&q->memory);
    weir_free(q->run);
    weir_free(q->late);
    weir_free(q->recent);
}

void weir_timers_destroy(struct weir_timers *t)
{
    if (!t) return;
    finish_queue(&t->queues[0]);
    finish_queue(&t->queues[1]);
    weir_key_bytes_finish(&t->popped);
    weir_free(t);
}

static struct weir__timer_queue *queue_of(struct weir_timers *t, weir_clock clock)
{
    return &t->queues[clock == WEIR_PROCESSING_TIME];
}

/* ---- the last records -------------------------------------------------------------------------------------------- */

/* Before records go, or come to another place. */
static void forget_recent(struct weir__timer_queue *q)
{
    if (q->n_recent > 0) memset(q->recent, 0, RECENT * sizeof *q->recent);
    q->n_recent = 0;
}

/* The place of a timer's last record, or a free one. */
static const struct weir__timer **find_recent(struct weir__timer_queue *q, const struct weir_key_ref *key, uint64_t ns,
                                              int64_t at)
{
    if (q->n_recent >= RECENT / 2) forget_recent(q);
    for (uint64_t i = weir__timer_hash(key->hash, ns, at);; i++) {
        const struct weir__timer **place = &q->recent[i & (RECENT - 1)], *t = *place;
        if (!t || (t->at == at && t->ns == ns && t->n == key->n && memcmp(t->key, key->p, key->n) == 0)) return place;
    }
}

static void remember(struct weir__timer_queue *q, const struct weir__timer **place, const struct weir__timer *t)
{
    q->n_recent += !*place;
    *place = t;
}

/* ---- the wheel --------------------------------------------------------------------------------------------------- */

static bool is_behind(const struct weir__timer_queue *q, int64_t at)
{
    uint64_t time = weir__timer_time(at);
    return time < q->reached || (time == q->reached && q->is_taken);
}

/* Where a time belongs that is not behind; NULL: no memory. */
static struct weir__timer_bucket *bucket_of(struct weir__timer_queue *q, int64_t at, uint32_t *level, uint32_t *digit)
{
    uint64_t time = weir__timer_time(at), differs = time ^ q->reached;
    *level = differs ? (63 - (uint32_t)__builtin_clzll(differs)) / 6 : 0;
    *digit = time >> 6 * *level & (WEIR__TIMER_DIGITS - 1);
    if (__builtin_expect(!q->buckets[*level], 0))
        q->buckets[*level] = weir_try_alloc(WEIR__TIMER_DIGITS * sizeof *q->buckets[*level]);
    return q->buckets[*level] ? &q->buckets[*level][*digit] : NULL;
}

static void note(struct weir__timer_queue *q, struct weir__timer_bucket *b, uint32_t level, uint32_t digit, int64_t at)
{
    if (b->list.n > 1 && b->first <= at) return;
    b->first = at;
    q->digits[level] |= (uint64_t)1 << digit;
    q->levels |= 1u << level;
}

static void empty_bucket(struct weir__timer_queue *q, uint32_t level, uint32_t digit)
{
    q->digits[level] &= ~((uint64_t)1 << digit);
    if (q->digits[level] == 0) q->levels &= ~(1u << level);
}

/* The bucket that comes first; NULL: the wheel is empty. */
static struct weir__timer_bucket *first_bucket(const struct weir__timer_queue *q, uint32_t *level, uint32_t *digit)
{
    if (q->levels == 0) return NULL;
    *level = (uint32_t)__builtin_ctz(q->levels);
    *digit = (uint32_t)__builtin_ctzll(q->digits[*level]);
    return &q->buckets[*level][*digit];
}

static bool deal_one(struct weir__timer_queue *q, const struct weir__timer *t)
{
    uint32_t level, digit;
    struct weir__timer_bucket *b = bucket_of(q, t->at, &level, &digit);
    if (b && b->list.n == 0 && t->is_drop) { /* nothing is dropped by it */
        q->records--;
        q->drops--;
        return true;
    }
    if (!b || !weir__timer_add_copy(&q->memory, &b->list, t)) return false;
    note(q, b, level, digit, t->at);
    return true;
}

/* Deals a list to the buckets below its own: the wheel has reached the first of its times. Its chunks are written again as
 * soon as they have been read. */
static bool deal(struct weir__timer_queue *q, struct weir__timer_list *list)
{
    struct weir__timer_list part;
    bool ok = true;
    while (weir__timer_list_shift(list, &part)) {
        struct weir__timer_walk walk = weir__timer_walk(&part);
        for (const struct weir__timer *t; ok && (t = weir__timer_next(&walk));) ok = deal_one(q, t);
        weir__timer_list_free(&q->memory, &part);
    }
    return ok;
}

/* A list of times behind all that are in the run goes to its end. */
static bool make_run(struct weir__timer_queue *q, struct weir__timer_list *list)
{
    size_t n = q->n, needed = n + list->n;
    if (q->capacity < needed) {
        size_t capacity = n > 0 ? 2 * needed : needed;
        struct weir__timer_node *run = weir_try_realloc(n > 0 ? q->run : NULL, 2 * capacity * sizeof *q->run);
        if (!run) return false;
        if (n == 0) weir_free(q->run);
        q->run = run;
        q->capacity = capacity;
    }
    struct weir__timer_walk walk = weir__timer_walk(list);
    for (const struct weir__timer *t; (t = weir__timer_next(&walk));) q->run[q->n++] = weir__timer_node(t);
    weir__timer_sort(q->run + n, list->n, q->run + needed);
    return true;
}

/* Brings the first bucket to where it is taken from, or nearer. WEIR_OK: none is due. */
static weir_status advance(struct weir__timer_queue *q, int64_t until)
{
    uint32_t level, digit;
    struct weir__timer_bucket *b = first_bucket(q, &level, &digit);
    if (!b || b->first > until) return WEIR_OK;
    forget_recent(q);
    struct weir__timer_list list = b->list;
    uint64_t last = weir__timer_time(b->first) | (((uint64_t)1 << 6 * level) - 1); /* time of the bucket */
    b->list = (struct weir__timer_list){0};
    empty_bucket(q, level, digit);
    q->is_taken = level == 0 || (list.n <= SORTED && last <= weir__timer_time(until));
    q->reached = q->is_taken ? last : weir__timer_time(b->first);
    bool ok = q->is_taken ? make_run(q, &list) : deal(q, &list);
    if (ok && q->is_taken)
        weir__timer_list_join(&q->of_run, &list);
    else
        weir__timer_list_free(&q->memory, &list);
    return ok ? WEIR_MORE : WEIR_E_MEMORY;
}

/* ---- what comes late: a heap with four children to a node (LaMarca and Ladner 1996) ----------------------------------- */

static bool comes_before(const struct weir__timer_straggler *a, const struct weir__timer_straggler *b)
{
    int order = weir__timer_compare(&a->node, &b->node);
    return order ? order < 0 : a->number < b->number;
}

static void sift_up(struct weir__timer_straggler *heap, size_t i)
{
    struct weir__timer_straggler s = heap[i];
    for (; i > 0 && comes_before(&s, &heap[(i - 1) / 4]); i = (i - 1) / 4) heap[i] = heap[(i - 1) / 4];
    heap[i] = s;
}

static void sift_down(struct weir__timer_straggler *heap, size_t n, size_t i)
{
    struct weir__timer_straggler s = heap[i];
    for (;;) {
        size_t best = 4 * i + 1, end = best + 4 < n ? best + 4 : n;
        if (best >= n) break;
        for (size_t c = best + 1; c < end; c++) {
            if (comes_before(&heap[c], &heap[best])) best = c;
        }
        if (!comes_before(&heap[best], &s)) break;
        heap[i] = heap[best];
        i = best;
    }
    heap[i] = s;
}

static bool add_late(struct weir__timer_queue *q, const struct weir__timer *t)
{
    if (!t) return false;
    if (q->n_late == q->late_capacity) {
        size_t capacity = q->late_capacity ? q->late_capacity * 2 : 16;
        void *grown = weir_try_realloc(q->late, capacity * sizeof *q->late);
        if (!grown) return false;
        q->late = grown;
        q->late_capacity = capacity;
    }
    q->late[q->n_late] = (struct weir__timer_straggler){weir__timer_node(t), q->late_number++};
    sift_up(q->late, q->n_late++);
    return true;
}

/* Records that have left the heap go, once they are the most. */
static bool collect_late(struct weir__timer_queue *q)
{
    struct weir__timer_list kept = {0};
    if (q->of_late.n <= 2 * q->n_late + FEWEST) return true;
    for (size_t i = 0; i < q->n_late; i++) {
        const struct weir__timer *t = weir__timer_add_copy(&q->memory, &kept, q->late[i].node.timer);
        if (!t) { /* some lie there already */
            weir__timer_list_join(&q->of_late, &kept);
            return false;
        }
        q->late[i].node.timer = t;
    }
    weir__timer_list_free(&q->memory, &q->of_late);
    q->of_late = kept;
    return true;
}

/* ---- thinning ---------------------------------------------------------------------------------------------------- */

static bool thin_wheel(struct weir__timer_queue *q, size_t *left)
{
    bool ok = true;
    for (uint32_t levels = q->levels; levels; levels &= levels - 1) {
        uint32_t level = (uint32_t)__builtin_ctz(levels);
        for (uint64_t digits = q->digits[level]; digits; digits &= digits - 1) {
            uint32_t digit = (uint32_t)__builtin_ctzll(digits);
            struct weir__timer_list *list = &q->buckets[level][digit].list;
            ok = weir__timer_thin(&q->memory, list) && ok;
            if (list->n == 0) empty_bucket(q, level, digit);
            *left += list->n;
        }
    }
    return ok;
}

static int by_number(const void *a, const void *b)
{
    const struct weir__timer_straggler *x = a, *y = b;
    return x->number < y->number ? -1 : 1;
}

size_t weir__timer_behind(struct weir__timer_queue *q, struct weir__timer_node *to)
{
    size_t n = q->n - q->at;
    if (n > 0) memcpy(to, q->run + q->at, n * sizeof *to);
    if (q->n_late > 1) qsort(q->late, q->n_late, sizeof *q->late, by_number);
    for (size_t i = 0; i < q->n_late; i++) to[n++] = q->late[i].node;
    for (size_t i = q->n_late / 4 + 1; q->n_late > 1 && i-- > 0;) {
        if (i < q->n_late) sift_down(q->late, q->n_late, i);
    }
    return n;
}

size_t weir__timer_resolve(struct weir__timer_node *nodes, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        bool is_last = i + 1 == n || weir__timer_compare(&nodes[i], &nodes[i + 1]) != 0;
        if (is_last && !nodes[i].timer->is_drop) nodes[kept++] = nodes[i];
    }
    return kept;
}

/* The heap into the run, each timer once. */
static bool thin_behind(struct weir__timer_queue *q, size_t *left)
{
    size_t n = q->n - q->at + q->n_late;
    if (n == 0) return true;
    struct weir__timer_node *run = weir_try_realloc(NULL, 2 * n * sizeof *run);
    struct weir__timer_list kept = {0};
    bool ok = run && weir__timer_behind(q, run) == n;
    if (ok) weir__timer_sort(run, n, run + n);
    size_t n_kept = ok ? weir__timer_resolve(run, n) : 0;
    for (size_t i = 0; ok && i < n_kept; i++) {
        run[i].timer = weir__timer_add_copy(&q->memory, &kept, run[i].timer);
        ok = run[i].timer != NULL;
    }
    *left += ok ? n_kept : n;
    if (!ok) {
        weir__timer_list_free(&q->memory, &kept);
        weir_free(run);
        return false;
    }
    weir__timer_list_free(&q->memory, &q->of_run);
    weir__timer_list_free(&q->memory, &q->of_late);
    weir_free(q->run);
    q->run = run;
    q->of_run = kept;
    q->at = q->n_late = 0;
    q->n = n_kept;
    q->capacity = n;
    return true;
}

/* What lacks memory stays as it is. */
static void thin(struct weir__timer_queue *q)
{
    size_t before = q->records, left = 0;
    forget_recent(q);
    bool ok = thin_wheel(q, &left);
    ok = thin_behind(q, &left) && ok;
    q->records = left;
    if (ok) q->drops = 0;
    if (q->drops > left) q->drops = left;
    bool most = left > before / 4 * 3;
    if (!most && !q->recent) q->recent = weir_try_alloc(RECENT * sizeof *q->recent);
    q->limit = most ? 4 * left : 2 * left;
    if (q->limit < FEWEST) q->limit = FEWEST;
}

/* ---- the timers -------------------------------------------------------------------------------------------------- */

/* A record more. */
static void count_record(struct weir__timer_queue *q, bool is_drop)
{
    q->drops += is_drop;
    if (++q->records >= q->limit) thin(q);
}

static weir_status write_late(struct weir__timer_queue *q, const struct weir_key_ref *key, uint64_t ns, int64_t at,
                              bool is_drop)
{
    if (is_drop && q->at == q->n && q->n_late == 0) return WEIR_OK;
    if (!collect_late(q)) return WEIR_E_MEMORY;
    if (!add_late(q, weir__timer_add(&q->memory, &q->of_late, key, ns, at, is_drop))) return WEIR_E_MEMORY;
    count_record(q, is_drop);
    return WEIR_OK;
}

weir_status weir_timers_set(struct weir_timers *t, weir_clock clock, const struct weir_key_ref *key, uint64_t ns, int64_t at)
{
    WEIR_ASSERT(key->group >= t->first_group && key->group <= t->last_group);
    struct weir__timer_queue *q = queue_of(t, clock);
    uint32_t level, digit;
    if (is_behind(q, at)) return write_late(q, key, ns, at, false);
    const struct weir__timer **recent = q->recent ? find_recent(q, key, ns, at) : NULL, *timer;
    if (recent && *recent && !(*recent)->is_drop) return WEIR_OK;
    struct weir__timer_bucket *b = bucket_of(q, at, &level, &digit);
    if (!b || !(timer = weir__timer_add(&q->memory, &b->list, key, ns, at, false))) return WEIR_E_MEMORY;
    if (recent) remember(q, recent, timer);
    note(q, b, level, digit, at);
    count_record(q, false);
    return WEIR_OK;
}

weir_status weir_timers_drop(struct weir_timers *t, weir_clock clock, const struct weir_key_ref *key, uint64_t ns,
                             int64_t at)
{
    struct weir__timer_queue *q = queue_of(t, clock);
    uint32_t level, digit;
    if (q->records == 0) return WEIR_OK;
    if (is_behind(q, at)) return write_late(q, key, ns, at, true);
    struct weir__timer_bucket *b = bucket_of(q, at, &level, &digit);
    if (!b) return WEIR_E_MEMORY;
    if (b->list.n == 0 || at < b->first) return WEIR_OK; /* there is no such timer */
    const struct weir__timer **recent = q->recent ? find_recent(q, key, ns, at) : NULL, *timer;
    if (recent && *recent && (*recent)->is_drop) return WEIR_OK;
    if (!(timer = weir__timer_add(&q->memory, &b->list, key, ns, at, true))) return WEIR_E_MEMORY;
    if (recent) remember(q, recent, timer);
    count_record(q, true);
    return WEIR_OK;
}

/* ---- what is due ------------------------------------------------------------------------------------------------- */

static const struct weir__timer_node *first_behind(const struct weir__timer_queue *q)
{
    const struct weir__timer_node *run = q->at < q->n ? &q->run[q->at] : NULL, *late = q->n_late ? &q->late[0].node : NULL;
    return !run || (late && weir__timer_compare(late, run) < 0) ? late : run;
}

/* Takes the records of the first timer that is behind, and gives the last of them. Its memory stays until forget_taken. */
static const struct weir__timer *take_first(struct weir__timer_queue *q)
{
    const struct weir__timer_node node = *first_behind(q);
    const struct weir__timer *last = NULL;
    for (; q->at < q->n && weir__timer_compare(&q->run[q->at], &node) == 0; q->at++) {
        last = q->run[q->at].timer;
        q->drops -= last->is_drop;
        q->records--;
    }
    while (q->n_late > 0 && weir__timer_compare(&q->late[0].node, &node) == 0) {
        last = q->late[0].node.timer;
        q->drops -= last->is_drop;
        q->records--;
        q->late[0] = q->late[--q->n_late];
        if (q->n_late > 1) sift_down(q->late, q->n_late, 0);
    }
    return last;
}

static void forget_taken(struct weir__timer_queue *q)
{
    if (q->at == q->n && q->n > 0) {
        weir__timer_list_free(&q->memory, &q->of_run);
        q->at = q->n = 0;
        if (q->capacity > 16 * SORTED) {
            weir_free(q->run);
            q->run = NULL;
            q->capacity = 0;
        }
    }
    if (q->n_late == 0 && q->of_late.n > 0) weir__timer_list_free(&q->memory, &q->of_late);
    if (q->records < q->limit / 8 && q->limit > FEWEST) q->limit /= 2;
    if (q->records > 0) return;
    q->drops = 0;
    if (q->memory.spare_bytes + q->late_capacity * sizeof *q->late <= KEPT) return;
    weir__timer_memory_finish(&q->memory);
    weir_free(q->late);
    q->late = NULL;
    q->late_capacity = 0;
}

static bool give(struct weir_timers *t, const struct weir__timer *timer, struct weir_due_timer *due)
{
    if (t->popped.capacity < timer->n) {
        uint8_t *p = weir_try_realloc(t->popped.p, timer->n);
        if (!p) return false;
        t->popped.p = p;
        t->popped.capacity = timer->n;
    }
    *due = weir__timer_due(timer);
    due->key.p = t->popped.p;
    if (timer->n > 0) memcpy(t->popped.p, timer->key, timer->n);
    return true;
}

weir_status weir_timers_pop(struct weir_timers *t, weir_clock clock, int64_t until, struct weir_due_timer *due)
{
    struct weir__timer_queue *q = queue_of(t, clock);
    uint64_t end = weir__timer_time(until);
    while (q->records > 0) {
        const struct weir__timer_node *first = first_behind(q);
        if (!first) {
            weir_status s = advance(q, until);
            if (s != WEIR_MORE) return s;
            continue;
        }
        if (first->at > end) return WEIR_OK;
        if (q->at + AHEAD < q->n) __builtin_prefetch(q->run[q->at + AHEAD].timer);
        const struct weir__timer *last = take_first(q);
        bool is_set = !last->is_drop, ok = !is_set || give(t, last, due);
        forget_taken(q);
        if (!ok) return WEIR_E_MEMORY;
        if (is_set) return WEIR_MORE;
    }
    return WEIR_OK;
}

/* The wheel runs ahead of what is taken: what is set at a time that it has passed comes late. */
weir_status weir_timers_look_ahead(struct weir_timers *t, weir_clock clock, int64_t until, size_t most,
                                   void (*fn)(void *arg, const struct weir_due_timer *), void *arg)
{
    struct weir__timer_queue *q = queue_of(t, clock);
    uint64_t end = weir__timer_time(until);
    weir_status s = WEIR_MORE;
    if (q->at == q->n && q->n_late < most) {
        while (s == WEIR_MORE && q->n < most) s = advance(q, until);
        if (s < 0) return s;
    }
    for (size_t i = q->at; i < q->n && most > 0 && q->run[i].at <= end; i++) {
        bool is_last = i + 1 == q->n || weir__timer_compare(&q->run[i], &q->run[i + 1]) != 0;
        if (!is_last || q->run[i].timer->is_drop) continue;
        struct weir_due_timer due = weir__timer_due(q->run[i].timer);
        fn(arg, &due);
        most--;
    }
    for (size_t i = 0; i < q->n_late && most > 0; i++) {
        if (q->late[i].node.at > end || q->late[i].node.timer->is_drop) continue;
        struct weir_due_timer due = weir__timer_due(q->late[i].node.timer);
        fn(arg, &due);
        most--;
    }
    return WEIR_OK;
}

int64_t weir_timers_next(const struct weir_timers *t, weir_clock clock)
{
    const struct weir__timer_queue *q = &t->queues[clock == WEIR_PROCESSING_TIME];
    const struct weir__timer_node *first = first_behind(q);
    uint32_t level, digit;
    if (first) return first->timer->at;
    const struct weir__timer_bucket *b = first_bucket(q, &level, &digit);
    return b ? b->first : INT64_MAX;
}

bool weir_timers_any(struct weir_timers *t, weir_clock clock)
{
    struct weir__timer_queue *q = queue_of(t, clock);
    if (q->drops > 0) thin(q);
    return q->records > 0;
}

size_t weir_timers_memory(const struct weir_timers *t)
{
    size_t bytes = sizeof *t;
    for (int i = 0; i < 2; i++) {
        const struct weir__timer_queue *q = &t->queues[i];
        bytes += q->memory.used_bytes + q->memory.spare_bytes + 2 * q->capacity * sizeof *q->run +
                 q->late_capacity * sizeof *q->late;
        bytes += q->recent ? RECENT * sizeof *q->recent : 0;
        for (uint32_t level = 0; level < WEIR__TIMER_LEVELS; level++)
            bytes += q->buckets[level] ? WEIR__TIMER_DIGITS * sizeof *q->buckets[level] : 0;
    }
    return bytes;
}
