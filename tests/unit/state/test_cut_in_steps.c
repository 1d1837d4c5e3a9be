/* Cuts of sets in a store that are written in steps, with all that may happen to the set in between. */
#include "unit/state/image_stage.h"

static size_t of_cut(const struct stored *d)
{
    size_t n = 0;
    for (uint32_t i = 0; i < d->set.n_states; i++) {
        const struct heap_state *s = &d->cache->states[i];
        for (uint32_t group = 0; group < N_GROUPS; group++) {
            for (uint32_t k = 0; k < s->groups[group].n; k++) {
                const struct heap_table *t = s->groups[group].tables[k];
                for (uint32_t id = 0; id < t->used; id++) {
                    struct heap_key *entry = weir__heap_entry(s, t, id);
                    if (entry->n == WEIR__HEAP_DEAD) continue;
                    n += weir__stored_is_of_cut(d, weir__stored_meta(s, weir__heap_value(entry)));
                }
            }
        }
    }
    return n;
}

static void cut_in_steps(struct stage *g, struct weir_snapshot *to)
{
    struct weir_error error;
    *to = (struct weir_snapshot){.later = true, .in_steps = true};
    CU_ASSERT_EQUAL_FATAL(weir_snapshot_keyed(to, g->set, g->timers, g->key, 0, N_GROUPS - 1, &error), WEIR_OK);
}

static void use(struct stage *g)
{
    change(g);
    if (below(g, 9) == 0) thin_out(g, below(g, N_STATES));
}

/* Steps of an entry or a few, with all that may happen to a set in between; some are given up, and some are overtaken by the
 * next cut or by the end of the set. */
