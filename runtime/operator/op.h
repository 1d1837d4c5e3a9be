/* operator/op.h - the contract between an operator and the chain that runs it.
 *
 * Floor 4. An operator (struct weir_op) is one step of a chain in one subtask: a plugin's component, a window, a projection,
 * a source, a
 * sink. The chain (task/chain.h) calls it on one thread, one call at a time, and moves what it emits. Operators know nothing
 * of
 * channels, slots or each other.
 *
 *   prepare(input, rows)       before the rows of a batch are handled: what they need is brought to memory
 *   rows(input, rows, &row)    handle rows row .. length-1
 *   watermark(wm)              fire timers up to wm; the chain sends wm on afterwards
 *   processing_time(now)       fire what is due at now; asked when op->next_due_ms <= now
 *   finish()                   end of input, after watermark(INT64_MAX)
 *   poll(max)                  sources only
 * Each returns WEIR_OK when done, WEIR_MORE to be called again with the same argument once the outbox is empty, with nothing
 * in between,
 * or a negative status with op->error set.
 *
 * Emission: weir_op_emit puts an element in the outbox. op->outbox.n > 0 means "full": an operator finishes the row at hand
 * and
 * returns WEIR_MORE. What it emits beyond that stays in the outbox (the overflow), whose bytes are limited: the limit fails
 * the
 * job, naming the component. The chain does not call an operator whose outbox is not empty.
 *
 * Invariants: (1) elements of one port leave in the order emitted; (2) an operator never holds back rows across calls: when
 * a call returns WEIR_OK
 * or WEIR_MORE, all rows emitted so far are in the outbox; (3) rows in the outbox are compacted or carry a selection, keys
 * only where
 * the operator passes its input through.
 */
#ifndef WEIR_OPERATOR_OP_H
#define WEIR_OPERATOR_OP_H

#include "base/error.h"
#include "base/platform.h"
#include "base/running.h"
#include "data/element.h"
#include "data/pool.h"
#include "data/rows.h"
#include "state/snapshot.h"

/* FIFO of elements; grows. One thread. */
struct weir_outbox {
    struct weir_element *elements; /* ring of `capacity`, a power of two */
    uint32_t first, n, capacity;
    size_t bytes, limit_bytes; /* of rows waiting; beyond the limit emit fails */
};
void weir_outbox_finish(struct weir_outbox *); /* releases what is left */
struct weir_element weir_outbox_pop(struct weir_outbox *);
static inline struct weir_element *weir_outbox_first(struct weir_outbox *o)
{
    return &o->elements[o->first];
}

/* Counters of one operator in one subtask. Written by its thread with relaxed stores, read by anyone. */
struct weir_op_counters {
    _Atomic uint64_t rows_in, rows_out, batches_in, batches_out;
    _Atomic uint64_t late;     /* rows late for every window of theirs */
    _Atomic uint64_t accepted; /* window: rows accepted by some window; interval join: rows not late */
    _Atomic uint64_t rejected; /* source: malformed records; expressions: record errors */
    _Atomic uint64_t bytes;    /* source: bytes read; sink: bytes written */
    _Atomic uint64_t timers_fired;
    _Atomic int64_t watermark; /* last one seen; INT64_MIN at first */
};
/* Event time of one operator in one subtask, beside its watermark; written and read as the counters are. */
struct weir_op_time {
    _Atomic int64_t grew_ms; /* wall clock when the watermark last grew; INT64_MIN: never */
    _Atomic int64_t rows_ms; /* when rows last came in, or a source gave some; INT64_MIN: never */
    _Atomic uint32_t idle, ended;
};
static inline void weir_count(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}

/* What is said once of a node, by whichever of its subtasks comes first. */
struct weir_op_told {
    _Atomic uint32_t late, stalled;
    _Atomic uint32_t timers; /* that are due as soon as they are set, again and again */
};

struct weir_metric_set;
struct weir_op_backend; /* operator/backend.h */
struct weir_op_move;    /* operator/move.h */
/* Where an operator runs; given at creation, outlives it. */
struct weir_op_env {
    const struct weir_platform *platform;
    struct weir_pool *pool; /* of the slot worker */
    const char *job, *node, *base_dir;
    uint32_t subtask, parallelism, max_parallelism, attempt;
    uint32_t batch_rows;       /* capacity of output batches: 1, 7, 1024 ... */
    size_t overflow_bytes;     /* outbox limit */
    int64_t auto_watermark_ms; /* 0: no periodic watermarks */
    bool every_record;         /* watermarks after every record */
    bool checkpoints;          /* the job takes them, and a last one at its end */
    int64_t restored;          /* checkpoint that the job goes on from; 0: none */
    uint64_t seed;             /* of this subtask: deterministic in tests */
    struct weir_op_told *told; /* shared by the subtasks of the node; NULL: nothing is said */
    void (*wake)(void *arg);   /* [any] step this subtask again */
    void *wake_arg;
    struct weir_op_backend *backend; /* NULL: keyed state is on the heap */
    struct weir_metric_set *metrics; /* of this subtask's components; NULL: they count nothing */
};

