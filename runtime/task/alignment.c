/* alignment.c - see the header. */
#include "task/alignment.h"

#include <string.h>

#include "base/alloc.h"

void weir_alignment_finish(struct weir_alignment *a)
{
    weir_free(a->delivered);
    *a = (struct weir_alignment){0};
}

static void unblock(struct weir_gate *gate)
{
    for (uint32_t i = 0; i < gate->n_channels; i++) gate->channels[i].blocked = false;
}

void weir_alignment_barrier(struct weir_alignment *a, struct weir_gate *gate, uint32_t channel, int64_t checkpoint)
{
    if (checkpoint < a->last || (checkpoint == a->last && !a->under_way)) return; /* of one that was abandoned */
    if (checkpoint > a->last) {
        if (!a->delivered) a->delivered = weir_alloc_array(gate->n_channels, sizeof *a->delivered);
        memset(a->delivered, 0, gate->n_channels * sizeof *a->delivered);
        unblock(gate);
        a->under_way = a->last = checkpoint;
    }
    a->delivered[channel] = true;
    gate->channels[channel].blocked = true;
}

int64_t weir_alignment_complete(struct weir_alignment *a, struct weir_gate *gate)
{
    if (!a->under_way) return 0;
    for (uint32_t i = 0; i < gate->n_channels; i++) {
        if (!a->delivered[i] && !gate->channels[i].ended) return 0;
    }
    unblock(gate);
    a->under_way = 0;
    return a->last;
}
