/* sim.c - see the header. */
#include "harness/sim.h"

#include <inttypes.h>

#include "base/alloc.h"

#define NS_PER_MS  1000000
#define MOST_STEPS 50000000u /* a job of the tests that takes more goes round in circles */

static int64_t monotonic_ns(void *self)
{
    return ((struct weir_sim *)self)->now_ns;
}
static int64_t wall_ms(void *self)
{
    const struct weir_sim *s = self;
    return s->clock.start_ms + s->now_ns / NS_PER_MS;
}
static uint64_t random_bits(void *self)
{
    return weir_random_next(&((struct weir_sim *)self)->random);
}

struct weir_sim_work {
    void (*run)(void *arg, void *piece);
    void *arg, *piece;
};

static void run_later(void *self, void (*run)(void *arg, void *piece), void *arg, void *piece)
{
    struct weir_sim *s = self;
    WEIR_GROW(s->works, s->works_capacity, s->n_works + 1);
    s->works[s->n_works++] = (struct weir_sim_work){run, arg, piece};
}

bool weir_sim_work_one(struct weir_sim *s)
{
    if (s->n_works == 0) return false;
    size_t i = weir_random_below(&s->random, s->n_works);
    struct weir_sim_work w = s->works[i];
    s->works[i] = s->works[--s->n_works];
    w.run(w.arg, w.piece);
    return true;
}

/* No power is lost here. */
static weir_status sync_file(void *self, struct weir_platform_file *file, struct weir_error *error)
{
    (void)self, (void)file, (void)error;
    return WEIR_OK;
}
static weir_status sync_directory(void *self, const char *path, struct weir_error *error)
{
    (void)self, (void)path, (void)error;
    return WEIR_OK;
}

void weir_sim_init(struct weir_sim *s, uint64_t seed)
{
    static const struct weir_sim_clock clock = {.start_ms = 1700000000000, .drift_ns = 20000, .poll_ns = NS_PER_MS};
    *s = (struct weir_sim){.platform = *weir_platform_os(), .random = {seed}, .clock = clock};
    s->platform.self = s; /* the operating system's other calls take no notice of it */
    s->platform.monotonic_ns = monotonic_ns;
    s->platform.wall_ms = wall_ms;
    s->platform.random = random_bits;
    s->platform.run_later = run_later;
    s->platform.sync = sync_file;
    s->platform.sync_directory = sync_directory;
}

struct all {
    struct weir_run *run;
    struct weir_subtask **subtasks;
    uint32_t n;
};

static struct all collect(struct weir_run *run)
{
    struct weir_worker **workers;
    uint32_t n_workers = weir_run_workers(run, &workers);
    struct all a = {.run = run};
    for (uint32_t i = 0; i < n_workers; i++) a.n += workers[i]->n_subtasks;
    a.subtasks = weir_alloc_array(a.n + 1, sizeof *a.subtasks);
    a.n = 0;
    for (uint32_t i = 0; i < n_workers; i++) {
        for (uint32_t j = 0; j < workers[i]->n_subtasks; j++) a.subtasks[a.n++] = workers[i]->subtasks[j];
    }
    return a;
}

static bool is_over(const struct weir_subtask *t)
{
    return t->state == WEIR_SUBTASK_DONE || t->state == WEIR_SUBTASK_FAILED;
}

/* INT64_MAX: never, or beyond what the clock can show. */
static int64_t instant_of(const struct weir_sim *s, int64_t wall_ms)
{
    int64_t ns;
    bool beyond = __builtin_sub_overflow(wall_ms, s->clock.start_ms, &ns) || __builtin_mul_overflow(ns, NS_PER_MS, &ns);
    return beyond ? INT64_MAX : ns;
}

/* Nothing moved: time does, to what is due next; a source that gave nothing is asked again after a while. */
static bool move_time(struct weir_sim *s, const struct all *a)
{
    int64_t due = weir_run_step_checkpoints(a->run);
    if (due <= s->now_ns) return true; /* it did something */
    for (uint32_t i = 0; i < a->n; i++) {
        const struct weir_subtask *t = a->subtasks[i];
        if (is_over(t)) continue;
        int64_t next = instant_of(s, weir_subtask_next_due_ms(t));
        bool polls = (t->has_source && t->nothing_polled) || weir_chain_is_stalled(&t->chain);
        if (polls && s->now_ns + s->clock.poll_ns < next) next = s->now_ns + s->clock.poll_ns;
        if (next < due) due = next;
    }
    if (due == INT64_MAX) return false;
    s->now_ns = due > s->now_ns ? due : s->now_ns + NS_PER_MS;
    return true;
}

