/* Timers against a sorted array, and the rules of semantics A5.1 that belong to the timers themselves. */
#include "time/timers.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "harness/suite.h"

/* ---- keys ---------------------------------------------------------------------------------------------------------- */

#define N_KEYS 40
struct test_key {
    uint8_t bytes[48];
    uint32_t n, group;
    uint64_t hash;
};
static struct test_key keys[N_KEYS];

/* Lengths around the inline limit, common prefixes, one key a prefix of another, and hashes that collide on purpose. */
static void make_keys(void)
{
    for (uint32_t i = 0; i < N_KEYS; i++) {
        struct test_key *k = &keys[i];
        k->n = 1 + i;
        memset(k->bytes, i % 3 ? 'a' : 0, sizeof k->bytes);
        k->bytes[k->n - 1] = (uint8_t)(i * 7);
        k->group = 10 + i % 6;
        k->hash = i % 5;
    }
}

static struct weir_key_ref ref(uint32_t i)
{
    return (struct weir_key_ref){.p = keys[i].bytes, .n = keys[i].n, .group = keys[i].group, .hash = keys[i].hash};
}

/* ---- the reference: an unsorted array ---------------------------------------------------------------------------- */

struct entry {
    uint32_t key;
    uint64_t ns;
    int64_t at;
};
struct reference {
    struct entry entries[4096];
    size_t n;
};

static size_t find(const struct reference *r, struct entry e)
{
    size_t i = 0;
    while (i < r->n && !(r->entries[i].key == e.key && r->entries[i].ns == e.ns && r->entries[i].at == e.at)) i++;
    return i;
}
static void reference_set(struct reference *r, struct entry e)
{
    if (find(r, e) == r->n) r->entries[r->n++] = e;
}
static void reference_drop(struct reference *r, struct entry e)
{
    size_t i = find(r, e);
    if (i < r->n) r->entries[i] = r->entries[--r->n];
}

static bool before(struct entry a, struct entry b)
{
    if (a.at != b.at) return a.at < b.at;
    const struct test_key *x = &keys[a.key], *y = &keys[b.key];
    int order = memcmp(x->bytes, y->bytes, x->n < y->n ? x->n : y->n);
    if (order) return order < 0;
    if (x->n != y->n) return x->n < y->n;
    return a.ns < b.ns;
}
static size_t first_of(const struct reference *r, uint32_t group)
{
    size_t first = r->n;
    for (size_t i = 0; i < r->n; i++) {
        if (group != UINT32_MAX && keys[r->entries[i].key].group != group) continue;
        if (first == r->n || before(r->entries[i], r->entries[first])) first = i;
    }
    return first;
}

static bool is_entry(const struct weir_due_timer *due, struct entry e)
{
    const struct test_key *k = &keys[e.key];
    return due->at == e.at && due->ns == e.ns && due->key.n == k->n && memcmp(due->key.p, k->bytes, k->n) == 0 &&
           due->key.group == k->group && due->key.hash == k->hash;
}

/* ---- random histories ------------------------------------------------------------------------------------------------- */

static struct entry random_entry(struct weir_random *random, uint64_t n_keys)
{
    return (struct entry){(uint32_t)weir_random_below(random, n_keys), weir_random_below(random, 3),
                          (int64_t)weir_random_below(random, 60) - 20};
}

static bool pop_agrees(struct weir_timers *t, weir_clock clock, struct reference *r, int64_t until)
{
    struct weir_due_timer due;
    size_t first = first_of(r, UINT32_MAX);
    bool expected = first < r->n && r->entries[first].at <= until;
    if (weir_timers_next(t, clock) > (first < r->n ? r->entries[first].at : INT64_MAX)) return false;
    if (weir_timers_pop(t, clock, until, &due) != (expected ? WEIR_MORE : WEIR_OK)) return false;
    if (!expected) return true;
    bool ok = is_entry(&due, r->entries[first]);
    reference_drop(r, r->entries[first]);
    return ok;
}

struct told {
    struct reference left;
    size_t n;
    int64_t last;
};
static void tell(void *arg, const struct weir_due_timer *due)
{
    struct told *told = arg;
    if (told->n++ == 0 || due->at > told->last) told->last = due->at;
    for (size_t i = 0; i < told->left.n; i++) {
        if (!is_entry(due, told->left.entries[i])) continue;
        told->left.entries[i] = told->left.entries[--told->left.n];
        return;
    }
}
/* Those that are told are the first ones, all of them that there are up to their time. */
static bool looking_ahead_agrees(struct weir_timers *t, weir_clock clock, const struct reference *r, int64_t until,
                                 size_t most)
{
    static struct told told;
    told.left = *r;
    told.n = 0;
    if (weir_timers_look_ahead(t, clock, until, most, tell, &told) != WEIR_OK || told.n > most) return false;
    size_t first = first_of(&told.left, UINT32_MAX);
    if (told.n == 0 || told.n == most || first == told.left.n) return true;
    return told.last <= until && told.left.entries[first].at > told.last;
}

