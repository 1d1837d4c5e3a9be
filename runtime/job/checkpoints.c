/* checkpoints.c - see the header. */
#include "job/checkpoints.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/path.h"
#include "base/text.h"
#include "checkpoint/saved.h"
#include "job/run_internal.h"

#define NS_PER_MS 1000000
#define PREFIX    "chk-"

struct cut { /* of one subtask, from its thread to the coordinator's */
    struct cut *next;
    uint32_t subtask;
    int64_t checkpoint;
    struct weir_snapshot *parts; /* by member of its chain */
};

struct weir_checkpoints {
    struct weir_run *run;
    const struct weir_checkpoint_config *config;
    _Atomic(struct cut *) inbox; /* newest first */
    _Atomic int64_t trigger, complete;
    _Atomic uint32_t stop;
    struct weir_parker parker;
    struct weir_thread *thread;

    int64_t pending; /* its number; 0: none is under way */
    int64_t triggered_ns, next_ns;
    uint32_t failures; /* in a row */
    bool over;
    struct weir_snapshot **cuts; /* by subtask, of the pending one */
    struct weir_snapshot **last; /* by subtask that is over */
    int64_t *kept;               /* numbers that this run wrote, oldest first */
    size_t n_kept, kept_capacity;
};

static int64_t now_of(const struct weir_checkpoints *c)
{
    return c->run->platform->monotonic_ns(c->run->platform->self);
}

/* ---- cuts -------------------------------------------------------------------------------------------------------- */

static void free_parts(const struct weir_checkpoints *c, uint32_t subtask, struct weir_snapshot *parts)
{
    for (uint32_t i = 0; parts && i < c->run->subtasks[subtask].chain.n_members; i++) weir_snapshot_finish(&parts[i]);
    weir_free(parts);
}

/* [task] */
static void hand_over(void *arg, struct weir_subtask *t, int64_t checkpoint, struct weir_snapshot *parts)
{
    struct weir_checkpoints *c = arg;
    struct cut *cut = weir_alloc(sizeof *cut);
    *cut = (struct cut){.subtask = (uint32_t)(t - c->run->subtasks), .checkpoint = checkpoint, .parts = parts};
    cut->next = atomic_load_explicit(&c->inbox, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&c->inbox, &cut->next, cut, memory_order_release, memory_order_relaxed)) {
    }
    weir_checkpoints_wake(c);
}

static void sort_in(struct weir_checkpoints *c, struct cut *cut)
{
    struct weir_snapshot **to = cut->checkpoint == WEIR_CUT_AT_END ? &c->last[cut->subtask]
                                : cut->checkpoint == c->pending    ? &c->cuts[cut->subtask]
                                                                   : NULL;
    if (to && !*to)
        *to = cut->parts;
    else
        free_parts(c, cut->subtask, cut->parts); /* of one that was abandoned */
    weir_free(cut);
}

static void read_inbox(struct weir_checkpoints *c)
{
    struct cut *next, *cut = atomic_exchange_explicit(&c->inbox, NULL, memory_order_acquire);
    for (; cut; cut = next) {
        next = cut->next;
        sort_in(c, cut);
    }
}

