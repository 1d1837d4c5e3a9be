/* async_queue.c - see the header. Where memory order matters: a completer writes the answer, sets the ticket DONE and pushes
 * the entry with release; the task takes the stack with acquire. */
#include "operator/async_queue.h"

#include <string.h>

#include "base/alloc.h"

enum state { FREE = 0, WAITING = 1, FILLING = 2, DONE = 3 };
#define INDEX_BITS  20
#define KEPT_ANSWER ((size_t)64 * 1024) /* larger memory of an answer is given back */

/* ---- batches ----------------------------------------------------------------------------------------------------- */

struct weir_async_batch *weir_async_batch_create(struct weir_rows *rows, const weir_batch *view)
{
    struct weir_async_batch *b = weir_try_alloc(sizeof *b + view->n_columns * sizeof *b->columns);
    if (!b) return NULL;
    b->refs = 1;
    b->rows = weir_rows_retain(rows);
    b->view = *view;
    if (view->n_columns) memcpy(b->columns, view->columns, view->n_columns * sizeof *b->columns);
    b->view.columns = b->columns;
    return b;
}

void weir_async_batch_release(struct weir_async_batch *b)
{
    if (!b || --b->refs > 0) return;
    weir_rows_release(b->rows);
    weir_free(b);
}

/* ---- making and unmaking ----------------------------------------------------------------------------------------- */

weir_status weir_async_queue_init(struct weir_async_queue *q, uint32_t capacity, bool ordered, void (*completed)(void *arg),
                                  void *arg, struct weir_error *error)
{
    WEIR_ASSERT(capacity > 0 && capacity < 1u << (INDEX_BITS - 1));
    *q = (struct weir_async_queue){.capacity = capacity, .ordered = ordered, .completed = completed, .completed_arg = arg};
    q->entries = weir_try_alloc(2 * (size_t)capacity * sizeof *q->entries);
    if (!q->entries) return weir_error_set(error, WEIR_E_MEMORY, "no memory for %u rows in flight", capacity);
    for (uint32_t i = 2 * capacity; i-- > 0;) {
        struct weir_async_entry **list = i < capacity ? &q->free_rows : &q->free_marks;
        q->entries[i].next_ready = *list;
        *list = &q->entries[i];
    }
    return WEIR_OK;
}

void weir_async_queue_finish(struct weir_async_queue *q)
{
    for (uint32_t i = 0; q->entries && i < 2 * q->capacity; i++) {
        weir_async_batch_release(q->entries[i].batch);
        weir_free(q->entries[i].answer.p);
        weir_free(q->entries[i].made.p);
    }
    weir_free(q->entries);
    q->entries = NULL;
}

/* ---- tickets ----------------------------------------------------------------------------------------------------- */

static uint64_t ticket_of(uint64_t generation, enum state state)
{
    return generation * 4 + (uint64_t)state;
}
static uint64_t generation_of(const struct weir_async_entry *e)
{
    return atomic_load_explicit(&e->ticket, memory_order_relaxed) / 4;
}

uint64_t weir_async_request(const struct weir_async_queue *q, const struct weir_async_entry *e)
{
    return generation_of(e) << INDEX_BITS | (uint64_t)(e - q->entries);
}

static struct weir_async_entry *entry_of(struct weir_async_queue *q, uint64_t request)
{
    uint64_t index = request & ((1u << INDEX_BITS) - 1);
    return index < q->capacity ? &q->entries[index] : NULL;
}

/* False: somebody else did, or the ticket is of another generation. */
static bool claim(struct weir_async_entry *e, uint64_t generation, enum state to)
{
    uint64_t waiting = ticket_of(generation, WAITING);
    return atomic_compare_exchange_strong_explicit(&e->ticket, &waiting, ticket_of(generation, to), memory_order_acquire,
                                                   memory_order_relaxed);
}

/* ---- completing: any thread -------------------------------------------------------------------------------------- */

static bool reserve(struct weir_async_bytes *b, size_t size)
{
    if (size <= b->capacity && b->p) return true;
    size_t capacity = size < 64 ? 64 : size;
    weir_free(b->p);
    *b = (struct weir_async_bytes){.p = weir_try_alloc(capacity)};
    if (b->p) b->capacity = capacity;
    return b->p != NULL;
}

static void set_bytes(struct weir_async_entry *e, weir_status status, const void *data, size_t size)
{
    static const char no_memory[] = "no memory for the answer of a request";
    e->status = status;
    e->answer.size = 0;
    if (reserve(&e->answer, size)) {
        if (size) memcpy(e->answer.p, data, size);
        e->answer.size = size;
    } else {
        e->status = WEIR_E_MEMORY;
        if (!reserve(&e->answer, sizeof no_memory)) return;
        memcpy(e->answer.p, no_memory, sizeof no_memory);
        e->answer.size = sizeof no_memory - 1;
    }
}

