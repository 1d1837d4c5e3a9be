/* task/subtask.h - one parallel instance of a vertex: a chain, fed by a source at its head or by a gate.
 *
 * Floor 7. A subtask is stepped by its slot worker (task/worker.h) or by the seeded scheduler of the tests; one step is a
 * bounded amount of work and never waits.
 *
 *   CREATED --open--> RUNNING --END of input, or stop--> ENDING --all delivered--> COMMITTING --committed--> DONE
 *                        |                                  |                          |
 *                        +----------- any call fails -------+--------------------------+--> FAILED
 *
 * COMMITTING, where the job takes checkpoints: it has nothing more to do, and waits for a checkpoint that holds its last
 * cut, so that sinks commit what they wrote last.
 */
#ifndef WEIR_TASK_SUBTASK_H
#define WEIR_TASK_SUBTASK_H

#include "base/platform.h"
#include "channel/gate.h"
#include "task/alignment.h"
#include "task/chain.h"
#include "task/inputs.h"

enum weir_subtask_state {
    WEIR_SUBTASK_CREATED = 0,
    WEIR_SUBTASK_RUNNING,
    WEIR_SUBTASK_ENDING,
    WEIR_SUBTASK_COMMITTING,
    WEIR_SUBTASK_DONE,
    WEIR_SUBTASK_FAILED
};

struct weir_subtask;

/* Windows that wait too long for event time. They are looked at now and then, by the clock of the steps: at the first
 * progress, when they will have waited for `after_ms`, and in between only after progress. */
struct weir_subtask_patience {
    int64_t after_ms; /* 0: nobody wants to know */
    /* True: told, and need not be again. False: there is nothing to tell yet. */
    bool (*told)(void *arg, struct weir_subtask *, uint32_t member, int64_t now_ms);
    void *arg;
    int64_t look_ms; /* when to look again; INT64_MIN: at the first progress */
    bool progress;   /* since the last look */
    bool waiting;    /* some member was, at the last look */
};

/* Where a subtask's time went. Written by its thread, read by anyone. */
struct weir_subtask_times {
    _Atomic uint64_t busy_ns, backpressured_ns, idle_ns;
};

/* What the coordinator of the checkpoints tells all subtasks of a job. Barriers have the numbers of their checkpoints. */
struct weir_orders {
    _Atomic int64_t oldest, newest; /* barriers that sources are to inject, in order; older ones were given up */
    _Atomic int64_t complete;       /* newest checkpoint that is complete, for `committed` */
    _Atomic int64_t hold;           /* behind this barrier nothing moves (chain.h); 0: no such one */
    _Atomic int64_t uncut;          /* newest barrier at which nothing is cut, only moved; 0: none */
    struct weir_chain_cuts changes; /* which are cut as what changed */
    _Atomic uint32_t last;          /* not zero: a subtask hands over a last cut, and waits until it is in a checkpoint */
};

/* A cut, for the coordinator, who owns it from then on. */
struct weir_subtask_cut {
    struct weir_chain_cut cut;
    /* Of a subtask that is over: it stands for it in this checkpoint and all later ones; without parts, it cannot be had. */
    bool last;
};

/* *stop of a job: sources stop reading. */
enum weir_stop {
    WEIR_STOP_NOT = 0,
    WEIR_STOP_NOW = 1,  /* event time does not end */
    WEIR_STOP_DRAIN = 2 /* as at the end of input: event time ends, windows and timers fire */
};

struct weir_subtask {
    uint32_t vertex, index;        /* of the execution graph */
    enum weir_subtask_state state; /* own thread */
    struct weir_chain chain;
    struct weir_gate gate;     /* n_channels 0: the head is a source */
    struct weir_inputs inputs; /* of a gate with several: their marks combined */
    bool has_source;
    bool waits;        /* a component waits inside its own calls: what a source gave goes on before it is asked again */
    int64_t poll_rows; /* rows per poll */
    const _Atomic uint32_t *stop; /* of the job: enum weir_stop */
    void **wakes;                 /* of its writers; the job's */
    uint32_t n_wakes;
    /* Checkpoints: sources inject the barriers of `orders`; the others align theirs. */
    const struct weir_orders *orders;    /* NULL: none are taken */
    int64_t injected, passed, committed; /* newest barrier: a source's; through the chain; checkpoint committed */
    struct weir_alignment alignment;
    struct weir_gate_element held; /* waits for a barrier to go before it; kind NONE: nothing */
    void (*cut)(void *arg, struct weir_subtask *, struct weir_subtask_cut);
    void *cut_arg;
    struct weir_error error;
    struct weir_subtask_times times;
    bool made_rows;      /* rows went through since the last pause: flush when input pauses */
    bool nothing_polled; /* the last poll of the source gave nothing */
    int64_t blocked_since_ms;
    _Atomic uint32_t blocked; /* some output had no room at the end of the last step: for anyone */
    struct weir_subtask_patience patience;
};

WEIR_CHECKED weir_status weir_subtask_open(struct weir_subtask *);
/* MADE: call again. NONE: nothing to do until input, room or next_due. DONE, FAILED: never call again. */
weir_progress weir_subtask_step(struct weir_subtask *, int64_t now_ms);
void weir_subtask_close(struct weir_subtask *);
/* When to step again although nothing arrives, in wall ms; INT64_MAX: never. */
int64_t weir_subtask_next_due_ms(const struct weir_subtask *);
/* Part of a step, when patience.look_ms has come (patience.c). */
void weir__subtask_look(struct weir_subtask *, int64_t now_ms);

#endif
