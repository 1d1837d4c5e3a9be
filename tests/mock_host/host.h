/* mock_host/host.h - a host of the plugin ABI that is not the runtime: one component, stepped by a case.
 *
 * It implements struct weir_host from the headers alone, with state that is copied in and out (keep.h) and buffers of their
 * own for every batch (cells.h). It has no sources and no sinks.
 */
#ifndef MOCK_HOST_HOST_H
#define MOCK_HOST_HOST_H

#include "mock_host/keep.h"

struct input {
    struct schema stream, seen; /* seen: the columns of the component's batches */
    uint32_t *args;             /* seen field i is stream field args[i] */
    bool *must;                 /* declared without '?' */
    uint32_t *key, n_key;
};

struct out_port {
    struct port port;
    struct schema rows;                 /* of what leaves */
    uint32_t *pass, n_pass, first_pass; /* '*': fields from first_pass on are the input's */
    uint32_t first_key;                 /* '@key' */
    bool has_pass, has_key;
    struct cell **keys; /* of rows that are not taken yet */
};

struct timer {
    uint32_t clock;
    char *identity;
    struct cell *cells;
    uint64_t ns;
    int64_t at;
};

struct host {
    weir_ctx cx;
    weir_host table;
    weir_info info;
    const struct plugin_case *c;
    const weir_component *component;
    void *self;
    struct input in[2];
    uint32_t n_in;
    struct schema key; /* the key's fields */
    struct out_port outs[CASE_MOST];
    weir_out *out[CASE_MOST];
    uint32_t n_outs;
    int64_t capacity; /* of a port */
    struct keep *keep;
    struct cell *key_cells; /* current; NULL: none */
    char *key_identity;
    struct batch *key_row;
    weir_window *window; /* at hand, of window functions; else NULL */
    struct timer *timers;
    size_t n_timers;
    int64_t watermark, now;
    const struct rows *rows; /* of the batch at hand, from `from` on */
    size_t from, n_rows;
    uint32_t port;  /* of the batch */
    bool broadcast; /* a batch of a broadcast input is at hand */
    bool cutting;   /* its snapshot is made */
    void **scratch;
    size_t *scratch_sizes, n_scratch;
    long allocated; /* blocks that the component has */
    weir_status status;
    char failure[2048];
    struct lines found;
};

/* declaration.c: what the component's declaration and the case come to. */
/* binds: names, or "*" for all fields; first: what the first of them is in the stream, where it has another name. */
void input_init(struct input *, const char *stream, const char *binds, const char *first, const char *key);
void input_finish(struct input *);
void host_set_up(struct host *, const struct plugin_case *, const weir_component *, int64_t capacity);
void host_tear_down(struct host *);
void *host_instance(const struct host *); /* zeroed, with its options */
void host_free_instance(const struct host *, void *self);

/* services.c */
void host_fill_table(struct host *);
void host_use_key(struct host *, const char *identity, const struct cell *cells); /* copies; NULL: no key */
void host_use_window(struct host *, weir_window); /* of the current key, until another is used */
weir_status host_take(struct host *, uint32_t port);
void host_end_call(struct host *); /* rows leave, copies and scratch end */

#endif
