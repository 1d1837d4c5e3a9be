/* checkpoints.c - see the header. */
#include "job/checkpoints.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/text.h"
#include "checkpoint/saved.h"
#include "job/attempt.h"
#include "job/checkpoint_files.h"
#include "job/saving.h"
#include "job/storage_watch.h"
#include "job/swap.h"

#define NS_PER_MS 1000000

struct weir_checkpoints {
    struct weir_run *run;
    const struct weir_checkpoint_config *config;
    struct weir_cuts cuts;
    struct weir_orders orders;
    struct weir_savings requests;
    _Atomic uint32_t stop;
    struct weir_parker parker;
    struct weir_thread *thread;

    int64_t triggered_ns, ended_ns;         /* of the newest checkpoint; of the one that ended last */
    uint32_t failures;                      /* of checkpoints, in a row */
    struct weir_saving *stopping;           /* a suspend or a drain that is under way */
    struct weir_saving *swapping;           /* a change of backend that is not answered yet */
    struct weir_saving *swapped;            /* answered; to be closed when no older attempt is under way */
    struct weir_saving *asked;              /* who wait for a checkpoint that is not triggered yet */
    bool over, stopped, drained, suspended; /* suspended: the directory says so, of an earlier life */
    bool given_up;
    struct weir_storages storages;
    struct weir_storage_watch watch;
    struct weir_storage *own; /* where checkpoints go; NULL: none are taken */
    struct weir_kept_list kept;
};

static int64_t now_of(const struct weir_checkpoints *c)
{
    return c->run->platform->monotonic_ns(c->run->platform->self);
}

static void wake_subtasks(struct weir_checkpoints *c)
{
    for (uint32_t i = 0; i < c->run->n_workers; i++) weir_worker_wake(&c->run->workers[i]);
    for (uint32_t i = 0; i < c->run->n_ops; i++) {
        struct weir_op *op = c->run->ops[i].op;
        if (op->class->interrupt) op->class->interrupt(op);
    }
}

/* [task] */
static void hand_over(void *arg, struct weir_subtask *t, struct weir_subtask_cut cut)
{
    struct weir_checkpoints *c = arg;
    weir__cuts_hand_over(&c->cuts, t, cut);
    weir_checkpoints_wake(c);
}

/* ---- beginning --------------------------------------------------------------------------------------------------- */

/* What sources are to inject follows from what is under way. */
static void note_oldest(struct weir_checkpoints *c)
{
    int64_t newest = atomic_load_explicit(&c->orders.newest, memory_order_relaxed);
    atomic_store_explicit(&c->orders.oldest, c->cuts.n > 0 ? c->cuts.attempts[0].number : newest + 1, memory_order_relaxed);
}

static int64_t next_number(const struct weir_checkpoints *c)
{
    return atomic_load_explicit(&c->orders.newest, memory_order_relaxed) + 1;
}

static void send_barrier(struct weir_checkpoints *c, int64_t number)
{
    note_oldest(c);
    atomic_store_explicit(&c->orders.newest, number, memory_order_release);
    wake_subtasks(c);
}

static void trigger(struct weir_checkpoints *c, struct weir_saving *savepoint, int64_t now)
{
    int64_t number = next_number(c);
    if (!savepoint) c->triggered_ns = now;
    struct weir_attempt *a = weir__attempt_add(&c->cuts, number, now);
    a->savepoint = savepoint;
    if (!savepoint) {
        a->asked = c->asked;
        c->asked = NULL;
    }
    if (!savepoint && c->config->incremental) weir__attempt_allow_changes(a, &c->orders.changes);
    if (savepoint && savepoint->then == WEIR_THEN_SUSPEND)
        atomic_store_explicit(&c->orders.hold, number, memory_order_release);
    send_barrier(c, number);
}

static bool is_checkpoint(const struct weir_attempt *a)
{
    return !a->savepoint && !a->swap;
}

static size_t checkpoints_under_way(const struct weir_checkpoints *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->cuts.n; i++) n += is_checkpoint(&c->cuts.attempts[i]);
    return n;
}

