/* weir.h - libweir, the embedding API: load or build a job, check it, look at its plan, run it in this process.
 *
 * The `weir` command is a client of this header and of nothing below it. libweir installs no signal handlers and starts no
 * process, with one exception: a plugin file without a manifest is described by the helper program named in
 * weir_runtime_options. A plugin that crashes takes the process with it.
 *
 *   struct weir_error_text error;
 *   struct weir_runtime *runtime;
 *   struct weir_job *job;
 *   if (weir_runtime_create(NULL, &runtime, &error) != WEIR_OK) ...
 *   if (weir_job_load(runtime, "job.yaml", NULL, &job, &error) != WEIR_OK) ...
 *   weir_job_start(job, &error); weir_job_wait(job, -1);
 *   weir_job_destroy(job); weir_runtime_destroy(runtime);
 *
 * Threads: a runtime and its jobs belong to one thread at a time, but weir_job_stop, weir_job_cancel, weir_job_state,
 * weir_job_status, weir_job_storage_call, weir_job_metrics, savepoints, weir_job_swap_state and what looks at event time
 * are for any thread.
 * Ownership: `create`, `load` give what `destroy` takes; texts given as char ** are freed with weir_text_free. Paths are
 * relative to the process unless said otherwise.
 */
#ifndef WEIR_H
#define WEIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_API __attribute__((visibility("default")))

struct weir_runtime;   /* the components known here, and the configuration */
struct weir_job;       /* a job: its description, and its run once started */
struct weir_node;      /* a node of a job that is built by calls */
struct weir_savepoint; /* one that was asked for */

/* What went wrong, in words: several lines where there are several problems. Caller-owned. */
struct weir_error_text {
    weir_status status;
    char text[16384];
};

WEIR_API const char *weir_version(void); /* "0.1.0" */
WEIR_API void weir_text_free(char *text);

/* ---- runtime ----------------------------------------------------------------------------------------------------- */

struct weir_runtime_options { /* struct_size = sizeof; the rest may be zero */
    uint32_t struct_size, reserved;
    /* Configuration file; NULL: $WEIR_CONFIG, else $XDG_CONFIG_HOME/weir/weir.yaml, else /etc/weir/weir.yaml, if there. */
    const char *config;
    const char *const *plugins; /* NULL-terminated: more plugin directories, searched last */
    const char *helper;         /* the weir command, for files without a manifest; NULL: such files are refused */
    /* as the environment's WEIR_LOG, which it overrides: "info", "warn,task:debug"; NULL: WEIR_LOG */
    const char *log;
    const char *builtin; /* directory of the built-in plugins; NULL: $WEIR_PLUGINS, else the installation's */
};
WEIR_API weir_status weir_runtime_create(const struct weir_runtime_options *, struct weir_runtime **,
                                         struct weir_error_text *);
WEIR_API void weir_runtime_destroy(struct weir_runtime *); /* after its jobs; NULL is fine */
/* Every component that jobs here can name, as text for people or JSON; kind NULL: all ("source", "operator", ...). */
WEIR_API weir_status weir_runtime_list(struct weir_runtime *, const char *kind, bool json, char **text,
                                       struct weir_error_text *);

/* The reference of all components with their options, as Markdown: docs/reference/components.md is made with it. */
WEIR_API weir_status weir_runtime_reference(struct weir_runtime *, char **text, struct weir_error_text *);

/* A plugin file that was opened here, by its path (absolute); given by reference: later versions append. */
struct weir_opened_plugin {
    uint32_t struct_size, reserved;
    const char *id, *version, *path;
};
typedef void weir_opened_plugin_visit(void *arg, const struct weir_opened_plugin *);
/* Those that jobs which were started needed. Any thread. */
WEIR_API void weir_runtime_opened(struct weir_runtime *, weir_opened_plugin_visit *, void *arg);

/* ---- jobs: from a manifest --------------------------------------------------------------------------------------- */

