/* Checkpoints that hold only what changed (state/stored_changes.c, saved_chain.c): whatever the history of changes, cuts
 * that come to nothing, checkpoints, removals and restarts, each checkpoint gives back what a whole one of a twin on the
 * heap has, byte for byte. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/random.h"
#include "base/text.h"
#include "checkpoint/saved_look.h"
#include "harness/folders.h"
#include "harness/memory_store.h"
#include "harness/suite.h"
#include "state/store.h"

#define FOLDER   WEIR_TEST_FOLDER
#define N_GROUPS 3
#define N_STATES 3
#define MOST     64

struct pair {
    weir_str text;
    int64_t n;
};
static const weir_field members[] = {
    {.name = "text", .type = WEIR_STRING, .offset = offsetof(struct pair, text), .size = sizeof(weir_str)},
    {.name = "n", .type = WEIR_I64, .offset = offsetof(struct pair, n), .size = sizeof(int64_t)}};

#define VALUE .version = 1, .size = sizeof(struct pair), .n_fields = 2, .fields = members, .field_stride = sizeof(weir_field)
#define KEY   .key_size = sizeof(struct pair), .n_key_fields = 2, .key_fields = members
static const weir_state states[N_STATES] = {{.name = "one", .kind = WEIR_VALUE, VALUE},
                                            {.name = "many", .kind = WEIR_LIST, VALUE},
                                            {.name = "by", .kind = WEIR_MAP, VALUE, KEY}};

/* A checkpoint that is complete, or a cut that may become one. */
struct kept {
    int64_t number, base;
    struct weir_snapshot cut, expected; /* cut: nothing once it is written */
};
struct stage {
    struct weir_platform platform;
    struct weir_state_layout layouts[N_STATES];
    struct weir_schema *key;
    struct weir_random random;
    struct memory_store memory;
    struct weir_state_store *store;
    struct weir_state_set *set, *twin; /* in the store; on the heap */
    struct weir_timers *timers;
    uint64_t n_keys;
    bool stays;               /* nothing is removed */
    bool later;               /* some cuts are read as they are written */
    int64_t number, complete; /* last one; newest checkpoint */
    struct kept kept[MOST];
    size_t n_kept;
    size_t changes, wholes;
};

static uint64_t below(struct stage *s, uint64_t n)
{
    return weir_random_next(&s->random) % n;
}

/* ---- the stage --------------------------------------------------------------------------------------------------- */

/* The disk of the test is not what is tested, and it is slow. */
static weir_status no_sync(void *self, struct weir_platform_file *f, struct weir_error *error)
{
    (void)self, (void)f, (void)error;
    return WEIR_OK;
}
static weir_status no_sync_directory(void *self, const char *path, struct weir_error *error)
{
    (void)self, (void)path, (void)error;
    return WEIR_OK;
}

static void make_state(struct stage *s)
{
    static const size_t caches[] = {1, 3000, 1 << 20};
    struct weir_state_store_options o = {.backend = &memory_store_backend,
                                         .self = &s->memory,
                                         .directory = "/state/0",
                                         .cache_bytes = caches[below(s, WEIR_LEN(caches))]};
    CU_ASSERT_EQUAL_FATAL(weir_state_store_create(&o, &s->store, NULL), WEIR_OK);
    s->set = weir_stored_state_create(s->store, s->layouts, N_STATES, 0, N_GROUPS - 1);
    s->twin = weir_heap_state_create(s->layouts, N_STATES, 0, N_GROUPS - 1);
    s->timers = weir_timers_create(0, N_GROUPS - 1);
}

static void drop_state(struct stage *s)
{
    CU_ASSERT_PTR_NULL(weir_state_store_failure(s->store));
    s->set->ops->destroy(s->set);
    s->twin->ops->destroy(s->twin);
    weir_state_store_destroy(s->store);
    weir_timers_destroy(s->timers);
    s->memory = (struct memory_store){0};
}

