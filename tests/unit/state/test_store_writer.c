/* A backend whose writes happen on a thread of its own: the same results as without it, against a store that is written at
 * once; what is not written yet is seen; failures are told by whatever is asked next. Under ThreadSanitizer in CI. */
#include "state/store_writer.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "harness/memory_store.h"
#include "harness/suite.h"
#include "state/image.h"
#include "state/stored_internal.h"

/* ---- a backend that can be held ---------------------------------------------------------------------------------- */

static struct held {
    struct memory_store memory;
    pthread_mutex_t gate; /* write passes through it */
    _Atomic uint32_t given, written, most_waiting;
} h;

static weir_status write_when_open(void *self, const weir_store_change *changes, size_t n, weir_io_error *error)
{
    pthread_mutex_lock(&h.gate);
    pthread_mutex_unlock(&h.gate);
    uint32_t waiting = atomic_load(&h.given) - atomic_load(&h.written);
    if (waiting > h.most_waiting) h.most_waiting = waiting;
    weir_status s = memory_store_backend.write(self, changes, n, error);
    atomic_fetch_add(&h.written, 1);
    return s;
}

static weir_backend held_backend;
static struct weir_store_writer_self *writer;
static const weir_backend *const calls = &weir_store_writer;

static void set_up(size_t limit)
{
    weir_io_error why;
    h = (struct held){.memory = {.n = 0}};
    held_backend = memory_store_backend;
    held_backend.write = write_when_open;
    const struct weir_store_writer_options o = {
        .backend = &held_backend, .self = &h.memory, .limit_bytes = limit, .platform = weir_platform_os()};
    CU_ASSERT_EQUAL_FATAL(weir_store_writer_create(&o, &writer, NULL), WEIR_OK);
    CU_ASSERT_EQUAL_FATAL(calls->open(writer, "/state", &why), WEIR_OK);
}

static void tear_down(void)
{
    calls->close(writer);
    weir_store_writer_destroy(writer);
}

static weir_str text(const char *s)
{
    return (weir_str){s, strlen(s)};
}

static weir_status put(const char *key, const char *value) /* NULL: it goes */
{
    weir_io_error why = {0};
    weir_store_change c = {.key = text(key)};
    if (value) c.value = text(value);
    atomic_fetch_add(&h.given, 1);
    return calls->write(writer, &c, 1, &why);
}

struct answers {
    char values[3][16];
};

static weir_status note(void *to, size_t i, weir_str value)
{
    struct answers *a = to;
    CU_ASSERT_FATAL(i < 3 && value.n < sizeof a->values[i]);
    memcpy(a->values[i], value.p, value.n);
    return WEIR_OK;
}

static void expect(const char *a, const char *b, const char *c)
{
    const weir_str keys[] = {text("a"), text("b"), text("c")};
    struct answers found = {0};
    weir_io_error why;
    CU_ASSERT_EQUAL(calls->get(writer, keys, 3, note, &found, &why), WEIR_OK);
    CU_ASSERT_STRING_EQUAL(found.values[0], a);
    CU_ASSERT_STRING_EQUAL(found.values[1], b);
    CU_ASSERT_STRING_EQUAL(found.values[2], c);
}

static void what_is_not_written_is_seen(void)
{
    weir_io_error why;
    set_up(1 << 20);
    CU_ASSERT(put("b", "old") == WEIR_OK && put("c", "there") == WEIR_OK);
    CU_ASSERT_EQUAL(calls->flush(writer, &why), WEIR_OK);
    pthread_mutex_lock(&h.gate); /* from now on nothing is written, and nobody waits */
    CU_ASSERT(put("a", "1") == WEIR_OK && put("b", "2") == WEIR_OK);
    expect("1", "2", "there");
    CU_ASSERT(put("a", NULL) == WEIR_OK && put("b", "3") == WEIR_OK);
    expect("", "3", "there");
    CU_ASSERT(put("a", "4") == WEIR_OK && put("c", NULL) == WEIR_OK);
    expect("4", "3", "");
    CU_ASSERT(atomic_load(&h.written) == 2 && h.memory.n == 2);
    pthread_mutex_unlock(&h.gate);
    CU_ASSERT_EQUAL(calls->flush(writer, &why), WEIR_OK);
    CU_ASSERT(atomic_load(&h.written) == 8 && h.memory.n == 2);
    expect("4", "3", "");
    tear_down();
}

