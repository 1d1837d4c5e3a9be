/* window/alarms.h - when to look at a key again: a queue of times and keys, each alarm of which rings once.
 *
 * Floor 6. Subtask's thread. Not state: whoever sets alarms can tell from the state where they belong. An alarm costs no
 * look-up, and cannot be taken back; the one who is rung finds out whether there is anything to do. They ring in order of
 * time, then of key bytes; the same time and key set twice rings once. Keys are kept here.
 */
#ifndef WEIR_WINDOW_ALARMS_H
#define WEIR_WINDOW_ALARMS_H

#include "time/timers.h"

#define WEIR__ALARM_LEVELS 11 /* of six bits of the time each */
#define WEIR__ALARM_DIGITS 64
#define WEIR__ALARM_KEY    16 /* longer keys are in their bucket's bytes */
#define WEIR__ALARMS_AHEAD 64 /* alarms whose keys are told before they ring */

struct weir__alarm {
    int64_t at;
    uint64_t hash;
    uint32_t n, group;
    union {
        uint8_t bytes[WEIR__ALARM_KEY];
        size_t place; /* in the bytes of the bucket */
    } key;
};
struct weir__alarm_bucket {
    struct weir__alarm *alarms;
    uint8_t *bytes;
    int64_t least; /* of the times */
    size_t n, capacity, n_bytes, bytes_capacity;
};
struct weir__alarms {
    struct weir__alarm_bucket next;                         /* those up to `last`, in order */
    size_t rung;                                            /* of them */
    struct weir__alarm_bucket *buckets[WEIR__ALARM_LEVELS]; /* NULL: none yet; by digit */
    uint64_t digits[WEIR__ALARM_LEVELS];                    /* the buckets that have any */
    uint32_t levels;                                        /* the levels that have */
    int64_t last;
    struct weir_key_bytes key;
    /* Tells the keys that will ring next, at most WEIR__ALARMS_AHEAD. May be NULL. */
    void (*expect)(void *arg, const struct weir_key_ref *, size_t n);
    void *arg;
};

void weir__alarms_init(struct weir__alarms *);
void weir__alarms_finish(struct weir__alarms *);
WEIR_CHECKED bool weir__alarms_set(struct weir__alarms *, const struct weir_key_ref *, int64_t at); /* false: no memory */
/* The first one with at <= until. The key is valid until the next one is asked for. *found false: there is none; false: no
 * memory. */
WEIR_CHECKED bool weir__alarms_next(struct weir__alarms *, int64_t until, struct weir_due_timer *, bool *found);
/* Tells the keys that next will give next, and up to so many; false: no memory. */
WEIR_CHECKED bool weir__alarms_look_ahead(struct weir__alarms *, int64_t until, size_t most,
                                          void (*fn)(void *arg, const struct weir_key_ref *), void *arg);
bool weir__alarms_waiting(const struct weir__alarms *); /* some is set, for a time before INT64_MAX */

#endif