struct walk {
    struct reference left;
    uint32_t group;
    bool ok;
};
static weir_status visit(void *arg, const struct weir_due_timer *due)
{
    struct walk *w = arg;
    size_t first = first_of(&w->left, w->group);
    w->ok = w->ok && first < w->left.n && is_entry(due, w->left.entries[first]);
    if (first < w->left.n) reference_drop(&w->left, w->left.entries[first]);
    return WEIR_OK;
}
/* A copy that was made when the timers were those of the references. */
static bool copy_agrees(struct weir_timers_copy *copy, const struct reference *references)
{
    static struct walk w;
    bool ok = copy != NULL;
    for (int clock = 0; ok && clock < 2; clock++) {
        w.left = references[clock];
        w.ok = true;
        for (w.group = 10; ok && w.group < 16; w.group++)
            ok = weir_timers_copy_each(copy, (weir_clock)clock, w.group, visit, &w) == WEIR_OK;
        ok = ok && w.ok && w.left.n == 0;
    }
    weir_timers_copy_destroy(copy);
    return ok;
}

static bool agrees_for(uint64_t seed, uint64_t n_keys)
{
    static struct reference references[2], copied[2];
    struct weir_timers_copy *copy = NULL;
    struct weir_random random = {seed};
    struct weir_timers *t = weir_timers_create(10, 15);
    size_t empty = weir_timers_memory(t);
    references[0].n = references[1].n = 0;
    bool ok = empty > 0;
    for (int step = 0; step < 800 && ok; step++) {
        weir_clock clock = (weir_clock)weir_random_below(&random, 2);
        struct reference *r = &references[clock];
        struct entry e = random_entry(&random, n_keys);
        struct weir_key_ref key = ref(e.key);
        uint64_t dice = weir_random_below(&random, 100);
        if (dice < 50) {
            ok = weir_timers_set(t, clock, &key, e.ns, e.at) == WEIR_OK;
            reference_set(r, e);
        } else if (dice < 75) {
            ok = weir_timers_drop(t, clock, &key, e.ns, e.at) == WEIR_OK;
            reference_drop(r, e);
        } else if (dice < 80) {
            ok = looking_ahead_agrees(t, clock, r, e.at, weir_random_below(&random, 200));
        } else {
            ok = pop_agrees(t, clock, r, e.at);
        }
        if (ok && step % 20 == 0) ok = copy_agrees(weir_timers_copy(t), references);
        if (ok && step % 7 == 0) ok = weir_timers_any(t, clock) == (r->n > 0);
        if (step % 80 == 70) ok = ok && copy_agrees(copy, copied);
        if (step % 80 != 20) continue;
        memcpy(copied, references, sizeof copied);
        copy = weir_timers_copy(t);
    }
    for (int clock = 0; clock < 2; clock++) {
        while (ok && references[clock].n > 0) ok = pop_agrees(t, (weir_clock)clock, &references[clock], INT64_MAX);
    }
    if (!ok) printf("seed %llu\n", (unsigned long long)seed);
    weir_timers_destroy(t);
    return ok;
}

