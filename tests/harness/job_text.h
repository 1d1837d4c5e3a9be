/* harness/job_text.h - a job from the text of its manifest, compiled against the plugins of the build. What does not
 * compile is printed and ends the test. Any thread. */
#ifndef WEIR_HARNESS_JOB_TEXT_H
#define WEIR_HARNESS_JOB_TEXT_H

#include "loader/document.h"
#include "loader/job.h"
#include "loader/part.h"
#include "loader/registry.h"

/* Of the built-in plugins and those of tests/plugins/<more>, NULL: no more. The caller destroys. */
struct weir_registry *weir_test_registry(const char *more);

/* parallelism 0: the manifest's. The caller destroys, with weir_part_spec_destroy. */
struct weir_stream_graph *weir_test_graph(struct weir_registry *, const char *yaml, uint32_t parallelism);
struct weir_stream_graph *weir_test_graph_with(struct weir_registry *, const char *yaml, uint32_t parallelism,
                                               const struct weir_assignment *sets, uint32_t n_sets);

#endif