static void set_up(struct stage *s, uint64_t seed, uint64_t n_keys)
{
    struct weir_schema_builder key = {0};
    struct weir_error ignored;
    weir_test_remove(FOLDER);
    CU_ASSERT_EQUAL_FATAL(weir_platform_os()->make_directory(NULL, FOLDER, &ignored), WEIR_OK);
    *s = (struct stage){.random = {seed}, .platform = *weir_platform_os(), .n_keys = n_keys};
    s->platform.sync = no_sync;
    s->platform.sync_directory = no_sync_directory;
    for (int i = 0; i < N_STATES; i++)
        CU_ASSERT_EQUAL_FATAL(weir_state_layout_init(&s->layouts[i], &states[i], NULL), WEIR_OK);
    weir_schema_builder_add(&key, "k", WEIR_I64, false);
    s->key = weir_schema_build(&key);
    make_state(s);
}

static void forget(struct stage *s, size_t at)
{
    weir_snapshot_finish(&s->kept[at].cut);
    weir_snapshot_finish(&s->kept[at].expected);
    memmove(&s->kept[at], &s->kept[at + 1], (--s->n_kept - at) * sizeof *s->kept);
}

static void tear_down(struct stage *s)
{
    while (s->n_kept > 0) forget(s, 0);
    drop_state(s);
    weir_schema_release(s->key);
    for (int i = 0; i < N_STATES; i++) weir_state_layout_finish(&s->layouts[i]);
}

/* ---- changes, to both -------------------------------------------------------------------------------------------- */

struct change {
    uint32_t state;
    uint64_t k, what;
    int64_t ns;
    struct pair key, value;
    char text[64];
};

static void change_one(struct weir_state_set *set, const struct change *c)
{
    const struct weir_state_ops *ops = set->ops;
    struct weir_key_ref key = {(const uint8_t *)&c->k, 8, (uint32_t)(c->k % N_GROUPS), weir_key_hash64(&c->k, 8)};
    struct pair *value = NULL;
    if (c->what == 0) {
        ops->drop_namespace(set, c->state, c->ns);
    } else if (c->what < 8) {
        ops->clear(set, c->state, &key, c->ns);
    } else if (c->state == 1) {
        CU_ASSERT_EQUAL(c->what < 12 ? ops->list_update(set, 1, &key, c->ns, &c->value, 1)
                                     : ops->list_add(set, 1, &key, c->ns, &c->value),
                        WEIR_OK);
    } else if (c->state == 2 && c->what < 16) {
        ops->map_remove(set, 2, &key, c->ns, &c->key);
    } else {
        value = c->state == 2 ? ops->map_edit(set, 2, &key, c->ns, &c->key) : ops->value_edit(set, 0, &key, c->ns);
        CU_ASSERT_PTR_NOT_NULL_FATAL(value);
        value->n += c->value.n;
        CU_ASSERT_EQUAL(ops->assign(set, c->state, &value->text, c->value.text), WEIR_OK);
    }
    ops->settle(set);
}

static void change(struct stage *s, uint64_t n)
{
    while (n-- > 0) {
        struct change c = {.state = (uint32_t)below(s, N_STATES),
                           .k = below(s, s->n_keys),
                           .ns = (int64_t)below(s, 4) - 1,
                           .what = s->stays ? 20 + below(s, 30) : below(s, 60),
                           .key = {.n = (int64_t)below(s, 3)},
                           .value = {.n = (int64_t)below(s, 1000)}};
        c.value.text = (weir_str){c.text, (size_t)snprintf(c.text, sizeof c.text, "%*s", (int)below(s, 60), "text")};
        if (c.what == 59) {
            struct weir_key_ref key = {(const uint8_t *)&c.k, 8, (uint32_t)(c.k % N_GROUPS), weir_key_hash64(&c.k, 8)};
            CU_ASSERT_EQUAL(weir_timers_set(s->timers, WEIR_EVENT_TIME, &key, 0, c.value.n), WEIR_OK);
            continue;
        }
        change_one(s->set, &c);
        change_one(s->twin, &c);
    }
}

/* ---- cuts and checkpoints ---------------------------------------------------------------------------------------- */

