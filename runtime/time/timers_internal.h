/* timers_internal.h - the pieces that timers are made of.
 *
 *   timers.c         a queue per clock: what is set and dropped, and what is due
 *   timer_records.c  records of what was done, in chunks; which of those of one timer counts
 *   timer_order.c    records in order of firing
 *   timers_copy.c    all timers at one moment, for another thread
 *
 * Setting a timer writes a record, and so does dropping one: the last record of a timer says whether there is it. Records
 * of the same timer are always in the same list, in the order in which they were written. They are never changed, so a
 * chunk of them may be read by another thread while more are written behind those.
 */
#ifndef WEIR_TIME_TIMERS_INTERNAL_H
#define WEIR_TIME_TIMERS_INTERNAL_H

#include <stdatomic.h>
#include <string.h>

#include "time/timers.h"

/* ---- records (timer_records.c) ----------------------------------------------------------------------------------- */

struct weir__timer {
    int64_t at;
    uint64_t ns, hash;
    uint32_t group;
    uint32_t is_drop : 1, n : 31; /* bytes of the key */
    uint8_t key[];                /* zeroes up to a multiple of 8, and at least 8 */
};
struct weir__timer_chunk {
    struct weir__timer_chunk *next;
    _Atomic uint32_t users; /* the list that it is in, and copies */
    uint32_t used, capacity;
    _Alignas(8) uint8_t bytes[];
};
/* In order of writing. Zeroed it is empty. */
struct weir__timer_list {
    struct weir__timer_chunk *last; /* its next is the first */
    size_t n;
};
/* Chunks that are written again, before others are allocated. */
#define WEIR__TIMER_SIZES 6
struct weir__timer_memory {
    struct weir__timer_chunk *spare[WEIR__TIMER_SIZES]; /* by size */
    size_t used_bytes, spare_bytes;
};

static inline size_t weir__timer_size(uint32_t key_bytes)
{
    return sizeof(struct weir__timer) + (key_bytes <= 8 ? 8 : (key_bytes + (size_t)7) / 8 * 8);
}

static inline uint64_t weir__timer_hash(uint64_t key_hash, uint64_t ns, int64_t at)
{
    uint64_t h = key_hash ^ ns * 0x9e3779b97f4a7c15u ^ (uint64_t)at * 0xc2b2ae3d27d4eb4fu;
    h = (h ^ h >> 32) * 0xd6e8feb86659fd93u; /* the mixer of base/random.h's family: every bit in reaches every bit out */
    h = (h ^ h >> 32) * 0xd6e8feb86659fd93u;
    return h ^ h >> 32;
}

/* A record at the end; NULL: no memory. */
struct weir__timer *weir__timer_add(struct weir__timer_memory *, struct weir__timer_list *, const struct weir_key_ref *,
                                    uint64_t ns, int64_t at, bool is_drop);
struct weir__timer *weir__timer_add_copy(struct weir__timer_memory *, struct weir__timer_list *, const struct weir__timer *);
void weir__timer_list_free(struct weir__timer_memory *, struct weir__timer_list *);
/* Moves the first chunk into a list of its own; false: there is none. */
bool weir__timer_list_shift(struct weir__timer_list *, struct weir__timer_list *part);
/* `more` behind `list`; `more` is empty then. */
void weir__timer_list_join(struct weir__timer_list *list, struct weir__timer_list *more);
void weir__timer_chunk_release(struct weir__timer_chunk *); /* [any] what a copy used */
void weir__timer_memory_finish(struct weir__timer_memory *);
/* Keeps one record for each timer that is set. False: no memory, all are kept. */
bool weir__timer_thin(struct weir__timer_memory *, struct weir__timer_list *);

