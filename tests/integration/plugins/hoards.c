/* A keyed operator that hoards: a member of every type in a value, a list, a map, and timers of both clocks. For tests of
 * what a savepoint says of it, and of versions of it that keep something else: HOARDS is 2, other fields of kept, which a
 * savepoint of the first can become; 3, another type of an item, which it cannot; 4, the same and a text for a number, which
 * it can because the component migrates it; 5, a component that will not. */
#include <math.h>
#include <stdio.h>
#include <weir/udf.h>

typedef struct hoard {
    int64_t unused;
} hoard;

#ifndef HOARDS
#define HOARDS 1
#endif
#if HOARDS == 2
typedef int64_t small_number;
typedef double narrow_number;
#elif HOARDS >= 4
typedef weir_str small_number;
typedef float narrow_number;
#else
typedef int32_t small_number;
typedef float narrow_number;
#endif
#if HOARDS >= 3
typedef double item_number;
#else
typedef int64_t item_number;
#endif

typedef struct kept {
#if HOARDS == 2
    double added;
#else
    bool even;
#endif
    small_number small;
    int64_t large;
    narrow_number narrow;
    double wide;
    weir_str text, bytes;
    int64_t at;
#if HOARDS >= 4
    double fresh;
#endif
} kept;
typedef struct item {
    item_number n;
    weir_str word;
} item;
typedef struct number {
    int64_t n;
} number;

static const weir_field kept_members[] = {
#if HOARDS == 2
    WEIR_MEMBER(kept, added),
#else
    WEIR_MEMBER(kept, even),
#endif
    WEIR_MEMBER(kept, small),
    WEIR_MEMBER(kept, large),
    WEIR_MEMBER(kept, narrow),
    WEIR_MEMBER(kept, wide),
    WEIR_MEMBER(kept, text),
    WEIR_MEMBER_OF(kept, bytes, WEIR_BYTES),
    WEIR_MEMBER_OF(kept, at, WEIR_TIMESTAMP),
#if HOARDS >= 4
    WEIR_ADDED_MEMBER(kept, fresh, 2, "0.25"),
#endif
};
static const weir_field item_members[] = {WEIR_MEMBER(item, n), WEIR_MEMBER(item, word)};
static const weir_field number_members[] = {WEIR_MEMBER(number, n)};
static const weir_state hoard_states[] = {
#if HOARDS >= 4
    WEIR_STATE_OF_VERSION(2, WEIR_VALUE, "kept", kept, kept_members),
#else
    WEIR_VALUE_STATE("kept", kept, kept_members),
#endif
    WEIR_LIST_STATE("items", item, item_members),
    WEIR_MAP_STATE("often", item, item_members, number, number_members),
};
enum { KEPT, ITEMS, OFTEN };

#if HOARDS >= 4
static const void *member(const weir_field *fields, uint32_t n, const void *of, const char *name)
{
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(fields[i].name, name) == 0) return (const char *)of + fields[i].offset;
    }
    return NULL;
}

static weir_status migrate_kept(weir_ctx *cx, const weir_migration *m)
{
    const int32_t *small = member(m->fields, m->n_fields, m->old, "small");
    kept *now = m->now;
    char text[20];
    if (m->version != 1 || !small) return weir_fail(cx, WEIR_E_CONFIG, "only version 1 was expected");
    int n = snprintf(text, sizeof text, "<%d>", *small);
    return weir_assign(cx, KEPT, &now->small, (weir_str){text, (size_t)n});
}

static weir_status hoard_migrate(void *self, weir_ctx *cx, const weir_migration *m)
{
    const int64_t *n;
    (void)self;
    if (HOARDS == 5 && m->state == ITEMS) return weir_fail(cx, WEIR_E_CONFIG, "items of version %u are lost", m->version);
    if (!m->old) return WEIR_OK;
    if (m->state == KEPT) return migrate_kept(cx, m);
    bool is_map = m->state == OFTEN;
    item *now = is_map ? m->now_key : m->now;
    n = is_map ? member(m->key_fields, m->n_key_fields, m->old_key, "n") : member(m->fields, m->n_fields, m->old, "n");
    now->n = (double)*n + 0.5;
    return WEIR_OK;
}
#define MIGRATES , .migrate = hoard_migrate
#else
#define MIGRATES
#endif

static weir_status keep(weir_ctx *cx, int64_t n, weir_str word, int64_t at)
{
    static const char awkward[] = {'"', ',', '\\', '\n', (char)0xff, 0};
    kept *k = weir_edit(cx, KEPT);
    if (!k) return WEIR_E_MEMORY;
#if HOARDS != 2
    k->even = n % 2 == 0;
#endif
#if HOARDS >= 4
    if (weir_assign(cx, KEPT, &k->small, word) != WEIR_OK) return WEIR_E_MEMORY;
#else
    k->small = (small_number)-n;
#endif
    k->large = n % 3 == 0 ? INT64_MIN + (n & 31) : INT64_MAX - (n & 31);
    k->narrow = (narrow_number)n / 10;
    k->wide = n % 5 == 0 ? NAN : n % 7 == 0 ? -INFINITY : (double)n / 3;
    k->at = at;
    weir_status s = weir_assign(cx, KEPT, &k->text, word);
    return s == WEIR_OK ? weir_assign(cx, KEPT, &k->bytes, (weir_str){awkward, (size_t)n % 7}) : s;
}

static weir_status hoard_row(hoard *me, weir_ctx *cx, weir_row in)
{
    const int64_t n = weir_i64(in, 0);
    const item it = {(item_number)n, weir_text(in, 1)};
    (void)me;
    weir_status s = keep(cx, n, it.word, weir_time(in));
    if (s == WEIR_OK) s = weir_list_add(cx, ITEMS, &it);
    number *often = s == WEIR_OK ? weir_map_edit(cx, OFTEN, &it) : NULL;
    if (!often) return s == WEIR_OK ? WEIR_E_MEMORY : s;
    often->n++;
    s = weir_set_timer(cx, WEIR_EVENT_TIME, (uint64_t)n, weir_time(in) + 1000000000);
    return s == WEIR_OK ? weir_set_timer(cx, WEIR_PROCESSING_TIME, 7, INT64_C(4102444800000) + n) : s;
}

static weir_status hoard_timer(hoard *me, weir_ctx *cx, const weir_timer *t)
{
    (void)me, (void)cx, (void)t;
    return WEIR_OK;
}
WEIR_KEYED(hoard, .id = "hoard", .doc = "keeps all that it gets", .in = "n:i64, word:string", .out = "@key, n:i64",
           WEIR_STATES(hoard_states) MIGRATES);

WEIR_PLUGIN("test.hoards", "1.0.0", &hoard_component);
