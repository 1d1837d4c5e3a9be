/* Keyed state that changes its backend while the job runs, stepped by hand (operator/move.h, job/swap.h). */
#include "harness/folders.h"
#include "harness/memory_store.h"
#include "job/swap.h"
#include "state/stored_internal.h"
#include "unit/job/coordinator_stage.h"

static struct weir_state_config on_heap, *in_leveldb; /* the graph's */

static void configure(struct bench *b)
{
    const struct weir_component_info *info = weir_registry_find(b->registry, WEIR_STATE_BACKEND, "leveldb", &b->error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(info);
    in_leveldb = weir_alloc(sizeof *in_leveldb);
    *in_leveldb = (struct weir_state_config){.backend = weir_part_spec_create(info),
                                             .owns_backend = true,
                                             .name = weir_strdup("leveldb"),
                                             .directory = weir_strdup(DIRECTORY "/state"),
                                             .cache_bytes = 1 << 20};
    struct weir_stream_graph *g = b->graph;
    g->states = weir_realloc_array(g->states, g->n_states, g->n_states + 1, sizeof *g->states);
    g->states[g->n_states++] = in_leveldb;
}

static void begin(struct bench *b, const char *checkpoint)
{
    clean();
    start(b, checkpoint);
    configure(b);
    step_all(b, 40);
}

static void finish(struct bench *b)
{
    end(b);
    EXPECT_GONE("state/shop"); /* whatever happened */
}

static struct weir_saving *ask(struct bench *b, const char *node, const struct weir_state_config *config)
{
    struct weir_saving *s;
    CU_ASSERT_EQUAL_FATAL(weir_run_swap_state(b->run, node, config, &s, &b->error), WEIR_OK);
    CU_ASSERT_FALSE(weir_saving_wait(s, 0));
    coordinate(b);
    return s;
}

static void expect_refusal(struct bench *b, struct weir_saving *s, const char *why)
{
    const char *path;
    CU_ASSERT_FATAL(weir_saving_wait(s, 0));
    CU_ASSERT_NOT_EQUAL(weir_saving_result(s, &path, &b->error), WEIR_OK);
    WEIR_ASSERT_CONTAINS(b->error.text, why);
    weir_saving_release(s);
}

static void expect_moved(struct bench *b, struct weir_saving *s, const char *node, uint64_t entries)
{
    const char *path;
    uint32_t n;
    CU_ASSERT_FATAL(weir_saving_wait(s, 0));
    CU_ASSERT_EQUAL_FATAL(weir_saving_result(s, &path, &b->error), WEIR_OK);
    const struct weir_moved *moved = weir_saving_moved(s, &n);
    bool found = false;
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(moved[i].node, node) != 0) continue;
        found = true;
        CU_ASSERT(moved[i].has_moved);
        CU_ASSERT_EQUAL(moved[i].entries, entries);
        CU_ASSERT(moved[i].pause_ns >= moved[i].copy_ns && moved[i].copy_ns >= 0);
    }
    CU_ASSERT(found);
    weir_saving_release(s);
}

static struct weir_op *op_of(struct bench *b, const char *node)
{
    for (uint32_t i = 0; i < b->run->n_ops; i++) {
        if (strcmp(b->graph->nodes[b->run->ops[i].node]->id, node) == 0) return b->run->ops[i].op;
    }
    CU_FAIL_FATAL("no such node");
    return NULL;
}

static struct weir_state_set *set_of(struct bench *b, const char *node)
{
    struct weir_op *op = op_of(b, node);
    return op->class->exchange_state(op, NULL);
}

/* Records that it was given and has not looked at: a step may end there. */
static int64_t held(struct bench *b, const struct weir_op *op)
{
    for (uint32_t i = 0; i < b->run->plan->n_subtasks; i++) {
        const struct weir_chain *c = &b->run->subtasks[i].chain;
        for (uint32_t m = 0; m < c->n_members; m++) {
            if (c->members[m].op != op || c->members[m].current.kind != WEIR_ELEMENT_ROWS) continue;
            return c->members[m].current.rows->view.selected;
        }
    }
    return 0;
}

