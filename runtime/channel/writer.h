/* channel/writer.h - the output of a subtask along one edge: a partitioner and the rings it writes to.
 *
 * Floor 3. Producer's thread. Rows are dealt to the channels by the edge's partitioner (semantics A3), record by record, so
 * that the cut of batches never shows. Where a whole batch goes to one channel (forward, global, one channel) or to all
 * (broadcast) it is passed by reference, otherwise rows are appended to a growing batch per channel, which leaves when it is
 * full, before a mark, and at flush(). Rows are compacted first. Marks go to ALL channels. Order is kept per channel.
 *
 * Rows of a KEY edge carry hash and key group of their keys (weir_rows.keys).
 *
 * Never blocks: accepts() says whether a next element can be taken; what finds no room in its ring is parked, per channel
 * and in order, and drain() moves it as room appears. With accepts() asked before every put, a channel parks what one
 * element produced: for a batch of at most batch_rows rows, one full batch; besides it holds one growing batch.
 */
#ifndef WEIR_CHANNEL_WRITER_H
#define WEIR_CHANNEL_WRITER_H

#include "channel/ring.h"
#include "data/builder.h"
#include "graph/stream_graph.h"

struct weir_writer;

struct weir_writer_options {
    enum weir_partition_kind partition;
    struct weir_pool *pool; /* of the producer's worker */
    struct weir_schema *schema;
    struct weir_ring **rings; /* by sender channel; the rings are owned by the job, the array is copied */
    uint32_t n_rings;
    uint32_t batch_rows;
    const uint32_t *key_fields; /* KEY; copied */
    uint32_t n_key_fields, max_parallelism;
    const bool *unread; /* by field: the receivers never look at it, so what is dealt goes without it; NULL: none. Copied */
    uint32_t receivers; /* parallelism of the receiver; == n_rings but for FORWARD and RESCALE */
    uint64_t seed;      /* SHUFFLE, and the start of REBALANCE */
    /* CUSTOM: targets[i] for each row of a compacted batch. */
    weir_status (*custom)(void *arg, struct weir_rows *, uint32_t n_targets, uint32_t *targets, struct weir_error *);
    weir_status (*custom_open)(void *arg, struct weir_error *); /* may be NULL */
    void (*custom_close)(void *arg);                            /* also when custom_open failed, if that was called */
    void *custom_arg;
    void (*pushed)(void *arg, uint32_t channel); /* after a push: the receiver may have to be woken. May be NULL. */
    void *pushed_arg;
    const char *where; /* "node 'pages'": for messages; outlives the writer */
};
WEIR_CHECKED weir_status weir_writer_create(const struct weir_writer_options *, struct weir_writer **, struct weir_error *);
void weir_writer_destroy(struct weir_writer *); /* releases what is parked or growing; NULL is fine */

/* Before the first put, and after the last call: a custom partitioner has a life. */
WEIR_CHECKED weir_status weir_writer_open(struct weir_writer *, struct weir_error *);
void weir_writer_close(struct weir_writer *);

/* True: a next put() may be called. False: something is parked that found no room; call drain() later. */
bool weir_writer_accepts(struct weir_writer *);
/* Borrows the rows. On failure the element may have been written in part: the job fails. */
WEIR_CHECKED weir_status weir_writer_put_rows(struct weir_writer *, struct weir_rows *, struct weir_error *);
WEIR_CHECKED weir_status weir_writer_put_mark(struct weir_writer *, enum weir_element_kind, int64_t value,
                                              struct weir_error *);
/* Hands growing batches on: all of them, or (idle_only) those whose ring is empty. */
WEIR_CHECKED weir_status weir_writer_flush(struct weir_writer *, bool idle_only, struct weir_error *);
/* Moves parked elements into rings with room. True: nothing is parked any more. */
bool weir_writer_drain(struct weir_writer *);
bool weir_writer_has_partial(const struct weir_writer *); /* some growing batch holds rows */

#endif