/* When the next checkpoint is to be triggered; INT64_MAX: not before something happens. */
static int64_t next_trigger(const struct weir_checkpoints *c)
{
    if (!c->config->directory || c->stopping || c->stopped || weir__cuts_all_over(&c->cuts)) return INT64_MAX;
    if (c->swapping) return INT64_MAX;
    if (checkpoints_under_way(c) >= c->config->max_concurrent) return INT64_MAX;
    if (c->asked) return INT64_MIN;
    int64_t every = c->triggered_ns + c->config->every_ms * NS_PER_MS;
    int64_t pause = c->ended_ns + c->config->min_pause_ms * NS_PER_MS;
    return every > pause ? every : pause;
}

static const char lost[] = "a part of the job has ended, and its state was not kept; a job with `checkpoint:` keeps it";

/* ---- savepoints -------------------------------------------------------------------------------------------------- */

/* State may be asked back to where older state is still read: that is done first. */
static void finish_swapped(struct weir_checkpoints *c)
{
    if (!c->swapped) return;
    weir__cuts_read_all(&c->cuts);
    for (struct weir_saving *s = c->swapped; s; s = s->next) weir__swap_close_stores(s->swap);
}

/* Stores are opened before anybody waits for them. */
static void begin_swap(struct weir_checkpoints *c, struct weir_saving *s, int64_t now)
{
    struct weir_error error;
    if (c->swapping) {
        weir__saving_refuse(s, "another change of backends is under way");
        return;
    }
    finish_swapped(c);
    if (weir__swap_open(s->swap, &error) != WEIR_OK) {
        weir_error_prefix(&error, "%s: ", weir__saving_fails_as(s));
        weir__saving_answer(s, 0, NULL, &error);
        return;
    }
    int64_t number = next_number(c);
    weir__saving_retain(s); /* until it is closed */
    c->swapping = s;
    s->number = number;
    weir__attempt_add(&c->cuts, number, now)->swap = s->swap;
    weir__swap_order(s->swap, number);
    atomic_store_explicit(&c->orders.uncut, number, memory_order_relaxed); /* published with the barrier */
    send_barrier(c, number);
}

static void begin(struct weir_checkpoints *c, struct weir_saving *s, int64_t now)
{
    if (c->stopping || c->stopped) {
        weir__saving_refuse(s, s->directory ? "the job is being stopped with another one"
                                            : "the job is being stopped with a savepoint");
    } else if (s->swap) {
        begin_swap(c, s, now);
    } else if (!s->directory) {
        s->next = c->asked;
        c->asked = s;
    } else if (c->cuts.n_lost > 0) {
        weir__saving_refuse(s, lost);
    } else if (s->then == WEIR_THEN_DRAIN) {
        c->stopping = s; /* the last checkpoint is it */
        atomic_store_explicit(&c->orders.last, 1, memory_order_release);
        weir__run_stop(c->run, WEIR_STOP_DRAIN);
    } else {
        if (s->then == WEIR_THEN_SUSPEND) c->stopping = s;
        trigger(c, s, now);
    }
}

static void read_requests(struct weir_checkpoints *c, int64_t now)
{
    for (struct weir_saving *next, *s = weir__savings_take(&c->requests, false); s; s = next) {
        next = s->next;
        begin(c, s, now);
    }
}

/* Those that nobody will begin for a while. [watch] */
static void refuse_requests(void *arg, const char *why)
{
    struct weir_checkpoints *c = arg;
    weir__saving_refuse_all(weir__savings_take(&c->requests, false), why);
}

/* Any thread. Takes the ticket. */
static weir_status request(struct weir_checkpoints *c, struct weir_saving *s, struct weir_saving **to,
                           struct weir_error *error)
{
    weir_status status = weir__storage_watch_check(&c->watch, error);
    if (status == WEIR_OK && !weir__savings_add(&c->requests, s))
        status = weir_error_set(error, WEIR_E_CONFIG, "the job has ended");
    if (status != WEIR_OK) {
        weir_error_prefix(error, "%s: ", weir__saving_fails_as(s));
        weir_saving_release(s);
        weir_saving_release(s);
        return status;
    }
    *to = s;
    weir_checkpoints_wake(c);
    return WEIR_OK;
}

weir_status weir_checkpoints_savepoint(struct weir_checkpoints *c, const char *directory, enum weir_saving_then then,
                                       struct weir_saving **to, struct weir_error *error)
{
    const struct weir_checkpoint_config *config = c->config;
    if (!directory) directory = config->savepoints ? config->savepoints : config->directory;
    *to = NULL;
    if (!directory)
        return weir_error_set(error, WEIR_E_CONFIG,
                              "where is the savepoint to go? name a directory, or give the job `checkpoint: {savepoints: "
                              "DIRECTORY}`");
    return request(c, weir__saving_create(c->run->platform, directory, then), to, error);
}