static struct kept *cut(struct stage *s, int64_t base, uint32_t most)
{
    CU_ASSERT_FATAL(s->n_kept < MOST);
    struct kept *k = &s->kept[s->n_kept++];
    *k = (struct kept){.number = ++s->number};
    k->cut.order = (struct weir_cut_order){k->number, base, most};
    k->cut.later = s->later && k->number % 3 > 0;
    CU_ASSERT_EQUAL_FATAL(weir_snapshot_keyed(&k->cut, s->set, s->timers, s->key, 0, N_GROUPS - 1, NULL), WEIR_OK);
    CU_ASSERT_EQUAL_FATAL(weir_snapshot_keyed(&k->expected, s->twin, s->timers, s->key, 0, N_GROUPS - 1, NULL), WEIR_OK);
    for (int i = 0; i < 2; i++) { /* lists are whole in each */
        struct weir_snapshot_list *list =
            weir_snapshot_list(i ? &k->expected : &k->cut, i ? "left out" : "list", WEIR_DEAL_UNION);
        CU_ASSERT_EQUAL(weir_snapshot_add_numbers(list, &k->number, 1), WEIR_OK);
    }
    k->base = k->cut.base;
    CU_ASSERT(k->base == 0 || k->base == base);
    s->changes += k->base != 0;
    s->wholes += k->base == 0;
    return k;
}

static char *path_of(int64_t number)
{
    return weir_format(FOLDER "/chk-%" PRId64, number);
}

static weir_status write_out(struct stage *s, struct kept *k, bool *lost_base, struct weir_error *error)
{
    struct weir_saved saved = {.checkpoint = k->number, .job = weir_strdup("history")};
    char *path = path_of(k->number);
    weir_saved_add(&saved, "totals", 1, N_GROUPS)->parts[0] = k->cut;
    k->cut = (struct weir_snapshot){0};
    weir_status status = folders_write(&s->platform, path, &saved, lost_base, error);
    weir_saved_finish(&saved);
    weir_free(path);
    return status;
}

static weir_status complete(struct stage *s, struct kept *k, struct weir_error *error)
{
    bool lost_base;
    weir_status status = write_out(s, k, &lost_base, error);
    if (status == WEIR_OK) s->complete = k->number;
    return status;
}

static void complete_well(struct stage *s, struct kept *k)
{
    struct weir_error error;
    weir_status status = complete(s, k, &error);
    if (status != WEIR_OK) fprintf(stderr, "\n%s\n", error.text);
    CU_ASSERT_EQUAL_FATAL(status, WEIR_OK);
}

static void expect_same(const struct weir_snapshot *a, const struct weir_snapshot *b)
{
    CU_ASSERT_EQUAL(a->n_entries, b->n_entries);
    CU_ASSERT_EQUAL_FATAL(a->header.n, b->header.n);
    CU_ASSERT_EQUAL(memcmp(a->header.p, b->header.p, a->header.n), 0);
    CU_ASSERT_EQUAL_FATAL(a->keyed.n, b->keyed.n);
    CU_ASSERT(a->keyed.n == 0 || memcmp(a->keyed.p, b->keyed.p, a->keyed.n) == 0);
    CU_ASSERT_EQUAL_FATAL(a->n_groups, b->n_groups);
    for (size_t i = 0; i < a->n_groups; i++)
        CU_ASSERT(a->groups[i].group == b->groups[i].group && a->groups[i].offset == b->groups[i].offset &&
                  a->groups[i].length == b->groups[i].length);
}

static void expect_readable(const struct kept *k)
{
    struct weir_saved saved = {0};
    struct weir_error error;
    char *path = path_of(k->number);
    weir_status status = folders_read(weir_platform_os(), path, &saved, &error);
    if (status != WEIR_OK) fprintf(stderr, "\n%s\n", error.text);
    CU_ASSERT_EQUAL_FATAL(status, WEIR_OK);
    expect_same(&saved.operators[0].parts[0], &k->expected);
    CU_ASSERT_EQUAL(saved.operators[0].parts[0].n_lists, 1);
    CU_ASSERT_EQUAL(saved.operators[0].parts[0].lists[0].n, 1);
    weir_saved_finish(&saved);
    weir_free(path);
}

static bool is_written(const struct kept *k)
{
    return k->cut.header.n == 0;
}