/* Every record that came has been counted once: three keys hold the numbers of their records. */
static void expect_counted(struct bench *b, const char *backend)
{
    struct weir_state_set *set = set_of(b, "counts");
    int64_t counted = 0;
    CU_ASSERT_STRING_EQUAL(set->ops->name, backend);
    CU_ASSERT_EQUAL(set->ops->entries(set, 0), 3);
    for (uint32_t group = set->first_group; group <= set->last_group; group++) {
        weir_cursor at = {0};
        struct weir_key_ref key;
        void *value;
        while (set->ops->next_key(set, 0, group, 0, &at, &key, &value)) counted += *(int64_t *)value;
    }
    const struct weir_op *op = op_of(b, "counts");
    CU_ASSERT_EQUAL(counted, (int64_t)atomic_load(&op->counters.rows_in) - held(b, op));
    CU_ASSERT(counted > 0);
}

/* ---- moving ------------------------------------------------------------------------------------------------------ */

static void there_and_back_without_a_record_lost_or_repeated(void)
{
    struct bench b;
    begin(&b, "checkpoint: {every: 1h, directory: " DIRECTORY "}");
    for (int64_t round = 0; round < 3; round++) {
        struct weir_saving *s = ask(&b, "counts", in_leveldb);
        EXPECT_THERE("state/shop/counts-0/CURRENT"); /* opened before anybody waits for it */
        CU_ASSERT_EQUAL(triggered(&b), 2 * round + 1);
        expect_counted(&b, "heap");
        step_all(&b, 12);
        CU_ASSERT_FALSE(weir_saving_wait(s, 0));
        coordinate(&b);
        expect_moved(&b, s, "counts", 3);
        expect_counted(&b, "stored");
        step_all(&b, 12);
        expect_counted(&b, "stored");
        s = ask(&b, "counts", &on_heap);
        step_all(&b, 12);
        coordinate(&b);
        expect_moved(&b, s, "counts", 3);
        expect_counted(&b, "heap");
        EXPECT_GONE("state/shop");
    }
    EXPECT_COMPLETE(&b, 0);                                       /* its barriers are no checkpoints, */
    CU_ASSERT_PTR_NULL(strstr(weir_text_get(&b.printed), "cut")); /* nobody cuts at them, */
    CU_ASSERT_EQUAL(b.run->subtasks[0].orders->oldest, 7);        /* and none is left under way */
    finish(&b);
}

/* Timers are no state of a backend. */
static void all_nodes_that_keep_state(void)
{
    struct bench b;
    uint32_t n;
    begin(&b, "");
    struct weir_saving *s = ask(&b, NULL, in_leveldb);
    step_all(&b, 12);
    coordinate(&b);
    (void)weir_saving_moved(s, &n);
    CU_ASSERT_EQUAL(n, 1);
    expect_moved(&b, s, "counts", 3);
    expect_refusal(&b, ask(&b, NULL, in_leveldb), "the keyed state of the job is in leveldb already");
    expect_counted(&b, "stored");
    finish(&b);
}

static void behind_a_checkpoint_that_is_under_way(void)
{
    struct bench b;
    begin(&b, "checkpoint: {every: 100ms, max_concurrent: 2, directory: " DIRECTORY "}");
    wait_ms(&b, 100);
    CU_ASSERT_EQUAL(triggered(&b), 1);
    struct weir_saving *s = ask(&b, "counts", in_leveldb);
    CU_ASSERT_EQUAL(triggered(&b), 2);
    wait_ms(&b, 100);
    CU_ASSERT_EQUAL(triggered(&b), 2); /* none begins while state is on its way */
    step_all(&b, 12);
    coordinate(&b);
    EXPECT_COMPLETE(&b, 1);
    EXPECT_THERE("chk-1");
    EXPECT_GONE("chk-2");
    expect_moved(&b, s, "counts", 3);
    CU_ASSERT_EQUAL(triggered(&b), 3);
    step_all(&b, 12);
    coordinate(&b);
    EXPECT_COMPLETE(&b, 3);
    expect_counted(&b, "stored");
    finish(&b);
}