struct weir_setting {
    const char *name, *value;
};
struct weir_job_options { /* struct_size = sizeof; the rest may be zero */
    uint32_t struct_size;
    uint32_t parallelism;            /* as -p; 0: not given */
    const struct weir_setting *sets; /* as --set: vars of the manifest */
    size_t n_sets;
    const struct weir_setting *overrides; /* as -D: path.to.key = value, the value in YAML */
    size_t n_overrides;
    bool json; /* problems as JSON */
    /* Absolute: the folder that jobs have theirs in. `checkpoint:` without a directory goes to HOME/NAME/checkpoints,
     * savepoints to HOME/NAME/savepoints, which are made when they are needed. NULL: `checkpoint:` needs a directory. */
    const char *home;
    /* A file to read the manifest's text from; path is then what it is called, and its folder what relative paths in it are
     * relative to. NULL: path itself. */
    const char *text;
};
/* Reads and checks. Problems: WEIR_E_CONFIG, all of them in error->text with file, line, column and a caret. */
WEIR_API weir_status weir_job_load(struct weir_runtime *, const char *path, const struct weir_job_options *,
                                   struct weir_job **, struct weir_error_text *);

/* ---- jobs: by calls ---------------------------------------------------------------------------------------------- */

/* An empty job. base_dir: what relative paths in options are relative to; NULL: the working directory. */
WEIR_API weir_status weir_job_create(struct weir_runtime *, const char *name, const char *base_dir, struct weir_job **,
                                     struct weir_error_text *);
/* Sets a key of the manifest's top: weir_job_set(job, "defaults.parallelism", "4"). The value is one scalar, written as a
 * manifest writes it. */
WEIR_API weir_status weir_job_set(struct weir_job *, const char *path, const char *value);
/* A node, and its keys: weir_node_set(node, "source.file.path", "access.log"). append adds to a list: weir_node_append(node,
 * "from", "orders"). The node belongs to the job. Mistakes are found by weir_job_check, all in one go, named by node and
 * path. */
WEIR_API struct weir_node *weir_job_add_node(struct weir_job *, const char *id);
WEIR_API weir_status weir_node_set(struct weir_node *, const char *path, const char *value);
WEIR_API weir_status weir_node_append(struct weir_node *, const char *path, const char *value);
WEIR_API weir_status weir_job_check(struct weir_job *, struct weir_error_text *);

/* ---- looking at a job -------------------------------------------------------------------------------------------- */

/* graph: "stream", "job" or "execution"; format: "text", "dot", "mermaid" or "json". */
WEIR_API weir_status weir_job_plan(struct weir_job *, const char *graph, const char *format, char **text,
                                   struct weir_error_text *);
WEIR_API const char *weir_job_name(const struct weir_job *);
WEIR_API struct weir_runtime *weir_job_runtime(const struct weir_job *);
/* What a crash does to the records of each sink, a line each: "  out  exactly once  sink file commits with checkpoints". */
WEIR_API weir_status weir_job_guarantees(struct weir_job *, char **text, struct weir_error_text *);
enum weir_sink_guarantee_level { WEIR_SINK_AT_MOST_ONCE = 0, WEIR_SINK_AT_LEAST_ONCE = 1, WEIR_SINK_EXACTLY_ONCE = 2 };
struct weir_sink_guarantee {     /* given by reference: later versions append */
    uint32_t struct_size, level; /* enum weir_sink_guarantee_level */
    const char *node, *why;      /* why: valid during the call */
};
typedef void weir_sink_guarantee_visit(void *arg, const struct weir_sink_guarantee *);
WEIR_API weir_status weir_job_each_guarantee(struct weir_job *, weir_sink_guarantee_visit *, void *arg,
                                             struct weir_error_text *);

/* ---- running ----------------------------------------------------------------------------------------------------- */

enum weir_job_state {
    WEIR_JOB_CREATED = 0,
    WEIR_JOB_RUNNING = 1,
    WEIR_JOB_FINISHED = 2, /* all input was read, all results are out */
    WEIR_JOB_STOPPED = 3,  /* stopped in order before the end of input */
    WEIR_JOB_CANCELLED = 4,
    WEIR_JOB_FAILED = 5,
    WEIR_JOB_RESTARTING = 6 /* failed, and weir_job_wait starts it again when its time has come */
};
WEIR_API weir_status weir_job_start(struct weir_job *, struct weir_error_text *); /* checks first if need be; once per job */
/* The same, from the start although its directory holds checkpoints, which weir_job_start refuses. */
WEIR_API weir_status weir_job_start_fresh(struct weir_job *, struct weir_error_text *);
/* The same, going on from a checkpoint or savepoint: its directory, or "" for the newest of the job's own. The parallelism
 * may be another; nodes that are new start empty; state that no node takes is an error. */