weir_status weir_checkpoints_checkpoint(struct weir_checkpoints *c, struct weir_saving **to, struct weir_error *error)
{
    *to = NULL;
    if (!c->config->directory)
        return weir_error_set(error, WEIR_E_CONFIG,
                              "there is no checkpoint: the job takes none, since its manifest has no `checkpoint:`; a "
                              "savepoint can be had of it all the same");
    return request(c, weir__saving_create(c->run->platform, NULL, WEIR_THEN_GO_ON), to, error);
}

weir_status weir_checkpoints_swap(struct weir_checkpoints *c, const char *node, const struct weir_state_config *config,
                                  struct weir_saving **to, struct weir_error *error)
{
    struct weir_saving *s = weir__saving_create(c->run->platform, NULL, WEIR_THEN_GO_ON);
    s->swap = weir__swap_create(c->run, node, config);
    *to = NULL;
    return request(c, s, to, error);
}

/* ---- changes of backend ------------------------------------------------------------------------------------------ */

/* Time in which a subtask copies is nobody's delay. */
static int64_t deadline_of(const struct weir_checkpoints *c, const struct weir_attempt *a)
{
    int64_t from = a->triggered_ns;
    if (a->swap && a->swap->answered) return INT64_MAX;
    if (c->swapping) {
        if (weir__swap_is_copying(c->swapping->swap)) return INT64_MAX;
        int64_t ended = weir__swap_ended_ns(c->swapping->swap);
        if (ended > from) from = ended;
    }
    return from + c->config->timeout_ms * NS_PER_MS;
}

static void answer_swap(struct weir_checkpoints *c, bool late)
{
    struct weir_error error;
    struct weir_saving *s = c->swapping;
    weir_status status = weir__swap_end(s->swap, late, c->config->timeout_ms, &error);
    c->swapping = NULL;
    s->next = c->swapped;
    c->swapped = s;
    weir__saving_answer(s, s->number, NULL, status == WEIR_OK ? NULL : &error);
}

/* True: something has changed. */
static bool attend_swap(struct weir_checkpoints *c, size_t at, int64_t now)
{
    struct weir_attempt *a = &c->cuts.attempts[at];
    bool has_passed = weir__attempt_has_passed(&c->cuts, a), changed = false;
    if (c->swapping && c->swapping->swap == a->swap) {
        bool late = now >= deadline_of(c, a);
        if (has_passed || late) weir__swap_withdraw(a->swap);
        changed = weir__swap_is_decided(a->swap);
        if (changed) answer_swap(c, late && !has_passed);
    }
    if (!has_passed || !a->swap->answered) return changed;
    weir__attempt_remove(&c->cuts, at);
    note_oldest(c);
    return true;
}

/* Those whose barrier is through, and before which nobody is still cut. */
static void close_swapped(struct weir_checkpoints *c)
{
    for (struct weir_saving **at = &c->swapped; *at;) {
        struct weir_saving *s = *at;
        bool is_used = c->cuts.n > 0 && c->cuts.attempts[0].number <= s->number;
        if (is_used) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        weir__swap_close(s->swap);
        weir_saving_release(s);
    }
}

static bool attend_swaps(struct weir_checkpoints *c, int64_t now)
{
    for (size_t i = 0; i < c->cuts.n; i++) {
        if (c->cuts.attempts[i].swap && attend_swap(c, i, now)) return true;
    }
    close_swapped(c);
    return false;
}

/* The job is over: no subtask does anything any more. */
static void end_swaps(struct weir_checkpoints *c)
{
    for (size_t i = c->cuts.n; i-- > 0;) {
        if (c->cuts.attempts[i].swap) weir__attempt_remove(&c->cuts, i);
    }
    if (c->swapping) {
        weir__saving_refuse(c->swapping, "the job ended before all of it was copied");
        c->swapping->next = c->swapped;
        c->swapped = c->swapping;
        c->swapping = NULL;
    }
}

/* ---- ending badly ------------------------------------------------------------------------------------------------ */

