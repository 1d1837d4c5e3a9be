/* cli/places.h - where somebody has moved a job's keyed state to while it ran: jobs/NAME/state-backends.
 *
 * A list of objects, the newest last: {"backend", "node", "cache", "directory", "instead": {NODE: PLACE}}, the first four
 * as `weir state-backend` was given them, PLACE what the manifest and the options said then (weir_job_each_state_place),
 * that of the whole job under "". A node goes on where it was moved to as long as they say the same; once they say
 * something else, that is newer than the move, and counts.
 */
#ifndef WEIR_CLI_PLACES_H
#define WEIR_CLI_PLACES_H

#include "cli/home.h"
#include "embed/weir.h"

/* After a move. Any thread, one at a time. */
WEIR_CHECKED weir_status weir_places_note(const struct weir_job_home *, struct weir_job *, const struct weir_swap_options *,
                                          struct weir_error *);
/* Before a job that goes on is started: it begins where it was. */
WEIR_CHECKED weir_status weir_places_apply(const struct weir_job_home *, struct weir_job *, struct weir_error_text *);
void weir_places_forget(const struct weir_job_home *); /* of a job that begins again */

#endif
