/* time/published.h - what one channel, or one split of a source, has said of event time, for others to look at.
 *
 * Floor 3. Written by the thread that combines the watermarks, relaxed, when a batch or a mark has come: never per record.
 * Read by any thread. The members are of about the same moment, not of exactly one.
 */
#ifndef WEIR_TIME_PUBLISHED_H
#define WEIR_TIME_PUBLISHED_H

#include <stdatomic.h>
#include <stdint.h>

#define WEIR_TIME_IDLE     1u
#define WEIR_TIME_ALIGNED  2u /* counts in the minimum */
#define WEIR_TIME_FINISHED 4u

struct weir_published_time {
    _Atomic int64_t watermark; /* INT64_MIN: none yet */
    _Atomic int64_t heard_ms;  /* wall clock when rows or a mark last came; INT64_MIN: nothing yet */
    _Atomic uint32_t flags;
};

static inline void weir_publish_init(struct weir_published_time *p)
{
    atomic_init(&p->watermark, INT64_MIN);
    atomic_init(&p->heard_ms, INT64_MIN);
    atomic_init(&p->flags, WEIR_TIME_ALIGNED);
}
static inline void weir_publish_heard(struct weir_published_time *p, int64_t now_ms)
{
    atomic_store_explicit(&p->heard_ms, now_ms, memory_order_relaxed);
}
static inline void weir_publish_time(struct weir_published_time *p, int64_t watermark, uint32_t flags)
{
    atomic_store_explicit(&p->watermark, watermark, memory_order_relaxed);
    atomic_store_explicit(&p->flags, flags, memory_order_relaxed);
}

#endif