/* Nothing is suspended behind its barrier any more. */
static void let_go(void *arg)
{
    struct weir_checkpoints *c = arg;
    atomic_store_explicit(&c->orders.hold, 0, memory_order_release);
    wake_subtasks(c);
}

static void fail_savepoint(struct weir_checkpoints *c, struct weir_saving *s, struct weir_error *why)
{
    weir_error_prefix(why, "there is no savepoint: ");
    if (s == c->stopping) {
        c->stopping = NULL;
        if (s->then == WEIR_THEN_DRAIN) weir__run_fail(c->run, why);
        let_go(c);
    }
    weir__saving_answer(s, 0, NULL, why);
}

static void tell_abandoned(const struct weir_checkpoints *c, int64_t number, const struct weir_error *why)
{
    weir_log(WEIR_WARN, "checkpoint", "checkpoint %" PRId64 " of job '%s' is abandoned: %s", number, c->run->graph->job,
             why->text);
}

static void fail_checkpoint(struct weir_checkpoints *c, int64_t number, struct weir_error *why)
{
    tell_abandoned(c, number, why);
    if (++c->failures <= c->config->tolerable_failures) return;
    weir_error_prefix(why, "checkpoint %" PRId64 " failed, and %u in a row are tolerated (checkpoint.tolerable): ", number,
                      c->config->tolerable_failures);
    weir__run_fail(c->run, why);
}

static void abandon(struct weir_checkpoints *c, size_t at, const struct weir_error *why)
{
    struct weir_saving *savepoint = c->cuts.attempts[at].savepoint, *asked = c->cuts.attempts[at].asked;
    int64_t number = c->cuts.attempts[at].number;
    struct weir_error error = *why;
    weir__attempt_remove(&c->cuts, at);
    note_oldest(c);
    if (savepoint) {
        fail_savepoint(c, savepoint, &error);
        return;
    }
    c->ended_ns = now_of(c);
    fail_checkpoint(c, number, &error);
    weir_error_set(&error, why->status, "there is no checkpoint: %s", why->text);
    weir__saving_answer_all(asked, 0, NULL, &error);
}

/* Parts of a job without `checkpoint:` end without a last cut. */
static bool is_hopeless(const struct weir_checkpoints *c, const struct weir_attempt *a)
{
    return c->cuts.n_lost > 0 && !weir__attempt_is_cut(&c->cuts, a);
}

static void fail_late(const struct weir_checkpoints *c, struct weir_error *error)
{
    const struct weir_run *run = c->run;
    uint32_t n = run->graph->n_nodes, node = 0;
    while (node < n && !atomic_load_explicit(&run->told[node].timers, memory_order_relaxed)) node++;
    weir_error_set(error, WEIR_E_IO, "not every subtask had cut its state within %" PRId64 " ms (checkpoint.timeout)%s%s%s",
                   c->config->timeout_ms, node < n ? "; " : "", node < n ? run->where[node] : "",
                   node < n ? " sets timers that are due at once, again and again" : "");
}

/* True: one was abandoned. */
static bool abandon_one(struct weir_checkpoints *c, int64_t now)
{
    struct weir_error error;
    for (size_t i = 0; i < c->cuts.n; i++) {
        const struct weir_attempt *a = &c->cuts.attempts[i];
        if (a->swap) continue;
        if (a->declined) {
            error = *a->declined;
        } else if (is_hopeless(c, a)) {
            weir_error_set(&error, WEIR_E_CONFIG, "%s", lost);
        } else if (now >= deadline_of(c, a) && !weir__attempt_is_cut(&c->cuts, a)) {
            fail_late(c, &error);
        } else {
            continue;
        }
        abandon(c, i, &error);
        return true;
    }
    return false;
}

/* ---- ending well ------------------------------------------------------------------------------------------------- */

static void tell_complete(struct weir_checkpoints *c, int64_t number)
{
    atomic_store_explicit(&c->orders.complete, number, memory_order_release);
    wake_subtasks(c);
}

