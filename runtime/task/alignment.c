/* alignment.c - see the header. */
#include "task/alignment.h"

#include <string.h>

#include "base/alloc.h"

static void unblock(struct weir_gate *gate)
{
    for (uint32_t i = 0; i < gate->n_channels; i++) gate->channels[i].blocked = false;
}

static void remove_wait(struct weir_alignment *a, struct weir_gate *gate, uint32_t at)
{
    weir_free(a->waits[at].delivered);
    memmove(a->waits + at, a->waits + at + 1, (--a->n - at) * sizeof *a->waits);
    if (!a->at_least_once) unblock(gate);
}

void weir_alignment_finish(struct weir_alignment *a)
{
    for (uint32_t i = 0; i < a->n; i++) weir_free(a->waits[i].delivered);
    weir_free(a->waits);
    *a = (struct weir_alignment){0};
}

static void give_up_older(struct weir_alignment *a, struct weir_gate *gate, uint32_t channel, int64_t checkpoint)
{
    for (uint32_t i = 0; i < a->n && a->waits[i].checkpoint < checkpoint;) {
        if (a->waits[i].delivered[channel])
            i++;
        else
            remove_wait(a, gate, i);
    }
}

/* NULL: it was given up, or has gone on. */
static struct weir_alignment_wait *wait_for(struct weir_alignment *a, const struct weir_gate *gate, int64_t checkpoint)
{
    for (uint32_t i = 0; i < a->n; i++) {
        if (a->waits[i].checkpoint == checkpoint) return &a->waits[i];
    }
    if (checkpoint <= a->newest) return NULL;
    WEIR_GROW(a->waits, a->capacity, a->n + 1);
    struct weir_alignment_wait *w = &a->waits[a->n++];
    w->checkpoint = a->newest = checkpoint;
    w->delivered = weir_alloc_array(gate->n_channels, sizeof *w->delivered);
    return w;
}

void weir_alignment_barrier(struct weir_alignment *a, struct weir_gate *gate, uint32_t channel, int64_t checkpoint)
{
    give_up_older(a, gate, channel, checkpoint);
    struct weir_alignment_wait *w = wait_for(a, gate, checkpoint);
    if (!w) return;
    w->delivered[channel] = true;
    if (!a->at_least_once) gate->channels[channel].blocked = true;
}

/* Older ones cannot be complete later than newer ones: what a channel has left out is no longer there. */
int64_t weir_alignment_complete(struct weir_alignment *a, struct weir_gate *gate)
{
    if (a->n == 0) return 0;
    for (uint32_t i = 0; i < gate->n_channels; i++) {
        if (!a->waits[0].delivered[i] && !gate->channels[i].ended) return 0;
    }
    int64_t checkpoint = a->waits[0].checkpoint;
    remove_wait(a, gate, 0);
    return checkpoint;
}
