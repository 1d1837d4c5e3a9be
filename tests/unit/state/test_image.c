/* Images of a set: what is read later, while the set is used on, is what a cut at once would have been. Random histories
 * over every kind of state, on the heap and in stores, read in steps by hand and by a thread (under ThreadSanitizer in
 * CI). */
#include "state/image.h"

#include "unit/state/image_stage.h"

/* Everything goes, and with it what the images kept: the bytes that are counted are those of an empty set. */
static void expect_empty_after_drops(struct stage *g, size_t empty_bytes)
{
    struct heap *h = weir__heap_of(g->set);
    g->set->ops->settle(g->set);
    CU_ASSERT_PTR_NULL(h->image);
    for (uint32_t s = 0; s < N_STATES; s++) {
        int64_t ns;
        for (uint32_t group = 0; group < N_GROUPS; group++) {
            while (g->set->ops->next_namespace(g->set, s, group, true, 0, &ns)) g->set->ops->drop_namespace(g->set, s, ns);
        }
        g->set->ops->drop_namespace(g->set, s, 0); /* the empty one too */
        weir__heap_free_indexes(h, &h->states[s]);
    }
    CU_ASSERT_EQUAL(h->bytes, empty_bytes);
    CU_ASSERT(h->n_copies <= h->least_copies || h->n_copies * 8 * WEIR__HEAP_COPY_BYTES < 64 << 20);
}

/* ---- by hand ----------------------------------------------------------------------------------------------------- */

static void read_by_hand(uint64_t seeds, bool expiring)
{
    size_t blocks = weir_allocated_blocks();
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct stage g;
        struct weir_snapshot now, later, second;
        init_with(&g, seed, HEAP, 0, expiring);
        struct heap *h = weir__heap_of(g.set);
        size_t empty = h->bytes;
        if (seed % 2) h->least_copies = seed % 3; /* the pool is soon spent */
        if (seed % 4 < 3) h->at_once = 0;
        for (int round = 0; round < 4; round++) {
            for (uint32_t n = below(&g, 60); n > 0; n--) change(&g);
            g.set->now_ms = TTL + round * TTL / 2;
            cut(&g, &now, false);
            cut(&g, &later, true);
            CU_ASSERT_PTR_NOT_NULL_FATAL(later.pending);
            g.set->now_ms++; /* the cut has its own */
            bool given_up = below(&g, 5) == 0;
            while (later.pending && !(given_up && below(&g, 5) == 0)) {
                for (uint32_t n = below(&g, 12); n > 0; n--) change(&g);
                if (below(&g, 9) == 0) thin_out(&g, below(&g, N_STATES));
                if (below(&g, 9) == 0) { /* while the first is read: at once */
                    cut(&g, &second, true);
                    CU_ASSERT_PTR_NULL(second.pending);
                    weir_snapshot_finish(&second);
                }
                read_group(&later);
            }
            if (!later.pending) expect_same(&now, &later);
            weir_snapshot_finish(&later);
            weir_snapshot_finish(&now);
        }
        expect_empty_after_drops(&g, empty);
        finish(&g);
    }
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

static void a_cut_that_is_read_later_is_one_made_at_once(void)
{
    read_by_hand(60, false);
}

static void what_has_expired_at_the_cut_is_left_out_later(void)
{
    read_by_hand(20, true);
}

/* Keys that come and go all the time: ids are not given for ever while a table is in an image. */
static void a_table_that_grows_too_much_is_compacted_all_the_same(void)
{
    struct stage g;
    struct weir_snapshot now, later;
    init(&g, 1);
    for (int i = 0; i < 60; i++) change(&g);
    cut(&g, &now, false);
    cut(&g, &later, true);
    struct heap *h = weir__heap_of(g.set);
    for (int32_t i = 0; i < 40000; i++) {
        uint8_t bytes[32] = {28};
        memcpy(bytes + 4, &i, sizeof i);
        const struct weir_key_ref key = {bytes, sizeof bytes, 2, weir_key_hash64(bytes, sizeof bytes)};
        for (uint32_t state = PLAIN; state <= TEXTS; state++) {
            edit_value(&g, state, &key, 0);
            g.set->ops->clear(g.set, state, &key, 0);
        }
    }
    CU_ASSERT_PTR_NOT_NULL(h->image);
    for (uint32_t state = PLAIN; state <= TEXTS; state++)
        CU_ASSERT(weir__heap_find_table(&h->states[state].groups[2], 0)->used < 10000);
    while (later.pending) read_group(&later);
    expect_same(&now, &later);
    weir_snapshot_finish(&later);
    weir_snapshot_finish(&now);
    finish(&g);
}