/* Older ones that are still under way are worth nothing any more; that is no failure, and who waits for them has this. */
static void complete_checkpoint(struct weir_checkpoints *c, int64_t number, char *path)
{
    for (size_t i = c->cuts.n; i-- > 0;) {
        struct weir_attempt *a = &c->cuts.attempts[i];
        if (a->number >= number || !is_checkpoint(a)) continue;
        weir__saving_answer_all(a->asked, number, path, NULL);
        weir__attempt_remove(&c->cuts, i);
    }
    note_oldest(c);
    c->failures = 0;
    c->ended_ns = now_of(c);
    weir_log(WEIR_DEBUG, "checkpoint", "checkpoint %" PRId64 " is complete", number);
    weir__kept_add(&c->kept, c->kept.n, number, path);
    atomic_store_explicit(&c->orders.changes.base, number, memory_order_release);
    tell_complete(c, number);
    weir__kept_trim(&c->storages, &c->kept, c->config->keep, weir__cuts_oldest_base(&c->cuts));
    if (c->suspended) weir__suspended_remove(c->run->platform, c->config->directory);
    c->suspended = false;
}

/* The sinks commit, and then the job ends: nothing has come behind the savepoint. */
static void stop_there(struct weir_checkpoints *c, const struct weir_saving *s, int64_t number)
{
    c->stopping = NULL; /* whoever asked may forget it once it is answered */
    c->stopped = true;
    c->drained = s->then == WEIR_THEN_DRAIN;
    atomic_store_explicit(&c->orders.last, 0, memory_order_release);
    tell_complete(c, number);
    if (!c->drained) weir__run_stop(c->run, WEIR_STOP_NOW);
}

static void complete_savepoint(struct weir_checkpoints *c, struct weir_saving *s, int64_t number, char *path)
{
    weir_log(WEIR_DEBUG, "checkpoint", "savepoint %" PRId64 " of job '%s' is complete: %s", number, c->run->graph->job,
             path);
    if (s == c->stopping) stop_there(c, s, number);
    weir__saving_answer(s, number, path, NULL);
}

/* Of attempts of one storage one is written at a time. An older one that something is still missing of will never be
 * whole, since its barriers come before: it makes way. True: one did. */
static bool make_way(struct weir_checkpoints *c, const struct weir_attempt *a, const struct weir_storage *to)
{
    for (size_t i = 0; i < c->cuts.n; i++) {
        struct weir_attempt *older = &c->cuts.attempts[i];
        struct weir_error error;
        if (older == a || weir__attempt_storage(older) != to) continue;
        if (is_checkpoint(older) && is_checkpoint(a)) {
            weir__attempt_stop(older);
            older->overtaken = true;
            continue;
        }
        weir_error_set(&error, WEIR_E_IO, "a later one was cut by every subtask before it was");
        abandon(c, i, &error);
        return true;
    }
    return false;
}

static weir_status note_suspended(struct weir_checkpoints *c, const struct weir_attempt *a, char *path,
                                  struct weir_error *error)
{
    bool suspends = a->savepoint && a->savepoint->then == WEIR_THEN_SUSPEND;
    if (!suspends || !c->config->directory) return WEIR_OK;
    weir_status s = weir__suspended_write(c->run->platform, c->config->directory, a->number, path, error);
    if (s != WEIR_OK) weir_free(path);
    return s;
}

static void complete(struct weir_checkpoints *c, size_t at, char *path)
{
    struct weir_attempt a = c->cuts.attempts[at];
    weir__attempt_remove(&c->cuts, at);
    note_oldest(c);
    if (a.savepoint) {
        complete_savepoint(c, a.savepoint, a.number, path);
    } else {
        complete_checkpoint(c, a.number, path);
        weir__saving_answer_all(a.asked, a.number, path, NULL);
    }
}

/* Some of it; once everything is, it is published. What fails is abandoned. */
static void write_on(struct weir_checkpoints *c, size_t at, bool is_cut)
{
    struct weir_attempt *a = &c->cuts.attempts[at];
    struct weir_storage *to = c->own;
    struct weir_error error;
    char *path;
    c->cuts.lost_base = false;
    weir_status s = a->savepoint ? weir_storages_in(&c->storages, a->savepoint->directory, &to, &error) : WEIR_OK;
    if (s == WEIR_OK && !a->writing && make_way(c, a, to)) return;
    if (s == WEIR_OK) s = weir__attempt_write_in_time(&c->cuts, a, to, is_cut, &c->watch, deadline_of(c, a), &path, &error);
    if (s == WEIR_MORE) return;
    if (s == WEIR_OK) s = note_suspended(c, a, path, &error);
    if (s == WEIR_OK) {
        complete(c, at, path);
        return;
    }
    if (c->cuts.lost_base) atomic_store_explicit(&c->orders.changes.base, 0, memory_order_release);
    abandon(c, at, &error);
}

