/* timers.c - a 4-ary heap of timers per clock, and a hash table that finds a timer by its identity.
 *
 * One thread. Records live in one growing array and are named by index; heap nodes carry the parts that decide nearly every
 * comparison (time, and the key's first eight bytes in big-endian order), so that sifting does not touch the records. A
 * dropped timer leaves the table at once; its heap node stays, marked dead in the record, until it comes to the top or until
 * dead nodes outnumber live ones and the heap is built anew. Invariants: (1) every live record is in the table and in the
 * heap once; (2) the heap's top is live.
 *
 * 4-ary heap: LaMarca and Ladner 1996. Table: linear probing with backward-shift deletion, load at most one half.
 */
#include "time/timers.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define INLINE_KEY 16
#define NONE       UINT32_MAX

struct timer_key { /* keys of up to INLINE_KEY bytes are kept in place, longer ones in a block of their own */
    union {
        uint8_t bytes[INLINE_KEY];
        uint8_t *block;
    } u;
    uint32_t n, group;
    uint64_t hash;
};
struct timer {
    struct timer_key key;
    uint64_t ns;
    int64_t at;
    bool live;
    uint32_t next_free; /* of records that are not in use */
};
struct node {
    int64_t at;
    uint64_t prefix;
    uint32_t timer;
};
struct slot {
    uint32_t tag;   /* of the identity's hash; its low bits choose the place */
    uint32_t timer; /* index + 1; 0: free */
};
struct queue { /* the timers of one clock */
    struct timer *timers;
    uint32_t n_timers, capacity, first_free;
    struct node *heap;
    uint32_t n_heap, heap_capacity;
    struct slot *slots;
    uint32_t n_slots; /* a power of two, or 0 */
    uint32_t n_live;
    size_t key_bytes;
};
struct copied {
    int64_t at;
    uint64_t ns;
    union {
        uint8_t bytes[INLINE_KEY];
        const uint8_t *longer; /* in the copy's long_keys */
    } u;
    uint32_t n, group;
    uint64_t hash;
};
struct copied_queue {
    struct copied *timers; /* live ones; in order of group and firing once they are sorted */
    uint8_t *long_keys;
    size_t n, capacity;
    size_t next; /* the first that was not given */
    bool sorted;
};
/* Timers keep one copy, which may outlive them. Others are ORPHANED from the beginning. */
enum copy_use { UNUSED = 0, IN_USE, ORPHANED };
struct weir_timers_copy {
    struct copied_queue queues[2];
    _Atomic uint32_t use; /* enum copy_use */
};
struct weir_timers {
    struct queue queues[2];
    uint32_t first_group, last_group;
    struct weir_timers_copy *copy; /* used again and again: fresh memory costs as much as copying */
    struct timer_key popped;       /* owner of the bytes that the last pop gave out */
};

/* ---- keys -------------------------------------------------------------------------------------------------------- */

static const uint8_t *key_bytes(const struct timer_key *k)
{
    return k->n <= INLINE_KEY ? k->u.bytes : k->u.block;
}

static bool copy_key(struct queue *q, struct timer_key *to, const struct weir_key_ref *key)
{
    *to = (struct timer_key){.n = key->n, .group = key->group, .hash = key->hash};
    if (key->n <= INLINE_KEY) {
        memcpy(to->u.bytes, key->p, key->n);
        return true;
    }
    to->u.block = weir_try_alloc(key->n);
    if (!to->u.block) return false;
    memcpy(to->u.block, key->p, key->n);
    q->key_bytes += key->n;
    return true;
}

static void free_key(struct timer_key *k)
{
    if (k->n > INLINE_KEY) weir_free(k->u.block);
    k->n = 0;
}

static uint64_t prefix_of(const struct timer_key *k)
{
    uint64_t prefix = 0;
    memcpy(&prefix, key_bytes(k), k->n < 8 ? k->n : 8);
    return __builtin_bswap64(prefix); /* the machine is little-endian, as the key bytes are */
}

