/* Keyed state copied from one backend into another, at random moments: nobody who uses it can tell. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "harness/memory_store.h"
#include "harness/suite.h"
#include "state/copy.h"
#include "state/snapshot.h"
#include "state/store.h"

#define N_GROUPS 3
#define N_STATES 4

struct pair {
    weir_str text;
    int64_t n;
};
static const weir_field members[] = {
    {.name = "text", .type = WEIR_STRING, .offset = offsetof(struct pair, text), .size = sizeof(weir_str)},
    {.name = "n", .type = WEIR_I64, .offset = offsetof(struct pair, n), .size = sizeof(int64_t)}};

#define VALUE .version = 1, .size = sizeof(struct pair), .n_fields = 2, .fields = members, .field_stride = sizeof(weir_field)
#define KEY   .key_size = sizeof(struct pair), .n_key_fields = 2, .key_fields = members
static const weir_state states[N_STATES] = {
    {.name = "one", .kind = WEIR_VALUE, VALUE},
    {.name = "many", .kind = WEIR_LIST, VALUE},
    {.name = "by", .kind = WEIR_MAP, VALUE, KEY},
    {.name = "set", .kind = WEIR_MAP, .version = 1, .field_stride = sizeof(weir_field), KEY},
};

struct place { /* where a set is */
    struct memory_store memory;
    struct weir_state_store *store; /* NULL: on the heap */
    struct weir_state_set *set;
};
struct stage {
    struct weir_state_layout layouts[N_STATES];
    struct weir_schema *key;
    struct weir_random random;
    struct place still, moving; /* what never moves, on the heap, and what does */
};

static void open_place(struct stage *s, struct place *p, bool in_store, size_t cache_bytes)
{
    *p = (struct place){.store = NULL};
    if (!in_store) {
        p->set = weir_heap_state_create(s->layouts, N_STATES, 0, N_GROUPS - 1);
        return;
    }
    struct weir_state_store_options o = {
        .backend = &memory_store_backend, .self = &p->memory, .directory = "/state/0", .cache_bytes = cache_bytes};
    CU_ASSERT_EQUAL_FATAL(weir_state_store_create(&o, &p->store, NULL), WEIR_OK);
    p->set = weir_stored_state_create(p->store, s->layouts, N_STATES, 0, N_GROUPS - 1);
}

static void close_place(struct place *p)
{
    p->set->ops->destroy(p->set);
    weir_state_store_destroy(p->store);
}

static void set_up(struct stage *s, uint64_t seed)
{
    struct weir_schema_builder key = {0};
    *s = (struct stage){.random = {seed}};
    for (int i = 0; i < N_STATES; i++)
        CU_ASSERT_EQUAL_FATAL(weir_state_layout_init(&s->layouts[i], &states[i], NULL), WEIR_OK);
    weir_schema_builder_add(&key, "k", WEIR_I64, false);
    s->key = weir_schema_build(&key);
    open_place(s, &s->still, false, 0);
    open_place(s, &s->moving, false, 0);
}

static void tear_down(struct stage *s)
{
    close_place(&s->still);
    close_place(&s->moving);
    weir_schema_release(s->key);
    for (int i = 0; i < N_STATES; i++) weir_state_layout_finish(&s->layouts[i]);
}

static uint64_t below(struct stage *s, uint64_t n)
{
    return weir_random_next(&s->random) % n;
}

/* ---- one change, to both ----------------------------------------------------------------------------------------- */

struct change {
    uint32_t state;
    uint64_t k;
    int64_t ns;
    uint64_t what;
    struct pair key, value;
    char key_text[64], text[64];
};

static struct change draw(struct stage *s)
{
    struct change c = {.state = (uint32_t)below(s, N_STATES),
                       .k = below(s, 40),
                       .ns = (int64_t)below(s, 5) - 2,
                       .what = below(s, 12),
                       .key = {.n = (int64_t)below(s, 4)},
                       .value = {.n = (int64_t)below(s, 1000)}};
    c.key.text.n = (size_t)snprintf(c.key_text, sizeof c.key_text, "%*s", (int)below(s, 30), "key");
    c.value.text.n = below(s, 3) ? (size_t)snprintf(c.text, sizeof c.text, "%*s", (int)below(s, 60), "text") : 0;
    return c;
}