struct weir_op;
/* MORE without progress, and with nothing emitted, is asked again soon, unless op->will_wake says that the operator will be
 * woken: by next_due_ms, or by op->due_now and env->wake. MORE from `watermark` and `processing_time` is asked again once
 * the outbox is empty, unless op->is_reading says that what they need is on its way to memory: then by env->wake. */
struct weir_op_class {
    const char *name;
    weir_status (*open)(struct weir_op *);                                                   /* NULL: nothing to do */
    weir_status (*rows)(struct weir_op *, uint32_t input, struct weir_rows *, int64_t *row); /* rows are borrowed */
    /* Before `rows` is called for a batch: MORE, when it had better wait for what is on its way to memory; the operator is
     * woken then, and this is called again. Nothing else is, in between. NULL: there is never anything to wait for. */
    weir_status (*prepare)(struct weir_op *, uint32_t input, const struct weir_rows *);
    weir_status (*watermark)(struct weir_op *, int64_t watermark);                           /* NULL: nothing to do */
    /* Takes over watermarks and idle marks, and emits them when their turn has come; op->watermark is its own business
     * then. A barrier it lets pass (WEIR_OK, with nothing emitted for it) once nothing is held back that came before it.
     * NULL: marks go on after `watermark`. */
    weir_status (*mark)(struct weir_op *, enum weir_element_kind, int64_t value);
    weir_status (*processing_time)(struct weir_op *, int64_t now_ms);
    weir_status (*finish)(struct weir_op *);                   /* NULL: nothing to do */
    weir_status (*flush)(struct weir_op *);                    /* sinks: input pauses; NULL: nothing to do */
    weir_progress (*poll)(struct weir_op *, int64_t max_rows); /* sources; emits watermarks and idle marks itself */
    /* Checkpoints. snapshot: the cut at the barrier, everything that restore needs into an empty snapshot; restore: before
     * open, from the snapshots of all subtasks that the operator had, by their index, in this one's part of the key groups;
     * committed: the checkpoint is complete, and so is every earlier one. NULL: no state; nothing to do. */
    weir_status (*snapshot)(struct weir_op *, int64_t checkpoint, struct weir_snapshot *);
    weir_status (*restore)(struct weir_op *, const struct weir_snapshot *, uint32_t n);
    weir_status (*committed)(struct weir_op *, int64_t checkpoint);
    /* The set that its keyed state is in. `to` not NULL: it goes on with that one, of the same layouts, and gives up the one
     * it returns; between two calls that have nothing left to do. NULL, or it gives NULL: it keeps none. */
    struct weir_state_set *(*exchange_state)(struct weir_op *, struct weir_state_set *to);
    /* [coordinator] Makes durable what a snapshot of it names, while its thread goes on. NULL: it names nothing. */
    weir_status (*persist)(struct weir_op *, const struct weir_snapshot *, struct weir_error *);
    void (*interrupt)(struct weir_op *); /* [any] ends a wait inside a blocking component early; NULL: it never waits */
    bool (*waits)(const struct weir_op *); /* windows or timers wait for event time; NULL: never */
    void (*close)(struct weir_op *);     /* after open, also when it failed; before destroy; NULL: nothing to do */
    void (*destroy)(struct weir_op *);   /* frees op itself */
    bool finishes_when_stopped;          /* sinks: finish() also when the job is stopped before the end of input */
    bool swallows_marks;                 /* an assigner: upstream watermarks and idle marks end here, but INT64_MAX */
};

struct weir_op {
    const struct weir_op_class *class;
    const struct weir_op_env *env;
    struct weir_outbox outbox;
    struct weir_op_counters counters;
    struct weir_op_time time;
    int64_t now_ms; /* wall clock at the step's begin; kept by the chain */
    bool accepts_selection;   /* else the chain compacts rows first */
    int64_t next_due_ms;      /* wall ms when processing_time wants to be called; INT64_MAX: never */
    _Atomic uint32_t due_now; /* [any] not zero: call processing_time whatever the clock says; it sets zero */
    bool will_wake;           /* see struct weir_op_class */
    bool is_reading;          /* the same; cleared by the chain before the call */
    int64_t watermark;        /* current; INT64_MIN before the first; set by the chain before class->watermark */
    int64_t backpressured_ms; /* total time the outbox could not be emptied; kept by the chain */
    _Atomic(struct weir_op_move *) move; /* its keyed state is to go to another backend; NULL: it stays where it is */
    const char *where;        /* "node 'pages' (window tumbling)", for messages; outlives op */
    struct weir_running_place place; /* the same for crash messages, with its components */
    struct weir_error error;
};

/* For the functions that create operators. */
void weir_op_init(struct weir_op *, const struct weir_op_class *, const struct weir_op_env *, const char *where);

/* Takes the rows (also on failure). Fails when the overflow limit is passed. Empty rows are dropped. */
WEIR_CHECKED weir_status weir_op_emit(struct weir_op *, uint32_t port, struct weir_rows *rows);
/* A watermark, idle mark or end, to all ports. */
WEIR_CHECKED weir_status weir_op_emit_mark(struct weir_op *, enum weir_element_kind, int64_t value);
void weir_op_reached(struct weir_op *, int64_t watermark); /* for others to see: its event time */
/* Sets op->error and returns status. */
weir_status weir_op_fail(struct weir_op *, weir_status, const char *format, ...) WEIR_PRINTF(3, 4);

#endif