/* The oldest go but for some, and but for what a cut is built on that is not written yet. */
static void trim(struct stage *s, size_t keep)
{
    struct weir_error error;
    size_t n = 0;
    int64_t needed = INT64_MAX;
    for (size_t i = 0; i < s->n_kept; i++) {
        n += is_written(&s->kept[i]);
        if (!is_written(&s->kept[i]) && s->kept[i].base && s->kept[i].base < needed) needed = s->kept[i].base;
    }
    for (; n > keep && is_written(&s->kept[0]) && s->kept[0].number < needed; n--) {
        char *path = path_of(s->kept[0].number);
        CU_ASSERT_EQUAL(folders_remove(weir_platform_os(), path, &error), WEIR_OK);
        weir_free(path);
        forget(s, 0);
    }
}

/* A crash: everything that is not on disk is gone. */
static void go_on_from(struct stage *s, const struct kept *k)
{
    struct weir_saved saved = {0};
    struct weir_error error;
    char *path = path_of(k->number);
    CU_ASSERT_EQUAL_FATAL(folders_read(weir_platform_os(), path, &saved, &error), WEIR_OK);
    int64_t number = k->number;
    for (size_t n = s->n_kept; n-- > 0;) {
        if (!is_written(&s->kept[n])) forget(s, n);
    }
    for (k = s->kept; k->number != number;) k++;
    drop_state(s);
    make_state(s);
    for (int i = 0; i < 2; i++)
        CU_ASSERT_EQUAL_FATAL(weir_restore_keyed(i ? &k->expected : saved.operators[0].parts, 1, i ? s->twin : s->set,
                                                 i ? NULL : s->timers, s->layouts, N_STATES, s->key, 0, N_GROUPS - 1,
                                                 &error),
                              WEIR_OK);
    weir_saved_finish(&saved);
    weir_free(path);
    s->complete = 0;
}

/* ---- histories --------------------------------------------------------------------------------------------------- */

static void live(struct stage *s)
{
    struct kept *k = cut(s, below(s, 12) ? s->complete : 0, 4);
    uint64_t fate = below(s, 10);
    if (fate < 2) { /* declined, timed out, could not be written */
        forget(s, s->n_kept - 1);
    } else if (fate < 4 && s->n_kept > 1 && is_written(&s->kept[s->n_kept - 2])) {
        return; /* under way while others are */
    } else {
        for (size_t i = 0; i < s->n_kept; i++) {
            if (!is_written(&s->kept[i]) && &s->kept[i] != k) complete_well(s, &s->kept[i]);
        }
        complete_well(s, k);
    }
    trim(s, 3);
    for (size_t i = 0; i < s->n_kept; i++) {
        if (is_written(&s->kept[i])) expect_readable(&s->kept[i]);
    }
    if (below(s, 12) == 0 && s->complete) {
        size_t at = s->n_kept - 1;
        while (!is_written(&s->kept[at])) at--;
        go_on_from(s, &s->kept[at]);
    }
}

static weir_status no_second_names(void *self, const char *from, const char *to, struct weir_error *error)
{
    (void)self, (void)from, (void)to, (void)error;
    return WEIR_MORE;
}

