/* attempt_write.c - what was cut to a storage, about a MB at a step, so that the coordinator sees to other things in
 * between.
 *
 * A subtask's cut is written with all of its chain, whose parts are read as they are written. It may be written before
 * others have cut: the sooner what is pending is read, the less is copied aside.
 */
#include "job/attempt.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/path.h"
#include "job/checkpoint_files.h"
#include "job/saving.h"
#include "job/storage_watch.h"

#define STEP_BYTES (1 << 20)

struct weir_attempt_writing {
    struct weir_saved_writing *to;
    struct weir_storage *storage;
    char *name;
    bool *written;            /* by subtask; those whose parts were begun are */
    uint32_t n;               /* how many subtasks there are */
    uint32_t subtask, member; /* the part to go on with; member 0 of a subtask that is not `written`: none */
    bool in_part;
};

static weir_status begin(const struct weir_cuts *c, struct weir_attempt *a, struct weir_storage *storage,
                         struct weir_error *error)
{
    const struct weir_run *run = c->run;
    struct weir_saved_writing *to;
    char *name = a->savepoint ? weir__savepoint_name(storage, run->graph->job, a->number) : weir__checkpoint_name(a->number);
    weir_status s = weir_saved_begin(storage, name, &to, error);
    if (s != WEIR_OK) {
        weir_free(name);
        return s;
    }
    a->writing = weir_alloc(sizeof *a->writing);
    *a->writing = (struct weir_attempt_writing){
        .to = to,
        .storage = storage,
        .name = name,
        .written = weir_alloc_array(run->plan->n_subtasks + 1, sizeof *a->writing->written),
        .n = run->plan->n_subtasks,
        .subtask = run->plan->n_subtasks,
    };
    for (uint32_t i = 0; i < run->n_ops; i++) {
        const struct weir_stream_node *node = run->graph->nodes[run->ops[i].node];
        weir_saved_declare(to, node->id, node->parallelism, node->max_parallelism);
    }
    return WEIR_OK;
}

static void finish_writing(struct weir_attempt *a)
{
    weir_free(a->writing->name);
    weir_free(a->writing->written);
    weir_free(a->writing);
    a->writing = NULL;
}

void weir__attempt_stop(struct weir_attempt *a)
{
    if (!a->writing) return;
    weir_saved_abandon(a->writing->to);
    finish_writing(a);
}

struct weir_storage *weir__attempt_storage(const struct weir_attempt *a)
{
    return a->writing ? a->writing->storage : NULL;
}

/* ---- parts ------------------------------------------------------------------------------------------------------- */

/* The next subtask that has cut and is not written; false: there is none now. */
static bool next_subtask(const struct weir_cuts *c, const struct weir_attempt *a, struct weir_attempt_writing *w)
{
    uint32_t i = 0;
    while (i < w->n && (w->written[i] || !weir__attempt_parts(c, a, i))) i++;
    w->subtask = i;
    w->member = 0;
    if (i < w->n) w->written[i] = true;
    return i < w->n;
}

/* The next part, from where it was; false: there is none now. */
static bool next_part(const struct weir_cuts *c, const struct weir_attempt *a, struct weir_attempt_writing *w)
{
    bool more = w->subtask < w->n && ++w->member < c->run->subtasks[w->subtask].chain.n_members;
    return more || next_subtask(c, a, w);
}

static weir_status begin_part(const struct weir_cuts *c, const struct weir_attempt *a, struct weir_attempt_writing *w,
                              struct weir_error *error)
{
    const struct weir_subtask *t = &c->run->subtasks[w->subtask];
    const struct weir_stream_node *node = c->run->graph->nodes[t->chain.members[w->member].node];
    return weir_saved_begin_part(w->to, node->id, t->index, &weir__attempt_parts(c, a, w->subtask)[w->member], error);
}

static weir_status write_on(struct weir_cuts *c, struct weir_attempt *a, struct weir_error *error)
{
    struct weir_attempt_writing *w = a->writing;
    uint64_t room = STEP_BYTES;
    weir_status s = WEIR_OK;
    while (s == WEIR_OK && (w->in_part || next_part(c, a, w))) {
        if (!w->in_part) s = begin_part(c, a, w, error);
        if (s == WEIR_OK) s = weir_saved_write_on(w->to, &room, error);
        w->in_part = s == WEIR_MORE;
    }
    if (s < 0) c->lost_base = weir_saved_lost_base(w->to);
    return s;
}

