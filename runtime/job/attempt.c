/* attempt.c - see the header. */
#include "job/attempt.h"

#include <string.h>

#include "base/alloc.h"
#include "job/saving.h"

/* ---- cuts -------------------------------------------------------------------------------------------------------- */

static void free_parts(const struct weir_cuts *c, uint32_t subtask, struct weir_snapshot *parts)
{
    for (uint32_t i = 0; parts && i < c->run->subtasks[subtask].chain.n_members; i++) weir_snapshot_finish(&parts[i]);
    weir_free(parts);
}

void weir__cuts_init(struct weir_cuts *c, const struct weir_run *run)
{
    *c = (struct weir_cuts){.run = run,
                            .last = weir_alloc_array(run->plan->n_subtasks + 1, sizeof *c->last),
                            .over = weir_alloc_array(run->plan->n_subtasks + 1, sizeof *c->over)};
}

void weir__cuts_finish(struct weir_cuts *c)
{
    weir__cuts_read(c);
    while (c->n > 0) weir__attempt_remove(c, c->n - 1);
    for (uint32_t i = 0; c->last && i < c->run->plan->n_subtasks; i++) free_parts(c, i, c->last[i].parts);
    weir_free(c->last);
    weir_free(c->over);
    weir_free(c->attempts);
}

void weir__cuts_hand_over(struct weir_cuts *c, const struct weir_subtask *t, struct weir_subtask_cut cut)
{
    struct weir_cut_note *note = weir_alloc(sizeof *note);
    *note = (struct weir_cut_note){.subtask = (uint32_t)(t - c->run->subtasks), .cut = cut};
    note->next = atomic_load_explicit(&c->inbox, memory_order_relaxed);
    while (
        !atomic_compare_exchange_weak_explicit(&c->inbox, &note->next, note, memory_order_release, memory_order_relaxed)) {
    }
}

static void take_last(struct weir_cuts *c, uint32_t subtask, const struct weir_chain_cut *cut)
{
    c->over[subtask] = true;
    if (!cut->parts) {
        c->n_lost++;
        return;
    }
    c->last[subtask] = *cut;
    c->n_over++;
    if (cut->checkpoint > c->newest_last) c->newest_last = cut->checkpoint;
}

/* Of an attempt that is no longer under way: nobody wants it. */
static void take_cut(struct weir_cuts *c, uint32_t subtask, struct weir_chain_cut *cut)
{
    for (size_t i = 0; i < c->n; i++) {
        struct weir_attempt *a = &c->attempts[i];
        if (a->number != cut->checkpoint) continue;
        if (cut->declined && !a->declined) {
            a->declined = cut->declined;
            cut->declined = NULL;
        }
        a->cuts[subtask] = cut->parts;
        cut->parts = NULL;
    }
    weir_chain_drop_cut(&c->run->subtasks[subtask].chain, cut);
}

void weir__cuts_read(struct weir_cuts *c)
{
    struct weir_cut_note *next, *note = atomic_exchange_explicit(&c->inbox, NULL, memory_order_acquire);
    for (; note; note = next) {
        next = note->next;
        if (note->cut.last)
            take_last(c, note->subtask, &note->cut.cut);
        else
            take_cut(c, note->subtask, &note->cut.cut);
        weir_free(note);
    }
}

bool weir__cuts_all_over(const struct weir_cuts *c)
{
    return c->n_over == c->run->plan->n_subtasks;
}

/* ---- attempts ---------------------------------------------------------------------------------------------------- */

struct weir_attempt *weir__attempt_add(struct weir_cuts *c, int64_t number, int64_t now_ns)
{
    WEIR_GROW(c->attempts, c->capacity, c->n + 1);
    struct weir_attempt *a = &c->attempts[c->n++];
    *a = (struct weir_attempt){.number = number, .triggered_ns = now_ns, .base = INT64_MAX};
    a->cuts = weir_alloc_array(c->run->plan->n_subtasks + 1, sizeof *a->cuts);
    return a;
}

void weir__attempt_allow_changes(struct weir_attempt *a, struct weir_chain_cuts *cuts)
{
    a->base = atomic_load_explicit(&cuts->base, memory_order_relaxed);
    atomic_store_explicit(&cuts->allowed[a->number % WEIR_CUTS_ALLOWED], a->number, memory_order_relaxed);
}

int64_t weir__cuts_oldest_base(const struct weir_cuts *c)
{
    int64_t oldest = INT64_MAX;
    for (size_t i = 0; i < c->n; i++) {
        if (c->attempts[i].base < oldest) oldest = c->attempts[i].base;
    }
    return oldest;
}

void weir__attempt_remove(struct weir_cuts *c, size_t at)
{
    struct weir_attempt *a = &c->attempts[at];
    weir__attempt_stop(a);
    for (uint32_t i = 0; i < c->run->plan->n_subtasks; i++) free_parts(c, i, a->cuts[i]);
    weir_free(a->cuts);
    weir_free(a->declined);
    memmove(c->attempts + at, c->attempts + at + 1, (--c->n - at) * sizeof *c->attempts);
}

struct weir_snapshot *weir__attempt_parts(const struct weir_cuts *c, const struct weir_attempt *a, uint32_t subtask)
{
    const struct weir_chain_cut *last = &c->last[subtask];
    if (a->cuts[subtask]) return a->cuts[subtask];
    return last->checkpoint <= a->number ? last->parts : NULL;
}

bool weir__attempt_is_cut(const struct weir_cuts *c, const struct weir_attempt *a)
{
    for (uint32_t i = 0; i < c->run->plan->n_subtasks; i++) {
        if (!weir__attempt_parts(c, a, i)) return false;
    }
    return true;
}

bool weir__attempt_has_passed(const struct weir_cuts *c, const struct weir_attempt *a)
{
    for (uint32_t i = 0; i < c->run->plan->n_subtasks; i++) {
        if (!a->cuts[i] && !c->over[i]) return false;
    }
    return true;
}

/* ---- reading what was cut ---------------------------------------------------------------------------------------- */

bool weir__attempt_is_pending(const struct weir_cuts *c, const struct weir_attempt *a)
{
    for (uint32_t i = 0; i < c->run->plan->n_subtasks; i++) {
        for (uint32_t m = 0; a->cuts[i] && m < c->run->subtasks[i].chain.n_members; m++) {
            if (weir_snapshot_is_pending(&a->cuts[i][m])) return true;
        }
    }
    return false;
}

static weir_status read_all(const struct weir_cuts *c, struct weir_attempt *a, struct weir_error *error)
{
    weir_status s = WEIR_OK;
    for (uint32_t i = 0; i < c->run->plan->n_subtasks; i++) {
        for (uint32_t m = 0; a->cuts[i] && m < c->run->subtasks[i].chain.n_members; m++) {
            while (s == WEIR_OK && weir_snapshot_is_pending(&a->cuts[i][m])) s = weir_snapshot_read(&a->cuts[i][m], error);
        }
    }
    return s;
}

/* An attempt that cannot be read is declined. */
void weir__cuts_read_all(struct weir_cuts *c)
{
    for (size_t i = 0; i < c->n; i++) {
        struct weir_attempt *a = &c->attempts[i];
        struct weir_error error;
        if (a->declined || read_all(c, a, &error) == WEIR_OK) continue;
        a->declined = weir_alloc(sizeof *a->declined);
        *a->declined = error;
    }
}
