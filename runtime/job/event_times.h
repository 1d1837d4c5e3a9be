/* job/event_times.h - where event time stands in a running job, and what holds it.
 *
 * Floor 8. Any thread, at any time after the deployment; what is read is of about now. The answer is a copy, so the words
 * are made of it at leisure, and of one made by hand in tests.
 */
#ifndef WEIR_JOB_EVENT_TIMES_H
#define WEIR_JOB_EVENT_TIMES_H

#include "base/text.h"
#include "graph/stream_graph.h"

struct weir_run;

/* What an operator's watermark is the minimum of. */
enum weir_time_part_kind {
    WEIR_TIME_CHANNEL = 1, /* from another subtask */
    WEIR_TIME_CHAINED,     /* the operator before it in its chain */
    WEIR_TIME_SPLIT        /* of a source */
};
struct weir_time_part {
    enum weir_time_part_kind kind;
    uint32_t input, channel;     /* CHANNEL: of the operator; position among all its channels */
    uint32_t from, from_subtask; /* CHANNEL, CHAINED: the node that sends */
    uint64_t split;              /* SPLIT */
    char *description;           /* SPLIT; owned; else NULL */
    int64_t watermark;           /* INT64_MIN: none yet */
    int64_t heard_ms;            /* wall clock when rows or a mark last came; INT64_MIN: never */
    bool idle, aligned, finished;
};
/* One operator of one subtask. */
struct weir_op_times {
    uint32_t node, subtask;
    int64_t watermark, grew_ms, rows_ms; /* as in operator/op.h */
    bool idle, ended;
    bool blocked;                 /* its subtask has no room for what it emits */
    bool own;                     /* makes its watermarks itself, of the rows that come (a TIME node) */
    struct weir_time_part *parts; /* splits in the source's order, channels in theirs */
    uint32_t n_parts;
    int32_t holder; /* the part that holds the watermark; -1: none does */
};
struct weir_event_times {
    const struct weir_stream_graph *graph; /* outlives this */
    int64_t now_ms, started_ms;            /* wall clock */
    struct weir_op_times *subtasks;        /* by node, then subtask */
    uint32_t n;
    uint32_t *first; /* by node: index of its subtask 0 */
};
void weir_event_times_take(struct weir_run *, struct weir_event_times *);
void weir_event_times_finish(struct weir_event_times *);
/* Sets every holder; take() does so. */
void weir_event_times_judge(struct weir_event_times *);

/* ---- why a watermark stands still ---------------------------------------------------------------------------------- */

enum weir_stall_kind {
    WEIR_STALL_ENDED = 1,  /* event time has ended there */
    WEIR_STALL_ALL_IDLE,   /* everything that it could wait for is idle */
    WEIR_STALL_ON_ITS_WAY, /* the part's sender is ahead: what moves it has been sent, and not been handled */
    WEIR_STALL_BLOCKED,    /* the source has no room for what it reads */
    WEIR_STALL_TURN,       /* a split of a source that ends has not been read yet, and the source reads others */
    WEIR_STALL_SILENT,     /* a split, or a node that makes its watermarks itself, gets no records */
    WEIR_STALL_UNMOVED     /* it gets records, and they do not move its watermark */
};
struct weir_stall {
    enum weir_stall_kind kind;
    uint32_t subtask;  /* where the search ended; index into subtasks */
    int64_t silent_ms; /* SILENT, ALL_IDLE: for how long */
    bool never;        /* SILENT: it has given no record yet */
    bool others_ahead; /* were it left out, the watermark would move */
};
/* Follows what holds the watermark from there to a source. quiet_ms: from when on a part counts as silent. */
struct weir_stall weir_event_times_stall(const struct weir_event_times *, uint32_t subtask, int64_t quiet_ms);
/* "'totals[0]' has stood at 2026-... for 35s: held by channel 1 from 'clicks[1]', ...", in one line. */
void weir_event_times_explain(const struct weir_event_times *, uint32_t subtask, int64_t quiet_ms, struct weir_text *);
int64_t weir_event_times_stood_ms(const struct weir_event_times *,
                                  uint32_t subtask); /* since the watermark grew, or the start */

#endif
