/* time/timers.h - the timers of one keyed operator subtask, for both clocks.
 *
 * Floor 3. One thread. A timer's identity is (clock, key, namespace, time): setting it twice is one timer, dropping a
 * missing one is fine. Order of firing: time, then key bytes, then namespace, so that replays agree. Timers are kept by key
 * group for snapshots.
 *
 * Firing is a loop of pop(): a timer is removed before its callback, and callbacks may set and drop timers in between, also
 * due ones, which then fire in the same loop (semantics A5.1). The loop can stop between two pops and go on later: that is
 * how a million timers at one watermark fire in bounded steps.
 */
#ifndef WEIR_TIME_TIMERS_H
#define WEIR_TIME_TIMERS_H

#include <weir/host.h>

#include "base/error.h"
#include "data/key.h"

/* A key as state and timers take it. Borrowed. */
struct weir_key_ref {
    const uint8_t *p;
    uint32_t n;
    uint32_t group; /* key group */
    uint64_t hash;  /* weir_key_hash64 */
};

struct weir_timers;

struct weir_due_timer {
    struct weir_key_ref key; /* valid until the next call on these timers */
    int64_t at;
    uint64_t ns;
};

struct weir_timers *weir_timers_create(uint32_t first_group, uint32_t last_group);
void weir_timers_destroy(struct weir_timers *); /* NULL is fine */

/* WEIR_E_MEMORY: nothing was done. */
WEIR_CHECKED weir_status weir_timers_set(struct weir_timers *, weir_clock, const struct weir_key_ref *, uint64_t ns,
                                         int64_t at);
WEIR_CHECKED weir_status weir_timers_drop(struct weir_timers *, weir_clock, const struct weir_key_ref *, uint64_t ns,
                                          int64_t at);
/* WEIR_MORE: *due is the first timer with at <= until, which was removed. WEIR_OK: there is none. WEIR_E_MEMORY: timers
 * were lost. */
WEIR_CHECKED weir_status weir_timers_pop(struct weir_timers *, weir_clock, int64_t until, struct weir_due_timer *);
/* Tells the first timers with at <= until, up to so many, perhaps not all, and perhaps one that has been dropped since it
 * was told. Their keys are valid until the next call on these timers. WEIR_E_MEMORY: as pop. */
WEIR_CHECKED weir_status weir_timers_look_ahead(struct weir_timers *, weir_clock, int64_t until, size_t most,
                                                void (*fn)(void *arg, const struct weir_due_timer *), void *arg);
/* No timer is due before; one may not be due then either, when one that was has been dropped. INT64_MAX: none. */
int64_t weir_timers_next(const struct weir_timers *, weir_clock);
bool weir_timers_any(struct weir_timers *, weir_clock); /* whether there is one; not for every row */
size_t weir_timers_memory(const struct weir_timers *);  /* bytes */

/* All timers as they are now, for another thread; the copy may outlive the timers. It shares most of their memory. NULL: no
 * memory. */
struct weir_timers_copy;
struct weir_timers_copy *weir_timers_copy(struct weir_timers *);
void weir_timers_copy_destroy(struct weir_timers_copy *); /* NULL is fine */
/* Every timer of a key group, in firing order. Stops when fn does not return WEIR_OK. */
WEIR_CHECKED weir_status weir_timers_copy_each(struct weir_timers_copy *, weir_clock, uint32_t group,
                                               weir_status (*fn)(void *arg, const struct weir_due_timer *), void *arg);

#endif