static void any_history_gives_back_what_was_cut(void)
{
    size_t blocks = weir_allocated_blocks(), changes = 0, wholes = 0;
    for (uint64_t seed = 0; seed < 36; seed++) {
        struct stage s;
        set_up(&s, seed, seed % 2 ? 60 : 400);
        if (seed % 3 == 2) s.platform.link = no_second_names;
        s.later = seed % 4 < 2;
        change(&s, 300);
        for (int i = 0; i < 40; i++) {
            change(&s, below(&s, 120));
            live(&s);
        }
        changes += s.changes;
        wholes += s.wholes;
        tear_down(&s);
    }
    CU_ASSERT(changes > 300 && wholes > 150);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

/* Whole ones come after every so many. */
static void a_chain_is_no_longer_than_was_said(void)
{
    struct stage s;
    set_up(&s, 1, 4000);
    change(&s, 20000);
    for (int64_t i = 0; i < 13; i++) {
        struct kept *k = cut(&s, s.complete, 3);
        CU_ASSERT_EQUAL(k->base, i % 4 ? i : 0);
        complete_well(&s, k);
        trim(&s, 1);
        change(&s, 20);
    }
    tear_down(&s);
}

static void changes_that_outweigh_a_whole_one_are_not_written(void)
{
    struct stage s;
    set_up(&s, 2, 100);
    change(&s, 2000);
    complete_well(&s, cut(&s, 0, 1000));
    size_t n = 0;
    do {
        change(&s, 30);
        complete_well(&s, cut(&s, s.complete, 1000));
        n++;
    } while (s.kept[s.n_kept - 1].base);
    CU_ASSERT(n > 3 && n < 60);
    tear_down(&s);
}

static void few_changes_of_much_state_are_few_bytes(void)
{
    struct stage s;
    set_up(&s, 3, 30000);
    s.stays = true;
    change(&s, 40000);
    struct kept *k = cut(&s, 0, 10);
    size_t whole = k->cut.keyed.n;
    complete_well(&s, k);
    change(&s, 100);
    k = cut(&s, s.complete, 10);
    printf("%zu bytes of %zu: 1 in %zu ... ", k->cut.keyed.n, whole, whole / k->cut.keyed.n);
    CU_ASSERT(k->cut.keyed.n * 100 < whole);
    complete_well(&s, k);
    expect_readable(k);
    tear_down(&s);
}

/* Journals are bounded: what changes beyond that makes the next one whole, and later ones are built on that. */
static void too_many_changes_make_the_next_one_whole(void)
{
    struct stage s;
    set_up(&s, 4, 60000);
    s.stays = true;
    change(&s, 70000);
    complete_well(&s, cut(&s, 0, 10));
    change(&s, 60000);
    struct kept *k = cut(&s, s.complete, 10);
    CU_ASSERT_EQUAL(k->base, 0);
    complete_well(&s, k);
    change(&s, 10);
    k = cut(&s, s.complete, 10);
    CU_ASSERT_NOT_EQUAL(k->base, 0);
    complete_well(&s, k);
    expect_readable(k);
    tear_down(&s);
}

/* ---- a process that exits ---------------------------------------------------------------------------------------- */

static int64_t calls, exit_at;

static bool is_gone(struct weir_error *error)
{
    if (calls++ < exit_at) return false;
    weir_error_set(error, WEIR_E_IO, "the process has exited");
    return true;
}

static weir_status exit_open(void *self, const char *path, enum weir_file_mode mode, struct weir_platform_file **file,
                             struct weir_error *error)
{
    *file = NULL;
    if (mode != WEIR_OPEN_READ && is_gone(error)) return WEIR_E_IO;
    return weir_platform_os()->open(self, path, mode, file, error);
}
static weir_status exit_write(void *self, struct weir_platform_file *f, const void *buf, size_t n, struct weir_error *error)
{
    return is_gone(error) ? WEIR_E_IO : weir_platform_os()->write(self, f, buf, n, error);
}
static weir_status exit_sync(void *self, struct weir_platform_file *f, struct weir_error *error)
{
    return is_gone(error) ? WEIR_E_IO : no_sync(self, f, error);
}
static weir_status exit_sync_directory(void *self, const char *path, struct weir_error *error)
{
    return is_gone(error) ? WEIR_E_IO : no_sync_directory(self, path, error);
}
static weir_status exit_rename(void *self, const char *from, const char *to, struct weir_error *error)
{
    return is_gone(error) ? WEIR_E_IO : weir_platform_os()->rename(self, from, to, error);
}
static weir_status exit_link(void *self, const char *from, const char *to, struct weir_error *error)
{
    return is_gone(error) ? WEIR_E_IO : weir_platform_os()->link(self, from, to, error);
}
static weir_status exit_remove(void *self, const char *path, struct weir_error *error)
{
    return is_gone(error) ? WEIR_E_IO : weir_platform_os()->remove(self, path, error);
}
static weir_status exit_make_directory(void *self, const char *path, struct weir_error *error)
{
    return is_gone(error) ? WEIR_E_IO : weir_platform_os()->make_directory(self, path, error);
}

static void use_exits(struct stage *s)
{
    struct weir_platform *p = &s->platform;
    p->open = exit_open;
    p->write = exit_write;
    p->sync = exit_sync;
    p->sync_directory = exit_sync_directory;
    p->rename = exit_rename;
    p->link = exit_link;
    p->remove = exit_remove;
    p->make_directory = exit_make_directory;
}

struct found {
    struct stage *s;
    size_t n;
    int64_t newest;
};

static weir_status look(void *to, const char *path, bool is_directory, int64_t size)
{
    struct found *f = to;
    struct weir_error error;
    (void)is_directory, (void)size;
    if (weir_path_has_suffix(path, ".tmp")) { /* swept at the next start */
        CU_ASSERT_EQUAL(folders_remove(weir_platform_os(), path, &error), WEIR_OK);
        return WEIR_OK;
    }
    for (size_t i = 0; i < f->s->n_kept; i++) {
        char *name = path_of(f->s->kept[i].number);
        if (strcmp(name, path) == 0) {
            expect_readable(&f->s->kept[i]);
            if (f->s->kept[i].number > f->newest) f->newest = f->s->kept[i].number;
            f->n++;
        }
        weir_free(name);
    }
    return WEIR_OK;
}

/* Four checkpoints, each but the first built on the one before, which then goes; until the process exits. */
static bool live_until_it_exits(struct stage *s)
{
    struct weir_error error;
    weir_status status = WEIR_OK;
    for (int i = 0; status == WEIR_OK && i < 4; i++) {
        change(s, 15);
        struct kept *k = cut(s, s->complete, 10);
        CU_ASSERT_EQUAL(k->base, i);
        status = complete(s, k, &error);
        if (status != WEIR_OK || i == 0) continue;
        char *before = path_of(i);
        status = folders_remove(&s->platform, before, &error);
        weir_free(before);
    }
    return status == WEIR_OK;
}

static void a_process_may_exit_before_and_after_every_call(bool links)
{
    bool to_the_end = false;
    int64_t n = 0;
    for (; !to_the_end; n++) {
        struct stage s;
        struct weir_error error;
        set_up(&s, 5, 2000);
        use_exits(&s);
        if (!links) s.platform.link = no_second_names;
        change(&s, 1000);
        calls = 0;
        exit_at = n;
        to_the_end = live_until_it_exits(&s);
        struct found found = {&s, 0, 0};
        CU_ASSERT_EQUAL_FATAL(weir_platform_os()->list(NULL, FOLDER, look, &found, &error), WEIR_OK);
        CU_ASSERT(found.newest >= s.complete); /* what was complete is there, or a newer one that nobody heard of */
        CU_ASSERT(found.n <= 2);
        tear_down(&s);
        CU_ASSERT_FATAL(n < 1000);
    }
    printf("%" PRId64 " calls ... ", n);
    CU_ASSERT(n > 60);
}

static void exits_with_second_names(void)
{
    a_process_may_exit_before_and_after_every_call(true);
}
static void exits_without_second_names(void)
{
    a_process_may_exit_before_and_after_every_call(false);
}

/* ---- files that are gone or damaged ------------------------------------------------------------------------------ */

/* Three checkpoints of few entries, each built on the one before. */
static void make_chain(struct stage *s)
{
    set_up(s, 6, 40);
    change(s, 100);
    for (int i = 0; i < 3; i++) {
        complete_well(s, cut(s, s->complete, 10));
        CU_ASSERT_EQUAL(s->kept[i].base, i);
        change(s, 3);
    }
}

static void a_base_that_is_gone_is_told(void)
{
    struct stage s;
    struct weir_error error;
    bool lost_base;
    make_chain(&s);
    CU_ASSERT_EQUAL(unlink(FOLDER "/chk-3/totals-0.1.state"), 0);
    struct kept *k = cut(&s, 3, 10);
    CU_ASSERT_EQUAL(write_out(&s, k, &lost_base, &error), WEIR_E_IO);
    CU_ASSERT(lost_base);
    WEIR_ASSERT_CONTAINS(error.text, "chk-3/totals-0.1.state");
    k = cut(&s, 0, 10); /* and so it is whole */
    CU_ASSERT_EQUAL(k->base, 0);
    complete_well(&s, k);
    expect_readable(k);
    tear_down(&s);
}

/* Half a chk-3/_metadata, and none. */
static void a_base_that_cannot_be_read_is_told(void)
{
    struct stage s;
    struct weir_error error;
    bool lost_base = false;
    make_chain(&s);
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(i ? unlink(FOLDER "/chk-3/_metadata") : truncate(FOLDER "/chk-3/_metadata", 60), 0);
        struct kept *k = cut(&s, 3, 10);
        CU_ASSERT_EQUAL(k->base, 3);
        CU_ASSERT_EQUAL(write_out(&s, k, &lost_base, &error), i ? WEIR_E_IO : WEIR_E_DATA);
        CU_ASSERT(lost_base); /* else every later one would be built on the same, and fail */
        WEIR_ASSERT_CONTAINS(error.text, "chk-3/_metadata");
    }
    complete_well(&s, cut(&s, 0, 10));
    tear_down(&s);
}