/* Rows that the index knows are looked at twice while an image is read, and found at once when it has been. */
static void keep_rows(size_t at_once)
{
    struct stage g;
    struct weir_snapshot now, later;
    void *values[MAX_ROWS];
    uint32_t places[MAX_ROWS], field = 0;
    init(&g, 1);
    struct heap *h = weir__heap_of(g.set);
    h->at_once = at_once;
    struct weir_rows *rows = make_rows(&g, 50);
    CU_ASSERT_EQUAL(g.set->ops->value_edit_rows(g.set, PLAIN, rows, &field, 1, NULL, 50, 0, values, NULL), WEIR_OK);
    cut(&g, &now, false);
    cut(&g, &later, true);
    CU_ASSERT_EQUAL(h->must_keep, at_once == 0);
    for (int i = 0; i < 2; i++) {
        uint64_t missed =
            weir__heap_recall(&h->states[PLAIN], h->must_keep, rows, &rows->view.columns[0], NULL, 0, 50, values, places);
        CU_ASSERT_EQUAL(missed, h->must_keep ? ((uint64_t)1 << 50) - 1 : 0);
        CU_ASSERT_EQUAL(h->image != NULL, i == 0);
        CU_ASSERT_EQUAL(g.set->ops->value_edit_rows(g.set, PLAIN, rows, &field, 1, NULL, 50, 0, values, NULL), WEIR_OK);
        for (int row = 0; row < 50; row++) ((struct plain *)values[row])->total++;
        while (later.pending) read_group(&later);
        g.set->ops->settle(g.set);
    }
    expect_same(&now, &later);
    weir_snapshot_finish(&later);
    weir_snapshot_finish(&now);
    weir_rows_release(rows);
    finish(&g);
}

static void rows_are_kept_while_an_image_is_read_and_no_longer(void)
{
    keep_rows(0);
}

static void a_small_image_is_copied_when_it_is_made(void)
{
    keep_rows(100000);
}

/* A window with one key each. */
static void many_small_tables_are_not_copied_at_once(void)
{
    struct stage g;
    struct weir_snapshot later;
    void *values[1];
    uint32_t field = 0;
    init(&g, 1);
    struct weir_rows *rows = make_rows(&g, 1);
    for (int64_t ns = 0; ns < 3000; ns++)
        CU_ASSERT_EQUAL(g.set->ops->value_edit_rows(g.set, PLAIN, rows, &field, 1, NULL, 1, ns, values, NULL), WEIR_OK);
    cut(&g, &later, true);
    CU_ASSERT(weir__heap_of(g.set)->must_keep);
    while (later.pending) read_group(&later);
    weir_snapshot_finish(&later);
    weir_rows_release(rows);
    finish(&g);
}

static void places_and_ids_go_both_ways(void)
{
    for (uint32_t shift = 0; shift <= 11; shift++) {
        const struct heap_state s = {.page_shift = shift, .page_mask = (1u << shift) - 1};
        uint32_t before = 0;
        for (uint32_t id = 0; id < 20000; id++) {
            uint32_t place = weir__heap_place(&s, id);
            CU_ASSERT_FATAL(weir__heap_id(&s, place) == id && (id == 0 || place > before));
            before = place;
        }
    }
}

/* ---- by a thread ------------------------------------------------------------------------------------------------- */

struct reader {
    struct weir_snapshot *snapshot;
    weir_status status;
};

static void read_all(void *arg)
{
    struct reader *r = arg;
    struct weir_error error;
    while (r->snapshot->pending && r->status == WEIR_OK) r->status = weir_snapshot_read(r->snapshot, &error);
}

