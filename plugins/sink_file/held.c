/* held.c - what a subtask writes to is its own: a hidden file beside its parts is held while the sink is open.
 *
 * A second job would otherwise take parts in progress for leftovers, and one file for its own. A job looks after numbers
 * modulo its parallelism, so whatever parallelisms the two have, one of its subtasks meets the other's of the same number.
 */
#include <stdio.h>

#include "sink.h"

/* Host memory; NULL: none. */
static char *held_name(const file_sink *me, weir_ctx *cx)
{
    size_t n = strlen(me->path) + 32;
    char *name = cx->host->alloc(cx, n);
    if (name && is_directory(me)) snprintf(name, n, "%s.part-%u" HELD, me->base, weir_about(cx)->subtask);
    if (name && !is_directory(me)) snprintf(name, n, "%s.%s" HELD, me->base, me->path + strlen(me->base));
    return name;
}

weir_status sink_hold(file_sink *me, weir_ctx *cx)
{
    weir_io_error e = {0};
    me->held_name = held_name(me, cx);
    if (!me->held_name) return sink_no_memory(cx);
    weir_status s = me->io->open(cx, me->held_name, WEIR_FILE_HOLD, &me->held, &e);
    if (s == WEIR_MORE)
        return weir_fail(cx, WEIR_E_CONFIG,
                         "path '%s': another job, or another sink of this one, is writing there, which holds '%s'; write to "
                         "another path, or wait until that one has ended",
                         me->path, me->held_name);
    return s == WEIR_OK ? s : io_failed(cx, &e);
}

/* The file goes while it is held: nobody who opens it then has it. */
void sink_let_go(file_sink *me, weir_ctx *cx)
{
    weir_io_error e;
    if (me->held) {
        me->io->remove(cx, me->held_name, &e);
        me->io->close(cx, me->held, &e);
    }
    cx->host->release(cx, me->held_name);
    me->held = NULL;
    me->held_name = NULL;
}