static int compare_bytes(const struct timer_key *a, const struct timer_key *b)
{
    int order = memcmp(key_bytes(a), key_bytes(b), a->n < b->n ? a->n : b->n);
    return order ? order : (a->n > b->n) - (a->n < b->n);
}

/* Firing order: time, key bytes, namespace. */
static bool fires_before(const struct timer *a, const struct timer *b)
{
    if (a->at != b->at) return a->at < b->at;
    int order = compare_bytes(&a->key, &b->key);
    return order ? order < 0 : a->ns < b->ns;
}

/* ---- heap --------------------------------------------------------------------------------------------------------- */

static bool node_before(const struct queue *q, const struct node *a, const struct node *b)
{
    if (a->at != b->at) return a->at < b->at;
    if (a->prefix != b->prefix) return a->prefix < b->prefix;
    return fires_before(&q->timers[a->timer], &q->timers[b->timer]);
}

static void sift_up(struct queue *q, uint32_t i)
{
    struct node node = q->heap[i];
    while (i > 0) {
        uint32_t parent = (i - 1) / 4;
        if (!node_before(q, &node, &q->heap[parent])) break;
        q->heap[i] = q->heap[parent];
        i = parent;
    }
    q->heap[i] = node;
}

static uint32_t first_child(const struct queue *q, uint32_t i)
{
    uint64_t child = (uint64_t)i * 4 + 1;
    if (child >= q->n_heap) return NONE;
    uint32_t best = (uint32_t)child, end = q->n_heap - best < 4 ? q->n_heap : best + 4;
    for (uint32_t c = best + 1; c < end; c++) {
        if (node_before(q, &q->heap[c], &q->heap[best])) best = c;
    }
    return best;
}

static void sift_down(struct queue *q, uint32_t i)
{
    struct node node = q->heap[i];
    for (;;) {
        uint32_t child = first_child(q, i);
        if (child == NONE || !node_before(q, &q->heap[child], &node)) break;
        q->heap[i] = q->heap[child];
        i = child;
    }
    q->heap[i] = node;
}

/* ---- records --------------------------------------------------------------------------------------------------------- */

static bool grow(void **array, uint32_t *capacity, uint32_t need, size_t size)
{
    if (need <= *capacity) return true;
    uint64_t wanted = *capacity ? (uint64_t)*capacity * 2 : 16;
    if (wanted > NONE - 1) return false;
    void *grown = weir_try_realloc(*array, wanted * size);
    if (!grown) return false;
    *array = grown;
    *capacity = (uint32_t)wanted;
    return true;
}

static uint32_t take_record(struct queue *q)
{
    uint32_t i = q->first_free;
    if (i != NONE) {
        q->first_free = q->timers[i].next_free;
        return i;
    }
    void *timers = q->timers;
    bool ok = grow(&timers, &q->capacity, q->n_timers + 1, sizeof *q->timers);
    q->timers = timers;
    return ok ? q->n_timers++ : NONE;
}

/* A record is free once neither the table nor the heap names it: sifting compares the keys of dead timers too. */
static void free_record(struct queue *q, uint32_t i)
{
    struct timer *t = &q->timers[i];
    if (t->key.n > INLINE_KEY) q->key_bytes -= t->key.n;
    free_key(&t->key);
    t->live = false;
    t->next_free = q->first_free;
    q->first_free = i;
}

/* ---- table ----------------------------------------------------------------------------------------------------------- */

static uint64_t identity_hash(uint64_t key_hash, uint64_t ns, int64_t at)
{
    uint64_t h = key_hash ^ ns * 0x9e3779b97f4a7c15u ^ (uint64_t)at * 0xc2b2ae3d27d4eb4fu;
    h = (h ^ h >> 32) * 0xd6e8feb86659fd93u; /* the mixer of base/random.h's family: every bit in reaches every bit out */
    h = (h ^ h >> 32) * 0xd6e8feb86659fd93u;
    return h ^ h >> 32;
}