/* An older one takes nothing along that a newer one needs, and each is whole wherever it is moved. */
static void each_directory_stands_alone(void)
{
    struct stage s;
    struct weir_error error;
    make_chain(&s);
    for (int64_t i = 1; i < 3; i++) {
        char *path = path_of(i);
        CU_ASSERT_EQUAL(folders_discard(weir_platform_os(), path, false, &error), WEIR_OK);
        weir_free(path);
    }
    expect_readable(&s.kept[2]);
    tear_down(&s);
}

static const char *damaged;
static bool told;

static void see_check(void *arg, const struct weir_saved_check *check)
{
    (void)arg;
    if (check->damage) told |= strcmp(check->file, damaged) == 0 && strstr(check->damage, damaged);
}

static void expect_damage(void)
{
    struct weir_saved saved = {0};
    struct weir_error error = {0};
    CU_ASSERT_EQUAL(folders_read(weir_platform_os(), FOLDER "/chk-3", &saved, &error), WEIR_E_DATA);
    if (!strstr(error.text, damaged)) fprintf(stderr, "\n%s\n", error.text);
    CU_ASSERT(strstr(error.text, damaged) && (strstr(error.text, ": bytes ") || strstr(error.text, ": ends at byte ")));
    told = false;
    CU_ASSERT_EQUAL(folders_verify(weir_platform_os(), FOLDER "/chk-3", see_check, NULL, &error), WEIR_E_DATA);
    CU_ASSERT(told);
}