/* Of one that every subtask has cut, or of the oldest one what was cut of it and is to be read. True: something of one was
 * written, or it failed. */
static bool write_one(struct weir_checkpoints *c)
{
    bool is_oldest = true, ends = atomic_load(&c->run->cancel);
    for (size_t i = 0; i < c->cuts.n; i++) {
        const struct weir_attempt *a = &c->cuts.attempts[i];
        if (a->swap || a->declined || a->overtaken) continue;
        bool is_cut = weir__attempt_is_cut(&c->cuts, a), is_pending = weir__attempt_is_pending(&c->cuts, a);
        if (is_cut ? !is_pending || !ends : is_oldest && is_pending && !ends) {
            write_on(c, i, is_cut);
            return true;
        }
        is_oldest = false;
    }
    return false;
}

/* ---- the end of the job ------------------------------------------------------------------------------------------ */

/* Every subtask is over, and some wait for a checkpoint with their last cut. One that was triggered before is no use: not
 * all of those cuts belong to it. After a failure the next try comes when the next checkpoint would. */
static int64_t next_last(const struct weir_checkpoints *c)
{
    bool waited = c->cuts.newest_last > atomic_load_explicit(&c->orders.complete, memory_order_relaxed);
    if (!weir__cuts_all_over(&c->cuts) || !waited) return INT64_MAX;
    for (size_t i = 0; i < c->cuts.n; i++) {
        if (!c->cuts.attempts[i].swap && c->cuts.attempts[i].number >= c->cuts.newest_last)
            return INT64_MAX; /* it will do */
    }
    return c->failures == 0 ? INT64_MIN : c->ended_ns + c->config->every_ms * NS_PER_MS;
}

static void make_last(struct weir_checkpoints *c, int64_t now)
{
    bool drains = c->stopping && c->stopping->then == WEIR_THEN_DRAIN;
    for (size_t i = c->cuts.n; i-- > 0;) {
        struct weir_attempt *a = &c->cuts.attempts[i];
        if (!is_checkpoint(a)) continue;
        while (a->asked) { /* the last one will do for them */
            struct weir_saving *s = a->asked;
            a->asked = s->next;
            s->next = c->asked;
            c->asked = s;
        }
        weir__attempt_remove(&c->cuts, i);
    }
    trigger(c, drains ? c->stopping : NULL, now);
}

static void end(struct weir_checkpoints *c)
{
    c->over = true;
    weir__cuts_read(&c->cuts); /* what failed in a cut may be why the job did right after it */
    weir__saving_refuse_all(weir__savings_take(&c->requests, true), "the job has ended");
    weir__saving_refuse_all(c->asked, "the job has ended");
    c->asked = NULL;
    end_swaps(c);
    for (size_t i = 0; i < c->cuts.n; i++) {
        if (c->cuts.attempts[i].declined) tell_abandoned(c, c->cuts.attempts[i].number, c->cuts.attempts[i].declined);
        if (c->cuts.attempts[i].savepoint == c->stopping) c->stopping = NULL;
        if (c->cuts.attempts[i].savepoint)
            weir__saving_refuse(c->cuts.attempts[i].savepoint, "the job ended before it was complete");
        weir__saving_refuse_all(c->cuts.attempts[i].asked, "the job ended before it was complete");
        c->cuts.attempts[i].savepoint = c->cuts.attempts[i].asked = NULL;
    }
    if (c->stopping) /* a drain that was not even triggered */
        weir__saving_refuse(c->stopping, "the job ended before it was drained");
}

/* Only once the run is destroyed: whoever looks after its process has heard by then that the job needs none of them. A
 * process killed in between would else be started again without any, from the beginning. */
static void remove_what_is_over(struct weir_checkpoints *c)
{
    enum weir_run_state state = weir_run_state(c->run);
    bool deletes = c->config->delete_on_cancel && (state == WEIR_RUN_STOPPED || state == WEIR_RUN_CANCELLED);
    if (state != WEIR_RUN_FINISHED && !c->drained && !deletes) return;
    weir__kept_trim(&c->storages, &c->kept, 0, INT64_MAX);
    if (state == WEIR_RUN_FINISHED && c->suspended) weir__suspended_remove(c->run->platform, c->config->directory);
}

