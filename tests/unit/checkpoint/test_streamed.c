/* State that is written and read a key group at a time: what is in memory meanwhile, and that nothing else changes by it. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "harness/folders.h"
#include "harness/memory_store.h"
#include "harness/suite.h"
#include "state/store.h"

#define ABOVE     WEIR_BUILD_DIR "/tests/streamed"
#define N_GROUPS  64
#define N_KEYS    20000
#define N_HOLDERS 2 /* the heap, a store */

static const weir_field members[] = {{.name = "n", .type = WEIR_I64, .offset = 0, .size = sizeof(int64_t)}};
static const weir_state states[] = {{.name = "one",
                                     .kind = WEIR_VALUE,
                                     .version = 1,
                                     .size = sizeof(int64_t),
                                     .n_fields = 1,
                                     .fields = members,
                                     .field_stride = sizeof(weir_field)}};

struct stage {
    struct weir_state_layout layout;
    struct weir_schema *key;
    struct memory_store memory;
    struct weir_state_store *store; /* NULL: on the heap */
    struct weir_state_set *set;
    struct weir_timers *timers;
};

static void make_set(struct stage *s, int holder)
{
    const struct weir_state_store_options o = {
        .backend = &memory_store_backend, .self = &s->memory, .directory = "/state", .cache_bytes = 1 << 16};
    if (holder == 0) {
        s->set = weir_heap_state_create(&s->layout, 1, 0, N_GROUPS - 1);
    } else {
        CU_ASSERT_EQUAL_FATAL(weir_state_store_create(&o, &s->store, NULL), WEIR_OK);
        s->set = weir_stored_state_create(s->store, &s->layout, 1, 0, N_GROUPS - 1);
    }
    s->timers = weir_timers_create(0, N_GROUPS - 1);
}

static void set_up(struct stage *s, int holder)
{
    struct weir_schema_builder key = {0};
    *s = (struct stage){.store = NULL};
    CU_ASSERT_EQUAL_FATAL(weir_state_layout_init(&s->layout, &states[0], NULL), WEIR_OK);
    weir_schema_builder_add(&key, "k", WEIR_I64, false);
    s->key = weir_schema_build(&key);
    make_set(s, holder);
}

static void tear_down(struct stage *s)
{
    s->set->ops->destroy(s->set);
    weir_state_store_destroy(s->store);
    weir_timers_destroy(s->timers);
    weir_schema_release(s->key);
    weir_state_layout_finish(&s->layout);
}

static void fill(struct stage *s)
{
    for (int64_t k = 0; k < N_KEYS; k++) {
        struct weir_key_ref key = {(const uint8_t *)&k, 8, (uint32_t)(k % N_GROUPS), weir_key_hash64(&k, 8)};
        *(int64_t *)s->set->ops->value_edit(s->set, 0, &key, 0) = k * 1000003;
        s->set->ops->settle(s->set);
        if (k % 7 == 0) CU_ASSERT_EQUAL(weir_timers_set(s->timers, WEIR_EVENT_TIME, &key, 0, k), WEIR_OK);
    }
}

static void cut(struct stage *s, struct weir_snapshot *to)
{
    CU_ASSERT_EQUAL_FATAL(weir_snapshot_keyed(to, s->set, s->timers, s->key, 0, N_GROUPS - 1, NULL), WEIR_OK);
    struct weir_snapshot_list *list = weir_snapshot_list(to, "list", WEIR_DEAL_UNION);
    CU_ASSERT_EQUAL(weir_snapshot_add_numbers(list, (int64_t[]){1, 2, 3}, 3), WEIR_OK);
}

static size_t largest_group(const struct weir_snapshot *s)
{
    size_t most = 0;
    for (size_t i = 0; i < s->n_groups; i++) most = s->groups[i].length > most ? s->groups[i].length : most;
    return most;
}

