/* harness/sim.h - a deployed job on one thread, a virtual clock and a seeded scheduler.
 *
 * The platform is the operating system's, but for clocks and randomness, and nothing is synced to the disk: time stands
 * still unless the scheduler moves it, and every order in which subtasks could run, channels could be polled, and work that
 * waits could come back, is drawn from the seed. The same seed gives the same run.
 */
#ifndef WEIR_HARNESS_SIM_H
#define WEIR_HARNESS_SIM_H

#include "base/random.h"
#include "job/run.h"

struct weir_sim_clock {
    int64_t start_ms; /* the wall clock at the beginning */
    int64_t drift_ns; /* a step takes less than this, drawn; 0: time moves only when nothing else can */
    int64_t poll_ns;  /* after which a source that gave nothing is asked again */
};
struct weir_sim {
    struct weir_platform platform; /* give it to weir_run_deploy */
    struct weir_random random;
    struct weir_sim_clock clock;
    int64_t now_ns;
    uint64_t steps;
    struct weir_sim_work *works; /* what a thread of a pool would run, not run yet */
    size_t n_works, works_capacity;
    /* Ends the run early, as a crash would; asked before each step and each time the clock moves; NULL: never. */
    bool (*enough)(struct weir_sim *, struct weir_run *);
};
void weir_sim_init(struct weir_sim *, uint64_t seed); /* the clock may be set afterwards */

/* Runs one of the pieces of work that wait, drawn at random; false: there are none. Work that takes long, in other words,
 * comes back at any time, in any order. */
bool weir_sim_work_one(struct weir_sim *);

/* Steps a deployed job to its end. Fails when a subtask fails, or when nothing can move and nothing is due: a deadlock.
 * MORE: it was enough. */
weir_status weir_sim_run(struct weir_sim *, struct weir_run *, struct weir_error *);

/* By all sources so far; of a run on threads, too. */
uint64_t weir_test_rows_read(struct weir_run *);

#endif
