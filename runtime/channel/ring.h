/* channel/ring.h - a bounded single-producer single-consumer ring of elements: one channel.
 *
 * Floor 3. One producer thread, one consumer thread. The capacity is what the plan says, in batches. Rows are taken while
 * fewer than `capacity` elements wait; marks (watermark, idle, barrier, end) may use WEIR_RING_MARKS places more, so that a
 * control element is not stuck behind data. A full ring is a state that the producer waits out by not being scheduled.
 *
 * The ring itself never sleeps and makes no system call. Who sleeps on a ring (task/worker.h) sets a flag of its own,
 * fences, and looks at the ring again; who pushed or popped fences and looks at the flag.
 *
 * Barriers must be able to overtake later: `barrier_at` is the out-of-band word (barrier id and ring position) that an
 * unaligned checkpoint will write ahead of queued rows. It exists and is carried, nobody sets it yet.
 *
 * Layout: producer's and consumer's words 128 bytes apart (two cache lines: prefetchers fetch them in pairs), each with a
 * cached copy of the other's index, so that the other's line is read only when the ring looks full or empty.
 */
#ifndef WEIR_CHANNEL_RING_H
#define WEIR_CHANNEL_RING_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "data/element.h"

#define WEIR_RING_MARKS        2 /* places above the capacity, for marks */
#define WEIR_RING_MAX_CAPACITY (1u << 24)

struct weir_ring {
    alignas(128) _Atomic uint64_t tail;       /* written by the producer: elements ever pushed */
    uint64_t cached_head;                     /* producer's */
    alignas(128) _Atomic uint64_t head;       /* written by the consumer: elements ever popped */
    uint64_t cached_tail;                     /* consumer's */
    alignas(128) _Atomic uint64_t barrier_at; /* out-of-band: id in the upper 32 bits, position in the lower; 0: none */
    uint32_t capacity;                        /* elements that may wait before rows are refused; constant */
    uint32_t mask;                            /* slots - 1; slots: the power of two that holds capacity + WEIR_RING_MARKS */
    struct weir_element *slots;
};
/* capacity: 1 to WEIR_RING_MAX_CAPACITY batches. */
WEIR_CHECKED weir_status weir_ring_init(struct weir_ring *, uint32_t capacity, struct weir_error *);
void weir_ring_finish(struct weir_ring *); /* releases rows still in it; both threads are gone; zeroed is fine */

/* Producer. push takes the element's reference; false (and nothing taken) when there is no room for its kind. */
bool weir_ring_push(struct weir_ring *, struct weir_element);
bool weir_ring_has_room(struct weir_ring *, bool mark); /* for rows, or for a mark */
/* Consumer. */
bool weir_ring_pop(struct weir_ring *, struct weir_element *);
bool weir_ring_is_empty(struct weir_ring *);
/* The element that pop would give once i others are gone; NULL: there are not that many. It stays where it is. */
const struct weir_element *weir_ring_at(struct weir_ring *, uint32_t i);
void weir_ring_drop(struct weir_ring *, uint32_t n); /* as n times pop; their references are the caller's */
/* Any thread; a snapshot for metrics, and for a producer that asks whether its consumer has run dry. */
uint32_t weir_ring_length(const struct weir_ring *);

#endif