static bool is_timer(const struct timer *t, const struct weir_key_ref *key, uint64_t ns, int64_t at)
{
    return t->at == at && t->ns == ns && t->key.hash == key->hash && t->key.n == key->n &&
           memcmp(key_bytes(&t->key), key->p, key->n) == 0;
}

/* The slot of the timer, or the free slot where its search ended. */
static uint32_t find_slot(const struct queue *q, const struct weir_key_ref *key, uint64_t ns, int64_t at)
{
    uint32_t tag = (uint32_t)identity_hash(key->hash, ns, at), mask = q->n_slots - 1, i = tag & mask;
    while (q->slots[i].timer && !(q->slots[i].tag == tag && is_timer(&q->timers[q->slots[i].timer - 1], key, ns, at)))
        i = (i + 1) & mask;
    return i;
}

static void remove_slot(struct queue *q, uint32_t i)
{
    uint32_t mask = q->n_slots - 1;
    for (uint32_t next = (i + 1) & mask; q->slots[next].timer; next = (next + 1) & mask) {
        uint32_t home = q->slots[next].tag & mask;
        if (((next - home) & mask) < ((next - i) & mask)) continue; /* it would land before its home */
        q->slots[i] = q->slots[next];
        i = next;
    }
    q->slots[i] = (struct slot){0};
}

static bool reserve_slot(struct queue *q)
{
    if ((uint64_t)(q->n_live + 1) * 2 <= q->n_slots) return true;
    uint32_t n = q->n_slots ? q->n_slots * 2 : 32, mask = n - 1;
    struct slot *slots = n ? weir_try_alloc((size_t)n * sizeof *slots) : NULL;
    if (!slots) return false;
    for (uint32_t old = 0; old < q->n_slots; old++) {
        if (!q->slots[old].timer) continue;
        uint32_t i = q->slots[old].tag & mask;
        while (slots[i].timer) i = (i + 1) & mask;
        slots[i] = q->slots[old];
    }
    weir_free(q->slots);
    q->slots = slots;
    q->n_slots = n;
    return true;
}

static uint32_t slot_of_record(const struct queue *q, uint32_t timer)
{
    const struct timer *t = &q->timers[timer];
    uint32_t mask = q->n_slots - 1, i = (uint32_t)identity_hash(t->key.hash, t->ns, t->at) & mask;
    while (q->slots[i].timer != timer + 1) i = (i + 1) & mask;
    return i;
}

/* ---- dead nodes ------------------------------------------------------------------------------------------------------ */

static void pop_node(struct queue *q)
{
    q->heap[0] = q->heap[--q->n_heap];
    if (q->n_heap > 1) sift_down(q, 0);
}

static void rebuild_heap(struct queue *q)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < q->n_heap; i++) {
        if (q->timers[q->heap[i].timer].live) {
            q->heap[n++] = q->heap[i];
        } else {
            free_record(q, q->heap[i].timer);
        }
    }
    q->n_heap = n;
    for (uint32_t i = n / 4 + 1; n > 0 && i-- > 0;) {
        if (i < n) sift_down(q, i);
    }
}

/* An empty queue that was large once gives its memory back. */
static void forget_if_empty(struct queue *q)
{
    if (q->n_live > 0 || q->capacity <= 4096) return;
    weir_free(q->timers);
    weir_free(q->heap);
    weir_free(q->slots);
    *q = (struct queue){.first_free = NONE};
}

static void bury_the_dead(struct queue *q)
{
    if (q->n_heap >= 64 && q->n_live < q->n_heap / 2) rebuild_heap(q);
    while (q->n_heap > 0 && !q->timers[q->heap[0].timer].live) {
        uint32_t timer = q->heap[0].timer;
        pop_node(q);
        free_record(q, timer);
    }
    forget_if_empty(q);
}

