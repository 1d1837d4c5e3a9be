/* sink.h - what the files of the sink share. */
#ifndef SINK_FILE_SINK_H
#define SINK_FILE_SINK_H

#include <string.h>
#include <weir/plugin.h>

#include "bucket.h"
#include "part.h"

#define HELD      ".held" /* how the names of held.c end */
#define MOST_OPEN 64      /* parts in progress; beyond them the one that rests longest is rolled */

enum missing { MISSING_FAIL, MISSING_IGNORE };

struct strings { /* host memory */
    char **all;
    size_t n, capacity;
};

typedef struct file_sink {
    const char *path;
    weir_part format;
    int32_t bucket_field, bucket_time;
    const char *bucket;
    int64_t roll_size, roll_age, roll_idle;
    bool roll_on_checkpoint;
    int32_t missing;

    const weir_io *io;
    weir_file *held; /* held.c */
    char *held_name;
    char *base;    /* folder of the parts: empty, or with a final '/' */
    char *columns; /* what the records look like (columns.c) */
    struct bucketer bucketer;
    struct part *open[MOST_OPEN];
    size_t n_open;
    struct part **pending; /* in the order of rolling */
    size_t n_pending, pending_capacity;
    struct strings known;   /* names of all parts that were restored, this subtask's or not */
    struct strings changed; /* folders in which something was renamed or made since the last snapshot, */
    struct strings told;    /* and before it, until the newest one is complete */
    int64_t told_at;        /* that one */
    struct part *whole;     /* not numbered: the part as an earlier life finished it; records that follow belong to it */
    int64_t next;           /* number of the next part */
    bool numbered;          /* part-SUBTASK-N */
    bool restored, started, opened, finished;
    bool broken; /* a write has failed, or, in a persister, a sync */
} file_sink;

static inline const weir_encoder *encoder_of(const file_sink *me)
{
    return me->format.vtable;
}

static inline bool is_directory(const file_sink *me)
{
    return me->path[0] && me->path[strlen(me->path) - 1] == '/';
}

static inline bool takes_checkpoints(weir_ctx *cx)
{
    return weir_about(cx)->flags & WEIR_JOB_CHECKPOINTS;
}

/* ---- strings.c: lists of host memory ---- */
weir_status sink_no_memory(weir_ctx *);
weir_status sink_grow(weir_ctx *, void **items, size_t *capacity, size_t n); /* room for one more pointer */
bool strings_have(const struct strings *, const char *, size_t n);
weir_status strings_add(struct strings *, weir_ctx *, const char *, size_t n); /* once */
void strings_clear(struct strings *, weir_ctx *);

/* ---- columns.c ---- */
weir_status sink_describe_columns(file_sink *, weir_ctx *);

/* ---- held.c ---- */
weir_status sink_hold(file_sink *, weir_ctx *); /* fails where another job holds it */
void sink_let_go(file_sink *, weir_ctx *);      /* also of nothing */

/* ---- leftovers.c ---- */
/* Removes the hidden parts that no checkpoint knows, and refuses finished ones of another run. */
weir_status sink_look_around(file_sink *, weir_ctx *);

/* ---- plugin.c ---- */
weir_status sink_start(file_sink *, weir_ctx *);
weir_status sink_roll(file_sink *, weir_ctx *, size_t at); /* open[at]: in progress -> pending */
weir_status sink_add_pending(file_sink *, weir_ctx *, struct part *);
weir_status sink_make_base(file_sink *, weir_ctx *);
weir_status sink_check_unbroken(const file_sink *, weir_ctx *);

/* ---- phases.c ---- */
/* Those saved for `checkpoint` or before, in order; the first failure is told once all were tried. */
weir_status sink_commit_until(file_sink *, weir_ctx *, int64_t checkpoint);
weir_status file_snapshot(void *self, weir_ctx *, int64_t checkpoint, weir_add_transaction *, void *to);
weir_status file_committed(void *self, weir_ctx *, int64_t checkpoint);
weir_status file_restore(void *self, weir_ctx *, const weir_transaction *);
weir_status file_persist(void *self, weir_ctx *, const weir_str *transactions, size_t n);

#endif