static void agrees_with_a_sorted_array(void)
{
    make_keys();
    size_t blocks = weir_allocated_blocks();
    bool ok = true;
    for (uint64_t seed = 0; seed < 300 && ok; seed++) ok = agrees_for(seed, seed % 3 ? N_KEYS : 3);
    CU_ASSERT(ok);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

/* ---- the rules one by one ---------------------------------------------------------------------------------------- */

static void set(struct weir_timers *t, weir_clock clock, uint32_t key, uint64_t ns, int64_t at)
{
    struct weir_key_ref k = ref(key);
    CU_ASSERT_EQUAL(weir_timers_set(t, clock, &k, ns, at), WEIR_OK);
}

static void setting_twice_is_one_timer(void)
{
    make_keys();
    struct weir_timers *t = weir_timers_create(10, 15);
    struct weir_due_timer due;
    struct weir_key_ref k = ref(30);
    set(t, WEIR_EVENT_TIME, 30, 1, 100);
    set(t, WEIR_EVENT_TIME, 30, 1, 100);
    set(t, WEIR_PROCESSING_TIME, 30, 1, 100);
    CU_ASSERT_EQUAL(weir_timers_pop(t, WEIR_EVENT_TIME, 100, &due), WEIR_MORE);
    CU_ASSERT_EQUAL(weir_timers_pop(t, WEIR_EVENT_TIME, INT64_MAX, &due), WEIR_OK);
    CU_ASSERT_EQUAL(weir_timers_drop(t, WEIR_EVENT_TIME, &k, 1, 100), WEIR_OK); /* a missing one: nothing happens */
    CU_ASSERT_FALSE(weir_timers_any(t, WEIR_EVENT_TIME));
    CU_ASSERT(weir_timers_any(t, WEIR_PROCESSING_TIME));
    CU_ASSERT_EQUAL(weir_timers_next(t, WEIR_PROCESSING_TIME), 100);
    weir_timers_destroy(t);
}

/* A callback that sets a timer at or before the watermark being fired sees it fire in the same loop; one that drops a due
 * timer never sees it. */
static void timers_set_while_firing_fire_in_the_same_loop(void)
{
    make_keys();
    struct weir_timers *t = weir_timers_create(10, 15);
    struct weir_key_ref dropped = ref(5);
    struct weir_due_timer due;
    int64_t fired[8];
    int n = 0;
    set(t, WEIR_EVENT_TIME, 20, 0, 50);
    set(t, WEIR_EVENT_TIME, 5, 0, 60);
    while (n < 8 && weir_timers_pop(t, WEIR_EVENT_TIME, 100, &due) == WEIR_MORE) {
        fired[n++] = due.at;
        if (n == 1) {
            set(t, WEIR_EVENT_TIME, 20, 0, 50); /* the very same again: it was removed before its callback */
            set(t, WEIR_EVENT_TIME, 20, 0, 10); /* long due */
            set(t, WEIR_EVENT_TIME, 20, 0, 100);
            set(t, WEIR_EVENT_TIME, 20, 0, 101);
            CU_ASSERT_EQUAL(weir_timers_drop(t, WEIR_EVENT_TIME, &dropped, 0, 60), WEIR_OK);
        }
    }
    CU_ASSERT_EQUAL(n, 4);
    CU_ASSERT(fired[0] == 50 && fired[1] == 10 && fired[2] == 50 && fired[3] == 100);
    CU_ASSERT_EQUAL(weir_timers_next(t, WEIR_EVENT_TIME), 101);
    weir_timers_destroy(t);
}

static void ties_fire_by_key_bytes_then_namespace(void)
{
    struct weir_timers *t = weir_timers_create(0, 127);
    const char *texts[] = {"b", "ab", "a", "aaaaaaaaaaaaaaaaaaaaaaaab", "aaaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaa"};
    const char *sorted[] = {"a", "aaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaaab", "ab", "b"};
    struct weir_due_timer due;
    for (uint32_t i = 0; i < 6; i++) {
        struct weir_key_ref k = {.p = (const uint8_t *)texts[i], .n = (uint32_t)strlen(texts[i]), .group = i, .hash = i};
        CU_ASSERT_EQUAL(weir_timers_set(t, WEIR_EVENT_TIME, &k, 9, 1), WEIR_OK);
        CU_ASSERT_EQUAL(weir_timers_set(t, WEIR_EVENT_TIME, &k, UINT64_MAX, 1), WEIR_OK);
        CU_ASSERT_EQUAL(weir_timers_set(t, WEIR_EVENT_TIME, &k, 2, 1), WEIR_OK);
    }
    for (uint32_t i = 0; i < 18; i++) {
        CU_ASSERT_EQUAL(weir_timers_pop(t, WEIR_EVENT_TIME, 1, &due), WEIR_MORE);
        CU_ASSERT_EQUAL(due.key.n, strlen(sorted[i / 3]));
        CU_ASSERT_EQUAL(memcmp(due.key.p, sorted[i / 3], due.key.n), 0);
        CU_ASSERT_EQUAL(due.ns, i % 3 == 0 ? 2 : i % 3 == 1 ? 9 : UINT64_MAX);
    }
    weir_timers_destroy(t);
}

static void set_million(struct weir_timers *t, uint64_t n, int64_t spread)
{
    struct weir_random random = {7};
    bool ok = true;
    for (uint64_t i = 0; i < n; i++) {
        struct weir_key_ref k = {
            .p = (const uint8_t *)&i, .n = 8, .group = (uint32_t)(i % 128), .hash = weir_random_next(&random)};
        ok = ok &&
             weir_timers_set(t, WEIR_EVENT_TIME, &k, 0, (int64_t)weir_random_below(&random, (uint64_t)spread)) == WEIR_OK;
    }
    CU_ASSERT(ok);
}

static void a_million_timers(void)
{
    const uint64_t n = 1000000;
    struct weir_timers *t = weir_timers_create(0, 127);
    size_t empty = weir_timers_memory(t);
    struct weir_due_timer due;
    set_million(t, n, 1000);
    CU_ASSERT(weir_timers_memory(t) < n * 60);
    uint64_t fired = 0;
    int64_t last = INT64_MIN;
    bool ordered = true;
    while (weir_timers_pop(t, WEIR_EVENT_TIME, 1000, &due) == WEIR_MORE) {
        ordered = ordered && due.at >= last;
        last = due.at;
        fired++;
    }
    CU_ASSERT(ordered);
    CU_ASSERT_EQUAL(fired, n);
    CU_ASSERT(weir_timers_memory(t) < empty + 128 * 1024);
    weir_timers_destroy(t);
}

/* As timers fire: time, key bytes, the shorter key, namespace. */
static bool is_before(const struct weir_due_timer *a, const struct weir_due_timer *b)
{
    if (a->at != b->at) return a->at < b->at;
    uint32_t n = a->key.n < b->key.n ? a->key.n : b->key.n;
    int order = memcmp(a->key.p, b->key.p, n);
    if (order) return order < 0;
    return a->key.n != b->key.n ? a->key.n < b->key.n : a->ns < b->ns;
}

struct sequence {
    struct weir_due_timer last;
    uint8_t key[16];
    size_t n, wrong;
};

static weir_status follow(void *arg, const struct weir_due_timer *due)
{
    struct sequence *s = arg;
    if (s->n++ > 0 && !is_before(&s->last, due)) s->wrong++;
    s->last = *due;
    memcpy(s->key, due->key.p, due->key.n);
    s->last.key.p = s->key;
    return WEIR_OK;
}

/* So many that they are sorted by bytes: times from all of int64 (a copy), and one time (what is due together), for keys
 * that begin alike. */
static void thousands_are_in_order_by_every_byte(void)
{
    enum { N = 4000 };
    for (int together = 0; together < 2; together++) {
        struct weir_timers *t = weir_timers_create(10, 10);
        struct weir_random random = {9};
        struct sequence copied = {0}, popped = {0};
        struct weir_due_timer due;
        for (uint64_t i = 0; i < N; i++) {
            uint8_t bytes[16];
            uint64_t head = weir_random_next(&random) << 8 * weir_random_below(&random, 8),
                     tail = weir_random_next(&random) % 3;
            if (i % 2) head = 77; /* half of them differ behind the prefix only */
            memcpy(bytes, &head, 8);
            memcpy(bytes + 8, &tail, 8);
            const struct weir_key_ref key = {.p = bytes, .n = 8 + (uint32_t)(i % 9), .group = 10, .hash = head};
            int64_t at = together ? 5 : (int64_t)(weir_random_next(&random) >> weir_random_below(&random, 64)) - 1000;
            CU_ASSERT_EQUAL(weir_timers_set(t, WEIR_EVENT_TIME, &key, i, at), WEIR_OK);
        }
        struct weir_timers_copy *copy = weir_timers_copy(t);
        CU_ASSERT_EQUAL(weir_timers_copy_each(copy, WEIR_EVENT_TIME, 10, follow, &copied), WEIR_OK);
        CU_ASSERT(copied.n == N && copied.wrong == 0);
        weir_timers_copy_destroy(copy);
        while (weir_timers_pop(t, WEIR_EVENT_TIME, INT64_MAX, &due) == WEIR_MORE) (void)follow(&popped, &due);
        CU_ASSERT(popped.n == N && popped.wrong == 0);
        weir_timers_destroy(t);
    }
}

/* Records of what is gone are thinned. */
static void dropping_most_of_many_keeps_the_order(void)
{
    enum { N = 3000 };
    make_keys();
    struct weir_timers *t = weir_timers_create(10, 15);
    struct weir_random random = {5};
    struct weir_due_timer due;
    static int64_t at[N];
    size_t left = 0;
    for (int i = 0; i < N; i++) {
        at[i] = (int64_t)weir_random_next(&random) / 2;
        set(t, WEIR_EVENT_TIME, (uint32_t)i % N_KEYS, (uint64_t)i, at[i]);
    }
    for (int i = 0; i < N; i++) {
        struct weir_key_ref k = ref((uint32_t)i % N_KEYS);
        if (weir_random_below(&random, 20) == 0) {
            left++;
        } else {
            CU_ASSERT_EQUAL(weir_timers_drop(t, WEIR_EVENT_TIME, &k, (uint64_t)i, at[i]), WEIR_OK);
        }
    }
    int64_t last = INT64_MIN;
    for (; left > 0; left--) {
        CU_ASSERT(weir_timers_pop(t, WEIR_EVENT_TIME, INT64_MAX, &due) == WEIR_MORE && due.at >= last);
        last = due.at;
    }
    CU_ASSERT_EQUAL(weir_timers_pop(t, WEIR_EVENT_TIME, INT64_MAX, &due), WEIR_OK);
    weir_timers_destroy(t);
}

/* A drop of what was never set shares a bucket with timers for as long as that is wide. When they are dealt to narrower ones
 * it would be alone in an empty bucket, and is no record any more: nobody is woken for its time. */
static void a_drop_that_is_first_in_an_empty_bucket_goes(void)
{
    make_keys();
    struct weir_timers *t = weir_timers_create(10, 15);
    struct weir_key_ref k = ref(6);
    struct weir_due_timer due;
    set(t, WEIR_EVENT_TIME, 5, 0, 5000);
    CU_ASSERT_EQUAL(weir_timers_drop(t, WEIR_EVENT_TIME, &k, 0, 5100), WEIR_OK);
    CU_ASSERT_EQUAL(weir_timers_pop(t, WEIR_EVENT_TIME, 5000, &due), WEIR_MORE);
    CU_ASSERT_EQUAL(due.at, 5000);
    CU_ASSERT_EQUAL(weir_timers_next(t, WEIR_EVENT_TIME), INT64_MAX);
    set(t, WEIR_EVENT_TIME, 6, 0, 5100); /* what is set afterwards is not dropped */
    CU_ASSERT_EQUAL(weir_timers_next(t, WEIR_EVENT_TIME), 5100);
    CU_ASSERT_EQUAL(weir_timers_pop(t, WEIR_EVENT_TIME, INT64_MAX, &due), WEIR_MORE);
    CU_ASSERT(due.at == 5100 && due.key.n == k.n);
    CU_ASSERT_EQUAL(weir_timers_pop(t, WEIR_EVENT_TIME, INT64_MAX, &due), WEIR_OK);
    weir_timers_destroy(t);
}

/* A key that moves its one timer for ever, as a session does, must not make the heap grow. */
static void moved_timers_do_not_pile_up(void)
{
    make_keys();
    struct weir_timers *t = weir_timers_create(10, 15);
    struct weir_key_ref far = ref(1), long_key = ref(39);
    struct weir_due_timer due;
    set(t, WEIR_EVENT_TIME, 2, 0, 0);
    for (int64_t at = 1; at < 20000; at++) {
        set(t, WEIR_EVENT_TIME, 39, 0, at);
        CU_ASSERT_EQUAL(weir_timers_drop(t, WEIR_EVENT_TIME, &long_key, 0, at - 1), WEIR_OK);
        CU_ASSERT_EQUAL(weir_timers_drop(t, WEIR_EVENT_TIME, &far, 0, at), WEIR_OK);
    }
    CU_ASSERT(weir_timers_memory(t) < 96 * 1024);
    for (int64_t at = 0; at < 20000; at += 19999) {
        CU_ASSERT_EQUAL(weir_timers_pop(t, WEIR_EVENT_TIME, INT64_MAX, &due), WEIR_MORE);
        CU_ASSERT_EQUAL(due.at, at);
    }
    CU_ASSERT_EQUAL(weir_timers_pop(t, WEIR_EVENT_TIME, INT64_MAX, &due), WEIR_OK);
    weir_timers_destroy(t);
}

/* The copy that timers keep, and one more while that is in use, in either order of going. */
static void copies_may_outlive_the_timers(void)
{
    size_t blocks = weir_allocated_blocks();
    static struct reference references[2];
    for (int order = 0; order < 3; order++) {
        struct weir_timers *t = weir_timers_create(10, 15);
        references[0].n = 0;
        for (uint32_t i = 0; i < N_KEYS; i++) {
            struct weir_key_ref key = ref(i);
            reference_set(&references[0], (struct entry){i, 1, (int64_t)i % 7});
            CU_ASSERT_EQUAL(weir_timers_set(t, (weir_clock)0, &key, 1, (int64_t)i % 7), WEIR_OK);
        }
        struct weir_timers_copy *first = weir_timers_copy(t), *second = weir_timers_copy(t);
        CU_ASSERT(first && second && first != second);
        if (order == 0) weir_timers_destroy(t);
        CU_ASSERT(copy_agrees(first, references));
        if (order == 1) weir_timers_destroy(t);
        CU_ASSERT(copy_agrees(second, references));
        if (order == 2) CU_ASSERT(copy_agrees(weir_timers_copy(t), references));
        if (order == 2) weir_timers_destroy(t);
    }
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

/* A copy is read by another thread while the chunks that it shares are written behind, dealt, thinned and let go. */
struct read_elsewhere {
    struct weir_timers_copy *copy;
    uint64_t n, sum;
};
static weir_status add_up(void *arg, const struct weir_due_timer *due)
{
    struct read_elsewhere *r = arg;
    r->n++;
    r->sum += (uint64_t)due->at * 31 + due->key.n + due->ns;
    return WEIR_OK;
}
static void *read_copy(void *arg)
{
    struct read_elsewhere *r = arg;
    bool ok = true;
    for (uint32_t group = 10; ok && group < 16; group++)
        ok = weir_timers_copy_each(r->copy, WEIR_EVENT_TIME, group, add_up, r) == WEIR_OK;
    weir_timers_copy_destroy(r->copy);
    return ok ? r : NULL;
}

static void copies_are_read_while_timers_go_on(void)
{
    make_keys();
    struct weir_timers *t = weir_timers_create(10, 15);
    struct weir_random random = {3};
    struct weir_due_timer due;
    size_t blocks = weir_allocated_blocks();
    for (int64_t round = 0, until = 0; round < 6; round++) {
        for (uint32_t i = 0; i < 3000; i++)
            set(t, WEIR_EVENT_TIME, i % N_KEYS, i, until + (int64_t)weir_random_below(&random, 5000));
        struct read_elsewhere r = {weir_timers_copy(t), 0, 0}, at_once = {weir_timers_copy(t), 0, 0};
        CU_ASSERT_PTR_EQUAL(read_copy(&at_once), &at_once);
        pthread_t reader;
        void *read;
        CU_ASSERT_EQUAL_FATAL(pthread_create(&reader, NULL, read_copy, &r), 0);
        for (until += 2000; weir_timers_pop(t, WEIR_EVENT_TIME, until, &due) == WEIR_MORE;) {
            struct weir_key_ref key = ref((uint32_t)due.ns % N_KEYS);
            if (due.ns % 3) continue;
            CU_ASSERT_EQUAL(weir_timers_set(t, WEIR_EVENT_TIME, &key, due.ns, due.at + 4000), WEIR_OK);
            CU_ASSERT_EQUAL(weir_timers_drop(t, WEIR_EVENT_TIME, &key, due.ns + 1, due.at + 50), WEIR_OK);
        }
        pthread_join(reader, &read);
        CU_ASSERT(read == &r && r.n == at_once.n && r.sum == at_once.sum && r.n > 0);
    }
    while (weir_timers_pop(t, WEIR_EVENT_TIME, INT64_MAX, &due) == WEIR_MORE) {
    }
    weir_timers_destroy(t);
    CU_ASSERT(weir_allocated_blocks() < blocks);
}

WEIR_SUITE(timers) = {
    {"agree with a sorted array, random histories", agrees_with_a_sorted_array},
    {"setting twice is one timer, dropping a missing one is fine", setting_twice_is_one_timer},
    {"timers set while firing fire in the same loop", timers_set_while_firing_fire_in_the_same_loop},
    {"ties fire by key bytes, then namespace", ties_fire_by_key_bytes_then_namespace},
    {"a million timers", a_million_timers},
    {"thousands are in order by every byte", thousands_are_in_order_by_every_byte},
    {"dropping most of many keeps the order", dropping_most_of_many_keeps_the_order},
    {"a drop that is first in an empty bucket goes", a_drop_that_is_first_in_an_empty_bucket_goes},
    {"moved timers do not pile up", moved_timers_do_not_pile_up},
    {"copies may outlive the timers", copies_may_outlive_the_timers},
    {"copies are read while timers go on", copies_are_read_while_timers_go_on},
    {NULL, NULL},
};