/* ---- the timers ------------------------------------------------------------------------------------------------------ */

struct weir_timers *weir_timers_create(uint32_t first_group, uint32_t last_group)
{
    struct weir_timers *t = weir_alloc(sizeof *t);
    t->first_group = first_group;
    t->last_group = last_group;
    t->queues[0].first_free = t->queues[1].first_free = NONE;
    t->copy = weir_alloc(sizeof *t->copy);
    return t;
}

static void free_copy(struct weir_timers_copy *);

static void finish_queue(struct queue *q)
{
    for (uint32_t i = 0; i < q->n_timers; i++) free_key(&q->timers[i].key);
    weir_free(q->timers);
    weir_free(q->heap);
    weir_free(q->slots);
}

void weir_timers_destroy(struct weir_timers *t)
{
    if (!t) return;
    finish_queue(&t->queues[0]);
    finish_queue(&t->queues[1]);
    free_key(&t->popped);
    uint32_t use = IN_USE;
    if (!atomic_compare_exchange_strong_explicit(&t->copy->use, &use, ORPHANED, memory_order_acq_rel, memory_order_acquire))
        free_copy(t->copy);
    weir_free(t);
}

static struct queue *queue_of(struct weir_timers *t, weir_clock clock)
{
    return &t->queues[clock == WEIR_PROCESSING_TIME];
}

/* A new live record in the heap; NONE: no memory. */
static uint32_t add_record(struct queue *q, const struct weir_key_ref *key, uint64_t ns, int64_t at)
{
    void *heap = q->heap;
    bool ok = grow(&heap, &q->heap_capacity, q->n_heap + 1, sizeof *q->heap);
    q->heap = heap;
    uint32_t i = ok ? take_record(q) : NONE;
    if (i == NONE) return NONE;
    struct timer *timer = &q->timers[i];
    *timer = (struct timer){.ns = ns, .at = at, .live = true};
    if (!copy_key(q, &timer->key, key)) {
        timer->key.n = 0;
        free_record(q, i);
        return NONE;
    }
    q->heap[q->n_heap++] = (struct node){.at = at, .prefix = prefix_of(&timer->key), .timer = i};
    sift_up(q, q->n_heap - 1);
    return i;
}

weir_status weir_timers_set(struct weir_timers *t, weir_clock clock, const struct weir_key_ref *key, uint64_t ns, int64_t at)
{
    WEIR_ASSERT(key->group >= t->first_group && key->group <= t->last_group);
    struct queue *q = queue_of(t, clock);
    if (!reserve_slot(q)) return WEIR_E_MEMORY;
    uint32_t slot = find_slot(q, key, ns, at);
    if (q->slots[slot].timer) return WEIR_OK;
    uint32_t i = add_record(q, key, ns, at);
    if (i == NONE) return WEIR_E_MEMORY;
    q->slots[slot] = (struct slot){.tag = (uint32_t)identity_hash(key->hash, ns, at), .timer = i + 1};
    q->n_live++;
    return WEIR_OK;
}

void weir_timers_drop(struct weir_timers *t, weir_clock clock, const struct weir_key_ref *key, uint64_t ns, int64_t at)
{
    struct queue *q = queue_of(t, clock);
    if (q->n_live == 0) return;
    uint32_t slot = find_slot(q, key, ns, at);
    if (!q->slots[slot].timer) return;
    struct timer *timer = &q->timers[q->slots[slot].timer - 1];
    remove_slot(q, slot);
    timer->live = false;
    q->n_live--;
    bury_the_dead(q);
}

