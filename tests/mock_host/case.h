/* mock_host/case.h - a plugin test as a text, for any host: a component, its options, what it is given, what comes out.
 *
 *   # What is tested, in a line or two.
 *   plugin plugins/example_first_keyed.so      relative to the build folder; may be several
 *   component once                             or: reducer NAME, aggregate NAME, window_function NAME
 *   window 1000                                of the latter two: of event time; `window 1000 500` slides, with functions
 *   lateness 200                               of window functions
 *   result total:i64? = sum(n)                 the function sees the key and such results of aggregates, instead of all rows
 *   option after 1s
 *   in user:string, n:i64                      of the stream; `second` is of a second input
 *   key user                                   `second_key` of a second one
 *   out user:string, n:i64                     port 0; each further `out` is a side output
 *   order any                                  between rows, where the ABI promises none; between ports it never does
 *   ---
 *   < 1000 | ann, 5                            rows: event time, fields; "<<" of the second input; lines of one input that
 *   << 1000 | ann, x                           follow each other are one batch
 *   watermark 2000
 *   clock 5000                                 processing time, 0 at first
 *   restart                                    the instance goes, another one takes over its state
 *   end                                        of input
 *   ---
 *   1000 | ann, 5                              as the rows above; "1> " before those of port 1; "failed: MESSAGE" ends it
 *
 * libc alone; shared by the program that runs cases on the runtime and the one that runs them on the mock host.
 */
#ifndef MOCK_HOST_CASE_H
#define MOCK_HOST_CASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Text that grows. Zeroed is empty. */
struct lines {
    char *text;
    size_t n, capacity;
};

enum case_step_kind { STEP_ROWS = 1, STEP_WATERMARK, STEP_CLOCK, STEP_RESTART, STEP_END };

struct case_step {
    enum case_step_kind kind;
    uint32_t input; /* STEP_ROWS */
    char *rows;     /* lines */
    int64_t at;     /* STEP_WATERMARK, STEP_CLOCK */
};

enum { CASE_MOST = 16 };

struct case_result {
    const char *field, *aggregate; /* "total:i64?", "sum" */
    const char *arg;               /* "n", which the aggregate has for its first field; NULL: it has none */
};

struct plugin_case {
    char *text; /* all strings are parts of it, but for rows */
    const char *plugins[CASE_MOST], *component;
    size_t n_plugins;
    enum { CASE_OPERATOR = 1, CASE_REDUCER, CASE_AGGREGATE, CASE_FUNCTION } kind;
    const char *options[CASE_MOST], *values[CASE_MOST]; /* n_options of them */
    size_t n_options;
    const char *in[2], *key[2]; /* NULL: there is none */
    const char *arg;            /* the field that is bound as the component's first; NULL: fields are bound by name */
    const char *outs[CASE_MOST];
    size_t n_outs;
    int64_t window_ms, slide_ms;           /* CASE_AGGREGATE, CASE_FUNCTION; equal: they tumble */
    int64_t lateness_ms;                   /* CASE_FUNCTION */
    struct case_result results[CASE_MOST]; /* the same */
    size_t n_results;
    struct lines key_and_results; /* as a schema; empty: there are none */
    bool any_order;
    struct case_step *steps;
    size_t n_steps;
    const char *expected;
};

/* The fields that the component chooses its own from, of its first input. */
const char *case_seen(const struct plugin_case *);

/* Ends the program with a message when the file is not a case. */
struct plugin_case *case_read(const char *path);
void case_free(struct plugin_case *);

void lines_add(struct lines *, const char *format, ...) __attribute__((format(printf, 2, 3)));
void lines_add_bytes(struct lines *, const void *, size_t n);
const char *lines_text(const struct lines *);
void lines_free(struct lines *);

/* 0 when `found` is what the case expects; else 1, after telling what was found. */
int case_compare(const struct plugin_case *, const char *host, const struct lines *found);

#endif