static void change(struct weir_state_set *set, struct change *c)
{
    const struct weir_state_ops *ops = set->ops;
    uint64_t k = c->k;
    struct weir_key_ref key = {(const uint8_t *)&k, 8, (uint32_t)(k % N_GROUPS), weir_key_hash64(&k, 8)};
    void *value = NULL;
    c->key.text.p = c->key_text;
    c->value.text.p = c->text;
    if (c->what == 0) {
        ops->clear(set, c->state, &key, c->ns);
    } else if (c->state == 1) {
        CU_ASSERT_EQUAL(c->what == 1 ? ops->list_update(set, 1, &key, c->ns, &c->value, 1)
                                     : ops->list_add(set, 1, &key, c->ns, &c->value),
                        WEIR_OK);
    } else if (c->state > 1 && c->what < 4) {
        ops->map_remove(set, c->state, &key, c->ns, &c->key);
    } else {
        value = c->state > 1 ? ops->map_edit(set, c->state, &key, c->ns, &c->key) : ops->value_edit(set, 0, &key, c->ns);
        CU_ASSERT_PTR_NOT_NULL_FATAL(value);
    }
    if (value && c->state < 3) {
        ((struct pair *)value)->n += c->value.n;
        CU_ASSERT_EQUAL(ops->assign(set, c->state, &((struct pair *)value)->text, c->value.text), WEIR_OK);
    }
    ops->settle(set);
}

/* ---- what they hold ---------------------------------------------------------------------------------------------- */

static void expect_same(struct stage *s)
{
    struct weir_snapshot a = {0}, b = {0};
    CU_ASSERT_EQUAL(weir_snapshot_keyed(&a, s->still.set, NULL, s->key, 0, N_GROUPS - 1, NULL), WEIR_OK);
    CU_ASSERT_EQUAL(weir_snapshot_keyed(&b, s->moving.set, NULL, s->key, 0, N_GROUPS - 1, NULL), WEIR_OK);
    CU_ASSERT_EQUAL(a.n_entries, b.n_entries);
    CU_ASSERT_EQUAL_FATAL(a.keyed.n, b.keyed.n);
    CU_ASSERT(a.keyed.n == 0 || memcmp(a.keyed.p, b.keyed.p, a.keyed.n) == 0);
    for (uint32_t i = 0; i < N_STATES; i++)
        CU_ASSERT_EQUAL(s->still.set->ops->entries(s->still.set, i), s->moving.set->ops->entries(s->moving.set, i));
    weir_snapshot_finish(&a);
    weir_snapshot_finish(&b);
}

static weir_status move(struct stage *s, struct place *to)
{
    struct weir_state_copy copy;
    weir_state_copy_begin(&copy, s->moving.set, to->set);
    weir_status status = WEIR_MORE;
    while (status == WEIR_MORE) status = weir_state_copy_step(&copy, 1 + below(s, 50));
    return status;
}

/* A place is not to be moved while its store has its address. */
static void any_order_of_changes_and_moves(void)
{
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct stage s;
        set_up(&s, seed);
        struct place *places = weir_alloc_array(12, sizeof *places);
        for (int i = 0; i < 12; i++) {
            for (uint64_t n = below(&s, 150); n > 0; n--) {
                struct change c = draw(&s);
                change(s.still.set, &c);
                change(s.moving.set, &c);
            }
            open_place(&s, &places[i], below(&s, 4) > 0, below(&s, 3) ? 4096 : 1);
            CU_ASSERT_EQUAL(move(&s, &places[i]), WEIR_OK);
            expect_same(&s); /* what was copied is as it was */
            close_place(i > 0 ? &places[i - 1] : &s.moving);
            s.moving.set = places[i].set;
            s.moving.store = places[i].store;
            expect_same(&s);
        }
        tear_down(&s);
        weir_free(places);
    }
}

/* What is there stays there, whichever call it is that fails. */
static void a_copy_that_fails_leaves_what_was_copied(void)
{
    size_t blocks = weir_allocated_blocks();
    weir_status status = WEIR_E_IO;
    int n = 1;
    for (; status != WEIR_OK; n++) {
        struct stage s;
        struct place to;
        set_up(&s, 7);
        for (int i = 0; i < 400; i++) {
            struct change c = draw(&s);
            change(s.still.set, &c);
            change(s.moving.set, &c);
        }
        open_place(&s, &to, true, 1);
        to.memory.calls_left = (size_t)n;
        status = move(&s, &to);
        if (weir_state_store_failure(to.store)) status = WEIR_E_IO; /* at its last call */
        expect_same(&s);
        close_place(&to);
        tear_down(&s);
        CU_ASSERT_FATAL(n < 10000);
    }
    CU_ASSERT(n > 10);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

static void nothing_is_copied_too(void)
{
    struct stage s;
    struct place to;
    set_up(&s, 1);
    open_place(&s, &to, true, 4096);
    CU_ASSERT_EQUAL(move(&s, &to), WEIR_OK);
    close_place(&to);
    tear_down(&s);
}

WEIR_SUITE(copy) = {{"any order of changes and moves", any_order_of_changes_and_moves},
                    {"a copy that fails leaves what was copied", a_copy_that_fails_leaves_what_was_copied},
                    {"nothing is copied too", nothing_is_copied_too},
                    {NULL, NULL}};