static void drop_cuts(struct weir_checkpoints *c)
{
    for (uint32_t i = 0; i < c->run->plan->n_subtasks; i++) {
        free_parts(c, i, c->cuts[i]);
        c->cuts[i] = NULL;
    }
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static char *path_of(const struct weir_checkpoints *c, int64_t checkpoint)
{
    char *name = weir_format(PREFIX "%" PRId64, checkpoint), *path = weir_path_join(c->config->directory, name);
    weir_free(name);
    return path;
}

/* The parts are lent: they are put back by return_parts. */
static void lend_parts(struct weir_checkpoints *c, struct weir_saved *s)
{
    const struct weir_run *run = c->run;
    for (uint32_t i = 0; i < run->n_ops; i++) {
        const struct weir_stream_node *node = run->graph->nodes[run->ops[i].node];
        if (!weir_saved_find(s, node->id)) weir_saved_add(s, node->id, node->parallelism, node->max_parallelism);
    }
    for (uint32_t i = 0; i < run->plan->n_subtasks; i++) {
        const struct weir_chain *chain = &run->subtasks[i].chain;
        const struct weir_snapshot *parts = c->cuts[i] ? c->cuts[i] : c->last[i];
        for (uint32_t m = 0; m < chain->n_members; m++) {
            const struct weir_saved_operator *op = weir_saved_find(s, run->graph->nodes[chain->members[m].node]->id);
            op->parts[run->subtasks[i].index] = parts[m];
        }
    }
}

static void return_parts(struct weir_saved *s)
{
    for (size_t i = 0; i < s->n; i++)
        memset(s->operators[i].parts, 0, s->operators[i].parallelism * sizeof *s->operators[i].parts);
    weir_saved_finish(s);
}

static void remove_checkpoint(struct weir_checkpoints *c, int64_t checkpoint)
{
    struct weir_error error;
    char *path = path_of(c, checkpoint);
    if (weir_saved_remove(c->run->platform, path, &error) != WEIR_OK)
        weir_log(WEIR_WARN, "checkpoint", "an old checkpoint stays: %s", error.text);
    weir_free(path);
}

static weir_status write_pending(struct weir_checkpoints *c, struct weir_error *error)
{
    const struct weir_platform *p = c->run->platform;
    struct weir_saved s = {
        .checkpoint = c->pending, .taken_ms = p->wall_ms(p->self), .job = weir_strdup(c->run->graph->job)};
    char *path = path_of(c, c->pending);
    lend_parts(c, &s);
    weir_status status = weir_saved_write(p, path, &s, error);
    return_parts(&s);
    weir_free(path);
    return status;
}

/* ---- the states -------------------------------------------------------------------------------------------------- */

static void wake_subtasks(struct weir_checkpoints *c)
{
    for (uint32_t i = 0; i < c->run->n_workers; i++) weir_worker_wake(&c->run->workers[i]);
    for (uint32_t i = 0; i < c->run->n_ops; i++) {
        struct weir_op *op = c->run->ops[i].op;
        if (op->class->interrupt) op->class->interrupt(op);
    }
}

static void plan_next(struct weir_checkpoints *c, int64_t now)
{
    int64_t every = c->triggered_ns + c->config->every_ms * NS_PER_MS, pause = now + c->config->min_pause_ms * NS_PER_MS;
    c->next_ns = every > pause ? every : pause;
    c->pending = 0;
    drop_cuts(c);
}

static void abandon(struct weir_checkpoints *c, const struct weir_error *why, int64_t now)
{
    weir_log(WEIR_WARN, "checkpoint", "checkpoint %" PRId64 " of job '%s' is abandoned: %s", c->pending, c->run->graph->job,
             why->text);
    if (++c->failures > c->config->tolerable_failures) {
        struct weir_error error = *why;
        weir_error_prefix(&error, "checkpoint %" PRId64 " failed, and %u in a row are tolerated (checkpoint.tolerable): ",
                          c->pending, c->config->tolerable_failures);
        weir__run_fail(c->run, &error);
    }
    plan_next(c, now);
}

static void complete(struct weir_checkpoints *c, int64_t now)
{
    WEIR_GROW(c->kept, c->kept_capacity, c->n_kept + 1);
    c->kept[c->n_kept++] = c->pending;
    c->failures = 0;
    weir_log(WEIR_DEBUG, "checkpoint", "checkpoint %" PRId64 " is complete", c->pending);
    atomic_store_explicit(&c->complete, c->pending, memory_order_release);
    plan_next(c, now);
    wake_subtasks(c);
    while (c->n_kept > c->config->keep) {
        remove_checkpoint(c, c->kept[0]);
        memmove(c->kept, c->kept + 1, --c->n_kept * sizeof *c->kept);
    }
}

static bool all_cut(const struct weir_checkpoints *c)
{
    for (uint32_t i = 0; i < c->run->plan->n_subtasks; i++) {
        if (!c->cuts[i] && !c->last[i]) return false;
    }
    return true;
}

static bool none_runs(const struct weir_checkpoints *c)
{
    for (uint32_t i = 0; i < c->run->plan->n_subtasks; i++) {
        if (!c->last[i]) return false;
    }
    return true;
}

static void trigger(struct weir_checkpoints *c, int64_t now)
{
    c->pending = atomic_load_explicit(&c->trigger, memory_order_relaxed) + 1;
    c->triggered_ns = now;
    atomic_store_explicit(&c->trigger, c->pending, memory_order_release);
    wake_subtasks(c);
}

/* After FINISHED there is nothing to go on from; after anything else the last one is what to go on from. */
static void end(struct weir_checkpoints *c)
{
    c->over = true;
    if (weir_run_state(c->run) == WEIR_RUN_FINISHED) {
        for (size_t i = 0; i < c->n_kept; i++) remove_checkpoint(c, c->kept[i]);
        c->n_kept = 0;
    }
}

int64_t weir_checkpoints_step(struct weir_checkpoints *c)
{
    int64_t now = now_of(c), timeout = c->triggered_ns + c->config->timeout_ms * NS_PER_MS;
    struct weir_error error = {0};
    read_inbox(c);
    if (!c->over && weir_run_state(c->run) > WEIR_RUN_RUNNING) end(c);
    if (c->over || none_runs(c)) return INT64_MAX;
    if (c->pending && all_cut(c)) {
        if (write_pending(c, &error) == WEIR_OK)
            complete(c, now_of(c));
        else
            abandon(c, &error, now_of(c));
    } else if (c->pending && now >= timeout) {
        weir_error_set(&error, WEIR_E_IO, "not every subtask had cut its state within %" PRId64 " ms (checkpoint.timeout)",
                       c->config->timeout_ms);
        abandon(c, &error, now);
    } else if (!c->pending && now >= c->next_ns) {
        trigger(c, now);
    }
    return c->pending ? c->triggered_ns + c->config->timeout_ms * NS_PER_MS : c->next_ns;
}

/* ---- the thread -------------------------------------------------------------------------------------------------- */

void weir_checkpoints_wake(struct weir_checkpoints *c)
{
    if (c) c->run->platform->unpark(c->run->platform->self, &c->parker);
}

int64_t weir_checkpoints_last(const struct weir_checkpoints *c)
{
    return atomic_load_explicit(&c->complete, memory_order_acquire);
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
    return p->start_thread(p->self, "checkpoints", coordinate, c, &c->thread, error);
}

/* ---- directories ------------------------------------------------------------------------------------------------- */

struct found {
    struct {
        int64_t number;
        char *path;
    } * all; /* ascending */
    size_t n, capacity;
};

static weir_status look(void *to, const char *path, bool is_directory, int64_t size)
{
    struct found *found = to;
    const char *name = weir_path_basename(path);
    char *end;
    (void)size;
    if (!is_directory || strncmp(name, PREFIX, strlen(PREFIX)) != 0) return WEIR_OK;
    int64_t number = strtoll(name + strlen(PREFIX), &end, 10);
    if (*end || number <= 0) return WEIR_OK; /* ".tmp": half written */
    WEIR_GROW(found->all, found->capacity, found->n + 1);
    size_t i = found->n++;
    for (; i > 0 && found->all[i - 1].number > number; i--) found->all[i] = found->all[i - 1];
    found->all[i].number = number;
    found->all[i].path = weir_strdup(path);
    return WEIR_OK;
}

static weir_status find_all(const struct weir_platform *p, const char *directory, struct found *found,
                            struct weir_error *error)
{
    struct weir_file_info info;
    struct weir_error none;
    *found = (struct found){0};
    if (p->info(p->self, directory, &info, &none) != WEIR_OK) return WEIR_OK;
    return p->list(p->self, directory, look, found, error);
}

static void free_found(struct found *found)
{
    for (size_t i = 0; i < found->n; i++) weir_free(found->all[i].path);
    weir_free(found->all);
}

weir_status weir_checkpoints_newest(const struct weir_platform *p, const char *directory, char **path, int64_t *checkpoint,
                                    struct weir_error *error)
{
    struct found found;
    weir_status s = find_all(p, directory, &found, error);
    *path = found.n ? weir_strdup(found.all[found.n - 1].path) : NULL;
    *checkpoint = found.n ? found.all[found.n - 1].number : 0;
    free_found(&found);
    return s;
}

/* ---- making and undoing ------------------------------------------------------------------------------------------ */

static void join_in(struct weir_checkpoints *c)
{
    for (uint32_t i = 0; i < c->run->plan->n_subtasks; i++) {
        struct weir_subtask *t = &c->run->subtasks[i];
        t->trigger = &c->trigger;
        t->complete = &c->complete;
        t->injected = atomic_load(&c->trigger);
        t->cut = hand_over;
        t->cut_arg = c;
    }
}

/* What has state that cannot be cut yet must not take part silently. */
static weir_status check_kinds(const struct weir_run *run, struct weir_error *error)
{
    for (uint32_t i = 0; i < run->n_ops; i++) {
        const struct weir_stream_node *node = run->graph->nodes[run->ops[i].node];
        bool stateless = node->kind == WEIR_NODE_SELECT || node->kind == WEIR_NODE_EXPR || node->kind == WEIR_NODE_CALL ||
                         node->kind == WEIR_NODE_TIME || node->kind == WEIR_NODE_SINK ||
                         node->kind == WEIR_NODE_ASYNC; /* whose barrier waits until nothing is in flight */
        if (stateless || run->ops[i].op->class->snapshot) continue;
        return weir_error_set(error, WEIR_E_CONFIG,
                              "%s: checkpoints of %s are not supported by this version yet; leave `checkpoint:` out",
                              run->where[node->index], run->ops[i].op->class->name);
    }
    return WEIR_OK;
}

/* Those of earlier lives go as new ones come. */
static void adopt(struct weir_checkpoints *c, const struct found *found)
{
    for (size_t i = 0; i < found->n; i++) {
        WEIR_GROW(c->kept, c->kept_capacity, c->n_kept + 1);
        c->kept[c->n_kept++] = found->all[i].number;
    }
}

static weir_status look_around(struct weir_checkpoints *c, const struct weir_deploy_options *o, struct weir_error *error)
{
    const struct weir_platform *p = c->run->platform;
    struct found found;
    weir_status s = p->make_directory(p->self, c->config->directory, error);
    if (s == WEIR_OK) s = find_all(p, c->config->directory, &found, error);
    if (s != WEIR_OK) return weir_error_prefix(error, "checkpoint.directory: ");
    int64_t newest = found.n ? found.all[found.n - 1].number : 0, first = o->restore ? o->restore->checkpoint : 0;
    atomic_store(&c->trigger, first > newest ? first : newest);
    if (newest && !o->restore && !o->fresh)
        s = weir_error_set(error, WEIR_E_CONFIG,
                           "%s holds checkpoint %" PRId64 " of an earlier run; go on from it with --resume, or begin again "
                           "with --fresh",
                           c->config->directory, newest);
    adopt(c, &found);
    free_found(&found);
    return s;
}

weir_status weir_checkpoints_create(struct weir_run *run, const struct weir_checkpoint_config *config,
                                    const struct weir_deploy_options *o, struct weir_checkpoints **to,
                                    struct weir_error *error)
{
    *to = NULL;
    if (!config->directory) return WEIR_OK;
    weir_status s = check_kinds(run, error);
    if (s != WEIR_OK) return s;
    struct weir_checkpoints *c = weir_alloc(sizeof *c);
    c->run = run;
    c->config = config;
    c->triggered_ns = now_of(c);
    c->next_ns = c->triggered_ns + config->every_ms * NS_PER_MS;
    c->cuts = weir_alloc_array(run->plan->n_subtasks + 1, sizeof *c->cuts);
    c->last = weir_alloc_array(run->plan->n_subtasks + 1, sizeof *c->last);
    *to = c; /* the run's from now on */
    s = look_around(c, o, error);
    if (s == WEIR_OK) join_in(c);
    return s;
}

void weir_checkpoints_destroy(struct weir_checkpoints *c)
{
    if (!c) return;
    atomic_store(&c->stop, 1);
    weir_checkpoints_wake(c);
    if (c->thread) c->run->platform->join_thread(c->run->platform->self, c->thread);
    read_inbox(c);
    drop_cuts(c);
    for (uint32_t i = 0; i < c->run->plan->n_subtasks; i++) free_parts(c, i, c->last[i]);
    weir_free(c->cuts);
    weir_free(c->last);
    weir_free(c->kept);
    weir_free(c);
}