static void a_thread_may_read_while_the_set_is_used(void)
{
    const struct weir_platform *p = weir_platform_os();
    struct weir_error error;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct stage g;
        struct weir_snapshot now, later;
        struct weir_thread *thread;
        init_with(&g, seed, HEAP, 0, seed % 3 == 0);
        if (seed % 2) weir__heap_of(g.set)->least_copies = 2;
        if (seed % 4 < 3) weir__heap_of(g.set)->at_once = 0;
        for (int round = 0; round < 3; round++) {
            for (uint32_t n = 200; n > 0; n--) change(&g);
            g.set->now_ms = TTL + round * TTL / 2;
            cut(&g, &now, false);
            cut(&g, &later, true);
            struct reader reader = {.snapshot = &later};
            CU_ASSERT_EQUAL_FATAL(p->start_thread(p->self, "reader", read_all, &reader, &thread, &error), WEIR_OK);
            for (int n = 0; n < 60; n++) {
                change(&g);
                if (below(&g, 9) == 0) thin_out(&g, below(&g, N_STATES));
            }
            p->join_thread(p->self, thread);
            CU_ASSERT_EQUAL_FATAL(reader.status, WEIR_OK);
            expect_same(&now, &later);
            weir_snapshot_finish(&later);
            weir_snapshot_finish(&now);
        }
        finish(&g);
    }
}

/* ---- sets in a store --------------------------------------------------------------------------------------------- */

static const size_t cache_sizes[] = {1, 20000, 64 << 20}; /* nothing stays, some, all */

/* Several at a time, read out of step, some given up; and now and then the set goes before they are read. */
static void a_store_may_be_read_while_the_set_is_used(void)
{
    size_t blocks = weir_allocated_blocks();
    for (uint64_t seed = 1; seed <= 24; seed++) {
        struct stage g;
        struct weir_snapshot now[2], later[2];
        bool given_up[2];
        init_with(&g, seed, seed % 3 == 0 ? LEVELDB : MEMORY, cache_sizes[seed / 3 % 3], seed % 5 < 2);
        for (int round = 0; round < 3; round++) {
            for (int i = 0; i < 2; i++) {
                for (uint32_t n = below(&g, 40); n > 0; n--) change(&g);
                g.set->now_ms += TTL / 2; /* each cut has its own */
                cut(&g, &now[i], false);
                cut(&g, &later[i], true);
                CU_ASSERT_PTR_NOT_NULL_FATAL(later[i].pending);
                given_up[i] = below(&g, 5) == 0;
            }
            bool last = round == 2 && below(&g, 2);
            if (last) {
                g.set->ops->destroy(g.set);
                g.set = NULL;
            }
            while (later[0].pending || later[1].pending) {
                uint32_t i = below(&g, 2);
                for (uint32_t n = last ? 0 : below(&g, 8); n > 0; n--) change(&g);
                if (!last && below(&g, 9) == 0) thin_out(&g, below(&g, N_STATES));
                if (!later[i].pending) continue;
                if (given_up[i] && below(&g, 5) == 0)
                    weir_snapshot_finish(&later[i]);
                else
                    read_group(&later[i]);
            }
            for (int i = 0; i < 2; i++) {
                if (later[i].header.n > 0) expect_same(&now[i], &later[i]); /* else it was given up */
                weir_snapshot_finish(&later[i]);
                weir_snapshot_finish(&now[i]);
            }
        }
        finish(&g);
    }
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

static void a_thread_may_read_a_store_while_the_set_is_used(void)
{
    const struct weir_platform *p = weir_platform_os();
    struct weir_error error;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct stage g;
        struct weir_snapshot now, later;
        struct weir_thread *thread;
        init_with(&g, seed, seed % 2 ? LEVELDB : MEMORY, cache_sizes[seed / 2 % 3], seed > 3);
        for (int round = 0; round < 3; round++) {
            for (uint32_t n = 100; n > 0; n--) change(&g);
            g.set->now_ms = TTL + round * TTL / 2;
            cut(&g, &now, false);
            cut(&g, &later, true);
            struct reader reader = {.snapshot = &later};
            CU_ASSERT_EQUAL_FATAL(p->start_thread(p->self, "reader", read_all, &reader, &thread, &error), WEIR_OK);
            for (int n = 0; n < 60; n++) {
                change(&g);
                if (below(&g, 9) == 0) thin_out(&g, below(&g, N_STATES));
            }
            if (round == 2) g.set->ops->destroy(g.set);
            if (round == 2) g.set = NULL;
            p->join_thread(p->self, thread);
            CU_ASSERT_EQUAL_FATAL(reader.status, WEIR_OK);
            expect_same(&now, &later);
            weir_snapshot_finish(&later);
            weir_snapshot_finish(&now);
        }
        finish(&g);
    }
}