WEIR_API weir_status weir_job_start_from(struct weir_job *, const char *directory, struct weir_error_text *);
struct weir_start_options { /* struct_size = sizeof; the rest may be zero */
    uint32_t struct_size;
    /* 1: the checkpoint or savepoint that the job goes on from is its own from now on, and is removed once newer checkpoints
     * take its place. 0: it is left alone, unless it is the newest of the job's own checkpoints (from ""). */
    uint32_t claim;
    uint32_t allow_non_restored; /* 1: state that no node takes is dropped */
    uint32_t fresh;              /* 1: as weir_job_start_fresh */
    const char *from;            /* as weir_job_start_from; NULL: from the start */
    uint32_t or_begin;           /* 1: where from is "" and there is no checkpoint, the job begins */
    uint32_t reserved;
};
WEIR_API weir_status weir_job_start_with(struct weir_job *, const struct weir_start_options *, struct weir_error_text *);
WEIR_API void weir_job_stop(struct weir_job *);   /* sources stop, what is in flight arrives, sinks finish */
WEIR_API void weir_job_cancel(struct weir_job *); /* at once */
/* A job that failed is started again in here, as its restart strategy says (defaults.restart). */
WEIR_API bool weir_job_wait(struct weir_job *, int64_t timeout_ms); /* < 0: no limit; false: time is up */
WEIR_API enum weir_job_state weir_job_state(const struct weir_job *);
/* WEIR_OK unless FAILED. Not while another thread is in weir_job_wait. */
WEIR_API weir_status weir_job_failure(const struct weir_job *, struct weir_error_text *);
WEIR_API void weir_job_destroy(struct weir_job *); /* cancels first if it runs; NULL is fine */

/* ---- savepoints -------------------------------------------------------------------------------------------------- */

/* What the job does once the savepoint is complete. */
enum weir_after_savepoint {
    WEIR_AFTER_GO_ON = 0,
    WEIR_AFTER_SUSPEND = 1, /* it stops right there: windows and timers stay in the savepoint, to go on from */
    WEIR_AFTER_DRAIN = 2    /* event time ends first, as at the end of input: windows and timers fire; then it stops */
};
struct weir_savepoint_options { /* struct_size = sizeof; the rest may be zero */
    uint32_t struct_size;
    uint32_t after; /* enum weir_after_savepoint */
    /* That the savepoint's own directory, JOB-savepoint-N, is made in; NULL: the manifest's checkpoint.savepoints, else
     * beside the checkpoints. */
    const char *directory;
};
/* Asks for one, and returns at once. Any thread. Suspend and drain: sinks commit what came before the savepoint, then the
 * job ends STOPPED; should the savepoint fail, a job to be suspended goes on, one that was drained fails. */
WEIR_API weir_status weir_savepoint_begin(struct weir_job *, const struct weir_savepoint_options *, struct weir_savepoint **,
                                          struct weir_error_text *);
WEIR_API bool weir_savepoint_wait(struct weir_savepoint *, int64_t timeout_ms); /* < 0: no limit; false: time is up */
/* Waits, and says what came of it: the savepoint's directory, freed with weir_text_free. */
WEIR_API weir_status weir_savepoint_result(struct weir_savepoint *, char **path, struct weir_error_text *);
WEIR_API void weir_savepoint_free(struct weir_savepoint *); /* at any time; NULL is fine */
/* The three in one. Any thread; path may be NULL. */
WEIR_API weir_status weir_job_savepoint(struct weir_job *, const char *directory, char **path, struct weir_error_text *);
WEIR_API weir_status weir_job_stop_with_savepoint(struct weir_job *, const char *directory, bool drain, char **path,
                                                  struct weir_error_text *);
/* Asks for a checkpoint now, whatever the manifest's `every`, and waits until it, or a newer one, is complete: its number,
 * and its directory, which the job removes once newer ones take its place. Any thread; number and path may be NULL. */
WEIR_API weir_status weir_job_checkpoint(struct weir_job *, int64_t *number, char **path, struct weir_error_text *);
/* Asks as well, and returns at once; weir_savepoint_wait, _result and _free are for the ticket. */
WEIR_API weir_status weir_checkpoint_begin(struct weir_job *, struct weir_savepoint **, struct weir_error_text *);
/* Whether weir_savepoint_begin has a directory without being given one. */
WEIR_API bool weir_job_keeps_savepoints(const struct weir_job *);