/* The one who finds the stack empty says that it is not so any more; the others came before anything was taken. */
#define PUSH(q, stack, e, link)                                                                                           \
    do {                                                                                                                  \
        struct weir_async_entry *top_ = atomic_load_explicit(&(q)->stack, memory_order_relaxed);                          \
        do (e)->link = top_;                                                                                              \
        while (                                                                                                           \
            !atomic_compare_exchange_weak_explicit(&(q)->stack, &top_, (e), memory_order_release, memory_order_relaxed)); \
        if (!top_) (q)->completed((q)->completed_arg);                                                                    \
    } while (0)

static void complete(struct weir_async_queue *q, struct weir_async_entry *e, uint64_t generation)
{
    atomic_store_explicit(&e->ticket, ticket_of(generation, DONE), memory_order_release);
    PUSH(q, completions, e, next_completed);
}

bool weir_async_queue_complete(struct weir_async_queue *q, uint64_t request, weir_status status, const void *data,
                               size_t size)
{
    uint64_t generation = request >> INDEX_BITS;
    struct weir_async_entry *e = entry_of(q, request);
    if (!e || !claim(e, generation, FILLING)) return false;
    set_bytes(e, status, data, size);
    complete(q, e, generation);
    return true;
}

struct making {
    weir_answer answer; /* first member */
    struct weir_async_bytes *bytes;
};

static void *room(weir_answer *answer, size_t size)
{
    struct making *m = (struct making *)(void *)answer;
    m->bytes->size = 0;
    if (!reserve(m->bytes, size)) return NULL;
    memset(m->bytes->p, 0, size);
    m->bytes->size = size;
    return m->bytes->p;
}

/* The memory that fn filled becomes the answer's: nothing is copied. */
static void answer_with(struct weir_async_entry *e, weir_status status, struct making *m)
{
    if (status < 0) {
        m->answer.why[sizeof m->answer.why - 1] = '\0';
        set_bytes(e, status, m->answer.why, strlen(m->answer.why));
        return;
    }
    struct weir_async_bytes made = e->made;
    e->made = e->answer;
    e->answer = made;
    e->status = status;
}

void weir_async_queue_run(struct weir_async_queue *q, struct weir_async_entry *e)
{
    uint64_t generation = generation_of(e); /* it is not used again while this work is out */
    if (atomic_load_explicit(&e->ticket, memory_order_relaxed) == ticket_of(generation, WAITING)) {
        struct making m = {.answer = {.struct_size = sizeof m.answer, .room = room}, .bytes = &e->made};
        e->made.size = 0;
        weir_status status = e->fn(e->arg, (weir_row){&e->batch->view, e->row}, &m.answer);
        if (claim(e, generation, FILLING)) {
            answer_with(e, status, &m);
            complete(q, e, generation);
        }
    }
    PUSH(q, worked, e, next_worked);
}

/* ---- the lists --------------------------------------------------------------------------------------------------- */

static void append_in_order(struct weir_async_queue *q, struct weir_async_entry *e)
{
    e->queued = true;
    e->prev = q->order.last;
    e->next = NULL;
    *(q->order.last ? &q->order.last->next : &q->order.first) = e;
    q->order.last = e;
}

static void remove_from_order(struct weir_async_queue *q, struct weir_async_entry *e)
{
    *(e->prev ? &e->prev->next : &q->order.first) = e->next;
    *(e->next ? &e->next->prev : &q->order.last) = e->prev;
    e->queued = false;
}

static void append_waiting(struct weir_async_queue *q, struct weir_async_entry *e)
{
    e->waiting = true;
    e->prev_waiting = q->waiting.last;
    e->next_waiting = NULL;
    *(q->waiting.last ? &q->waiting.last->next_waiting : &q->waiting.first) = e;
    q->waiting.last = e;
}

static void remove_waiting(struct weir_async_queue *q, struct weir_async_entry *e)
{
    if (!e->waiting) return;
    *(e->prev_waiting ? &e->prev_waiting->next_waiting : &q->waiting.first) = e->next_waiting;
    *(e->next_waiting ? &e->next_waiting->prev_waiting : &q->waiting.last) = e->prev_waiting;
    e->waiting = false;
}

static void append_ready(struct weir_async_queue *q, struct weir_async_entry *e)
{
    e->next_ready = NULL;
    *(q->ready.last ? &q->ready.last->next_ready : &q->ready.first) = e;
    q->ready.last = e;
}

/* ---- adding ------------------------------------------------------------------------------------------------------ */

bool weir_async_queue_takes_row(const struct weir_async_queue *q)
{
    return q->free_rows != NULL;
}
bool weir_async_queue_takes_mark(const struct weir_async_queue *q)
{
    return q->free_marks != NULL;
}

static struct weir_async_entry *add(struct weir_async_queue *q, struct weir_async_entry **free_list, uint32_t kind)
{
    struct weir_async_entry *e = *free_list;
    WEIR_ASSERT(e);
    *free_list = e->next_ready;
    e->kind = kind;
    e->outcome = WEIR_ASYNC_NONE;
    e->segment = q->last_segment;
    append_in_order(q, e);
    return e;
}