/* The cut fails, with the directory and the reason; the set is as well as before, and so is the next cut. */
static void what_cannot_be_read_fails_the_cut_alone(void)
{
    size_t blocks = weir_allocated_blocks();
    bool failed = true;
    for (size_t n = 0; failed; n++) { /* 0: no view; then at each record in turn */
        struct stage g;
        struct weir_snapshot now, later;
        struct weir_error error = {0};
        init_with(&g, 3, MEMORY, 20000, false);
        for (int i = 0; i < 4; i++) change(&g);
        cut(&g, &now, false);
        g.memory.has_no_views = n == 0;
        g.memory.visits_left = n;
        cut(&g, &later, true);
        weir_status s = WEIR_OK;
        while (later.pending && s == WEIR_OK) s = weir_snapshot_read(&later, &error);
        failed = s != WEIR_OK;
        CU_ASSERT_PTR_NULL(later.pending);
        if (failed) CU_ASSERT(s == WEIR_E_IO && error.status == WEIR_E_IO);
        if (failed) CU_ASSERT(strstr(error.text, "/state") && strstr(error.text, "the disk is full"));
        if (!failed) expect_same(&now, &later);
        weir_snapshot_finish(&later);
        CU_ASSERT_PTR_NULL(weir_state_store_failure(g.store));
        g.memory.has_no_views = false;
        g.memory.visits_left = 0;
        cut(&g, &later, true);
        while (later.pending) read_group(&later);
        expect_same(&now, &later);
        weir_snapshot_finish(&later);
        weir_snapshot_finish(&now);
        finish(&g);
        CU_ASSERT_FATAL(n < 10000);
    }
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

/* A record that is cut off at any byte, goes on behind its end, or is of no state, is told. */
static void damaged_records_fail_the_cut(void)
{
    for (size_t cut_off = 0; cut_off <= 30; cut_off++) {
        struct stage g;
        struct weir_snapshot later;
        struct weir_error error = {0};
        uint8_t bytes[] = {3, 0, 0, 0, 'k', 'e', 'y'};
        const struct weir_key_ref key = {bytes, sizeof bytes, 2, weir_key_hash64(bytes, sizeof bytes)};
        struct texts item = {7, {"some text", 9}};
        init_with(&g, 1, MEMORY, 20000, false);
        for (int i = 0; i < 2; i++) CU_ASSERT_EQUAL(g.set->ops->list_add(g.set, LISTS, &key, 0, &item), WEIR_OK);
        CU_ASSERT(weir__stored_write_back(weir__stored_of(g.set)));
        CU_ASSERT_FATAL(g.memory.n == 1);
        struct memory_record *r = &g.memory.records[0];
        r->bytes = realloc(r->bytes, r->n + 1);
        CU_ASSERT_PTR_NOT_NULL_FATAL(r->bytes);
        r->bytes[r->n] = 0;
        if (cut_off == 0) r->bytes[3] = 100; /* the state */
        r->n = cut_off == 30 ? r->n + 1 : r->n - cut_off;
        cut(&g, &later, true);
        weir_status s = WEIR_OK;
        while (later.pending && s == WEIR_OK) s = weir_snapshot_read(&later, &error);
        CU_ASSERT_EQUAL(s, WEIR_E_DATA);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "a record is damaged"));
        weir_snapshot_finish(&later);
        finish(&g);
    }
}

WEIR_SUITE(image) = {
    {"a cut that is read later is one made at once", a_cut_that_is_read_later_is_one_made_at_once},
    {"what has expired at the cut is left out later", what_has_expired_at_the_cut_is_left_out_later},
    {"a table that grows too much is compacted all the same", a_table_that_grows_too_much_is_compacted_all_the_same},
    {"rows are kept while an image is read, and no longer", rows_are_kept_while_an_image_is_read_and_no_longer},
    {"a small image is copied when it is made", a_small_image_is_copied_when_it_is_made},
    {"many small tables are not copied at once", many_small_tables_are_not_copied_at_once},
    {"places and ids go both ways", places_and_ids_go_both_ways},
    {"a thread may read while the set is used", a_thread_may_read_while_the_set_is_used},
    {"a store may be read while the set is used", a_store_may_be_read_while_the_set_is_used},
    {"a thread may read a store while the set is used", a_thread_may_read_a_store_while_the_set_is_used},
    {"what cannot be read fails the cut alone", what_cannot_be_read_fails_the_cut_alone},
    {"damaged records fail the cut", damaged_records_fail_the_cut},
    {NULL, NULL},
};