/* ---- ending ------------------------------------------------------------------------------------------------------ */

/* What sinks wrote before the barrier, and other things that snapshots only name. */
static weir_status persist(const struct weir_cuts *c, const struct weir_attempt *a, struct weir_error *error)
{
    weir_status s = WEIR_OK;
    for (uint32_t i = 0; i < c->run->plan->n_subtasks; i++) {
        const struct weir_chain *chain = &c->run->subtasks[i].chain;
        const struct weir_snapshot *parts = weir__attempt_parts(c, a, i);
        for (uint32_t m = 0; s == WEIR_OK && m < chain->n_members; m++) {
            struct weir_op *op = chain->members[m].op;
            if (op->class->persist) s = op->class->persist(op, &parts[m], error);
        }
    }
    return s;
}

/* Until it has been, older ones stay, and nobody is told that it is there. What it shares with them may be what is damaged,
 * so the next one begins anew. */
static weir_status read_back(struct weir_cuts *c, const struct weir_attempt_writing *w, uint64_t checksum,
                             struct weir_error *error)
{
    struct weir_error stays;
    weir_status s = weir_saved_read_back(w->storage, w->name, checksum, c->run->graph->checkpoint.read_whole, error);
    if (s == WEIR_OK) return s;
    c->lost_base = true;
    if (weir_storage_remove(w->storage, w->name, &stays) != WEIR_OK)
        weir_log(WEIR_WARN, "checkpoint", "%s, which is not whole, stays: %s", w->name, stays.text);
    if (weir_storage_is_late(w->storage, error)) return s;
    return weir_error_prefix(error, "it was written, and does not read back as it was: ");
}

static weir_status publish(struct weir_cuts *c, struct weir_attempt *a, char **path, struct weir_error *error)
{
    const struct weir_platform *p = c->run->platform;
    const struct weir_saved_about about = {.checkpoint = a->number,
                                           .taken_ms = p->wall_ms(p->self),
                                           .job = c->run->graph->job,
                                           .kind = !a->savepoint                           ? WEIR_SAVED_CHECKPOINT
                                                   : a->savepoint->then == WEIR_THEN_DRAIN ? WEIR_SAVED_DRAINED
                                                                                           : WEIR_SAVED_SAVEPOINT};
    weir_status s = persist(c, a, error);
    if (s != WEIR_OK) {
        weir__attempt_stop(a);
        return s;
    }
    uint64_t checksum;
    s = weir_saved_publish(a->writing->to, &about, &checksum, error);
    if (s == WEIR_OK) s = read_back(c, a->writing, checksum, error);
    if (s == WEIR_OK) *path = weir_storage_address(a->writing->storage, a->writing->name);
    finish_writing(a);
    return s;
}

/* It was too late, although it is all there. */
static void take_back(struct weir_storage *from, char *path)
{
    struct weir_error stays;
    if (weir_storage_remove(from, weir_path_basename(path), &stays) != WEIR_OK)
        weir_log(WEIR_WARN, "checkpoint", "%s, which was late, stays: %s", path, stays.text);
    weir_free(path);
}

weir_status weir__attempt_write_in_time(struct weir_cuts *c, struct weir_attempt *a, struct weir_storage *to, bool is_cut,
                                        struct weir_storage_watch *watch, int64_t until_ns, char **path,
                                        struct weir_error *error)
{
    *path = NULL;
    weir__storage_watch_open(watch, a, until_ns);
    weir_status s = a->writing ? WEIR_OK : begin(c, a, to, error);
    if (s == WEIR_OK) s = write_on(c, a, error);
    if (s == WEIR_OK) s = is_cut ? publish(c, a, path, error) : WEIR_MORE;
    if (weir__storage_watch_close(watch)) return s;
    c->lost_base = false; /* as far as anybody knows */
    if (s < 0) return s;
    if (*path) take_back(to, *path);
    *path = NULL;
    return weir_storage_calls_say_late(&watch->calls, error);
}