static void no_more_than_the_limit_waits(void)
{
    weir_io_error why;
    set_up(1);
    for (int i = 0; i < 2000; i++) CU_ASSERT_EQUAL(put(i % 2 ? "a" : "b", "x"), WEIR_OK);
    CU_ASSERT_EQUAL(calls->flush(writer, &why), WEIR_OK);
    CU_ASSERT_EQUAL(atomic_load(&h.written), 2000);
    CU_ASSERT(h.most_waiting <= 2); /* one on its way, one about to be handed over */
    tear_down();
}

static void a_write_that_fails_is_told_by_whatever_comes_next(void)
{
    size_t blocks = weir_allocated_blocks();
    for (int next = 0; next < 6; next++) {
        weir_io_error why = {0};
        weir_store_view *view;
        const weir_str key = text("a"), until = text("z");
        struct answers found = {0};
        size_t removed;
        set_up(1 << 20);
        h.memory.calls_left = 1;
        CU_ASSERT_EQUAL(put("a", "1"), WEIR_OK); /* nobody knows yet */
        CU_ASSERT_EQUAL(calls->flush(writer, &why), WEIR_E_IO);
        why = (weir_io_error){0};
        weir_status s = next == 0   ? put("b", "1")
                        : next == 1 ? calls->get(writer, &key, 1, note, &found, &why)
                        : next == 2 ? calls->scan(writer, NULL, key, until, NULL, NULL, &why)
                        : next == 3 ? calls->view(writer, &view, &why)
                        : next == 4 ? calls->remove(writer, key, until, &removed, &why)
                                    : calls->flush(writer, &why);
        CU_ASSERT_EQUAL(s, WEIR_E_IO);
        if (next > 0) CU_ASSERT_STRING_EQUAL(why.message, "the disk is full");
        tear_down();
    }
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

/* ---- against a store that is written at once --------------------------------------------------------------------- */

#define N_KEYS 40

struct listing {
    char text[4096];
    size_t n;
};

static weir_status list(void *to, weir_str key, weir_str value)
{
    struct listing *l = to;
    int n = snprintf(l->text + l->n, sizeof l->text - l->n, "%.*s=%.*s;", (int)key.n, key.p, (int)value.n, value.p);
    l->n += (size_t)n;
    return WEIR_OK;
}

static weir_status list_found(void *to, size_t i, weir_str value)
{
    memcpy(((char(*)[16])to)[i], value.p, value.n);
    return WEIR_OK;
}

static weir_str name_of(uint32_t k, char *bytes)
{
    return (weir_str){bytes, (size_t)snprintf(bytes, 8, "k%02u", k)};
}

static void expect_same_scan(struct memory_store *plain, weir_store_view *a, weir_store_view *b)
{
    struct listing one = {.n = 0}, other = {.n = 0};
    weir_io_error why;
    CU_ASSERT_EQUAL(calls->scan(writer, a, text("k05"), text("k30"), list, &one, &why), WEIR_OK);
    CU_ASSERT_EQUAL(memory_store_backend.scan(plain, b, text("k05"), text("k30"), list, &other, &why), WEIR_OK);
    CU_ASSERT_STRING_EQUAL(one.text, other.text);
}

static void write_some(struct weir_random *r, struct memory_store *plain)
{
    weir_store_change changes[12];
    char names[12][8], values[12][16];
    weir_io_error why;
    size_t n = weir_random_below(r, 13);
    for (size_t i = 0; i < n; i++) {
        changes[i] = (weir_store_change){.key = name_of(weir_random_below(r, N_KEYS), names[i])};
        int length = snprintf(values[i], sizeof values[i], "%u", (unsigned)weir_random_below(r, 100000));
        if (weir_random_below(r, 4)) changes[i].value = (weir_str){values[i], weir_random_below(r, (uint32_t)length + 1)};
    }
    CU_ASSERT_EQUAL(calls->write(writer, changes, n, &why), WEIR_OK);
    CU_ASSERT_EQUAL(memory_store_backend.write(plain, changes, n, &why), WEIR_OK);
}

static void get_some(struct weir_random *r, struct memory_store *plain)
{
    weir_str keys[20];
    char names[20][8], one[20][16] = {{0}}, other[20][16] = {{0}};
    weir_io_error why;
    for (size_t i = 0; i < 20; i++) keys[i] = name_of(weir_random_below(r, N_KEYS), names[i]);
    CU_ASSERT_EQUAL(calls->get(writer, keys, 20, list_found, one, &why), WEIR_OK);
    CU_ASSERT_EQUAL(memory_store_backend.get(plain, keys, 20, list_found, other, &why), WEIR_OK);
    CU_ASSERT_EQUAL(memcmp(one, other, sizeof one), 0);
}

static void remove_some(struct weir_random *r, struct memory_store *plain)
{
    char from[8], until[8];
    uint32_t first = weir_random_below(r, N_KEYS);
    size_t one, other;
    weir_io_error why;
    name_of(first, from);
    name_of(first + weir_random_below(r, 5), until);
    CU_ASSERT_EQUAL(calls->remove(writer, text(from), text(until), &one, &why), WEIR_OK);
    CU_ASSERT_EQUAL(memory_store_backend.remove(plain, text(from), text(until), &other, &why), WEIR_OK);
    CU_ASSERT_EQUAL(one, other);
}

static void agrees_with_a_store_that_is_written_at_once(void)
{
    size_t blocks = weir_allocated_blocks();
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct weir_random r = {seed};
        struct memory_store plain = {.n = 0};
        weir_store_view *a = NULL, *b = NULL;
        weir_io_error why;
        set_up(seed % 3 == 0 ? 1 << 20 : 600);
        CU_ASSERT_EQUAL_FATAL(memory_store_backend.open(&plain, "/plain", &why), WEIR_OK);
        for (int step = 0; step < 600; step++) {
            uint32_t what = weir_random_below(&r, 40);
            if (what < 22)
                write_some(&r, &plain);
            else if (what < 36)
                get_some(&r, &plain);
            else if (what < 37)
                remove_some(&r, &plain);
            else if (what < 38)
                expect_same_scan(&plain, NULL, NULL);
            else if (!a) {
                CU_ASSERT(calls->view(writer, &a, &why) == WEIR_OK &&
                          memory_store_backend.view(&plain, &b, &why) == WEIR_OK);
            } else {
                expect_same_scan(&plain, a, b);
                calls->release(writer, a);
                memory_store_backend.release(&plain, b);
                a = NULL;
            }
        }
        if (a) calls->release(writer, a);
        if (a) memory_store_backend.release(&plain, b);
        memory_store_backend.close(&plain);
        tear_down();
    }
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

/* ---- under keyed state ------------------------------------------------------------------------------------------- */

static const weir_field members[] = {{.name = "n", .type = WEIR_I64, .size = sizeof(int64_t)}};
static const weir_state counts = {.name = "counts",
                                  .kind = WEIR_VALUE,
                                  .version = 1,
                                  .size = sizeof(int64_t),
                                  .n_fields = 1,
                                  .fields = members,
                                  .field_stride = sizeof(weir_field)};

static struct weir_state_layout layout;
static struct weir_state_store *store;

static void add(struct weir_state_set *set, uint64_t key)
{
    const struct weir_key_ref ref = {(const uint8_t *)&key, 8, 0, weir_key_hash64(&key, 8)};
    int64_t *n = set->ops->value_edit(set, 0, &ref, 0);
    if (n) ++*n;
    set->ops->settle(set);
}

static const void *look(struct weir_state_set *set, uint64_t key)
{
    const struct weir_key_ref ref = {(const uint8_t *)&key, 8, 0, weir_key_hash64(&key, 8)};
    set->ops->settle(set);
    return set->ops->value_get(set, 0, &ref, 0);
}

/* State that does not fill the cache costs the disk nothing; beyond that a key is written when it leaves, and once. */
static void only_what_leaves_the_cache_is_written(void)
{
    h = (struct held){.memory = {.n = 0}};
    const struct weir_state_store_options o = {.backend = &memory_store_backend,
                                               .self = &h.memory,
                                               .directory = "/state",
                                               .cache_bytes = 1 << 17,
                                               .platform = weir_platform_os()};
    CU_ASSERT_EQUAL_FATAL(weir_state_layout_init(&layout, &counts, NULL), WEIR_OK);
    CU_ASSERT_EQUAL_FATAL(weir_state_store_create(&o, &store, NULL), WEIR_OK);
    struct weir_state_set *set = weir_stored_state_create(store, &layout, 1, 0, 0);
    const struct stored *d = weir__stored_of(set);
    uint64_t key = 0;
    while (d->cache->bytes - d->cache_base < o.cache_bytes / 4 * 3) add(set, key++);
    for (uint64_t i = 0; i < 10 * key; i++) add(set, i % key);
    CU_ASSERT_EQUAL(h.memory.writes, 0);
    uint64_t n_hot = key / 4;
    for (uint64_t n = key * 10; key < n; key++) {
        add(set, key);
        add(set, key % n_hot);
    }
    CU_ASSERT_EQUAL(store->backend->flush(store->self, &(weir_io_error){0}), WEIR_OK);
    CU_ASSERT(h.memory.n > key / 10 * 8);
    CU_ASSERT_EQUAL(h.memory.changes, h.memory.n);
    size_t gets = h.memory.gets;
    for (uint64_t i = 0; i < n_hot; i++) add(set, i);
    CU_ASSERT_EQUAL(h.memory.gets, gets);
    for (uint64_t i = 0; i < key; i++) CU_ASSERT_PTR_NOT_NULL(look(set, i));
    CU_ASSERT_EQUAL(store->backend->flush(store->self, &(weir_io_error){0}), WEIR_OK);
    size_t changes = h.memory.changes; /* what is only read is not written */
    for (uint64_t i = 0; i < key; i++) CU_ASSERT_PTR_NOT_NULL(look(set, i));
    CU_ASSERT_EQUAL(store->backend->flush(store->self, &(weir_io_error){0}), WEIR_OK);
    CU_ASSERT_EQUAL(h.memory.changes, changes);
    set->ops->destroy(set);
    weir_state_store_destroy(store);
    weir_state_layout_finish(&layout);
}

/* ---- cuts -------------------------------------------------------------------------------------------------------- */

enum { MANY = 4000 };

struct reader {
    struct weir_state_image *image;
    uint64_t n;
    struct weir_key_bytes bytes;
    weir_status status;
};

static void *read_image(void *arg)
{
    struct reader *r = arg;
    struct weir_error why;
    r->status = weir_state_image_read(r->image, 0, &r->bytes, &r->n, &why);
    weir_state_image_release(r->image);
    return NULL;
}

static struct weir_schema *key_schema;

static struct weir_state_set *set_with(size_t cache_bytes)
{
    struct weir_schema_builder fields = {0};
    h = (struct held){.memory = {.n = 0}};
    held_backend = memory_store_backend;
    held_backend.write = write_when_open;
    const struct weir_state_store_options o = {.backend = &held_backend,
                                               .self = &h.memory,
                                               .directory = "/state",
                                               .cache_bytes = cache_bytes,
                                               .platform = weir_platform_os()};
    CU_ASSERT_EQUAL_FATAL(weir_state_layout_init(&layout, &counts, NULL), WEIR_OK);
    CU_ASSERT_EQUAL_FATAL(weir_state_store_create(&o, &store, NULL), WEIR_OK);
    weir_schema_builder_add(&fields, "k", WEIR_I64, false);
    key_schema = weir_schema_build(&fields);
    return weir_stored_state_create(store, &layout, 1, 0, 0);
}

static void end(struct weir_state_set *set)
{
    set->ops->destroy(set);
    weir_state_store_destroy(store);
    weir_state_layout_finish(&layout);
    weir_schema_release(key_schema);
}

static struct weir_state_image *freeze_whole(struct weir_state_set *set)
{
    struct weir_state_image *image = set->ops->freeze(set, key_schema);
    while (image && weir_state_image_write(image)) {
    }
    return image;
}

/* The disk takes nothing; the cut is made at once, nonetheless, and is of the time when it was made. */
static void a_cut_waits_for_no_disk(void)
{
    struct weir_state_set *set = set_with(1 << 20);
    struct reader first = {0}, second = {0}, *both[] = {&first, &second};
    pthread_t threads[2];
    pthread_mutex_lock(&h.gate);
    for (uint64_t i = 0; i < MANY; i++) add(set, i);
    first.image = freeze_whole(set);
    for (uint64_t i = 0; i < 2 * MANY; i++) add(set, i);
    second.image = freeze_whole(set);
    struct weir_state_image *nobody_reads = freeze_whole(set);
    CU_ASSERT_FATAL(first.image && second.image && nobody_reads);
    weir_state_image_release(nobody_reads);
    for (uint64_t i = 0; i < 3 * MANY; i++) add(set, i);
    for (int i = 0; i < 2; i++) CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, read_image, both[i]), 0);
    CU_ASSERT_EQUAL(atomic_load(&h.written), 0);
    pthread_mutex_unlock(&h.gate);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    CU_ASSERT(first.status == WEIR_OK && first.n == MANY);
    CU_ASSERT(second.status == WEIR_OK && second.n == 2 * MANY);
    CU_ASSERT(second.bytes.n > first.bytes.n);
    CU_ASSERT_FALSE(weir_state_store_is_read(store));
    for (int i = 0; i < 2; i++) weir_key_bytes_finish(&both[i]->bytes);
    end(set);
    CU_ASSERT_EQUAL(h.memory.views, 0);
}

