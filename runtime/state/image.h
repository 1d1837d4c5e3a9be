/* state/image.h - what a state set holds at one moment, to be read by another thread while the set is used on.
 *
 * Floor 3. Made by the set's thread at a barrier (set->ops->freeze); read, one key group after the other, by any one other
 * thread (the reader).
 *
 * The image of a set in a store (stored_image.c) is a view of that store, made when all changes are written, which the
 * set's thread does in steps (weir_state_image_write). From then on it knows the store and not the set, which may have
 * several under way and may go before them. What cannot be read fails the read, and is no failure of the store. What has
 * expired at the cut is left out as it is read.
 *
 * The image of a set on the heap (heap_image.c) is a note of the tables and their pages, and copies no entry, unless it is
 * small and of whole values: then all of its units are KEPT when it is made, and nothing has to be kept later. Its
 * protocol. What was there at the cut is divided into units: at most 1 KiB of a page of a state whose values are
 * whole in their entries (a batch of rows with random keys changes as many units as it has rows, so they are small); an
 * entry of a state whose values own memory elsewhere (texts, lists, maps). A unit has a mark:
 *
 *   LIVE --reader: HELD, copies it, or packs an entry---------------------------------------> DONE
 *   LIVE --set's thread, before its first change: HELD, copies or packs it aside--> KEPT --reader takes that--> DONE
 *
 * Whoever turns LIVE into HELD has the unit to itself; the other waits, for the copying of 1 KiB or the packing of one
 * entry. In DONE and KEPT the live entries are the set's again. So an entry is read as it was at the cut, once, by
 * either thread, and what is changed often is copied once. Reading needs no mark: both only read then.
 *
 * Invariants. (1) While an image is under way, the set's thread passes weir__heap_keep before it changes or removes an
 * entry. (2) Ids that the set gives later are beyond `used` of the image's table, in other bytes of the page: nobody
 * minds them. (3) Slots and indexes belong to the set alone: the image walks ids, with page pointers of its own; so
 * tables may grow and be hashed again. (4) Entries move only in a compaction; a table of the image is not compacted
 * before it has grown to twice its size, and then its units are all kept first. (5) A table that is dropped, and blocks
 * of long keys that a compaction leaves, are given to the image, which frees them when it has been read: copied entries
 * point to key bytes. (6) Without an image, or with a copied one, a record pays nothing. While another is read, what the
 * index that batches look into knows is marked as kept since the cut or not: a value without the mark is kept first, and
 * marked.
 *
 * Memory. Copies come from a pool of the set: at most an eighth of what the set holds, at least 16 MiB, used again
 * and again. When it is spent, the set's thread packs the unit aside instead: that takes longer, which slows the writer
 * down, and its bytes are those the reader would have made anyway.
 *
 * A set on the heap has one image at a time. freeze gives NULL while an earlier one is being read, or without memory: the
 * caller cuts at once then. What has expired at the cut, by the set's now_ms, is left out as it is read or packed aside.
 */
#ifndef WEIR_STATE_IMAGE_H
#define WEIR_STATE_IMAGE_H

#include "data/schema.h"
#include "state/state.h"

struct weir_state_image;
struct weir_state_image_ops {
    bool (*write)(struct weir_state_image *); /* NULL: there is nothing to write */
    weir_status (*read)(struct weir_state_image *, uint32_t group, struct weir_key_bytes *to, uint64_t *n,
                        struct weir_error *);
    void (*release)(struct weir_state_image *);
    void (*rewind)(struct weir_state_image *);
};
struct weir_state_image { /* first member of a backend's own */
    const struct weir_state_image_ops *ops;
};

/* [set's thread] A step of what the set has to do before anything is read. False: there is nothing left. */
static inline bool weir_state_image_write(struct weir_state_image *image)
{
    return image->ops->write && image->ops->write(image);
}
/* [reader] Packs the entries of a key group (docs/formats/savepoint.md) behind what `to` holds; groups ascend. *n grows by
 * how many. On failure the image is of no use any more. */
WEIR_CHECKED static inline weir_status weir_state_image_read(struct weir_state_image *image, uint32_t group,
                                                             struct weir_key_bytes *to, uint64_t *n,
                                                             struct weir_error *error)
{
    return image->ops->read(image, group, to, n, error);
}
/* [reader] It is to be read from the start once more. Of a set that nobody has changed since, nor will. */
static inline void weir_state_image_rewind(struct weir_state_image *image)
{
    image->ops->rewind(image);
}
/* [reader; set's thread, while there is something to write] Read, or given up. Before its set on the heap, or its store, is
 * destroyed. */
static inline void weir_state_image_release(struct weir_state_image *image)
{
    image->ops->release(image);
}

#endif
