/* harness/mock_host.h - a host for one component, stepped by hand: enough of weir_host to run sources, sinks and formats.
 *
 *   struct mock_host *h = mock_host_create(&(struct mock_host_config){.component = find_component(weir_plugin_v1(), "file"),
 *                                          .known = (const weir_component *[]){csv, NULL}, .schema = "a:i64, b:string?"});
 *   mock_file_put_text(h->machine, "in.csv", "1,x\n");
 *   mock_set(h, "path", "in.csv");
 *   mock_set(h, "format.delimiter", ";");
 *   CU_ASSERT_EQUAL(mock_run_source(h, 1024), WEIR_DONE);
 *   CU_ASSERT_STRING_EQUAL(mock_rows(h), "1|x\n");
 *   mock_host_destroy(h);
 *
 * Output rows are taken after every call, as text: values joined by '|', "~" for null, times as ms, bytes and any in hex;
 * one line per row. Output is full once a batch of config.batch_rows rows was flushed, until the call returns.
 * Memory a component does not release, and rows of a column that was not put, are test failures. One thread.
 */
#ifndef WEIR_HARNESS_MOCK_HOST_H
#define WEIR_HARNESS_MOCK_HOST_H

#include <weir/plugin.h>

#include "data/builder.h"
#include "harness/mock_machine.h"

struct mock_part;

struct mock_host_config {
    const weir_component *component;
    const weir_component *const *known; /* nested components by id, NULL-terminated; may be NULL */
    struct mock_machine *machine;       /* NULL: one of its own */
    const char *schema;                 /* what "$schema" stands for */
    const char *input;                  /* sinks: schema of what is written */
    uint32_t subtask, parallelism;      /* 0: 1 */
    int64_t batch_rows;                 /* 0: 1024 */
    weir_status on_reject;              /* what reject() answers: WEIR_OK (0) goes on */
    bool checkpoints;                   /* the job takes them */
    bool no_metrics;                    /* a host without weir.metrics/1 */
};

struct mock_split {
    uint64_t id;
    char *description;
    bool begun, done;
};

struct mock_host {
    weir_ctx cx;
    weir_info info;
    struct mock_host_config config;
    struct mock_machine *machine;
    bool owns_machine, started, opened;
    struct mock_part *part;
    struct weir_schema *out_schema, *in_schema;
    struct weir_builder builder; /* port 0 */
    bool has_output;
    weir_out *outs[1];

    struct weir_text rows, times;  /* what was emitted; times: one line per row, "-" for none */
    int64_t n_rows;
    struct weir_text rejects;      /* "file:offset: reason [raw]" by line */
    int64_t n_rejects;
    struct weir_text logs;
    struct weir_text failure;      /* of the last fail() */
    weir_status failed;            /* its status */
    struct mock_split *splits;     /* discovered, all of them */
    size_t n_splits;
    uint64_t split;                /* the current one */
    int64_t live_allocations;      /* alloc minus release */
    uint32_t wakes;
    void **scratch;
    size_t n_scratch;
    struct weir_text encoded;      /* by mock_encode */
    struct mock_metric *metrics;   /* the last one first */
};

const weir_component *mock_component(const weir_plugin *, const char *id); /* asserts that it is there */

struct mock_host *mock_host_create(const struct mock_host_config *);
void mock_host_destroy(struct mock_host *); /* closes the component if it is open */

/* Sets an option from its text as a manifest would write it; "format" = "csv" names a nested component, "format.header" an
 * option of it. Lists: items joined by '\n'. Asserts that the option exists and the text parses. */
void mock_set(struct mock_host *, const char *option, const char *value);
/* Defaults, schemas, output columns; called by the functions below when it was not. */
void mock_start(struct mock_host *);
void *mock_self(struct mock_host *); /* the instance */
const void *mock_vtable(struct mock_host *);

/* The metric that the component asked for under that name: a weir_counter, weir_gauge or weir_histogram; NULL: none. */
const void *mock_metric(struct mock_host *, const char *name);
const void *mock_metrics(void); /* the extension's table, for mock_host.c; and the end of it */
void mock_free_metrics(struct mock_host *);

/* To be called after calling the component by hand: takes the rows, frees scratch, clears `full`. */
void mock_settle(struct mock_host *);
const char *mock_rows(struct mock_host *);  /* all rows so far; settles */
void mock_forget_rows(struct mock_host *);

/* ---- sources ---- */
weir_status mock_discover(struct mock_host *);
weir_status mock_open(struct mock_host *); /* any kind */
weir_status mock_add_split(struct mock_host *, size_t i, const void *position, size_t n); /* splits[i] */
weir_progress mock_poll(struct mock_host *, int64_t max_rows);
/* discover, open, the splits i with i % parallelism == subtask, and polls until DONE or FAILED; time passes when NONE. */
weir_progress mock_run_source(struct mock_host *, int64_t max_rows);

/* ---- decoders (component.kind WEIR_DECODER) ---- */
/* open, begin, and all of data in windows of `window` bytes (0: all at once), unconsumed bytes being offered again. */
weir_status mock_decode(struct mock_host *, const char *name, const void *data, size_t n, size_t window, int64_t max_rows);

/* ---- sinks and encoders ---- */
/* A batch of config.input from text in the form of mock_rows ("1|x\n2|~\n"; bytes and any in hex). The caller releases. */
struct weir_rows *mock_batch(struct mock_host *, const char *text);
weir_status mock_write(struct mock_host *, const char *text); /* open first if need be; until all rows are taken */
weir_status mock_flush(struct mock_host *);
weir_status mock_finish(struct mock_host *);
void mock_close(struct mock_host *); /* any kind */
/* What sinks saved for one checkpoint: several may add to it. Zeroed is empty. */
enum { MOCK_MOST_SAVED = 64 };
struct mock_saved {
    char items[MOCK_MOST_SAVED][200];
    uint32_t subtasks[MOCK_MOST_SAVED], subtask;
    size_t n;
};
weir_status mock_snapshot(struct mock_host *, int64_t checkpoint, struct mock_saved *); /* opens it if need be */
weir_status mock_committed(struct mock_host *, int64_t checkpoint);
/* Opens it. own: whose an item is; NULL: whoever saved it. */
weir_status mock_restore(struct mock_host *, int64_t checkpoint, const struct mock_saved *,
                         bool (*own)(uint32_t subtask, size_t item, uint32_t mine));
weir_status mock_persist(struct mock_host *, const struct mock_saved *); /* does not open it */
/* Encoders: begin, the rows, end. NUL-terminated; valid until the next call; NULL after a failure. */
const char *mock_encode(struct mock_host *, const char *text);

#endif
