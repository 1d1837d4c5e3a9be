/* weir/async.h - a lookup for each row that does not hold up the others: many are under way at a time.
 *
 *   row --start--> in flight --complete, or what work returned--> done --its turn comes--> result --> emitted
 *                     |
 *                     +--the node's `timeout` passes--> timeout (NULL: the job fails, naming the record)
 *
 * `start` asks (sends a request, gives work to a thread) and returns; whoever has the answer, on any thread, completes the
 * request; `result` then makes rows of it on the task's thread. The node says how many rows may be in flight (`capacity`;
 * no input is taken beyond it), whether results leave in the order of the input (`order: ordered`) or as they come (then
 * still none passes a watermark), and how long an answer may take. A restart after a failure starts rows
 * again: a lookup may be made twice.
 *
 * A row stays where it is while its request is in flight: the weir_row that `start` got is the one that `result` gets, and
 * work on another thread may read it in between. States and keys are not available.
 */
#ifndef WEIR_ASYNC_H
#define WEIR_ASYNC_H

#include <weir/host.h>

/* Required: start, result. The others may be NULL. close is called also when open failed. */
typedef struct weir_async {
    uint32_t struct_size, flags; /* flags: 0 */

    weir_status (*open)(void *self, weir_ctx *); /* [task] */

    /* [task] Starts the request of a row; emits nothing, must not wait. It may complete the request itself. */
    weir_status (*start)(void *self, weir_ctx *, weir_row, uint64_t request);

    /* [task] The request of the row was completed with that status and those bytes (borrowed until it returns WEIR_OK;
     * aligned for any type): emits any number of rows, on any port. WEIR_MORE: call again with the same arguments. */
    weir_status (*result)(void *self, weir_ctx *, weir_row, weir_status, const void *data, size_t size);

    /* [task] No answer came in time; what comes now will be ignored. As result. */
    weir_status (*timeout)(void *self, weir_ctx *, weir_row);

    /* [task] Last call, also after a failure, with requests perhaps in flight: complete() must not be called once it has
     * returned, so whoever would do so is stopped here. No work of work() runs any more: before the call, waits in
     * weir.io/1 were ended, queued work was dropped, and the host waited for functions to return. */
    void (*close)(void *self, weir_ctx *);
} weir_async;

/* ---- the host's side: extension "weir.async/1", for components of kind WEIR_ASYNC --------------------------------- */

#define WEIR_ASYNC_ID "weir.async/1"

/* The answer of a piece of work while it is being made; the host's. */
typedef struct weir_answer {
    uint32_t struct_size, reserved;
    /* Zeroed room for an answer of so many bytes, which is what result will get; a later call forgets an earlier one's.
     * NULL: no memory. */
    void *(*room)(struct weir_answer *, size_t size);
    char why[240]; /* for a negative status: what result gets instead of an answer, NUL not counted */
} weir_answer;

/* Runs on a thread of the host's pool and may wait, though not for ever: close waits for it. Calls nothing of the host
 * but what is [any]. The row is valid until it returns, also when its request has timed out in the meantime. */
typedef weir_status weir_work(void *arg, weir_row, weir_answer *);

typedef struct weir_async_host {
    uint32_t struct_size, reserved;
    /* [any] until close returns. Copies the bytes. A request is completed once: a second completion, or one after its
     * timeout, is ignored. status: WEIR_OK or, for the component's result to judge, a negative one. */
    void (*complete)(weir_ctx *, uint64_t request, weir_status, const void *data, size_t size);
    /* [task] From start, once, for its own request: has fn(arg, row, answer) run by the node's `threads`, and completes the
     * request with what it returns. */
    weir_status (*work)(weir_ctx *, uint64_t request, weir_work *fn, void *arg);
} weir_async_host;

static inline const weir_async_host *weir_async_of(weir_ctx *cx)
{
    return (const weir_async_host *)cx->host->extension(cx, WEIR_ASYNC_ID);
}
static inline void weir_complete(weir_ctx *cx, uint64_t request, weir_status status, const void *data, size_t size)
{
    weir_async_of(cx)->complete(cx, request, status, data, size);
}
static inline weir_status weir_start_work(weir_ctx *cx, uint64_t request, weir_work *fn, void *arg)
{
    return weir_async_of(cx)->work(cx, request, fn, arg);
}

#endif