/* ---- the steps --------------------------------------------------------------------------------------------------- */

static bool step_once(struct weir_checkpoints *c, int64_t now)
{
    weir__cuts_read(&c->cuts);
    read_requests(c, now);
    if (c->stopping && c->stopping->then == WEIR_THEN_DRAIN && c->cuts.n_lost > 0) {
        struct weir_error error;
        weir_error_set(&error, WEIR_E_CONFIG, "%s", lost);
        fail_savepoint(c, c->stopping, &error);
        return true;
    }
    if (attend_swaps(c, now) || abandon_one(c, now) || write_one(c)) return true;
    if (atomic_load(&c->run->cancel)) return false; /* it is about to end */
    if (now >= next_last(c)) {
        make_last(c, now);
        return true;
    }
    if (now < next_trigger(c)) return false;
    trigger(c, NULL, now);
    return true;
}

int64_t weir_checkpoints_step(struct weir_checkpoints *c)
{
    int64_t now = now_of(c);
    if (!c->over && weir_run_state(c->run) > WEIR_RUN_RUNNING) end(c);
    if (c->over) return INT64_MAX;
    if (step_once(c, now)) return now;
    if (atomic_load(&c->run->cancel)) return INT64_MAX;
    int64_t next = next_trigger(c), last = next_last(c);
    if (last < next) next = last;
    for (size_t i = 0; i < c->cuts.n; i++) {
        int64_t timeout = deadline_of(c, &c->cuts.attempts[i]);
        if (timeout < next) next = timeout;
    }
    return next;
}

void weir_checkpoints_wake(struct weir_checkpoints *c)
{
    if (c) c->run->platform->unpark(c->run->platform->self, &c->parker);
}

int64_t weir_checkpoints_last(const struct weir_checkpoints *c)
{
    return atomic_load_explicit(&c->orders.complete, memory_order_acquire);
}

static void coordinate(void *arg)
{
    struct weir_checkpoints *c = arg;
    while (!atomic_load(&c->stop) && !c->over) {
        int64_t until = weir_checkpoints_step(c);
        if (!c->over) c->run->platform->park(c->run->platform->self, &c->parker, until);
    }
    weir_checkpoints_step(c);
}

weir_status weir_checkpoints_start(struct weir_checkpoints *c, struct weir_error *error)
{
    const struct weir_platform *p = c->run->platform;
    weir_status s = weir__storage_watch_start(&c->watch, error);
    return s == WEIR_OK ? p->start_thread(p->self, "checkpoints", coordinate, c, &c->thread, error) : s;
}

/* ---- making and undoing ------------------------------------------------------------------------------------------ */

static void join_in(struct weir_checkpoints *c)
{
    atomic_store(&c->orders.last, c->config->directory != NULL);
    c->orders.changes.most = c->config->full_every - 1;
    note_oldest(c);
    for (uint32_t i = 0; i < c->run->plan->n_subtasks; i++) {
        struct weir_subtask *t = &c->run->subtasks[i];
        t->orders = &c->orders;
        t->chain.hold = &c->orders.hold;
        t->chain.uncut = &c->orders.uncut;
        t->chain.changes = c->config->incremental ? &c->orders.changes : NULL;
        t->alignment.at_least_once = c->config->at_least_once;
        t->injected = t->passed = atomic_load(&c->orders.newest);
        t->cut = hand_over;
        t->cut_arg = c;
    }
}

/* Checkpoints of earlier lives are the job's, and go as new ones come. What it goes on from is, if it is claimed. */
static void adopt(struct weir_checkpoints *c, const struct weir_deploy_options *o)
{
    bool was_ours = o->restored_from && weir__kept_forget(&c->kept, o->restored_from), claimed = o->restore && o->claim;
    weir__kept_trim(&c->storages, &c->kept, c->config->keep - (was_ours && claimed), INT64_MAX);
    if (!claimed || !o->restored_from) return;
    size_t at = 0;
    while (was_ours && at < c->kept.n && c->kept.all[at].number < o->restore->checkpoint) at++;
    weir__kept_add(&c->kept, at, o->restore->checkpoint, weir_strdup(o->restored_from));
}