struct weir_async_entry *weir_async_queue_add_row(struct weir_async_queue *q, struct weir_async_batch *batch, int64_t row,
                                                  int64_t deadline_ms)
{
    struct weir_async_entry *e = add(q, &q->free_rows, WEIR_ELEMENT_ROWS);
    const struct weir_async_entry *before = q->waiting.last;
    q->n_rows++;
    batch->refs++;
    e->batch = batch;
    e->row = row;
    e->deadline_ms = before && before->deadline_ms > deadline_ms ? before->deadline_ms : deadline_ms;
    append_waiting(q, e);
    atomic_store_explicit(&e->ticket, ticket_of(generation_of(e) + 1, WAITING), memory_order_release);
    return e;
}

void weir_async_queue_add_mark(struct weir_async_queue *q, enum weir_element_kind kind, int64_t value)
{
    struct weir_async_entry *e = add(q, &q->free_marks, (uint32_t)kind);
    q->n_marks++;
    q->last_segment++;
    e->value = value;
}

struct weir_async_entry *weir_async_queue_find(struct weir_async_queue *q, uint64_t request)
{
    struct weir_async_entry *e = entry_of(q, request);
    return e && atomic_load_explicit(&e->ticket, memory_order_relaxed) == ticket_of(request >> INDEX_BITS, WAITING) ? e
                                                                                                                    : NULL;
}

/* ---- done -------------------------------------------------------------------------------------------------------- */

static void done(struct weir_async_queue *q, struct weir_async_entry *e, enum weir_async_outcome outcome)
{
    remove_waiting(q, e);
    e->outcome = outcome;
    if (!q->ordered && e->segment == q->open_segment) append_ready(q, e);
}

/* An answer's memory is kept for the next one, unless it is large. */
static void forget_bytes(struct weir_async_bytes *b)
{
    b->size = 0;
    if (b->capacity <= KEPT_ANSWER) return;
    weir_free(b->p);
    *b = (struct weir_async_bytes){0};
}

static void free_row(struct weir_async_queue *q, struct weir_async_entry *e)
{
    if (e->queued || e->working) return;
    weir_async_batch_release(e->batch);
    e->batch = NULL;
    forget_bytes(&e->answer);
    forget_bytes(&e->made);
    e->next_ready = q->free_rows;
    q->free_rows = e;
}

static void take_worked(struct weir_async_queue *q)
{
    struct weir_async_entry *e = atomic_exchange_explicit(&q->worked, NULL, memory_order_acquire);
    while (e) {
        struct weir_async_entry *next = e->next_worked;
        e->working = false;
        free_row(q, e);
        e = next;
    }
}

void weir_async_queue_take(struct weir_async_queue *q)
{
    struct weir_async_entry *e = atomic_exchange_explicit(&q->completions, NULL, memory_order_acquire), *in_order = NULL;
    while (e) { /* the last came first */
        struct weir_async_entry *next = e->next_completed;
        e->next_completed = in_order;
        in_order = e;
        e = next;
    }
    for (; in_order; in_order = in_order->next_completed) done(q, in_order, WEIR_ASYNC_ANSWERED);
    take_worked(q);
}

int64_t weir_async_queue_next_deadline(const struct weir_async_queue *q)
{
    return q->waiting.first ? q->waiting.first->deadline_ms : INT64_MAX;
}

struct weir_async_entry *weir_async_queue_expire(struct weir_async_queue *q, int64_t now_ms)
{
    while (weir_async_queue_next_deadline(q) <= now_ms) {
        struct weir_async_entry *e = q->waiting.first;
        if (claim(e, generation_of(e), DONE)) {
            done(q, e, WEIR_ASYNC_TIMED_OUT);
            return e;
        }
        remove_waiting(q, e); /* it is being completed: just in time */
    }
    return NULL;
}

/* ---- leaving ----------------------------------------------------------------------------------------------------- */

struct weir_async_entry *weir_async_queue_next(const struct weir_async_queue *q)
{
    struct weir_async_entry *first = q->order.first;
    if (!first || first->kind != WEIR_ELEMENT_ROWS) return first;
    if (!q->ordered) return q->ready.first;
    return first->outcome == WEIR_ASYNC_NONE ? NULL : first;
}

/* The rows up to the next mark may leave now; those that are done already stand first. */
static void open_next_segment(struct weir_async_queue *q)
{
    q->open_segment++;
    if (q->ordered) return;
    for (struct weir_async_entry *e = q->order.first; e && e->kind == WEIR_ELEMENT_ROWS; e = e->next) {
        if (e->outcome != WEIR_ASYNC_NONE) append_ready(q, e);
    }
}

void weir_async_queue_leave(struct weir_async_queue *q, struct weir_async_entry *e)
{
    remove_from_order(q, e);
    if (e->kind != WEIR_ELEMENT_ROWS) {
        q->n_marks--;
        e->next_ready = q->free_marks;
        q->free_marks = e;
        open_next_segment(q);
        return;
    }
    q->n_rows--;
    if (!q->ordered) {
        WEIR_ASSERT(q->ready.first == e);
        q->ready.first = e->next_ready;
        if (!e->next_ready) q->ready.last = NULL;
    }
    free_row(q, e);
}
