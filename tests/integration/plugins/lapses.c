/* An operator that passes clicks on and goes wrong once, in its own way: in the first attempts, at the first record after a
 * checkpoint is complete, or at a certain record. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <weir/udf.h>

typedef struct lapse {
    int64_t attempts, at; /* at 0: after a checkpoint */
    int64_t seen, committed;
    int32_t how;
} lapse;

enum { ERROR, SEGFAULT, ABORT, EXIT, EXIT_AT_ONCE, KILL, STUCK, KILL_AT_LAST, DECLINE, LINGER };
static const char *const ways[] = {"error", "segfault",     "abort",   "exit",   "_exit", "kill",
                                   "stuck", "kill_at_last", "decline", "linger", NULL};
static const weir_option options[] = {
    WEIR_OPTION(lapse, how, .def = "error", .choices = ways, .doc = "what it does"),
    WEIR_OPTION(lapse, attempts, .def = "1", .doc = "in how many attempts, from the first on"),
    WEIR_OPTION(lapse, at, .def = "0", .doc = "at which of its records, from 1 on; 0: after a checkpoint is complete"),
};

static bool at_last; /* once the job has ended, and is gone */
__attribute__((destructor)) static void kill_at_last(void)
{
    if (at_last) raise(SIGKILL);
}

static volatile int *volatile nowhere = (volatile int *)4096;

static weir_status go_wrong(const lapse *me, weir_ctx *cx)
{
    switch (me->how) {
    case SEGFAULT: *nowhere = 1; break;
    case ABORT: abort();
    case EXIT: exit(0);
    case EXIT_AT_ONCE: _exit(0);
    case KILL: raise(SIGKILL); break;
    case STUCK:
        for (;;) pause();
    default: break;
    }
    return weir_fail(cx, WEIR_E_DATA, "a lapse in attempt %u", weir_about(cx)->attempt);
}

static weir_status lapse_process(void *self, weir_ctx *cx, uint32_t port, const weir_batch *batch, int64_t *row)
{
    lapse *me = self;
    (void)port;
    for (; *row < batch->length; ++*row) {
        weir_row in = {batch, *row};
        cx->row = (uint32_t)*row;
        me->seen++;
        bool now = me->at > 0 ? me->seen == me->at : me->committed > 0;
        now = now && weir_about(cx)->attempt < me->attempts && me->how < DECLINE;
        if (now && me->how == KILL_AT_LAST)
            at_last = true;
        else if (now)
            return go_wrong(me, cx);
        weir_put_i64(cx, 0, 0, weir_i64(in, 0));
        weir_status s = weir_emit(cx, 0, weir_time(in));
        if (s != WEIR_OK) return s;
    }
    return WEIR_OK;
}

static weir_status lapse_committed(void *self, weir_ctx *cx, int64_t checkpoint)
{
    lapse *me = self;
    (void)cx;
    me->committed = checkpoint;
    return WEIR_OK;
}

static weir_status lapse_snapshot(void *self, weir_ctx *cx, int64_t checkpoint)
{
    const lapse *me = self;
    (void)checkpoint;
    if (me->how != DECLINE || weir_about(cx)->attempt >= me->attempts) return WEIR_OK;
    return weir_fail(cx, WEIR_E_IO, "a lapse in a snapshot");
}

/* Until somebody has written something into $LAPSES_FIFO. */
static void lapse_close(void *self, weir_ctx *cx)
{
    const lapse *me = self;
    char byte;
    (void)cx;
    int fd = me->how == LINGER ? open(getenv("LAPSES_FIFO"), O_RDONLY) : -1;
    if (fd >= 0 && read(fd, &byte, 1) >= 0) close(fd);
}

static const weir_operator lapse_vtable = {.struct_size = sizeof(weir_operator),
                                           .process = lapse_process,
                                           .snapshot = lapse_snapshot,
                                           .committed = lapse_committed,
                                           .close = lapse_close};
WEIR_COMPONENT(lapse, WEIR_OPERATOR, lapse_vtable, .id = "lapse", .doc = "goes wrong once", .in = "user:i64",
               .out = "user:i64", WEIR_OPTIONS(options));

WEIR_PLUGIN("test.lapses", "1.0.0", &lapse_component);
