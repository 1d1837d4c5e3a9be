/* harness/sim_job.h - a manifest compiled and run under the seeded scheduler (sim.h); what it prints is caught. */
#ifndef WEIR_HARNESS_SIM_JOB_H
#define WEIR_HARNESS_SIM_JOB_H

#include "harness/sim.h"
#include "loader/document.h"

/* Where jobs run, one after the other. */
struct weir_sim_stage {
    struct weir_sim sim; /* first: the platform's self */
    struct weir_registry *registry;
    struct weir_text printed; /* by the job that ran last */
};
/* directories: of plugins, NULL-terminated. */
WEIR_CHECKED weir_status weir_sim_stage_init(struct weir_sim_stage *, const char *const *directories, struct weir_error *);
void weir_sim_stage_finish(struct weir_sim_stage *);

struct weir_sim_job {
    const char *manifest; /* path */
    uint64_t seed;
    uint32_t parallelism; /* 0: as the manifest says */
    const struct weir_assignment *sets, *overrides;
    size_t n_sets, n_overrides;
    const struct weir_sim_clock *clock;         /* NULL: the usual one */
    void (*look)(void *arg, struct weir_run *); /* at the job's end; may be NULL */
    void *look_arg;
};
/* On failure `trouble` says what is wrong with the manifest or the run. */
WEIR_CHECKED weir_status weir_sim_job_run(struct weir_sim_stage *, const struct weir_sim_job *, struct weir_text *trouble);

#endif