/* The cut is a view of the store that the state has left: it is closed when it has been read, at the latest when the state
 * is to come back. */
static void behind_a_checkpoint_of_a_store_that_is_still_read(void)
{
    struct bench b;
    begin(&b, "checkpoint: {every: 100ms, max_concurrent: 2, directory: " DIRECTORY "}");
    struct weir_saving *s = ask(&b, "counts", in_leveldb);
    step_all(&b, 12);
    coordinate(&b);
    expect_moved(&b, s, "counts", 3);
    wait_ms(&b, 100);
    CU_ASSERT_EQUAL(triggered(&b), 2);
    s = ask(&b, "counts", &on_heap);
    CU_ASSERT_EQUAL(triggered(&b), 3);
    step_all(&b, 12);
    expect_counted(&b, "heap");
    EXPECT_THERE("state/shop/counts-0/CURRENT");
    CU_ASSERT(weir_run_step_checkpoints(b.run) <= b.sim.now_ns);
    expect_moved(&b, s, "counts", 3);
    EXPECT_THERE("state/shop/counts-0/CURRENT");
    s = ask(&b, "counts", in_leveldb); /* where the other store still is */
    step_all(&b, 12);
    coordinate(&b);
    EXPECT_COMPLETE(&b, 2);
    expect_moved(&b, s, "counts", 3);
    expect_counted(&b, "stored");
    CU_ASSERT_EQUAL(folders_read(weir_platform_os(), DIRECTORY "/chk-2", &b.saved, &b.error), WEIR_OK);
    CU_ASSERT_EQUAL(weir_saved_find(&b.saved, "counts")->parts[0].n_entries, 3);
    finish(&b);
}

static bool is_unwritten(struct bench *b)
{
    bool any = false;
    for (uint32_t i = 0; i < b->run->plan->n_subtasks; i++) {
        const struct weir_chain *c = &b->run->subtasks[i].chain;
        for (uint32_t k = 0; k < c->n_cuts * c->n_members; k++)
            any |= weir_snapshot_is_unwritten(&c->cuts[k / c->n_members].parts[k % c->n_members]);
    }
    return any;
}

/* The other thread that destroys it would meet the subtask at that. */
static void a_cut_is_written_before_its_set_goes(void)
{
    struct bench b;
    begin(&b, "checkpoint: {every: 100ms, max_concurrent: 2, directory: " DIRECTORY "}");
    struct weir_saving *s = ask(&b, "counts", in_leveldb);
    step_all(&b, 12);
    coordinate(&b);
    expect_moved(&b, s, "counts", 3);
    step_all(&b, 12);
    weir__stored_of(set_of(&b, "counts"))->step.bytes = 1;
    wait_ms(&b, 100);
    CU_ASSERT_EQUAL(triggered(&b), 2);
    s = ask(&b, "counts", &on_heap);
    CU_ASSERT_EQUAL(triggered(&b), 3);
    for (int i = 0; i < 100 && strcmp(set_of(&b, "counts")->ops->name, "heap") != 0; i++) step_all(&b, 1);
    CU_ASSERT(!is_unwritten(&b));
    CU_ASSERT_STRING_EQUAL(set_of(&b, "counts")->ops->name, "heap");
    step_all(&b, 12);
    coordinate(&b);
    EXPECT_COMPLETE(&b, 2);
    expect_moved(&b, s, "counts", 3);
    finish(&b);
}

