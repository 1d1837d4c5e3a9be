/* weir/sink.h - where records go.
 *
 * A sink may take part in the job's checkpoints, so that what it has written is seen exactly once whatever crashes. What it
 * writes between two commits is a transaction (a file under a hidden name, rows of an open transaction of a database):
 *
 *   write ... write     into the open transaction, which nobody sees
 *   snapshot(n)         the barrier of checkpoint n: everything written so far is handed over (no buffer keeps any),
 *                       and what restore needs to commit it, or to go on with it, is saved as bytes
 *   write ...           behind the barrier: what belongs to checkpoint n + 1
 *   persist             elsewhere, meanwhile: what those bytes name is made durable; the checkpoint waits for it
 *   committed(n)        checkpoint n is complete, and so is every earlier one: commits all that was saved for n or before
 *
 * After a crash the job goes on from a complete checkpoint m: open, then restore with what was saved for it, then write.
 * What was saved as ready to be committed MUST be committed by restore: committed(m) may have come before the crash, or not,
 * so committing MUST be idempotent; everything begun after m MUST be undone, since those records are written again. A commit
 * that cannot succeed any more loses records: it fails, and says which; it is never passed over in silence.
 *
 * committed can be skipped (n, then n + 2), and come late: after the cut of n + 1 or when the input has ended. A checkpoint
 * that fails is not told: what was saved for it stays pending, and a later one covers it.
 *
 * finish is the end of the records. Where weir_about()->flags has WEIR_JOB_CHECKPOINTS, the host cuts a last checkpoint
 * behind it and calls committed for that: finish closes the open transaction and MUST NOT commit it. Otherwise nobody
 * commits but finish. close without finish (a cancel, a failure, a job that is suspended with a savepoint): an open
 * transaction that was never saved is undone; one that was saved MUST be left alone, since some checkpoint or savepoint may
 * need it.
 */
#ifndef WEIR_SINK_H
#define WEIR_SINK_H

#include <weir/host.h>

/* What one snapshot(n) saved with one call of add. Borrowed for the call. */
typedef struct weir_transaction {
    uint32_t struct_size;
    uint32_t own;        /* not zero: for this subtask to commit or to go on with; else it is another's business */
    uint32_t subtask;    /* that saved it */
    uint32_t reserved;
    int64_t checkpoint;  /* the one that the job goes on from */
    const void *bytes;
    size_t n;
} weir_transaction;

typedef weir_status weir_add_transaction(void *to, const void *bytes, size_t n); /* copies the bytes */

/* Required: write. The others may be NULL. close is called also when open failed. */
typedef struct weir_sink {
    uint32_t struct_size, flags; /* flags: 0 */
    weir_status (*open)(void *self, weir_ctx *); /* [task] */

    /* [task] Takes rows *row .. length-1 of a borrowed batch and moves *row past the last one taken. WEIR_MORE: no room
     * now; call again with the same batch, after wake() or 1 ms. */
    weir_status (*write)(void *self, weir_ctx *, const weir_batch *, int64_t *row);

    /* [task] Hand on what is buffered, so that a reader sees it. Called when the input pauses, and at each barrier:
     * what came before it is not written again when the job goes on from there. May be NULL. */
    weir_status (*flush)(void *self, weir_ctx *);

    /* [task] End of input, or an orderly stop: no more records; see above. WEIR_MORE: call again. */
    weir_status (*finish)(void *self, weir_ctx *);

    /* [task] The barrier of a checkpoint or a savepoint: saves through add(to, ...) every transaction that is not committed,
     * the open one included, each in bytes of its own: after a rescaling they are dealt to other subtasks. Does not wait for
     * the disk; see persist. A failure declines the checkpoint and the job may go on: what could not be handed over must not
     * count as handed over the next time. */
    weir_status (*snapshot)(void *self, weir_ctx *, int64_t checkpoint, weir_add_transaction *add, void *to);
    /* [task] See above. Called once per complete checkpoint at most, in ascending order. Tries all it has to commit before
     * it fails. */
    weir_status (*committed)(void *self, weir_ctx *, int64_t checkpoint);

    void (*close)(void *self, weir_ctx *); /* [task] last call, also after a failure: finish was not called then */

    /* [task] After open, where the job goes on from a checkpoint in which this node had saved something: once for each
     * transaction of all its subtasks, in the order of subtask and of saving. Exactly one subtask gets it as its own; the
     * others see it so that they know what is not a leftover. At an unchanged parallelism each gets back what it saved;
     * else contiguous runs are dealt out. */
    weir_status (*restore)(void *self, weir_ctx *, const weir_transaction *);

    /* [coordinator] Makes durable what the bytes of one snapshot name. May block. Runs on an instance of its own that has
     * the options and is not opened, while the task goes on: it reads nothing but the bytes and the options, and finds that
     * what they name may have been committed meanwhile. A failure fails the checkpoint; since a disk that lost a write may
     * report it only once, it MUST NOT succeed later for the same transaction. */
    weir_status (*persist)(void *self, weir_ctx *, const weir_str *transactions, size_t n);
} weir_sink;

#endif
