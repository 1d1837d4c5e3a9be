/* An operator that puts all it gets into a list that belongs to no key, and versions of it that keep something else: SHELVES
 * is 2, a wider number and another member in the place of the word; 3, a union list. */
#include <weir/udf.h>

#ifndef SHELVES
#define SHELVES 1
#endif

typedef struct shelf {
    char unused;
} shelf;
#if SHELVES == 2
typedef struct thing {
    bool added;
    double n;
} thing;
static const weir_field thing_members[] = {WEIR_MEMBER(thing, added), WEIR_MEMBER(thing, n)};
#else
typedef struct thing {
    int32_t n;
    weir_str word;
} thing;
static const weir_field thing_members[] = {WEIR_MEMBER(thing, n), WEIR_MEMBER(thing, word)};
#endif
#if SHELVES == 3
static const weir_state shelf_states[] = {WEIR_UNION_LIST_STATE("things", thing, thing_members)};
#else
static const weir_state shelf_states[] = {WEIR_SPLIT_LIST_STATE("things", thing, thing_members)};
#endif

static weir_status shelf_row(shelf *me, weir_ctx *cx, weir_row in)
{
    (void)me;
#if SHELVES == 2
    return weir_list_add(cx, 0, &(thing){.n = (double)weir_i64(in, 0), .added = true});
#else
    return weir_list_add(cx, 0, &(thing){(int32_t)weir_i64(in, 0), weir_text(in, 1)});
#endif
}
WEIR_PROCESS(shelf, .id = "shelf", .doc = "keeps all that it gets, under no key", .in = "n:i64, word:string", .out = "n:i64",
             WEIR_STATES(shelf_states));

WEIR_PLUGIN("test.shelves", "1.0.0", &shelf_component);