static void a_cut_in_steps_is_one_made_at_once(void)
{
    static const size_t sizes[] = {1, 20000, 1 << 19, 1 << 20, 64 << 20};
    size_t blocks = weir_allocated_blocks(), steps = 0;
    for (uint64_t seed = 1; seed <= 80; seed++) {
        struct stage g;
        init_with(&g, seed, seed % 3 == 0 ? LEVELDB : MEMORY, sizes[seed / 4 % 5], seed % 5 < 2);
        weir__stored_of(g.set)->step = (struct stored_step){.bytes = 1 + below(&g, 300), .looks = 1 + below(&g, 99)};
        for (int round = 0; round < 4; round++) {
            struct weir_snapshot now, later, next = {0};
            for (uint32_t n = below(&g, 60); n > 0; n--) use(&g);
            g.set->now_ms += TTL / 2;
            cut(&g, &now, false);
            cut_in_steps(&g, &later);
            bool is_given_up = below(&g, 8) == 0, is_overtaken = below(&g, 8) == 0;
            for (uint32_t n = below(&g, 40); n > 0 && weir_snapshot_write(&later); n--, steps++) {
                for (uint32_t k = below(&g, 5); k > 0; k--) use(&g);
            }
            if (is_overtaken) cut_in_steps(&g, &next);
            if (is_given_up) weir_snapshot_finish(&later);
            if (round == 3) g.set->ops->destroy(g.set);
            while (round < 3 && weir_snapshot_write(&later)) steps++;
            if (round < 3 && !is_overtaken && !is_given_up) CU_ASSERT_EQUAL(of_cut(weir__stored_of(g.set)), 0);
            if (round == 3) g.set = NULL;
            while (later.pending) read_group(&later);
            if (!is_given_up) expect_same(&now, &later);
            while (round < 3 && weir_snapshot_write(&next)) steps++;
            weir_snapshot_finish(&next);
            weir_snapshot_finish(&later);
            weir_snapshot_finish(&now);
        }
        finish(&g);
    }
    CU_ASSERT(steps > 1000);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

static void count_key(struct stage *g, uint32_t n, bool goes)
{
    uint8_t bytes[8] = {4, 0, 0, 0, (uint8_t)('a' + n / 100), (uint8_t)('a' + n / 10 % 10), (uint8_t)('a' + n % 10), 'k'};
    const struct weir_key_ref key = {bytes, sizeof bytes, 2, weir_key_hash64(bytes, sizeof bytes)};
    struct plain *v = goes ? NULL : g->set->ops->value_edit(g->set, PLAIN, &key, 0);
    if (v) v->n++;
    if (goes) g->set->ops->clear(g->set, PLAIN, &key, 0);
}

/* Half of the entries are gone, and some more come and go behind the cut: then the others close ranks, also those that the
 * cut has not come to. */
static void entries_may_move_under_a_cut(void)
{
    struct stage g;
    struct weir_snapshot now, later;
    init_with(&g, 1, MEMORY, 64 << 20, false);
    struct stored *d = weir__stored_of(g.set);
    const struct heap_group *group = &d->cache->states[PLAIN].groups[2];
    for (uint32_t n = 0; n < 200; n++) count_key(&g, n, false);
    for (uint32_t n = 0; n < 99; n++) count_key(&g, n, true);
    cut(&g, &now, false);
    d->step.looks = 150;
    cut_in_steps(&g, &later);
    CU_ASSERT(weir_snapshot_write(&later) && d->cut.dirty.are_many && d->cut.id == 150);
    for (uint32_t n = 200; n < 204; n++) count_key(&g, n, false);
    CU_ASSERT_EQUAL(group->tables[0]->used, 204);
    for (uint32_t n = 200; n < 204; n++) count_key(&g, n, true);
    CU_ASSERT_EQUAL(group->tables[0]->used, 101);
    while (weir_snapshot_write(&later)) {
    }
    CU_ASSERT_EQUAL(of_cut(d), 0);
    while (later.pending) read_group(&later);
    expect_same(&now, &later);
    weir_snapshot_finish(&later);
    weir_snapshot_finish(&now);
    finish(&g);
}

/* Entries of a cut leave before it has come to them; what becomes of them then is no part of it. */
static void what_leaves_under_a_cut_is_read_again(void)
{
    struct stage g;
    struct weir_snapshot now, later;
    init_with(&g, 1, MEMORY, 1, false);
    struct stored *d = weir__stored_of(g.set);
    for (uint32_t n = 0; n < 10; n++) count_key(&g, n, false);
    cut_in_steps(&g, &later);
    d->step.bytes = 1;
    CU_ASSERT(weir_snapshot_write(&later));
    g.set->ops->settle(g.set);
    CU_ASSERT(weir__stored_at_hand(d) == 0 && d->cut.is_on);
    for (uint32_t n = 0; n < 10; n++) count_key(&g, n, false);
    CU_ASSERT_EQUAL(g.set->ops->entries(g.set, PLAIN), 10);
    while (weir_snapshot_write(&later)) {
    }
    while (later.pending) read_group(&later);
    for (uint32_t n = 0; n < 10; n++) {
        g.set->ops->settle(g.set);
        count_key(&g, n, n % 2);
    }
    cut(&g, &now, false);
    CU_ASSERT(later.n_entries == 10 && now.n_entries == 5);
    weir_snapshot_finish(&later);
    weir_snapshot_finish(&now);
    finish(&g);
}

/* However much was changed, the cut itself writes nothing, and no step more than it may, whether what was changed is listed
 * or looked for; and the slot is not held up by what comes between. */
static void no_step_of_a_cut_is_long(void)
{
    for (int listed = 0; listed < 2; listed++) {
        struct stage g;
        struct weir_snapshot later;
        init_with(&g, 1, MEMORY, 64 << 20, false);
        struct stored *d = weir__stored_of(g.set);
        for (int n = 0; n < 200; n++) change(&g);
        if (listed) CU_ASSERT(weir__stored_write_back(d));
        for (int n = 0; listed && n < 3; n++) change(&g);
        CU_ASSERT_EQUAL(d->dirty.are_many, !listed);
        size_t changes = g.memory.changes;
        d->step = (struct stored_step){.bytes = 1000, .looks = 200};
        cut_in_steps(&g, &later);
        CU_ASSERT(d->pending.n == 0 && g.memory.changes == changes && weir_snapshot_is_unwritten(&later));
        size_t left = of_cut(d), n_steps = 0;
        CU_ASSERT_FATAL(left > 20);
        for (bool more = true; more; n_steps++) {
            size_t before = left, n = d->records.n;
            more = weir_snapshot_write(&later);
            left = of_cut(d);
            CU_ASSERT(before - left <= (listed ? 13 : 200));
            if (more) CU_ASSERT(d->records.n < n + 1000 + 1000); /* the last one may pass the limit */
        }
        CU_ASSERT(left == 0 && n_steps > 1 && !weir_snapshot_is_unwritten(&later));
        weir_snapshot_finish(&later);
        finish(&g);
    }
}

/* What is not written fails the cut, whenever that is, and the store. */
static void a_cut_in_steps_that_is_not_written_fails(void)
{
    for (int how = 0; how < 2; how++) {
        struct stage g;
        struct weir_snapshot later;
        struct weir_error error = {0};
        init_with(&g, 1, MEMORY, 64 << 20, false);
        for (int n = 0; n < 20; n++) change(&g);
        weir__stored_of(g.set)->step = (struct stored_step){.bytes = 1, .looks = 1000};
        cut_in_steps(&g, &later);
        CU_ASSERT(weir_snapshot_write(&later));
        g.memory.calls_left = 1;
        if (how == 0) g.set->ops->drop_namespace(g.set, PLAIN, 5);
        while (weir_snapshot_write(&later)) {
        }
        CU_ASSERT_PTR_NOT_NULL(weir_state_store_failure(g.store));
        CU_ASSERT(weir_snapshot_read(&later, &error) == WEIR_E_IO && strstr(error.text, "the disk is full"));
        weir_snapshot_finish(&later);
        g.set->ops->destroy(g.set);
        g.set = NULL;
        weir_state_store_destroy(g.store);
        g.store = NULL;
        finish(&g);
    }
}

WEIR_SUITE(cut_in_steps) = {
    {"a cut in steps is one made at once", a_cut_in_steps_is_one_made_at_once},
    {"entries may move under a cut", entries_may_move_under_a_cut},
    {"what leaves under a cut is read again", what_leaves_under_a_cut_is_read_again},
    {"no step of a cut is long", no_step_of_a_cut_is_long},
    {"a cut in steps that is not written fails", a_cut_in_steps_that_is_not_written_fails},
    {NULL, NULL},
};