/* ---- checkpoints and savepoints on disk -------------------------------------------------------------------------- */

/* From now on the functions below that take this runtime find the checkpoints in the storage of this job, too: by
 * addresses such as NAME:/chk-12, and all of them in NAME:/. The job is checked, and outlives that. NULL: in folders alone.
 */
WEIR_API weir_status weir_savepoint_look_through(struct weir_runtime *, struct weir_job *, struct weir_error_text *);

enum weir_savepoint_state {
    WEIR_SAVEPOINT_COMPLETE = 0, /* its metadata is whole, and every file as long as that says; see weir_savepoint_verify */
    WEIR_SAVEPOINT_HALF = 1,     /* what a crash left, or what a job is writing just now */
    WEIR_SAVEPOINT_DAMAGED = 2
};
struct weir_savepoint_info { /* given by reference: later versions append */
    uint32_t struct_size;
    uint32_t state; /* enum weir_savepoint_state */
    const char *path;
    const char *kind; /* "checkpoint", "savepoint", or "drained": a savepoint of a job whose windows had fired */
    const char *job;  /* NULL: not known, as its metadata cannot be read; what follows is then 0, but the name's number */
    int64_t number, taken_ms; /* wall clock */
    uint64_t bytes;           /* of its files */
    uint32_t n_nodes;         /* nodes that may have state */
    uint32_t newest;          /* 1: the newest complete checkpoint of its folder, that a job goes on from */
    const char *why;          /* what is damaged; NULL: nothing is */
};
typedef void weir_savepoint_info_visit(void *arg, const struct weir_savepoint_info *);
/* The directory, if it is a checkpoint or savepoint; else those in it and in its folders, four levels deep: by folder, then
 * by number. Reads no state. */
WEIR_API weir_status weir_savepoint_list(struct weir_runtime *, const char *directory, weir_savepoint_info_visit *,
                                         void *arg, struct weir_error_text *);

struct weir_savepoint_file { /* given by reference: later versions append */
    uint32_t struct_size, subtask;
    const char *file, *node; /* node: whose state it holds, that of subtask `subtask`; NULL: the metadata, or foreign */
    uint64_t bytes, blocks;  /* read; of them, with a checksum each */
    uint64_t entries, n_groups, n_lists, items; /* keyed entries and their key groups; lists and their items */
    uint32_t foreign, reserved;                 /* foreign 1: it is no part of the savepoint, and was not read */
    const char *damage;                         /* in words, with the file and where in it; NULL: all is well */
};
typedef void weir_savepoint_file_visit(void *arg, const struct weir_savepoint_file *);
/* Reads everything, with all checksums, and tells of every file. WEIR_OK: it is whole. Else error is the first damage. */
WEIR_API weir_status weir_savepoint_verify(struct weir_runtime *, const char *directory, weir_savepoint_file_visit *,
                                           void *arg, struct weir_error_text *);
struct weir_savepoint_dump_options { /* struct_size = sizeof; the rest, but for write, may be zero */
    uint32_t struct_size;
    uint32_t csv;             /* 1: rows of CSV; 0: lines of JSON */
    const char *node, *state; /* these alone; state: one's name, a list's, "event timers" or "processing timers" */
    uint64_t memory_bytes;    /* to sort in, 256 MiB when 0; state of N bytes is read about 2 N / memory_bytes times */
    weir_status (*write)(void *arg, const char *text, size_t n); /* whole lines; not WEIR_OK: the dump ends */
    void *arg;
};
/* The state as text, a line for each entry, docs/guide/savepoints.md: the same for the same state, whatever parallelism and
 * backend it was saved with. On failure what was written is right, but not all. */
WEIR_API weir_status weir_savepoint_dump(struct weir_runtime *, const char *directory,
                                         const struct weir_savepoint_dump_options *, struct weir_error_text *);
/* Removes one. WEIR_E_CONFIG, and nothing is removed: it is none, or something else lies in it; and unless forced: it is
 * damaged or half written, or the newest checkpoint of its folder. Whether a job runs on it the caller knows. */