bool weir_timers_pop(struct weir_timers *t, weir_clock clock, int64_t until, struct weir_due_timer *due)
{
    struct queue *q = queue_of(t, clock);
    if (q->n_heap == 0 || q->heap[0].at > until) return false;
    uint32_t i = q->heap[0].timer;
    struct timer *timer = &q->timers[i];
    remove_slot(q, slot_of_record(q, i));
    free_key(&t->popped);
    t->popped = timer->key;
    if (timer->key.n > INLINE_KEY) q->key_bytes -= timer->key.n;
    timer->key.n = 0; /* the bytes have a new owner */
    *due = (struct weir_due_timer){
        .key = {.p = key_bytes(&t->popped), .n = t->popped.n, .group = t->popped.group, .hash = t->popped.hash},
        .at = timer->at,
        .ns = timer->ns,
    };
    timer->live = false;
    q->n_live--;
    bury_the_dead(q);
    return true;
}

int64_t weir_timers_next(const struct weir_timers *t, weir_clock clock)
{
    const struct queue *q = &t->queues[clock == WEIR_PROCESSING_TIME];
    return q->n_heap ? q->heap[0].at : INT64_MAX;
}

size_t weir_timers_count(const struct weir_timers *t, weir_clock clock)
{
    return t->queues[clock == WEIR_PROCESSING_TIME].n_live;
}

size_t weir_timers_memory(const struct weir_timers *t)
{
    size_t bytes = sizeof *t + sizeof *t->copy;
    for (int i = 0; i < 2; i++) {
        const struct queue *q = &t->queues[i];
        bytes += q->capacity * sizeof *q->timers + q->heap_capacity * sizeof *q->heap + q->n_slots * sizeof *q->slots +
                 q->key_bytes;
        bytes += t->copy->queues[i].capacity * sizeof *t->copy->queues[i].timers;
    }
    return bytes;
}

/* ---- snapshots ---------------------------------------------------------------------------------------------------------
 */

static int compare_timers(const void *a, const void *b)
{
    const struct timer *x = *(const struct timer *const *)a, *y = *(const struct timer *const *)b;
    return fires_before(x, y) ? -1 : fires_before(y, x);
}

static bool is_in(const struct timer *timer, uint32_t group)
{
    return timer->live && timer->key.group == group;
}

weir_status weir_timers_each(const struct weir_timers *t, weir_clock clock, uint32_t group,
                             weir_status (*fn)(void *arg, const struct weir_due_timer *), void *arg)
{
    const struct queue *q = &t->queues[clock == WEIR_PROCESSING_TIME];
    size_t n = 0;
    for (uint32_t i = 0; i < q->n_timers; i++) n += is_in(&q->timers[i], group);
    if (n == 0) return WEIR_OK;
    const struct timer **sorted = weir_try_alloc(n * sizeof *sorted);
    if (!sorted) return WEIR_E_MEMORY;
    n = 0;
    for (uint32_t i = 0; i < q->n_timers; i++) {
        if (is_in(&q->timers[i], group)) sorted[n++] = &q->timers[i];
    }
    qsort(sorted, n, sizeof *sorted, compare_timers);
    weir_status status = WEIR_OK;
    for (size_t i = 0; i < n && status == WEIR_OK; i++) {
        const struct timer_key *k = &sorted[i]->key;
        struct weir_due_timer due = {.key = {.p = key_bytes(k), .n = k->n, .group = k->group, .hash = k->hash},
                                     .at = sorted[i]->at,
                                     .ns = sorted[i]->ns};
        status = fn(arg, &due);
    }
    weir_free(sorted);
    return status;
}

/* ---- copies ------------------------------------------------------------------------------------------------------ */

/* Room for so many; what is much too large goes. False: no memory. */
static bool reserve_copies(struct copied_queue *to, size_t n)
{
    if (n <= to->capacity && n >= to->capacity / 4) return true;
    weir_free(to->timers);
    to->capacity = 0;
    size_t capacity = n + n / 8;
    to->timers = n ? weir_try_alloc_aligned(64, (capacity * sizeof *to->timers + 63) / 64 * 64) : NULL;
    if (to->timers) to->capacity = capacity;
    return to->timers || n == 0;
}

