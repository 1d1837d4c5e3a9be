/* cli/trial.h - what the home of a job knows of an upgrade that is under way, in case every process of it goes at once: a
 * power failure. docs/design/008-upgrades.md.
 *
 *   jobs/NAME/upgrade               one JSON object, synced: {"step", "new", "old", "savepoint", "drop"}, as in cli/inbox.h
 *     "step": "begun"                 the old job is asked for the savepoint that it is suspended with
 *     "step": "trial"                 it has that, and the new job is on trial until its first checkpoint is complete
 *     "step": "back"                  the new one failed, and the old one comes back
 *   jobs/NAME/manifest.before.yaml  the old manifest, written before the record is
 *
 * There is a record until the upgrade is over, one way or the other. A job that goes on with `--resume` does what it says.
 */
#ifndef WEIR_CLI_TRIAL_H
#define WEIR_CLI_TRIAL_H

#include <jansson.h>

#include "cli/home.h"
#include "cli/job_args.h"

#define WEIR_OLD_MANIFEST "manifest.before.yaml"

/* Before anything happens to the old job, which was started with the home's manifest. */
WEIR_CHECKED weir_status weir_trial_begin(const struct weir_job_home *, const json_t *upgrade, struct weir_error *);
WEIR_CHECKED weir_status weir_trial_note(const struct weir_job_home *, const json_t *upgrade, const char *step,
                                         struct weir_error *);
void weir_trial_forget(const struct weir_job_home *); /* durably; where there is none, too */
/* The record; NULL: there is none, or it cannot be read, which is logged. */
json_t *weir_trial_read(const struct weir_job_home *);

enum weir_trial_verdict {
    WEIR_TRIAL_NONE = 0, /* the job is started as it is named; an upgrade that was under way is over */
    WEIR_TRIAL_OLD,      /* the old job goes on, from the record's savepoint, or, without one, from its newest checkpoint */
    WEIR_TRIAL_NEW       /* the new one does, which has a checkpoint: it is another manifest than the one that is named */
};
/* What becomes of an upgrade that nobody saw the end of, now that the job, which is checked, is to go on from its newest
 * checkpoint. Says so on standard error. */
enum weir_trial_verdict weir_trial_judge(const struct weir_job_home *, const json_t *upgrade, struct weir_job *,
                                         const char *manifest);

#endif
