/* A keyed operator that hoards: a member of every type in a value, a list, a map, and timers of both clocks. For tests of
 * what a savepoint says of it, and of versions of it that keep something else: HOARDS is 2, other fields of kept, which a
 * savepoint of the first can become; 3, another type of an item, which it cannot. */
#include <math.h>
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
#else
typedef int32_t small_number;
typedef float narrow_number;
#endif
#if HOARDS == 3
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
};
static const weir_field item_members[] = {WEIR_MEMBER(item, n), WEIR_MEMBER(item, word)};
static const weir_field number_members[] = {WEIR_MEMBER(number, n)};
static const weir_state hoard_states[] = {
    WEIR_VALUE_STATE("kept", kept, kept_members),
    WEIR_LIST_STATE("items", item, item_members),
    WEIR_MAP_STATE("often", item, item_members, number, number_members),
};
enum { KEPT, ITEMS, OFTEN };

static weir_status keep(weir_ctx *cx, int64_t n, weir_str word, int64_t at)
{
    static const char awkward[] = {'"', ',', '\\', '\n', (char)0xff, 0};
    kept *k = weir_edit(cx, KEPT);
    if (!k) return WEIR_E_MEMORY;
#if HOARDS != 2
    k->even = n % 2 == 0;
#endif
    k->small = (small_number)-n;
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
           WEIR_STATES(hoard_states));

WEIR_PLUGIN("test.hoards", "1.0.0", &hoard_component);
