/* cli/jobs.h - `weir list` without a kind of component: the jobs of this machine. */
#ifndef WEIR_CLI_JOBS_H
#define WEIR_CLI_JOBS_H

#include <stdbool.h>

int weir_list_jobs(bool json); /* every job that ran in this home, living or dead; returns enum weir_exit */

#endif
