/* weir/source.h - where records come from.
 *
 * A source's work is cut into splits (a byte range of a file, a socket, a run of numbers). The coordinator asks for them
 * once and deals them to the subtasks; every split has a watermark of its own and holds the stream's watermark back from
 * the start until split_done. A position says how far a split was read, so that it can be read on from there.
 */
#ifndef WEIR_SOURCE_H
#define WEIR_SOURCE_H

#include <weir/host.h>

typedef struct weir_split {
    uint32_t struct_size, reserved;
    /* Unique in the source, and the same for the same piece of work at every start: made from what it describes, not from a
     * count, since how the work is cut may change with the parallelism. A restored job reads the splits it had, by their
     * stored descriptions, before it asks for new ones. */
    uint64_t id;
    weir_str description; /* the source's own words: what to read; printable */
} weir_split;

typedef weir_status weir_add_split(void *to, const weir_split *); /* copies the description */

/* Required: discover, add_split, poll. The others may be NULL. close is called also when open failed. */
typedef struct weir_source {
    uint32_t struct_size, flags; /* flags: 0 */

    /* [coordinator] Tells every split, in a fixed order, through add(to, split). Runs on an instance of its own that is
     * not opened. info()->parallelism is the number of subtasks. May block. */
    weir_status (*discover)(void *self, weir_ctx *, weir_add_split *add, void *to);

    /* [task] */
    weir_status (*open)(void *self, weir_ctx *);

    /* [task] This subtask reads that split; position (n bytes, n == 0: from the start) is what `position` wrote. The
     * split is borrowed. */
    weir_status (*add_split)(void *self, weir_ctx *, const weir_split *, const void *position, size_t n);

    /* [task] Emits up to max_rows rows on port 0, after split_begin, and returns:
     *   WEIR_MADE  some; WEIR_NONE  nothing now, wake() will be called or the host polls again after 1 ms
     *   WEIR_DONE  all splits are done; WEIR_FAILED  fail() was called.
     * Stops between rows when weir_full(cx). Never blocks, unless the component is WEIR_BLOCKING: then it may wait in
     * weir.io/1 calls, which end early on wake(). */
    weir_progress (*poll)(void *self, weir_ctx *, int64_t max_rows);

    /* [task] At barrier `checkpoint`: the position of a split in at most cap bytes; *n is set, also when it is more:
     * the host calls again with room for it. */
    weir_status (*position)(void *self, weir_ctx *, int64_t checkpoint, const weir_split *, void *buf, size_t cap,
                            size_t *n);
    /* [task] Checkpoint complete: what lies before its positions will not be asked for again. */
    weir_status (*committed)(void *self, weir_ctx *, int64_t checkpoint);

    void (*close)(void *self, weir_ctx *); /* [task] last call, also after a failure */

    /* [task] Barrier `checkpoint`, before the positions are asked for: what the component holds beside its states goes into
     * them. */
    weir_status (*snapshot)(void *self, weir_ctx *, int64_t checkpoint);
} weir_source;

#endif
