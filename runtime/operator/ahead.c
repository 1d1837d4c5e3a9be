/* ahead.c - see the header. */
#include "operator/ahead.h"

#include "base/alloc.h"

void weir_op_ahead_finish(struct weir_op_ahead *a)
{
    weir_free(a->wanted);
    weir_free(a->keys);
    *a = (struct weir_op_ahead){0};
}

void weir_op_ahead_end(struct weir_op_ahead *a, struct weir_state_set *set)
{
    if (set && set->ops->expect) (void)set->ops->expect(set, NULL);
    a->is_out = a->again = false;
}

void weir_op_ahead_want(struct weir_op_ahead *a, uint32_t state, int64_t ns, int64_t from, int64_t until)
{
    if (!WEIR_TRY_GROW(a->wanted, a->wanted_capacity, a->n_wanted + 1)) return;
    a->wanted[a->n_wanted++] = (struct weir_state_wanted){state, ns, from, until};
}

static void come(void *arg)
{
    const struct weir_op_env *env = arg;
    if (env->wake) env->wake(env->wake_arg);
}

/* What the answer is about to is not told again. */
static weir_status ask(struct weir_op_ahead *a, const struct weir_op *op, struct weir_state_set *set,
                       struct weir_state_expected what)
{
    what.wanted = a->wanted;
    what.n_wanted = a->n_wanted;
    what.goes_on = a->again;
    what.come = come;
    what.arg = (void *)(uintptr_t)op->env;
    a->n_wanted = 0;
    weir_status s = set && set->is_partial ? set->ops->expect(set, &what) : WEIR_OK;
    a->is_out = s == WEIR_MORE;
    return s;
}

weir_status weir_op_ahead_rows(struct weir_op_ahead *a, const struct weir_op *op, struct weir_state_set *set,
                               const uint32_t *key_fields, uint32_t n_key_fields, const struct weir_rows *rows)
{
    if (n_key_fields == 0 || !rows->keys.hash) a->n_wanted = 0;
    return ask(a, op, set, (struct weir_state_expected){.rows = rows, .fields = key_fields, .n_fields = n_key_fields});
}

weir_status weir_op_ahead_all_rows(struct weir_op_ahead *a, const struct weir_op *op, struct weir_state_set *set,
                                   const uint32_t *key_fields, uint32_t n_key_fields, const struct weir_rows *rows)
{
    if (weir_op_reads_ahead(a, set)) weir_op_ahead_want(a, WEIR_EVERY_STATE, 0, 0, rows->view.length);
    return weir_op_ahead_rows(a, op, set, key_fields, n_key_fields, rows);
}

/* ---- keys, and timers -------------------------------------------------------------------------------------------- */

bool weir_op_ahead_begin(struct weir_op_ahead *a)
{
    if (a->is_out) return false;
    a->n_keys = a->n_wanted = 0;
    return true;
}

int64_t weir_op_ahead_key(struct weir_op_ahead *a, const struct weir_key_ref *key)
{
    if (!WEIR_TRY_GROW(a->keys, a->keys_capacity, a->n_keys + 1)) return -1;
    a->keys[a->n_keys] = *key;
    return (int64_t)a->n_keys++;
}

weir_status weir_op_ahead_keys(struct weir_op_ahead *a, struct weir_op *op, struct weir_state_set *set)
{
    weir_status s = ask(a, op, set, (struct weir_state_expected){.keys = a->keys});
    op->is_reading = s == WEIR_MORE;
    if (s == WEIR_OK) a->ready = a->n_keys;
    return s;
}

struct due {
    struct weir_op_ahead *ahead;
    weir_op_ahead_timer *want;
};

static void add_timer(void *arg, const struct weir_due_timer *timer)
{
    const struct due *due = arg;
    int64_t i = weir_op_ahead_key(due->ahead, &timer->key);
    if (i >= 0) due->want(due->ahead, timer, i);
}

weir_status weir_op_ahead_timers(struct weir_op_ahead *a, struct weir_op *op, struct weir_state_set *set,
                                 struct weir_timers *timers, weir_clock clock, int64_t until, weir_op_ahead_timer *want)
{
    struct due due = {a, want};
    if (!weir_op_ahead_is_due(a, set)) return WEIR_OK;
    if (weir_op_ahead_begin(a) && weir_timers_look_ahead(timers, clock, until, WEIR_OP_AHEAD, add_timer, &due) != WEIR_OK)
        return weir_op_fail(op, WEIR_E_MEMORY, "no memory for timers");
    return weir_op_ahead_keys(a, op, set);
}