/* Also one that waits when the store goes. */
static void a_disk_that_fails_fails_the_cut(void)
{
    struct weir_state_set *set = set_with(1 << 20);
    struct reader r = {0};
    add(set, 1);
    h.memory.calls_left = 1;
    r.image = freeze_whole(set);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r.image);
    (void)read_image(&r);
    CU_ASSERT_EQUAL(r.status, WEIR_E_IO);
    weir_key_bytes_finish(&r.bytes);
    struct weir_state_image *last = freeze_whole(set);
    if (last) weir_state_image_release(last);
    end(set);
}

static void cut(struct weir_state_set *set)
{
    struct weir_state_image *image = freeze_whole(set);
    CU_ASSERT_PTR_NOT_NULL_FATAL(image);
    CU_ASSERT_EQUAL(store->backend->flush(store->self, &(weir_io_error){0}), WEIR_OK);
    weir_state_image_release(image);
}

/* A cut looks at what was changed, if that is little, and else at all. */
static void a_cut_writes_what_was_changed(void)
{
    struct weir_state_set *set = set_with(1 << 20);
    const struct stored *d = weir__stored_of(set);
    pthread_mutex_lock(&h.gate); /* so that the writes are those of the cut */
    for (uint64_t i = 0; i < MANY; i++) add(set, i);
    CU_ASSERT(d->dirty.are_many);
    pthread_mutex_unlock(&h.gate);
    cut(set);
    CU_ASSERT_EQUAL(h.memory.changes, MANY);
    for (int round = 0; round < 3; round++) {
        pthread_mutex_lock(&h.gate);
        for (uint64_t i = 0; i < 200; i++) add(set, i * 7 % 100);
        add(set, MANY + (uint64_t)round);
        uint64_t key = (uint64_t)round;
        const struct weir_key_ref ref = {(const uint8_t *)&key, 8, 0, weir_key_hash64(&key, 8)};
        set->ops->clear(set, 0, &ref, 0);
        add(set, key);
        CU_ASSERT(!d->dirty.are_many && d->dirty.n == 101);
        pthread_mutex_unlock(&h.gate);
        cut(set);
        CU_ASSERT_EQUAL(h.memory.changes, MANY + 101 * (size_t)(round + 1));
        CU_ASSERT(d->dirty.n == 0 && !d->dirty.are_many);
    }
    CU_ASSERT_EQUAL(h.memory.n, MANY + 3);
    end(set);
}

