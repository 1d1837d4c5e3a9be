/* cli/progress.h - how a running job looks on the terminal, and its last line. */
#ifndef WEIR_CLI_PROGRESS_H
#define WEIR_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "embed/weir.h"

struct weir_progress_view {
    bool live;        /* standard error is a terminal: redraw; else a line now and then */
    bool nodes;       /* a row per node, when standard output does not share the terminal */
    int lines;        /* drawn last time */
    int64_t drawn_ms; /* elapsed time of the last drawing */
    struct weir_job_status last;
};
void weir_progress_init(struct weir_progress_view *, bool quiet);
void weir_progress_show(struct weir_progress_view *, struct weir_job *); /* when it is time */
void weir_progress_clear(struct weir_progress_view *);
void weir_progress_finish(struct weir_progress_view *);

/* "read 10,000 records, wrote 147, rejected 1, late 0 in 0.12 s: 83,333 records/s" or the same as a line of JSON. */
void weir_print_summary(struct weir_job *, bool json);

#endif
