/* job/compare.h - what a job would make of a checkpoint or savepoint, before it goes on from it.
 *
 * Floor 8. Coordinator's thread. Operators are made as for a deployment, one of each node, given the headers and lists of
 * what was saved with no entries, and thrown away: what they say is what they would say then. No thread is started, no file
 * is written, no component is opened.
 */
#ifndef WEIR_JOB_COMPARE_H
#define WEIR_JOB_COMPARE_H

#include "checkpoint/saved.h"
#include "graph/stream_graph.h"
#include "job/storages.h"
#include "loader/registry.h"

enum weir_comparison {
    WEIR_COMPARE_RESTORED = 0, /* as it was */
    WEIR_COMPARE_MIGRATED,     /* fields are added (zero), dropped or widened: see why */
    WEIR_COMPARE_EMPTY,        /* nothing was saved for it */
    WEIR_COMPARE_DROPPED,      /* nobody takes it */
    WEIR_COMPARE_REFUSED       /* the job would not start: see why */
};
struct weir_compared {
    const char *node;
    const char *state; /* or a list; NULL: the node as a whole */
    enum weir_comparison result;
    uint64_t entries; /* that were saved */
    const char *why;  /* NULL: there is nothing to say */
};
struct weir_compare_options {
    const struct weir_platform *platform;
    struct weir_registry *registry;
    struct weir_stream_graph *graph; /* open numbers of key groups become those of the savepoint */
    struct weir_saved_place place;   /* of the savepoint */
    bool allow_non_restored;
    void (*tell)(void *arg, const struct weir_compared *); /* texts are valid during the call */
    void *arg;
};
/* Reads the whole savepoint. *refused: something was REFUSED. Fails where it is damaged or a component cannot be made. */
WEIR_CHECKED weir_status weir_restore_compare(const struct weir_compare_options *, bool *refused, struct weir_error *);

#endif
