/* channel/ring.h - a bounded single-producer single-consumer ring of elements: one channel.
 *
 * Floor 3. One producer thread, one consumer thread. Capacity is a power of two; a producer sees credit(), the free places. Two places above
 * the stated capacity are kept for marks (watermark, idle, barrier, end), so that a control element is never stuck behind data credit: rows need
 * credit > 2, marks credit > 0; a full ring is a state that the producer waits out by not being scheduled.
 *
 * Waking: when the consumer finds the ring empty it may set `sleeping` through its worker's parker (see task/worker.h); the ring itself never
 * makes a system call. `became_nonempty` tells the producer that the consumer may have to be woken, `became_free` tells the consumer that about the producer.
 *
 * Barriers must be able to overtake later: `barrier_at` is the out-of-band word (barrier id and ring position) that an unaligned checkpoint will
 * write ahead of queued rows. It exists and is carried, nobody sets it yet.
 *
 * Layout: producer's and consumer's words 128 bytes apart, each with a cached copy of the other's index.
 */
#ifndef WEIR_CHANNEL_RING_H
#define WEIR_CHANNEL_RING_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "data/element.h"

#define WEIR_RING_MARKS 2 /* places above the capacity, for marks */

struct weir_ring {
    alignas(128) _Atomic uint64_t tail; /* written by the producer: elements ever pushed */
    uint64_t cached_head;               /* producer's */
    alignas(128) _Atomic uint64_t head; /* written by the consumer: elements ever popped */
    uint64_t cached_tail;               /* consumer's */
    alignas(128) _Atomic uint64_t barrier_at; /* out-of-band: id in the upper 32 bits, position in the lower; 0: none */
    uint32_t capacity;                  /* rows elements; constant */
    uint32_t mask;
    struct weir_element *slots;
};
WEIR_CHECKED weir_status weir_ring_init(struct weir_ring *, uint32_t capacity, struct weir_error *); /* capacity >= 1 batches */
void weir_ring_finish(struct weir_ring *); /* releases rows still in it; both threads are gone */

/* Producer. push takes the element's reference; false (and nothing taken) when there is no room for its kind. */
bool weir_ring_push(struct weir_ring *, struct weir_element);
bool weir_ring_has_room(struct weir_ring *, bool mark); /* for rows, or for a mark */
/* Consumer. */
bool weir_ring_pop(struct weir_ring *, struct weir_element *);
bool weir_ring_is_empty(struct weir_ring *);
/* Any thread; a snapshot for metrics. */
uint32_t weir_ring_length(const struct weir_ring *);

#endif