WEIR_API weir_status weir_savepoint_remove(struct weir_runtime *, const char *directory, bool force,
                                           struct weir_error_text *);
enum weir_savepoint_result {
    WEIR_SAVEPOINT_RESTORED = 0, /* as it was */
    WEIR_SAVEPOINT_MIGRATED = 1, /* fields are added (zero), dropped or widened */
    WEIR_SAVEPOINT_EMPTY = 2,    /* nothing was saved for it: it starts empty */
    WEIR_SAVEPOINT_DROPPED = 3,  /* nobody takes it */
    WEIR_SAVEPOINT_REFUSED = 4   /* the job would not start */
};
struct weir_savepoint_change {    /* given by reference: later versions append */
    uint32_t struct_size, result; /* enum weir_savepoint_result */
    const char *node;
    const char *state; /* or a list, or "timers"; NULL: the node as a whole */
    uint64_t entries;  /* that were saved */
    const char *why;   /* in words; NULL: there is nothing to say */
};
typedef void weir_savepoint_change_visit(void *arg, const struct weir_savepoint_change *);
/* What the job, which has not started, would make of a checkpoint or savepoint; *refused: weir_job_start_from would refuse
 * it. Reads the whole of it; nothing is opened or written. */
WEIR_API weir_status weir_job_compare_savepoint(struct weir_job *, const char *directory, bool allow_non_restored,
                                                weir_savepoint_change_visit *, void *arg, bool *refused,
                                                struct weir_error_text *);
/* What weir_job_start_from would take for "": the number, 0 for none, and, where path is not NULL, the directory, which is
 * freed with weir_text_free. Checks the job first if need be. */
WEIR_API weir_status weir_job_newest(struct weir_job *, char **path, int64_t *number, struct weir_error_text *);
/* Where checkpoints and savepoints of the job go, for people, a line; empty where it takes none. weir_text_free. */
WEIR_API weir_status weir_job_describe_checkpoints(struct weir_job *, char **text, struct weir_error_text *);
/* What addresses of its checkpoints begin with: a directory, or NAME:/; NULL: it takes none. Valid as below. */
WEIR_API const char *weir_job_checkpoint_place(const struct weir_job *);
/* Where the job keeps checkpoints and savepoints; NULL: nowhere. Valid as long as the job is not changed. */
WEIR_API const char *weir_job_checkpoint_directory(const struct weir_job *);
WEIR_API const char *weir_job_savepoint_directory(const struct weir_job *);

/* ---- where keyed state lives, while the job runs ----------------------------------------------------------------- */

struct weir_swap_options { /* struct_size = sizeof; the rest may be zero, but for the backend */
    uint32_t struct_size, reserved;
    const char *node;    /* NULL: all nodes that keep keyed state */
    const char *backend; /* as in a manifest's `state: {backend: ...}`: "heap", "leveldb", "{leveldb: {bloom_bits: 0}}" */
    const char *cache, *directory; /* likewise: "256MiB"; NULL: as the manifest has them */
};
/* What came of the state of one subtask. Given by reference: later versions append. */
struct weir_swapped {
    uint32_t struct_size;
    uint32_t subtask;
    const char *node; /* valid as long as the job */
    uint32_t moved;   /* 1: it is in the other backend; 0: it is where it was */
    uint32_t reserved;
    uint64_t entries;  /* copied */
    int64_t pause_ns;  /* how long the subtask took no input, from the barrier on */
    int64_t copied_ns; /* of that, the copying itself; the rest went to other subtasks of its slot */
};
typedef void weir_swapped_visit(void *arg, const struct weir_swapped *);
/* Moves keyed state to another backend at a barrier, without a restart and without a record lost or repeated, waits until
 * that is done, and tells what came of it, subtask by subtask (visit may be NULL). Only the nodes it concerns pause. Where
 * some subtask fails to copy, its state stays where it was, whole, and so does the job. Nodes that are there already stay;
 * if all are, that is an error. One at a time. Later attempts of the job begin with its state there too. Before the job is
 * started, and between two attempts: it begins there. Any thread. */
WEIR_API weir_status weir_job_swap_state(struct weir_job *, const struct weir_swap_options *, weir_swapped_visit *,
                                         void *arg, struct weir_error_text *);

/* Where the job's keyed state is to live by its manifest and the options it was loaded with, whatever became of it since:
 * once for the job (node NULL), then for each node. place is a line of text; equal lines mean the same. */