/* A savepoint of what was moved can be gone on from on the heap, and there too. */
static void what_has_moved_is_saved_like_any_state(void)
{
    struct bench b;
    begin(&b, "checkpoint: {every: 1h, directory: " DIRECTORY "}");
    struct weir_saving *s = ask(&b, "counts", in_leveldb), *saving;
    step_all(&b, 12);
    coordinate(&b);
    expect_moved(&b, s, "counts", 3);
    CU_ASSERT_EQUAL(weir_run_savepoint(b.run, NULL, WEIR_THEN_GO_ON, &saving, &b.error), WEIR_OK);
    coordinate(&b);
    step_all(&b, 12);
    coordinate(&b);
    CU_ASSERT_FATAL(weir_saving_wait(saving, 0));
    const char *path;
    CU_ASSERT_EQUAL_FATAL(weir_saving_result(saving, &path, &b.error), WEIR_OK);
    CU_ASSERT_EQUAL(folders_read(weir_platform_os(), path, &b.saved, &b.error), WEIR_OK);
    CU_ASSERT_EQUAL(weir_saved_find(&b.saved, "counts")->parts[0].n_entries, 3);
    weir_saving_release(saving);
    finish(&b);
}

/* ---- not moving -------------------------------------------------------------------------------------------------- */

static void what_cannot_be_is_refused(void)
{
    struct bench b;
    struct weir_saving *stop;
    begin(&b, "checkpoint: {every: 1h, directory: " DIRECTORY "}");
    expect_refusal(&b, ask(&b, "count", in_leveldb), "the job has no node 'count'; did you mean 'counts'?");
    expect_refusal(&b, ask(&b, "out", in_leveldb), "node 'out' keeps no keyed state");
    expect_refusal(&b, ask(&b, "both", in_leveldb), "node 'both' keeps no keyed state");
    expect_refusal(&b, ask(&b, "echoes", in_leveldb), "node 'echoes' keeps no keyed state");
    expect_refusal(&b, ask(&b, "counts", &on_heap), "the keyed state of node 'counts' is in heap already");
    expect_refusal(&b, ask(&b, NULL, &on_heap), "the keyed state of the job is in heap already");
    CU_ASSERT_EQUAL(triggered(&b), 0); /* nobody was bothered */
    struct weir_saving *first = ask(&b, "counts", in_leveldb);
    expect_refusal(&b, ask(&b, "counts", &on_heap), "another change of backends is under way");
    step_all(&b, 12);
    coordinate(&b);
    expect_moved(&b, first, "counts", 3);
    CU_ASSERT_EQUAL(weir_run_savepoint(b.run, NULL, WEIR_THEN_SUSPEND, &stop, &b.error), WEIR_OK);
    coordinate(&b);
    expect_refusal(&b, ask(&b, "counts", &on_heap), "the job is being stopped with a savepoint");
    finish(&b);
    weir_saving_release(stop);
}

static void a_store_that_cannot_be_opened_stops_nobody(void)
{
    struct bench b;
    begin(&b, "checkpoint: {every: 1h, directory: " DIRECTORY "}");
    run_shell("mkdir -p " DIRECTORY "/state && touch " DIRECTORY "/state/shop");
    expect_refusal(&b, ask(&b, NULL, in_leveldb), "keyed state stays where it is: no directory for state: ");
    CU_ASSERT_EQUAL(triggered(&b), 0);
    expect_counted(&b, "heap");
    run_shell("rm " DIRECTORY "/state/shop");
    struct weir_saving *s = ask(&b, "counts", in_leveldb);
    step_all(&b, 12);
    coordinate(&b);
    expect_moved(&b, s, "counts", 3);
    finish(&b);
}