/* Every byte of every file of a chain, and every length that is too short. */
static void damage_is_told_with_file_and_place(void)
{
    static const char *const files[] = {"totals-0.1.state", "totals-0.2.state", "totals-0.state"};
    struct stage s;
    make_chain(&s);
    for (size_t i = 0; i < WEIR_LEN(files); i++) {
        char *path = weir_format(FOLDER "/chk-3/%s", files[i]);
        int file = open(path, O_RDWR | O_CLOEXEC);
        uint8_t byte;
        damaged = files[i];
        for (off_t at = 0; pread(file, &byte, 1, at) == 1; at++) {
            uint8_t flipped = byte ^ (uint8_t)(1u << (at % 8));
            CU_ASSERT_EQUAL(pwrite(file, &flipped, 1, at), 1);
            expect_damage();
            CU_ASSERT_EQUAL(pwrite(file, &byte, 1, at), 1);
        }
        off_t end = lseek(file, 0, SEEK_END);
        CU_ASSERT(end > 100);
        CU_ASSERT_EQUAL(pread(file, &byte, 1, end - 1), 1);
        CU_ASSERT_EQUAL(ftruncate(file, end - 1), 0);
        expect_damage();
        CU_ASSERT_EQUAL(pwrite(file, &byte, 1, end - 1), 1);
        close(file);
        weir_free(path);
    }
    expect_readable(&s.kept[2]);
    tear_down(&s);
}

WEIR_SUITE(incremental) = {
    {"any history gives back what was cut", any_history_gives_back_what_was_cut},
    {"a chain is no longer than was said", a_chain_is_no_longer_than_was_said},
    {"changes that outweigh a whole one are not written", changes_that_outweigh_a_whole_one_are_not_written},
    {"few changes of much state are few bytes", few_changes_of_much_state_are_few_bytes},
    {"too many changes make the next one whole", too_many_changes_make_the_next_one_whole},
    {"a process may exit before and after every call", exits_with_second_names},
    {"the same where a file has one name", exits_without_second_names},
    {"a base that is gone is told, and the next one is whole", a_base_that_is_gone_is_told},
    {"a base whose metadata cannot be read is told", a_base_that_cannot_be_read_is_told},
    {"each directory stands alone", each_directory_stands_alone},
    {"damage is told with file and place", damage_is_told_with_file_and_place},
    {NULL, NULL}};
