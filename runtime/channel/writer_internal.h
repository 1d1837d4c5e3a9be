/* writer_internal.h - what writer.c (channels, parking, marks) and partition.c (which row goes where) share. */
#ifndef WEIR_CHANNEL_WRITER_INTERNAL_H
#define WEIR_CHANNEL_WRITER_INTERNAL_H

#include "base/random.h"
#include "channel/writer.h"

struct weir__writer_channel {
    struct weir_ring *ring;
    struct weir_builder growing; /* capacity batch_rows; unused where batches pass whole */
    struct weir_buffer *keys;    /* KEY: hash and key group of the growing rows; NULL while there are none */
    uint64_t *hash;
    uint16_t *key_group;
    struct weir_element *parked; /* first .. first + n - 1, oldest first */
    uint32_t first_parked, n_parked, parked_capacity;
};
struct weir_writer {
    struct weir_writer_options o;
    struct weir__writer_channel *channels;
    uint32_t n;
    bool deals;         /* rows are dealt one by one; else batches pass whole */
    uint64_t n_parked;  /* elements, over all channels */
    uint32_t n_partial; /* channels whose growing batch holds rows */

    uint32_t next;             /* REBALANCE, RESCALE: the channel of the last row */
    struct weir_random random; /* SHUFFLE */
    uint16_t *group_target;    /* KEY: channel by key group */
    uint32_t *targets;         /* by row of the batch at hand */
    uint32_t *picks;           /* rows of the batch at hand, grouped by channel */
    uint32_t *ends;            /* by channel: where its picks end */
    uint8_t *bits;             /* which rows are one channel's */
    size_t scratch_rows;       /* capacity of targets, picks and bits */
};

void weir__partition_init(struct weir_writer *);
void weir__partition_finish(struct weir_writer *);
/* The rows with the keys of a KEY edge, under a header of their own. */
WEIR_CHECKED weir_status weir__partition_keyed(struct weir_writer *, struct weir_rows *, struct weir_rows **keyed,
                                               struct weir_error *);
/* Fills picks and ends for compacted rows (of a KEY edge: with keys), record by record. */
WEIR_CHECKED weir_status weir__partition_deal(struct weir_writer *, struct weir_rows *, struct weir_error *);

#endif