static void expect_same(const struct weir_snapshot *a, const struct weir_snapshot *b)
{
    CU_ASSERT_FATAL(a->keyed.n == b->keyed.n && a->n_entries == b->n_entries && a->n_groups == b->n_groups);
    CU_ASSERT_EQUAL(memcmp(a->keyed.p, b->keyed.p, a->keyed.n), 0);
    CU_ASSERT_EQUAL(memcmp(a->groups, b->groups, a->n_groups * sizeof *a->groups), 0);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static struct weir_storage *open_folders(void)
{
    struct weir_storage *storage;
    struct weir_error error;
    weir_test_remove(ABOVE);
    CU_ASSERT_EQUAL_FATAL(weir_platform_os()->make_directory(NULL, ABOVE, &error), WEIR_OK);
    CU_ASSERT_EQUAL_FATAL(folders_open(weir_platform_os(), ABOVE, &storage, &error), WEIR_OK);
    return storage;
}

/* *most: bytes of entries that were in memory at a time. */
static void write_part(struct weir_storage *storage, const char *name, struct weir_snapshot *s, size_t *most)
{
    const struct weir_saved_about about = {.checkpoint = 1, .job = "streamed"};
    struct weir_saved_writing *w;
    struct weir_error error;
    uint64_t checksum;
    weir_status status = WEIR_MORE;
    *most = 0;
    CU_ASSERT_EQUAL_FATAL(weir_saved_begin(storage, name, &w, &error), WEIR_OK);
    weir_saved_declare(w, "node", 1, N_GROUPS);
    CU_ASSERT_EQUAL_FATAL(weir_saved_begin_part(w, "node", 0, s, &error), WEIR_OK);
    for (uint64_t room = 1; status == WEIR_MORE; room = 1) {
        status = weir_saved_write_on(w, &room, &error);
        if (s->keyed.capacity > *most) *most = s->keyed.capacity;
    }
    CU_ASSERT_EQUAL_FATAL(status, WEIR_OK);
    CU_ASSERT_EQUAL_FATAL(weir_saved_publish(w, &about, &checksum, &error), WEIR_OK);
}

static void what_is_written_is_what_a_cut_at_once_has(void)
{
    size_t blocks = weir_allocated_blocks();
    for (int holder = 0; holder < N_HOLDERS; holder++) {
        struct weir_storage *storage = open_folders();
        struct weir_snapshot now = {0}, later = {.later = true}, read;
        struct weir_saved saved = {0};
        struct weir_error error;
        struct stage s;
        size_t most;
        set_up(&s, holder);
        fill(&s);
        cut(&s, &later);
        cut(&s, &now);
        write_part(storage, "a", &later, &most);
        CU_ASSERT(!weir_snapshot_is_pending(&later) && later.keyed.n == 0 && most > 0);
        CU_ASSERT(most <= 4 * largest_group(&now) && most * 8 < now.keyed.n);
        CU_ASSERT_EQUAL_FATAL(folders_read(weir_platform_os(), ABOVE "/a", &saved, &error), WEIR_OK);
        read = saved.operators[0].parts[0];
        for (size_t i = 0; i < read.n_groups; i++) CU_ASSERT_EQUAL(read.groups[i].offset, now.groups[i].offset);
        expect_same(&read, &now);
        CU_ASSERT(read.n_lists == 1 && read.lists[0].n == 1);
        weir_saved_finish(&saved);
        weir_snapshot_finish(&later);
        weir_snapshot_finish(&now);
        tear_down(&s);
        folders_close(storage);
    }
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

/* The last cut of a subtask that is over is part of each checkpoint from then on, also of those after one that failed. */
static void what_stays_is_written_again_and_again(void)
{
    for (int holder = 0; holder < N_HOLDERS; holder++) {
        struct weir_storage *storage = open_folders();
        struct weir_snapshot now = {0}, last = {.later = true, .stays = true};
        struct weir_saved_writing *w;
        struct weir_error error;
        struct stage s;
        size_t most;
        set_up(&s, holder);
        fill(&s);
        cut(&s, &now);
        cut(&s, &last);
        CU_ASSERT_EQUAL_FATAL(weir_saved_begin(storage, "failed", &w, &error), WEIR_OK);
        weir_saved_declare(w, "node", 1, N_GROUPS);
        CU_ASSERT_EQUAL_FATAL(weir_saved_begin_part(w, "node", 0, &last, &error), WEIR_OK);
        for (int i = 0; i < N_GROUPS / 2; i++)
            CU_ASSERT_EQUAL(weir_saved_write_on(w, &(uint64_t){1}, &error), WEIR_MORE);
        weir_saved_abandon(w);
        for (int i = 0; i < 2; i++) {
            struct weir_saved saved = {0};
            write_part(storage, i ? "b" : "a", &last, &most);
            CU_ASSERT(most * 8 < now.keyed.n);
            CU_ASSERT_EQUAL_FATAL(folders_read(weir_platform_os(), i ? ABOVE "/b" : ABOVE "/a", &saved, &error), WEIR_OK);
            expect_same(&saved.operators[0].parts[0], &now);
            weir_saved_finish(&saved);
        }
        weir_snapshot_finish(&last);
        weir_snapshot_finish(&now);
        tear_down(&s);
        folders_close(storage);
    }
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static void what_is_restored_is_read_when_it_is_asked_for(void)
{
    struct weir_storage *storage = open_folders();
    struct weir_snapshot now = {0}, again = {0};
    struct weir_saved saved = {0};
    struct weir_error error;
    struct stage s, other;
    size_t most;
    set_up(&s, 0);
    set_up(&other, 1);
    fill(&s);
    cut(&s, &now);
    write_part(storage, "a", &now, &most);
    CU_ASSERT_EQUAL_FATAL(weir_saved_read(storage, "a", &saved, &error), WEIR_OK);
    const struct weir_snapshot *part = &saved.operators[0].parts[0];
    CU_ASSERT(part->keyed.n == 0 && part->n_groups == N_GROUPS && part->n_entries == now.n_entries);
    /* the way subtasks of another parallelism ask: each for its groups, here the last ones first */
    for (uint32_t first = N_GROUPS; first > 0; first -= 16)
        CU_ASSERT_EQUAL_FATAL(
            weir_restore_keyed(part, 1, other.set, other.timers, &other.layout, 1, other.key, first - 16, first - 1, &error),
            WEIR_OK);
    cut(&other, &again);
    expect_same(&again, &now);
    weir_saved_finish(&saved);
    weir_snapshot_finish(&again);
    weir_snapshot_finish(&now);
    tear_down(&s);
    tear_down(&other);
    folders_close(storage);
}

static void flip(const char *path, off_t at)
{
    char byte;
    int fd = open(path, O_RDWR);
    CU_ASSERT_FATAL(fd >= 0 && pread(fd, &byte, 1, at) == 1);
    byte ^= 1;
    CU_ASSERT_EQUAL(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

/* The disk may turn bad between the check of the whole and the reading of a group. */
static void damage_that_comes_after_the_first_look_is_told(void)
{
    struct weir_storage *storage = open_folders();
    struct weir_snapshot now = {0};
    struct weir_saved saved = {0};
    struct weir_error error;
    struct stage s, other;
    size_t most;
    set_up(&s, 0);
    set_up(&other, 0);
    fill(&s);
    cut(&s, &now);
    write_part(storage, "a", &now, &most);
    CU_ASSERT_EQUAL_FATAL(weir_saved_read(storage, "a", &saved, &error), WEIR_OK);
    flip(ABOVE "/a/node-0.state", 100000);
    CU_ASSERT_EQUAL(weir_restore_keyed(saved.operators[0].parts, 1, other.set, other.timers, &other.layout, 1, other.key, 0,
                                       N_GROUPS - 1, &error),
                    WEIR_E_DATA);
    weir_assert_contains(error.text, "node-0.state: bytes 65536 to 131071: expected the checksum", __FILE__, __LINE__);
    weir_saved_finish(&saved);
    CU_ASSERT_EQUAL(weir_saved_read(storage, "a", &saved, &error), WEIR_E_DATA);
    weir_snapshot_finish(&now);
    tear_down(&s);
    tear_down(&other);
    folders_close(storage);
}

WEIR_SUITE(streamed) = {{"what is written is what a cut at once has", what_is_written_is_what_a_cut_at_once_has},
                        {"what stays is written again and again", what_stays_is_written_again_and_again},
                        {"what is restored is read when it is asked for", what_is_restored_is_read_when_it_is_asked_for},
                        {"damage that comes after the first look is told", damage_that_comes_after_the_first_look_is_told},
                        {NULL, NULL}};
