/* embed_internal.h - what the handles of weir.h are; between the files of this folder. */
#ifndef WEIR_EMBED_EMBED_INTERNAL_H
#define WEIR_EMBED_EMBED_INTERNAL_H

#include "embed/config.h"
#include "embed/weir.h"
#include "graph/stream_graph.h"
#include "job/run.h"
#include "loader/document.h"
#include "loader/part.h"
#include "loader/registry.h"

struct weir_runtime {
    const struct weir_platform *platform;
    struct weir_registry *registry;
    struct weir_config config;
};

struct weir_node {
    struct weir_job *job;
    struct weir_value *mapping;
    char *origin; /* "node 'pages'" */
    struct weir_node *next;
};

struct weir_job {
    struct weir_runtime *runtime;
    struct weir_document *document;
    uint32_t parallelism; /* -p; 0: not given */
    bool json;
    struct weir_stream_graph *graph; /* NULL: not checked, or changed since */
    struct weir_run *run;            /* NULL: not started */
    struct weir_value *root, *nodes; /* of a document made by calls */
    struct weir_node *node_list;
};

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
