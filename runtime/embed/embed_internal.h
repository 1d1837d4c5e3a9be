/* embed_internal.h - what the handles of weir.h are; between the files of this folder. */
#ifndef WEIR_EMBED_EMBED_INTERNAL_H
#define WEIR_EMBED_EMBED_INTERNAL_H

#include "base/lock.h"
#include "embed/config.h"
#include "embed/weir.h"
#include "graph/stream_graph.h"
#include "job/restart.h"
#include "job/run.h"
#include "job/storages.h"
#include "loader/document.h"
#include "loader/part.h"
#include "loader/registry.h"

struct weir_runtime {
    const struct weir_platform *platform;
    struct weir_registry *registry;
    struct weir_config config;
    const struct weir_job *through; /* whose storage addresses are in; NULL: nobody's */
};

struct weir_node {
    struct weir_job *job;
    struct weir_value *mapping;
    char *origin; /* "node 'pages'" */
    struct weir_node *next;
};

/* Failing and going on (recovery.c). Written by the job's thread; what others read too, under the job's lock. */
struct weir__recovery {
    struct weir_restart strategy;
    int64_t first_checkpoint; /* the newest in the job's directory when it began: only newer ones are its own */
    bool known;               /* the two above are set */
    uint32_t attempt;         /* 0: the first; under the lock */
    bool waiting;             /* it failed and starts again, due_ns on the monotonic clock; under the lock */
    bool for_good;            /* it failed and does not start again; under the lock */
    bool over;                /* with `ended_as`, without a run; under the lock */
    enum weir_job_state ended_as;
    int64_t due_ns;
    struct weir_error failure; /* over, or waiting */
    char why[128];             /* for_good: why it does not start again; "": there is nothing to say */
    weir_job_restart_visit *visit;
    void *arg;
};

/* Where somebody wanted keyed state, in order; `counts`: it is there. */
struct weir__chosen {
    struct weir__chosen *next;
    char *node; /* NULL: all */
    struct weir_state_config *config;
    bool counts;
};

enum { WEIR__ASKED_STOP = 1, WEIR__ASKED_CANCEL = 2 };

struct weir_job {
    struct weir_runtime *runtime;
    struct weir_document *document;
    uint32_t parallelism; /* -p; 0: not given */
    char *home;           /* as in weir_job_options; NULL: none */
    bool json;
    struct weir_stream_graph *graph; /* NULL: not checked, or changed since */
    struct weir_lock lock;           /* run, users, and what of `recovery` says so */
    struct weir_run *run;            /* NULL: not started, or between two attempts; replaced by the job's thread alone */
    struct weir__chosen *chosen;     /* under the lock; swap.c */
    uint32_t users;                  /* who look at the run just now */
    bool started;
    char *from;                      /* what it began from; "": the newest checkpoint; NULL: the start */
    struct weir_start_options begin; /* how else it began */
    _Atomic int64_t started_ns;      /* the first attempt of this process */
    int64_t run_started_ns;          /* this one */
    _Atomic uint32_t asked;          /* WEIR__ASKED_... */
    struct weir_parker waiter;
    struct weir_platform_file *held; /* so that the directory of its checkpoints is this job's alone */
    struct weir__recovery recovery;
    struct weir_value *root, *nodes; /* of a document made by calls */
    struct weir_node *node_list;
};

/* For any thread: the run, which stays until it is given back; NULL (nothing to give back): there is none. */
struct weir_run *weir__job_look(struct weir_job *);
void weir__job_looked(struct weir_job *);
/* The job's thread: ends the run, once nobody looks at it any more. */
void weir__job_drop_run(struct weir_job *);
/* Deploys and starts an attempt. On failure there may be a run, which has failed. */
WEIR_CHECKED weir_status weir__job_launch(struct weir_job *, struct weir_error *);

/* Before anything is looked for among its checkpoints: until it lets go, their directory is this job's alone. */
WEIR_CHECKED weir_status weir__job_hold(struct weir_job *, struct weir_error *);
void weir__job_let_go(struct weir_job *);
/* What the checkpoints of a job are read through; weir_storages_finish gives it back. */
struct weir_storages weir__job_storages(const struct weir_job *);
/* weir_checkpoints_newest of a job that takes some. */
WEIR_CHECKED weir_status weir__job_newest(struct weir_storages *, char **path, int64_t *checkpoint, bool *own,
                                          struct weir_error *);

/* missing.c: of what is no checkpoint or savepoint, adds to the message what there is nearby. */
void weir__tell_what_is_there(struct weir_storages *, const char *path, struct weir_error *);

/* recovery.c: reads what it needs of the job, once. */
void weir__recovery_begin(struct weir_job *);
/* The newest checkpoint that an attempt of this job wrote; NULL: there is none. The caller frees. */
WEIR_CHECKED weir_status weir__recovery_newest(const struct weir_job *, struct weir_storages *, char **path,
                                               int64_t *checkpoint, struct weir_error *);
/* The job failed, while it was launched or later. True: it starts again; the run is gone, and `waiting` is set. */
bool weir__recovery_failed(struct weir_job *, const struct weir_error *, bool launching);
/* Waits, and launches. False: until_ns came first. */
bool weir__recovery_wait(struct weir_job *, int64_t until_ns);

/* swap.c: what an attempt has to know of it; the caller frees the array. */
struct weir_state_choice *weir__job_choices(struct weir_job *, size_t *n);
void weir__job_choices_finish(struct weir_job *);

/* A struct of options, whose first member is its size. */
struct weir__options_shape {
    const char *name;
    uint32_t size, first_size; /* here; in 0.1.0 */
};
/* Copies a caller's struct (NULL: all zero) into one of shape->size bytes. */
WEIR_CHECKED weir_status weir__options_read(void *to, const struct weir__options_shape *, const void *from,
                                            struct weir_error *);

/* The runtime's error in the API's. */
weir_status weir__report(weir_status, const struct weir_error *, struct weir_error_text *);
weir_status weir__report_problems(const struct weir_problems *, bool json, weir_status, struct weir_error_text *);

#endif