static void a_copy_that_fails_leaves_state_where_it_is(void)
{
    struct bench b;
    struct memory_store memory = {0};
    struct weir_state_store_options o = {
        .backend = &memory_store_backend, .self = &memory, .directory = "/full", .cache_bytes = 1};
    begin(&b, "checkpoint: {every: 1h, directory: " DIRECTORY "}");
    struct weir_saving *s = ask(&b, "counts", in_leveldb);
    struct weir_op_move *m = atomic_load(&op_of(&b, "counts")->move);
    weir_state_store_destroy(m->backend.store); /* another one instead, that fails soon */
    CU_ASSERT_EQUAL_FATAL(weir_state_store_create(&o, &m->backend.store, &b.error), WEIR_OK);
    memory.calls_left = 2;
    step_all(&b, 12);
    coordinate(&b);
    expect_refusal(&b, s, "the keyed state of node 'counts' stays where it was in subtask 0, and perhaps in others: ");
    WEIR_ASSERT_CONTAINS(b.error.text, "the disk is full");
    expect_counted(&b, "heap");
    CU_ASSERT_PTR_NULL(weir_run_failure(b.run));
    s = ask(&b, "counts", in_leveldb);
    step_all(&b, 12);
    coordinate(&b);
    expect_moved(&b, s, "counts", 3);
    finish(&b);
}

/* The view fails, or the scan of it: the checkpoint cannot be had, and the next one can. */
static void a_store_that_cannot_be_read_behind_its_back_fails_the_checkpoint(void)
{
    for (int scan = 0; scan < 2; scan++) {
        struct bench b;
        struct memory_store memory = {0};
        struct weir_state_store_options o = {
            .backend = &memory_store_backend, .self = &memory, .directory = "/full", .cache_bytes = 1};
        begin(&b, "checkpoint: {every: 100ms, tolerable: 1, directory: " DIRECTORY "}");
        struct weir_saving *s = ask(&b, "counts", in_leveldb);
        struct weir_op_move *m = atomic_load(&op_of(&b, "counts")->move);
        weir_state_store_destroy(m->backend.store);
        CU_ASSERT_EQUAL_FATAL(weir_state_store_create(&o, &m->backend.store, &b.error), WEIR_OK);
        step_all(&b, 12);
        coordinate(&b);
        expect_moved(&b, s, "counts", 3);
        memory.has_no_views = scan == 0;
        memory.visits_left = scan ? 3 : 0;
        wait_ms(&b, 100);
        CU_ASSERT_EQUAL(triggered(&b), 2);
        step_all(&b, 12);
        coordinate(&b);
        EXPECT_COMPLETE(&b, 0);
        EXPECT_GONE("chk-2");
        CU_ASSERT_PTR_NULL(weir_run_failure(b.run));
        memory.has_no_views = false;
        memory.visits_left = 0;
        wait_ms(&b, 100);
        step_all(&b, 12);
        coordinate(&b);
        EXPECT_COMPLETE(&b, 3);
        expect_counted(&b, "stored");
        finish(&b);
    }
}

static void one_that_comes_too_late_is_withdrawn_and_its_barrier_passes(void)
{
    struct bench b;
    begin(&b, "checkpoint: {every: 1h, timeout: 50ms, tolerable: 0, directory: " DIRECTORY "}");
    struct weir_saving *s = ask(&b, "counts", in_leveldb);
    step(&b, "in"); /* the other source does not come to it */
    step(&b, "both");
    wait_ms(&b, 49);
    CU_ASSERT_FALSE(weir_saving_wait(s, 0));
    wait_ms(&b, 1);
    expect_refusal(&b, s, "its barrier had not come there within 50 ms (checkpoint.timeout)");
    CU_ASSERT_EQUAL(weir_run_step_checkpoints(b.run) > b.sim.now_ns, true); /* and the coordinator has its rest */
    struct weir_saving *next = ask(&b, "counts", in_leveldb);               /* its barrier is the second */
    CU_ASSERT_EQUAL(triggered(&b), 2);
    step_all(&b, 12);
    coordinate(&b);
    expect_moved(&b, next, "counts", 3);
    expect_counted(&b, "stored");
    CU_ASSERT_PTR_NULL(weir_run_failure(b.run));
    CU_ASSERT_EQUAL(b.run->subtasks[0].orders->oldest, 3);
    finish(&b);
}