/* The bulk of the work is this loop: a million timers are some tens of MB. False: no memory. */
static bool copy_queue(struct copied_queue *to, const struct queue *q)
{
    to->n = to->next = 0;
    to->sorted = false;
    to->long_keys = q->key_bytes ? weir_try_alloc(q->key_bytes) : NULL;
    if (!reserve_copies(to, q->n_live) || (q->key_bytes && !to->long_keys)) return false;
    uint8_t *key = to->long_keys;
    for (uint32_t i = 0; i < q->n_timers; i++) {
        const struct timer *from = &q->timers[i];
        struct copied *c = &to->timers[to->n];
        if (!from->live) continue;
        *c = (struct copied){
            .at = from->at, .ns = from->ns, .n = from->key.n, .group = from->key.group, .hash = from->key.hash};
        to->n++;
        if (from->key.n <= INLINE_KEY) {
            memcpy(c->u.bytes, from->key.u.bytes, INLINE_KEY);
            continue;
        }
        memcpy(key, from->key.u.block, from->key.n);
        c->u.longer = key;
        key += from->key.n;
    }
    return true;
}

struct weir_timers_copy *weir_timers_copy(const struct weir_timers *t)
{
    bool kept = atomic_load_explicit(&t->copy->use, memory_order_acquire) == UNUSED;
    struct weir_timers_copy *c = kept ? t->copy : weir_alloc(sizeof *c);
    atomic_store_explicit(&c->use, kept ? IN_USE : ORPHANED, memory_order_relaxed);
    if (copy_queue(&c->queues[0], &t->queues[0]) && copy_queue(&c->queues[1], &t->queues[1])) return c;
    weir_timers_copy_destroy(c);
    return NULL;
}

static void free_copy(struct weir_timers_copy *c)
{
    weir_free(c->queues[0].timers);
    weir_free(c->queues[1].timers);
    weir_free(c);
}

void weir_timers_copy_destroy(struct weir_timers_copy *c)
{
    for (int i = 0; c && i < 2; i++) {
        weir_free(c->queues[i].long_keys);
        c->queues[i].long_keys = NULL;
    }
    uint32_t use = IN_USE;
    if (c && !atomic_compare_exchange_strong_explicit(&c->use, &use, UNUSED, memory_order_acq_rel, memory_order_acquire))
        free_copy(c);
}

static const uint8_t *copied_key(const struct copied *c)
{
    return c->n <= INLINE_KEY ? c->u.bytes : c->u.longer;
}

static int compare_copied(const void *a, const void *b)
{
    const struct copied *x = a, *y = b;
    if (x->group != y->group) return x->group < y->group ? -1 : 1;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    int order = memcmp(copied_key(x), copied_key(y), x->n < y->n ? x->n : y->n);
    if (order) return order;
    if (x->n != y->n) return x->n < y->n ? -1 : 1;
    return (x->ns > y->ns) - (x->ns < y->ns);
}

weir_status weir_timers_copy_each(struct weir_timers_copy *copy, weir_clock clock, uint32_t group,
                                  weir_status (*fn)(void *arg, const struct weir_due_timer *), void *arg)
{
    struct copied_queue *q = &copy->queues[clock == WEIR_PROCESSING_TIME];
    if (!q->sorted && q->n > 0) qsort(q->timers, q->n, sizeof *q->timers, compare_copied);
    q->sorted = true;
    weir_status status = WEIR_OK;
    for (; status == WEIR_OK && q->next < q->n && q->timers[q->next].group <= group; q->next++) {
        const struct copied *c = &q->timers[q->next];
        struct weir_due_timer due = {.at = c->at, .ns = c->ns};
        due.key = (struct weir_key_ref){.p = copied_key(c), .n = c->n, .group = c->group, .hash = c->hash};
        status = fn(arg, &due);
    }
    return status;
}
