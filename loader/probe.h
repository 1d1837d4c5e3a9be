/* loader/probe.h - what an unknown file holds, found out by another process, which may die of it.
 *
 * Floor 3. Any thread; waits for the helper. The helper is the weir program: `HELPER inspect --probe FILE` opens the file
 * and writes its plugin manifest to standard output (exit code 0), or says on standard error why not (exit code 3). Whatever
 * else becomes of it is the file's doing: a constructor or the entry function that aborts, exits, crashes or never ends
 * turns into a refusal that says so.
 */
#ifndef WEIR_LOADER_PROBE_H
#define WEIR_LOADER_PROBE_H

#include "loader/plugin_file.h"
#include "loader/registry.h"

enum { WEIR_PROBE_TIMEOUT_MS = 10000, WEIR_PROBE_REFUSED = 3 };

/* file: checked. timeout_ms <= 0: WEIR_PROBE_TIMEOUT_MS. info is the caller's to finish, also on failure. */
WEIR_CHECKED weir_status weir_probe(const char *helper, const struct weir_plugin_file *, int64_t timeout_ms,
                                    struct weir_plugin_info *, struct weir_error *);

/* Whether `library` can be opened and has `function`, and `release` unless that is NULL: what loader/call_library.h opens.
 * The helper is asked `HELPER inspect --probe-function LIBRARY FUNCTION [RELEASE]`, and answers likewise. */
WEIR_CHECKED weir_status weir_probe_function(const char *helper, const char *library, const char *function,
                                             const char *release, int64_t timeout_ms, struct weir_error *);

#endif
