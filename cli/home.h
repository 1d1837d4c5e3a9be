/* cli/home.h - where jobs live on this machine: their folders, who runs which, and what became of them.
 *
 *   HOME    $WEIR_HOME, else /var/lib/weir (root), else $XDG_STATE_HOME/weir (~/.local/state/weir)
 *     jobs/NAME/lock            locked from the job's start to its end: by its child, and between two by the supervisor
 *     jobs/NAME/state           one JSON object, replaced by a rename: struct weir_job_record
 *     jobs/NAME/manifest.yaml   as it was when the job was started; manifest.before.yaml is the one before an upgrade
 *     jobs/NAME/upgrade         an upgrade that is under way (cli/trial.h)
 *     jobs/NAME/plugins.sha256  the plugin files that it was last started with (cli/plugin_files.h)
 *     jobs/NAME/state-backends  where its keyed state was moved to while it ran (cli/places.h)
 *     jobs/NAME/checkpoints     where the manifest names no directory; savepoints: likewise
 *     jobs/NAME/log             what weir said while the job ran; log.1 is the one before it was full
 *   SOCKETS $WEIR_RUN, else /run/weir (root), else $XDG_RUNTIME_DIR/weir, else HOME/run
 *     NAME                      mode 0600: the running job answers here (cli/control.h)
 *
 * A lock tells the living from the dead: a record that says "running" under a free lock is of a job whose processes
 * are gone.
 * Single-threaded. Folders are made with mode 0700.
 */
#ifndef WEIR_CLI_HOME_H
#define WEIR_CLI_HOME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct weir_home {
    char *jobs, *sockets;
};
/* From the environment; no file is touched. Fails where it says nothing usable. */
WEIR_CHECKED weir_status weir_home_find(struct weir_home *, struct weir_error *);
void weir_home_finish(struct weir_home *);

/* The folder of one job. */
struct weir_job_home {
    char *name, *path, *socket; /* owned */
    int lock;                   /* -1: not held */
};
/* Names that are no plain file name are refused. Nothing is made. */
WEIR_CHECKED weir_status weir_job_home_init(struct weir_job_home *, const struct weir_home *, const char *name,
                                            struct weir_error *);
void weir_job_home_finish(struct weir_job_home *); /* gives the lock back */
bool weir_job_home_exists(const struct weir_job_home *);
/* Makes the folders, and locks. WEIR_E_CONFIG: somebody else holds the lock; the message says who. */
WEIR_CHECKED weir_status weir_job_home_lock(struct weir_job_home *, struct weir_error *);
/* One that a process before this one took, and left open to it. */
WEIR_CHECKED weir_status weir_job_home_adopt(struct weir_job_home *, int lock, struct weir_error *);
bool weir_job_home_is_locked(const struct weir_job_home *); /* by a process that runs it */
/* name within the folder; the caller frees */
char *weir_job_home_path(const struct weir_job_home *, const char *name);

/* What became of a job. Texts are owned; NULL where there is nothing to say. */
struct weir_job_record {
    char *state;     /* "starting", "running", "restarting", "finished", "stopped", "suspended", "cancelled", "failed" */
    char *manifest;  /* absolute path it was read from */
    char *reason;    /* of "failed" and "restarting" */
    char *savepoint; /* of "suspended" */
    int64_t pid;     /* of the supervisor */
    int64_t started_ms, changed_ms; /* wall clock */
    int64_t attempt;                /* 0 at first */
};
void weir_job_record_finish(struct weir_job_record *);
WEIR_CHECKED weir_status weir_job_record_write(const struct weir_job_home *, const struct weir_job_record *,
                                               struct weir_error *);
/* Into a zeroed struct. A folder without a record, or with a damaged one, is WEIR_E_IO. */
WEIR_CHECKED weir_status weir_job_record_read(const struct weir_job_home *, struct weir_job_record *, struct weir_error *);
/* What is true now: the record's state, or "died" where it says running and nobody holds the lock. */
const char *weir_job_record_state(const struct weir_job_home *, const struct weir_job_record *);

/* Every job of the home, by name; stops at the first false. */
WEIR_CHECKED weir_status weir_home_each(const struct weir_home *, bool (*visit)(void *arg, struct weir_job_home *),
                                        void *arg, struct weir_error *);

/* The error of naming a job that is not there, with the one that may be meant. */
weir_status weir_job_home_missing(const struct weir_job_home *, struct weir_error *);

#endif