typedef void weir_state_place_visit(void *arg, const char *node, const char *place);
WEIR_API weir_status weir_job_each_state_place(struct weir_job *, weir_state_place_visit *, void *arg,
                                               struct weir_error_text *);

/* ---- failing and going on ---------------------------------------------------------------------------------------- */

/* What becomes of a job that failed. Given by reference: later versions append. */
struct weir_restart_info {
    uint32_t struct_size;
    uint32_t again;      /* 1: it starts again; 0: it failed for good */
    uint32_t attempt;    /* which restart it is, or would have been: 1 is the first */
    uint32_t most;       /* how many there may be; 0: no limit */
    int64_t delay_ms;    /* from the failure on */
    int64_t checkpoint;  /* number of the one it goes on from; 0: from where the job began; -1: not known here */
    const char *failure; /* in words, valid during the call; NULL: its process died */
    const char *why;     /* again is 0: why not, in words; valid during the call */
};
typedef void weir_job_restart_visit(void *arg, struct weir_job *, const struct weir_restart_info *);
/* Called by weir_job_wait whenever the job failed and is to start again; visit NULL: nobody is. Not for the last failure. */
WEIR_API void weir_job_on_restart(struct weir_job *, weir_job_restart_visit *, void *arg);

/* For a program that runs the job in another process, and starts that again when it dies: what the next process, and the
 * program itself, must know. Opaque; for the same version of libweir, until the machine starts anew. Zeroed is empty. */
struct weir_recovery {
    uint32_t struct_size, reserved;
    uint64_t opaque[768];
};
/* In the process that runs the job: before it is started, and again whenever weir_job_on_restart's function is called. */
WEIR_API void weir_job_recovery(struct weir_job *, struct weir_recovery *);
/* In the next one, before the job is started as it was the first time: it goes on. */
WEIR_API weir_status weir_job_recover(struct weir_job *, const struct weir_recovery *, struct weir_error_text *);
/* In the program that saw the process die: counts the failure and says what is to be done; *info is valid until the
 * recovery changes. */
WEIR_API weir_status weir_recovery_died(struct weir_recovery *, struct weir_restart_info *, struct weir_error_text *);

/* ---- status ------------------------------------------------------------------------------------------------------ */

struct weir_job_node_status {
    const char *id, *title;     /* valid as long as the job */
    uint32_t parallelism, kind; /* kind: 1 source, 2 operator, 3 sink */
    uint64_t rows_in, rows_out, late, accepted, rejected, bytes, timers_fired;
    int64_t watermark;          /* ms; INT64_MIN: none yet; INT64_MAX: the end */
    double busy, backpressured; /* share of the time since the start, 0 .. 1 */
};
struct weir_job_status {
    enum weir_job_state state;
    uint32_t n_nodes;
    int64_t elapsed_ms;
    uint64_t rows_read, rows_written, rows_rejected, rows_late; /* of this attempt, as all counts */
    struct weir_job_node_status *nodes; /* freed by weir_job_status_free; none between two attempts */
    uint32_t attempt;                   /* how often it was started again */
};
WEIR_API void weir_job_status(struct weir_job *, struct weir_job_status *);
WEIR_API void weir_job_status_free(struct weir_job_status *);

/* What the storage of the checkpoints is asked right now, in words ("checkpoint storage 'file': finish of
 * chk-7/counts-0.state"), and for how long it has not returned. False: nothing, and *what is NULL. *told: so long that the
 * job goes on without checkpoints until it returns (`checkpoint.timeout`). For any thread. */
WEIR_API bool weir_job_storage_call(struct weir_job *, char **what, int64_t *for_ms, bool *told);

/* ---- where event time stands ------------------------------------------------------------------------------------- */

/* What a watermark is the minimum of: a channel from another subtask, the operator before it in its chain, or a split of a
 * source. */
