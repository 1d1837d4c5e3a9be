/* ring.c - see the header.
 *
 * Invariants: (1) tail is stored by the producer alone, head by the consumer alone, both only grow; (2) slots
 * head .. tail-1 belong to the consumer, the others to the producer: a release store of the index hands a slot over, the
 * other side's acquire load receives it; (3) tail - head <= capacity + WEIR_RING_MARKS <= slots.
 */
#include "channel/ring.h"

#include "base/alloc.h"

weir_status weir_ring_init(struct weir_ring *r, uint32_t capacity, struct weir_error *error)
{
    WEIR_ASSERT(capacity >= 1 && capacity <= WEIR_RING_MAX_CAPACITY);
    *r = (struct weir_ring){.capacity = capacity};
    uint32_t n_slots = 1;
    while (n_slots < capacity + WEIR_RING_MARKS) n_slots *= 2;
    r->slots = weir_try_alloc((size_t)n_slots * sizeof *r->slots);
    r->mask = n_slots - 1;
    if (r->slots) return WEIR_OK;
    return weir_error_set(error, WEIR_E_MEMORY, "no memory for a channel of %u batches; lower the channel capacity",
                          capacity);
}

void weir_ring_finish(struct weir_ring *r)
{
    struct weir_element e;
    while (r->slots && weir_ring_pop(r, &e)) {
        if (e.kind == WEIR_ELEMENT_ROWS) weir_rows_release(e.rows);
    }
    weir_free(r->slots);
    r->slots = NULL;
}

/* ---- producer ------------------------------------------------------------------------------------------------------- */

bool weir_ring_has_room(struct weir_ring *r, bool mark)
{
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    uint32_t places = r->capacity + (mark ? WEIR_RING_MARKS : 0);
    if (tail - r->cached_head < places) return true;
    r->cached_head = atomic_load_explicit(&r->head, memory_order_acquire);
    return tail - r->cached_head < places;
}

bool weir_ring_push(struct weir_ring *r, struct weir_element e)
{
    if (!weir_ring_has_room(r, e.kind != WEIR_ELEMENT_ROWS)) return false;
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    r->slots[tail & r->mask] = e;
    atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
    return true;
}

/* ---- consumer ------------------------------------------------------------------------------------------------------- */

bool weir_ring_is_empty(struct weir_ring *r)
{
    uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    if (head != r->cached_tail) return false;
    r->cached_tail = atomic_load_explicit(&r->tail, memory_order_acquire);
    return head == r->cached_tail;
}

bool weir_ring_pop(struct weir_ring *r, struct weir_element *e)
{
    if (weir_ring_is_empty(r)) return false;
    uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    *e = r->slots[head & r->mask];
    atomic_store_explicit(&r->head, head + 1, memory_order_release);
    return true;
}

const struct weir_element *weir_ring_at(struct weir_ring *r, uint32_t i)
{
    uint64_t at = atomic_load_explicit(&r->head, memory_order_relaxed) + i;
    if (at >= r->cached_tail) r->cached_tail = atomic_load_explicit(&r->tail, memory_order_acquire);
    return at < r->cached_tail ? &r->slots[at & r->mask] : NULL;
}

void weir_ring_drop(struct weir_ring *r, uint32_t n)
{
    uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    WEIR_ASSERT(head + n <= r->cached_tail);
    atomic_store_explicit(&r->head, head + n, memory_order_release);
}

/* head first: what is popped in between makes the answer too large, never negative. */
uint32_t weir_ring_length(const struct weir_ring *r)
{
    uint64_t head = atomic_load_explicit(&r->head, memory_order_acquire);
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
    uint32_t most = r->capacity + WEIR_RING_MARKS;
    return tail - head < most ? (uint32_t)(tail - head) : most;
}