/* At the latest when all that was written is asked for. */
static void a_disk_that_fails_fails_the_set(void)
{
    size_t blocks = weir_allocated_blocks();
    for (size_t call = 1; call < 40; call += 3) {
        struct weir_key_ref key;
        int64_t ns;
        h = (struct held){.memory = {.calls_left = call}};
        const struct weir_state_store_options o = {.backend = &memory_store_backend,
                                                   .self = &h.memory,
                                                   .directory = "/state/7",
                                                   .cache_bytes = 5000,
                                                   .platform = weir_platform_os()};
        CU_ASSERT_EQUAL_FATAL(weir_state_layout_init(&layout, &counts, NULL), WEIR_OK);
        CU_ASSERT_EQUAL_FATAL(weir_state_store_create(&o, &store, NULL), WEIR_OK);
        struct weir_state_set *set = weir_stored_state_create(store, &layout, 1, 0, 0);
        for (uint64_t i = 0; i < 5000; i++) add(set, i * 7 % 1000);
        weir_cursor at = {0};
        void *value;
        (void)set->ops->next_key(set, 0, 0, 0, &at, &key, &value);
        (void)set->ops->next_namespace(set, 0, 0, true, 0, &ns);
        const struct weir_error *failure = weir_state_store_failure(store);
        CU_ASSERT_FATAL(failure != NULL);
        CU_ASSERT(strstr(failure->text, "/state/7") && strstr(failure->text, "the disk is full"));
        set->ops->destroy(set);
        weir_state_store_destroy(store);
        weir_state_layout_finish(&layout);
    }
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

WEIR_SUITE(store_writer) = {
    {"what is not written is seen", what_is_not_written_is_seen},
    {"no more than the limit waits", no_more_than_the_limit_waits},
    {"a write that fails is told by whatever comes next", a_write_that_fails_is_told_by_whatever_comes_next},
    {"agrees with a store that is written at once", agrees_with_a_store_that_is_written_at_once},
    {"only what leaves the cache is written", only_what_leaves_the_cache_is_written},
    {"a cut waits for no disk", a_cut_waits_for_no_disk},
    {"a disk that fails fails the cut", a_disk_that_fails_fails_the_cut},
    {"a cut writes what was changed", a_cut_writes_what_was_changed},
    {"a disk that fails fails the set", a_disk_that_fails_fails_the_set},
    {NULL, NULL},
};
