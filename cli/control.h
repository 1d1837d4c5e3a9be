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
 *
 * The server is a thread of the job's process, and one more for each connection, so that a job can be cancelled while
 * somebody waits for a savepoint of it; they call only what weir.h gives to any thread. They end before the job is
 * destroyed, and after it ended: then nothing that was asked for can keep them waiting.
 */
#ifndef WEIR_CLI_CONTROL_H
#define WEIR_CLI_CONTROL_H

#include <jansson.h>

#include "cli/home.h"
#include "embed/weir.h"

struct weir_control;
/* Takes the place of a socket that a dead process left. The home's lock is held, and outlives it. */
WEIR_CHECKED weir_status weir_control_start(const struct weir_job_home *, struct weir_job *, struct weir_control **,
                                            struct weir_error *);
/* Ends the threads, removes the socket. Gives the directory of the savepoint that the job was ended with through here, or
 * NULL; the caller frees it with weir_free. */
char *weir_control_stop(struct weir_control *);

/* Another process: asks, waits for the answer and gives it (the caller json_decrefs; "ok" is true). WEIR_E_CONFIG: the job
 * does not run. Otherwise the error is the job's own. */
WEIR_CHECKED weir_status weir_control_ask(const struct weir_job_home *, json_t *request, json_t **answer,
                                          struct weir_error *);

#endif