/* At every step of the way. */
static void a_job_that_ends_meanwhile_leaves_nothing(void)
{
    size_t blocks = weir_allocated_blocks();
    for (int steps = 0; steps < 12; steps++) {
        struct bench b;
        begin(&b, "checkpoint: {every: 1h, directory: " DIRECTORY "}");
        struct weir_saving *s = ask(&b, NULL, in_leveldb);
        static const char *const order[] = {"in", "again", "both", "counts", "echoes"};
        for (int i = 0; i < steps; i++) step(&b, order[i % 5]);
        finish(&b);
        CU_ASSERT(weir_saving_wait(s, 0));
        weir_saving_release(s);
    }
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

/* Its subtasks are over: there is nothing that could be moved, and nobody waits for it. */
static void nodes_that_are_over_stay_where_they_are(void)
{
    for (int keeps = 0; keeps < 2; keeps++) {
        struct bench b;
        begin(&b, keeps ? "checkpoint: {every: 1h, directory: " DIRECTORY "}" : "");
        weir_run_stop(b.run);
        step_all(&b, 40);
        struct weir_saving *s = ask(&b, "counts", in_leveldb);
        uint32_t n;
        CU_ASSERT_FATAL(weir_saving_wait(s, 0));
        const struct weir_moved *moved = weir_saving_moved(s, &n);
        CU_ASSERT_FATAL(n == 1);
        CU_ASSERT_FALSE(moved[0].has_moved);
        weir_saving_release(s);
        finish(&b);
    }
}

/* The last cut of a subtask has the number of the barrier that does not come to it any more. */
static void what_ends_before_the_barrier_comes_is_cut_all_the_same(void)
{
    struct bench b;
    begin(&b, "checkpoint: {every: 1h, directory: " DIRECTORY "}");
    struct weir_saving *s = ask(&b, "counts", in_leveldb);
    weir_run_stop(b.run); /* before the sources have the barrier */
    step_all(&b, 40);
    coordinate(&b);
    EXPECT_COMPLETE(&b, 2);
    CU_ASSERT_EQUAL_FATAL(folders_read(weir_platform_os(), DIRECTORY "/chk-2", &b.saved, &b.error), WEIR_OK);
    CU_ASSERT_EQUAL(weir_saved_find(&b.saved, "counts")->parts[0].n_entries, 3);
    CU_ASSERT(weir_saving_wait(s, 0));
    weir_saving_release(s);
    finish(&b);
}

WEIR_SUITE(swap) = {
    {"there and back without a record lost or repeated", there_and_back_without_a_record_lost_or_repeated},
    {"all nodes that keep state", all_nodes_that_keep_state},
    {"behind a checkpoint that is under way", behind_a_checkpoint_that_is_under_way},
    {"behind a checkpoint of a store that is still read", behind_a_checkpoint_of_a_store_that_is_still_read},
    {"a store that cannot be read behind its back fails the checkpoint",
     a_store_that_cannot_be_read_behind_its_back_fails_the_checkpoint},
    {"a cut is written before its set goes", a_cut_is_written_before_its_set_goes},
    {"what has moved is saved like any state", what_has_moved_is_saved_like_any_state},
    {"what cannot be is refused", what_cannot_be_is_refused},
    {"a store that cannot be opened stops nobody", a_store_that_cannot_be_opened_stops_nobody},
    {"a copy that fails leaves state where it is", a_copy_that_fails_leaves_state_where_it_is},
    {"one that comes too late is withdrawn and its barrier passes",
     one_that_comes_too_late_is_withdrawn_and_its_barrier_passes},
    {"a job that ends meanwhile leaves nothing", a_job_that_ends_meanwhile_leaves_nothing},
    {"nodes that are over stay where they are", nodes_that_are_over_stay_where_they_are},
    {"what ends before the barrier comes is cut all the same", what_ends_before_the_barrier_comes_is_cut_all_the_same},
    {NULL, NULL}};
