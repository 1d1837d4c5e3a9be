/* cli/control.h - how a running job is asked and told from another process.
 *
 * A Unix stream socket of mode 0600 in the home's socket folder (cli/home.h). A request is one JSON object on a line,
 * {"do": "status"}, and so is the answer: {"ok": true, ...} or {"ok": false, "error": "..."}. A connection may carry
 * several.
 *
 *   do          further keys                          answer
 *   status                                            as weir_job_status, with nodes
 *   time                                              "text": as `weir run --explain-time`
 *   stop                                              sources stop, what is in flight arrives, sinks finish
 *   cancel                                            at once
 *   checkpoint                                        "number", "path"; answered once it is complete, or has failed
 *   state-backend  "backend", "node", "cache",        "moved": what became of each subtask; answered once all are done
 *               "directory" (the last three may be
 *               left out)
 *   savepoint   "after": "go_on"|"suspend"|"drain",   "path"; answered once it is complete, or has failed
 *               "directory" (may be left out)
 *   about                                             "options", "manifest", "directory": how the job was started, and
 *                                                     where; "guarantees": of each sink, enum weir_sink_guarantee_level
 *   upgrade     "job": {"options", "manifest"},       several lines, each with a "step": suspended ("savepoint"), then
 *               "drop": bool                          upgraded ("checkpoint"), finished or ended; or failed ("why"),
 *                                                     then back
 *
 * Who asked for stop, cancel, or a savepoint to end the job with, sees the connection end once it has: with its lock given
 * back, by the supervisor.
 *
 * The server is a thread of the job's process, and one more for each connection, so that a job can be cancelled while
 * somebody waits for a savepoint of it; they call only what weir.h gives to any thread. They end before the job is
 * destroyed, and after it ended: then nothing that was asked for can keep them waiting.
 */
#ifndef WEIR_CLI_CONTROL_H
#define WEIR_CLI_CONTROL_H

#include <jansson.h>

#include "base/text.h"
#include "cli/home.h"
#include "cli/job_args.h"

struct weir_control;
/* Takes the place of a socket that a dead process left. The home's lock is held, and outlives it. */
WEIR_CHECKED weir_status weir_control_start(const struct weir_job_home *, struct weir_job *, const struct weir_job_args *,
                                            struct weir_control **, struct weir_error *);
/* Ends the threads, removes the socket. Gives the directory of the savepoint that the job was ended with through here, or
 * NULL; the caller frees it with weir_free. */
char *weir_control_stop(struct weir_control *);

/* Another process: asks, waits for the answer and gives it (the caller json_decrefs; "ok" is true). WEIR_E_CONFIG: the job
 * does not run. Otherwise the error is the job's own. */
WEIR_CHECKED weir_status weir_control_ask(const struct weir_job_home *, json_t *request, json_t **answer,
                                          struct weir_error *);
/* The same, and waits until the job has ended. */
WEIR_CHECKED weir_status weir_control_ask_to_end(const struct weir_job_home *, json_t *request, json_t **answer,
                                                 struct weir_error *);

/* The same, for several answers. */
struct weir_control_call {
    const struct weir_job_home *home;
    int connection;
    struct weir_text held;
};
WEIR_CHECKED weir_status weir_control_begin(const struct weir_job_home *, json_t *request, struct weir_control_call *,
                                            struct weir_error *);
WEIR_CHECKED weir_status weir_control_next(struct weir_control_call *, json_t **answer, struct weir_error *);
void weir_control_hang_up(struct weir_control_call *);
/* An answer, from whoever the connection was handed to. False: nobody takes it. */
bool weir_control_send(int connection, const json_t *answer);

#endif