static weir_status sweep_savepoints(struct weir_checkpoints *c, struct weir_error *error)
{
    struct weir_storage *folders;
    if (!c->config->savepoints) return WEIR_OK;
    weir_status s = weir_storages_in(&c->storages, c->config->savepoints, &folders, error);
    if (s == WEIR_OK) weir__checkpoints_sweep(folders, c->run->graph->job);
    return s;
}

static weir_status look_around(struct weir_checkpoints *c, const struct weir_deploy_options *o, struct weir_error *error)
{
    const struct weir_platform *p = c->run->platform;
    const char *directory = c->config->directory;
    int64_t suspended = 0;
    char *path = NULL;
    weir_status s = p->make_directory(p->self, directory, error);
    if (s == WEIR_OK) s = weir_storages_own(&c->storages, &c->own, error);
    if (s == WEIR_OK) s = weir__kept_find(c->own, &c->kept, error);
    if (s == WEIR_OK) s = weir__kept_check(c->own, &c->kept, c->run->graph->job, error);
    if (s == WEIR_OK) s = weir__suspended_read(p, directory, &suspended, &path, error);
    if (s == WEIR_E_DATA && (o->restore || o->fresh)) s = WEIR_OK; /* where to begin was said: what it says is not asked */
    if (s != WEIR_OK) return weir_error_prefix(error, "checkpoint.directory: ");
    int64_t newest = c->kept.n ? c->kept.all[c->kept.n - 1].number : 0, first = o->restore ? o->restore->checkpoint : 0;
    if (first < newest) first = newest;
    atomic_store(&c->orders.newest, first > suspended ? first : suspended);
    c->suspended = suspended > 0;
    s = o->restore || o->fresh ? WEIR_OK
                               : weir__refuse_left(c->own, newest, suspended, path, c->run->graph->manifest, error);
    weir_free(path);
    if (s != WEIR_OK) return s;
    weir__checkpoints_sweep(c->own, c->run->graph->job);
    s = sweep_savepoints(c, error);
    if (s == WEIR_OK) adopt(c, o);
    return s;
}

weir_status weir_checkpoints_create(struct weir_run *run, const struct weir_checkpoint_config *config,
                                    const struct weir_deploy_options *o, struct weir_checkpoints **to,
                                    struct weir_error *error)
{
    struct weir_checkpoints *c = weir_alloc(sizeof *c);
    *c = (struct weir_checkpoints){.run = run, .config = config};
    c->storages = (struct weir_storages){.platform = run->platform, .registry = run->registry, .graph = run->graph};
    c->storages.attempt = run->attempt;
    c->storages.calls = &c->watch.calls;
    weir__storage_watch_init(&c->watch, run, config->timeout_ms, refuse_requests, let_go, c);
    c->triggered_ns = now_of(c);
    c->ended_ns = c->triggered_ns - config->min_pause_ms * NS_PER_MS;
    weir__cuts_init(&c->cuts, run);
    *to = c; /* the run's from now on */
    if (o->restore) atomic_store(&c->orders.newest, o->restore->checkpoint);
    weir_status s = config->directory ? look_around(c, o, error) : WEIR_OK;
    if (s == WEIR_OK) join_in(c);
    return s;
}

struct weir_storage_watch *weir_checkpoints_watch(struct weir_checkpoints *c)
{
    return &c->watch;
}

void weir_checkpoints_give_up(struct weir_checkpoints *c)
{
    c->given_up = true;
}

void weir_checkpoints_destroy(struct weir_checkpoints *c)
{
    if (!c) return;
    atomic_store(&c->stop, 1);
    weir__storage_watch_end(&c->watch);
    weir_checkpoints_wake(c);
    if (c->thread) c->run->platform->join_thread(c->run->platform->self, c->thread);
    bool failed = weir_run_state(c->run) == WEIR_RUN_FAILED;
    if (failed && c->given_up && c->config->delete_on_failure) weir__kept_trim(&c->storages, &c->kept, 0, INT64_MAX);
    if (!c->over) end(c); /* deployed, and never run */
    remove_what_is_over(c);
    weir__cuts_finish(&c->cuts);
    close_swapped(c);
    weir__kept_finish(&c->kept);
    weir_storages_finish(&c->storages);
    weir__storage_watch_stop(&c->watch);
    weir_free(c);
}
