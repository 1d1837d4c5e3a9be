/* loader/job.h - from a job manifest to a checked stream graph.
 *
 * Floor 3. Two steps: a document (loader/document.h: scalars, lists and maps with the place each was written at; from YAML
 * or from libweir calls), and compilation: every key, component, option, field and type is checked against the registry
 * without running plugin code, and all errors are reported in one run, each with file:line:column, the source line, a caret,
 * and what to do.
 */
#ifndef WEIR_LOADER_JOB_H
#define WEIR_LOADER_JOB_H

#include "base/platform.h"
#include "graph/stream_graph.h"
#include "loader/document.h"
#include "loader/registry.h"

/* What stands above and below the manifest: precedence of parallelism is node, command line, manifest default,
 * configuration, 1. */
struct weir_job_settings {
    uint32_t parallelism;         /* -p; 0: not given */
    uint32_t default_parallelism; /* configuration file; 0: not given */
    const char *home; /* the folder that jobs have theirs in: NAME/checkpoints, NAME/savepoints; NULL: there is none */
};

/* Checks and builds; settings may be NULL. What is in `problems` already (from reading the document) counts. Problems go to
 * `problems` (loader/document.h); on any error *graph is NULL and WEIR_E_CONFIG is returned (WEIR_E_PLUGIN when the only
 * problems are plugins). The graph's part specs point into the registry, which outlives it. The registry may learn files
 * from the manifest's `plugins:`. */
WEIR_CHECKED weir_status weir_job_compile(const struct weir_document *, const struct weir_job_settings *,
                                          struct weir_registry *, struct weir_stream_graph **graph,
                                          struct weir_problems *problems);
/* `state:` of a manifest by itself, {backend, cache, directory}: what it leaves out is as in `base`, whose options stay
 * where it names the same backend without any. NULL: `problems` say why. The caller destroys it, before `base`. */
struct weir_state_config *weir_state_config_compile(const struct weir_document *, const struct weir_state_config *base,
                                                    struct weir_registry *, struct weir_problems *problems);

#endif