enum weir_time_input_kind { WEIR_INPUT_CHANNEL = 1, WEIR_INPUT_CHAINED = 2, WEIR_INPUT_SPLIT = 3 };
struct weir_time_input { /* given by reference: later versions append */
    uint32_t struct_size;
    uint32_t kind;           /* enum weir_time_input_kind */
    uint32_t input, channel; /* CHANNEL: input of the operator, position among all its channels */
    const char *from;        /* CHANNEL, CHAINED: id of the node that sends; SPLIT: the source's words for it */
    uint32_t from_subtask;
    uint32_t idle, aligned, finished; /* 0 or 1; aligned: it counts in the minimum */
    uint32_t holds;                   /* 1: the one that holds the watermark */
    int64_t watermark;                /* ms; INT64_MIN: none yet; INT64_MAX: the end */
    int64_t silent_ms;                /* since anything came from it; -1: nothing has */
};
struct weir_time_node { /* a node in one of its subtasks; given by reference: later versions append */
    uint32_t struct_size, subtask;
    const char *id;
    int64_t watermark; /* as above */
    int64_t stood_ms;  /* since it grew, or since the start */
    uint32_t idle, ended;
    const char *why; /* in one line: what holds it; what to do about it, once that has been silent for a while */
    const struct weir_time_input *const *inputs;
    uint32_t n_inputs;
};
struct weir_event_time {
    uint32_t struct_size, n_nodes;
    int64_t now_ms;                            /* wall clock */
    const struct weir_time_node *const *nodes; /* in the order of the graph, subtask 0 first */
};
/* For any thread. NULL: the job was not started. Freed with weir_event_time_free. */
WEIR_API struct weir_event_time *weir_job_event_time(struct weir_job *);
WEIR_API void weir_event_time_free(struct weir_event_time *); /* NULL is fine */
/* The same as a table for people, or as one line of JSON. */
WEIR_API weir_status weir_job_explain_time(struct weir_job *, bool json, char **text, struct weir_error_text *);

/* ---- metrics ----------------------------------------------------------------------------------------------------- */

enum weir_job_metric_kind { WEIR_JOB_COUNTER = 1, WEIR_JOB_GAUGE = 2, WEIR_JOB_HISTOGRAM = 3 };
#define WEIR_JOB_ALL_SUBTASKS UINT32_MAX

/* One metric of one node: what its components count (weir/metrics.h), or what the runtime counts for every node. */
struct weir_job_metric {
    uint32_t struct_size, kind; /* enum weir_job_metric_kind */
    const char *node, *name;    /* valid during the call, as unit and doc */
    const char *unit, *doc;     /* "" where there is none */
    uint32_t subtask;           /* WEIR_JOB_ALL_SUBTASKS: all of them together */
    uint32_t built_in;          /* 1: the runtime's: rows_in, rows_out, late, busy_ns ... */
    uint64_t count;             /* counter: its value; histogram: how many values */
    double value, least, most;  /* gauge: the sum, the smallest and the largest over the subtasks */
    uint64_t sum, max;          /* histogram */
    const uint64_t *buckets;    /* histogram: for weir_job_metric_quantile; valid during the call */
};
typedef void weir_job_metric_visit(void *arg, const struct weir_job_metric *);
/* Calls visit for every metric, by subtask or for the nodes as a whole; nothing before the job is started. [any thread,
 * while the job runs and after it ended] */
WEIR_API void weir_job_metrics(struct weir_job *, bool by_subtask, weir_job_metric_visit *, void *arg);
/* Of a histogram, within visit: the value that at least share q (0 .. 1) of the values do not exceed; at most 3.2 % too
 * large. 0 when there are none. */
WEIR_API uint64_t weir_job_metric_quantile(const struct weir_job_metric *, double q);

/* What the calling thread runs: "node 'scores' (process top_n)", or NULL. For crash handlers: async-signal-safe. */
WEIR_API const char *weir_running_now(void);

/* More about that. Given by reference: later versions append. The strings stay valid. */
struct weir_running_part {
    const char *plugin, *component, *path; /* "acme.scores", "top_n", "/usr/lib/weir/libacme.so" */
};
struct weir_running_call {
    uint32_t struct_size, subtask;
    const char *where;                 /* as weir_running_now; NULL: no component */
    struct weir_running_part parts[4]; /* the components that the node is made of, the first ones; mostly there is one */
    uint32_t n_parts, reserved;
    int64_t record;  /* at or after which of the records that the subtask was given, from 1 on; 0: there is no telling */
    const char *why; /* why weir ends this process; NULL: it does not */
};
WEIR_API void weir_running_what(struct weir_running_call *); /* async-signal-safe */

#ifdef __cplusplus
}
#endif

#endif
