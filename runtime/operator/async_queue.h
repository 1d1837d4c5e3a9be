/* operator/async_queue.h - the rows of an async operator that are in flight, with the marks between them, in the order of
 * the input.
 *
 * Floor 5. The task's thread, but for complete and what a thread of the pool does with its piece of work. Entries come from
 * one array: nothing is allocated per row, and the memory is fixed. A request's number is the index of its entry and the
 * entry's generation, so that a late or second completion meets a ticket that is not its own.
 *
 *   ticket:  FREE --add--> WAITING --complete--> FILLING --> DONE --its turn came--> FREE (of the next generation)
 *                             +-------------expire------------^
 * Whoever moves a ticket from WAITING owns the answer's memory until DONE. Completions reach the task through a stack whose
 * top is one atomic word: completers push, the task takes all.
 *
 * Order. Ordered: the first entry leaves when it is done. Unordered: the entries before the first mark are the open segment;
 * its rows leave as they are done, the mark once none is left.
 *
 * Invariants: (1) at most `capacity` rows, and as many marks, are in the queue; (2) an entry whose work still runs is not
 * used again, though its row timed out and left; (3) rows wait for answers in the order of their deadlines.
 */
#ifndef WEIR_OPERATOR_ASYNC_QUEUE_H
#define WEIR_OPERATOR_ASYNC_QUEUE_H

#include <weir/async.h>

#include "data/element.h"

/* Rows of the input some of which are in flight, and the component's view of them, which stays where it is. */
struct weir_async_batch {
    uint32_t refs; /* entries, and the operator while it starts rows. Task's thread. */
    struct weir_rows *rows;
    weir_batch view;
    weir_column columns[];
};
struct weir_async_batch *weir_async_batch_create(struct weir_rows *, const weir_batch *view); /* retains; NULL: no memory */
void weir_async_batch_release(struct weir_async_batch *);

enum weir_async_outcome { WEIR_ASYNC_NONE = 0, WEIR_ASYNC_ANSWERED, WEIR_ASYNC_TIMED_OUT };

struct weir_async_entry;
struct weir_async_list { /* which links: by the list */
    struct weir_async_entry *first, *last;
};

/* Bytes that grow and are kept for the next answer. */
struct weir_async_bytes {
    void *p;
    size_t size, capacity;
};

struct weir_async_entry {
    _Atomic uint64_t ticket; /* generation * 4 + state */
    weir_status status;      /* of the answer; these two: who moved the ticket from WAITING */
    struct weir_async_bytes answer;
    struct weir_async_entry *next_completed; /* on the stack of completions */
    /* A piece of work: */
    weir_work *fn;
    void *arg;
    struct weir_async_bytes made;         /* by fn; pool's thread */
    struct weir_async_entry *next_worked; /* on the stack of finished work */
    /* The task's: */
    uint32_t kind; /* ROWS: a row; WATERMARK, IDLE: a mark */
    enum weir_async_outcome outcome;
    bool queued, waiting, working;   /* in `order`; in `waiting`; its work has not come back */
    int64_t row, value, deadline_ms; /* of `batch`; of a mark; INT64_MAX: none */
    uint64_t segment;
    struct weir_async_batch *batch;
    struct weir_async_entry *prev, *next;                 /* order */
    struct weir_async_entry *prev_waiting, *next_waiting; /* waiting */
    struct weir_async_entry *next_ready;                  /* ready, and the free list */
};

struct weir_async_queue {
    struct weir_async_entry *entries;
    uint32_t capacity, n_rows, n_marks; /* entries: 2 * capacity */
    bool ordered;
    struct weir_async_entry *free_rows, *free_marks;
    struct weir_async_list order, waiting, ready; /* ready: unordered, done rows of the open segment */
    uint64_t open_segment, last_segment;
    void (*completed)(void *arg); /* [any] there is something to take */
    void *completed_arg;
    _Alignas(64) _Atomic(struct weir_async_entry *) completions;
    _Atomic(struct weir_async_entry *) worked;
};

WEIR_CHECKED weir_status weir_async_queue_init(struct weir_async_queue *, uint32_t capacity, bool ordered,
                                               void (*completed)(void *arg), void *arg, struct weir_error *);
void weir_async_queue_finish(struct weir_async_queue *); /* no work runs, nobody completes; zeroed is fine */

bool weir_async_queue_takes_row(const struct weir_async_queue *);
bool weir_async_queue_takes_mark(const struct weir_async_queue *);
/* Adds a row in flight, or a mark. There is room. Deadlines do not go back: an earlier one is put off. */
struct weir_async_entry *weir_async_queue_add_row(struct weir_async_queue *, struct weir_async_batch *, int64_t row,
                                                  int64_t deadline_ms);
void weir_async_queue_add_mark(struct weir_async_queue *, enum weir_element_kind, int64_t value);
uint64_t weir_async_request(const struct weir_async_queue *, const struct weir_async_entry *);
struct weir_async_entry *weir_async_queue_find(struct weir_async_queue *, uint64_t request); /* NULL: not waiting */

/* [any] Copies the bytes. False: the request is not waiting any more. */
bool weir_async_queue_complete(struct weir_async_queue *, uint64_t request, weir_status, const void *data, size_t size);
/* [pool's threads] Runs the entry's work, unless its row timed out meanwhile, and hands back the entry. */
void weir_async_queue_run(struct weir_async_queue *, struct weir_async_entry *);

void weir_async_queue_take(struct weir_async_queue *);                   /* what was completed since */
int64_t weir_async_queue_next_deadline(const struct weir_async_queue *); /* INT64_MAX: none */
/* The row whose deadline is first, if it has passed and nobody completes it now; it is done then. NULL: none. */
struct weir_async_entry *weir_async_queue_expire(struct weir_async_queue *, int64_t now_ms);

struct weir_async_entry *weir_async_queue_next(const struct weir_async_queue *); /* whose turn it is to leave; NULL: none */
void weir_async_queue_leave(struct weir_async_queue *, struct weir_async_entry *); /* the one that next gave */
static inline bool weir_async_queue_is_empty(const struct weir_async_queue *q)
{
    return !q->order.first;
}

#endif