/* for (each record of a list): the list does not change meanwhile. */
struct weir__timer_walk {
    const struct weir__timer_chunk *chunk, *last;
    uint32_t at;
};
static inline struct weir__timer_walk weir__timer_walk(const struct weir__timer_list *list)
{
    return (struct weir__timer_walk){list->last ? list->last->next : NULL, list->last, 0};
}
static inline const struct weir__timer *weir__timer_next(struct weir__timer_walk *w)
{
    while (w->chunk && w->at == w->chunk->used) {
        w->chunk = w->chunk == w->last ? NULL : w->chunk->next;
        w->at = 0;
    }
    if (!w->chunk) return NULL;
    const struct weir__timer *t = (const void *)(w->chunk->bytes + w->at);
    w->at += (uint32_t)weir__timer_size(t->n);
    return t;
}

/* ---- order (timer_order.c) --------------------------------------------------------------------------------------- */

/* A record with the parts that decide nearly every comparison. */
struct weir__timer_node {
    uint64_t at, prefix; /* both compare as the numbers they are */
    const struct weir__timer *timer;
};
static inline uint64_t weir__timer_time(int64_t at)
{
    return (uint64_t)at ^ (uint64_t)1 << 63;
}
static inline struct weir__timer_node weir__timer_node(const struct weir__timer *t)
{
    uint64_t prefix;
    memcpy(&prefix, t->key, sizeof prefix);
    return (struct weir__timer_node){weir__timer_time(t->at), __builtin_bswap64(prefix), t}; /* little-endian machine */
}
/* Firing order: time, key bytes, namespace. < 0: a is before b; 0: the same timer. */
int weir__timer_compare(const struct weir__timer_node *a, const struct weir__timer_node *b);
/* Stable. room: for as many. */
void weir__timer_sort(struct weir__timer_node *, size_t n, struct weir__timer_node *room);

static inline struct weir_due_timer weir__timer_due(const struct weir__timer *t)
{
    return (struct weir_due_timer){
        .key = {.p = t->key, .n = t->n, .group = t->group, .hash = t->hash}, .at = t->at, .ns = t->ns};
}

/* ---- the queue of a clock (timers.c) ----------------------------------------------------------------------------- */

#define WEIR__TIMER_LEVELS 11 /* of 6 bits each */
#define WEIR__TIMER_DIGITS 64

struct weir__timer_bucket {
    struct weir__timer_list list;
    int64_t first; /* the least time in it */
};
struct weir__timer_straggler { /* a node of a heap */
    struct weir__timer_node node;
    uint64_t number; /* in order of writing */
};
struct weir__timer_queue {
    struct weir__timer_memory memory;
    /* The wheel. A time whose highest digit that differs from `reached` is number `level` is in the bucket of that level
     * and digit; those that do not differ are on level 0. */
    uint64_t reached;
    bool is_taken;   /* what was at `reached` is in the run */
    uint32_t levels; /* that are not empty, a bit each; and their buckets */
    uint64_t digits[WEIR__TIMER_LEVELS];
    struct weir__timer_bucket *buckets[WEIR__TIMER_LEVELS]; /* NULL until they are needed */
    /* What the wheel has let go, in order. */
    struct weir__timer_node *run; /* with as much room again, to sort it */
    size_t at, n, capacity;
    struct weir__timer_list of_run;
    /* What was set or dropped behind the wheel: a heap. */
    struct weir__timer_straggler *late;
    size_t n_late, late_capacity;
    uint64_t late_number;
    struct weir__timer_list of_late; /* with those that have left the heap */
    /* The last records, while they are in their place: a table by identity, once many were found to be set again. */
    const struct weir__timer **recent;
    uint32_t n_recent;
    size_t records, drops; /* those that have not been taken; how many of them are drops */
    size_t limit;          /* of records: then they are thinned */
};
/* What is behind the wheel, each timer's records in the order of writing; room for all. How many they are. */
size_t weir__timer_behind(struct weir__timer_queue *, struct weir__timer_node *);
/* Of sorted records those that are left: the last one of each timer, if it is set. */
size_t weir__timer_resolve(struct weir__timer_node *, size_t n);

struct weir_timers {
    struct weir__timer_queue queues[2];
    uint32_t first_group, last_group;
    struct weir_key_bytes popped; /* the key that the last pop gave */
};

#endif