static weir_progress step_one(struct weir_sim *s, struct weir_subtask *t)
{
    if (t->gate.n_channels > 1) t->gate.cursor = (uint32_t)weir_random_below(&s->random, t->gate.n_channels);
    if (s->clock.drift_ns) s->now_ns += (int64_t)weir_random_below(&s->random, (uint64_t)s->clock.drift_ns);
    s->steps++;
    return weir_subtask_step(t, wall_ms(s));
}

/* Steps subtasks drawn at random until each that is left has had nothing to do since the last progress. */
static weir_status run_until_quiet(struct weir_sim *s, struct all *a, uint32_t *left, struct weir_error *error)
{
    uint64_t without = 0;
    while (*left > 0 && without < (uint64_t)*left * 4 + 8 && !(s->enough && s->enough(s, a->run))) {
        if (s->n_works > 0 && weir_random_below(&s->random, a->n + 1) == 0) weir_sim_work_one(s);
        struct weir_subtask *t = a->subtasks[weir_random_below(&s->random, a->n)];
        if (is_over(t)) continue;
        weir_progress p = step_one(s, t);
        if (p == WEIR_FAILED) return weir_error_set(error, t->error.status, "%s", t->error.text);
        if (p == WEIR_DONE) --*left;
        if (weir_random_below(&s->random, 16) == 0) weir_run_step_checkpoints(a->run);
        without = p == WEIR_NONE ? without + 1 : 0;
    }
    return WEIR_OK;
}

/* Each once, from one drawn at random on: the walk above may have missed a subtask. */
static weir_progress ask_all(struct weir_sim *s, struct all *a, uint32_t *left, struct weir_error *error)
{
    weir_progress any = WEIR_NONE;
    uint32_t first = (uint32_t)weir_random_below(&s->random, a->n);
    for (uint32_t i = 0; i < a->n; i++) {
        struct weir_subtask *t = a->subtasks[(first + i) % a->n];
        if (is_over(t)) continue;
        weir_progress p = step_one(s, t);
        if (p == WEIR_FAILED) {
            weir_error_set(error, t->error.status, "%s", t->error.text);
            return p;
        }
        if (p == WEIR_DONE) --*left;
        if (p != WEIR_NONE) any = WEIR_MADE;
    }
    return any;
}

/* Moves time on until something comes of it. */
static weir_status wait_for_work(struct weir_sim *s, struct all *a, uint32_t *left, struct weir_error *error)
{
    while (!(s->enough && s->enough(s, a->run))) {
        const struct weir_error *failure = weir_run_failure(a->run); /* the checkpoints' */
        if (failure) return weir_error_set(error, failure->status, "%s", failure->text);
        weir_progress p = ask_all(s, a, left, error);
        if (p == WEIR_FAILED) return error->status;
        if (p == WEIR_MADE || weir_sim_work_one(s)) return WEIR_OK;
        if (!move_time(s, a))
            return weir_error_set(error, WEIR_E_BUG, "deadlock: %u subtasks are left, none can move, nothing is due", *left);
        if (s->steps > MOST_STEPS) return weir_error_set(error, WEIR_E_BUG, "no end after %" PRIu64 " steps", s->steps);
    }
    return WEIR_OK;
}

static weir_status run_all(struct weir_sim *s, struct all *a, struct weir_error *error)
{
    uint32_t left = a->n;
    for (uint32_t i = 0; i < a->n; i++) {
        if (weir_subtask_open(a->subtasks[i]) != WEIR_OK)
            return weir_error_set(error, a->subtasks[i]->error.status, "%s", a->subtasks[i]->error.text);
    }
    while (left > 0) {
        if (s->enough && s->enough(s, a->run)) return WEIR_MORE;
        weir_status status = run_until_quiet(s, a, &left, error);
        if (status == WEIR_OK && left > 0) status = wait_for_work(s, a, &left, error);
        if (status != WEIR_OK) return status;
    }
    return WEIR_OK;
}

weir_status weir_sim_run(struct weir_sim *s, struct weir_run *run, struct weir_error *error)
{
    struct all a = collect(run);
    weir_status status = run_all(s, &a, error);
    weir_free(s->works); /* what is left waits for ever: the pools close */
    s->works = NULL;
    s->n_works = s->works_capacity = 0;
    for (uint32_t i = 0; i < a.n; i++) weir_subtask_close(a.subtasks[i]);
    weir_free(a.subtasks);
    weir_run_set_over(run);
    weir_run_step_checkpoints(run);
    return status;
}

uint64_t weir_test_rows_read(struct weir_run *run)
{
    struct weir_run_status s;
    weir_run_status_take(run, &s);
    uint64_t n = s.rows_read;
    weir_run_status_finish(&s);
    return n;
}
