/* Lookups that answer as the record tells them, for the tests of async operators. */
#include <stdio.h>
#include <stdlib.h>
#include <weir/udf.h>

/* ---- n times ten -------------------------------------------------------------------------------------------------
 *
 * how: work    a thread of the pool answers        fail    the same, but it fails
 *      now     start answers                       twice   start answers, and then another way
 *      never   nobody does                         late    the start of the next row does
 *      none    like now, but nothing comes of it   many    like now, but three rows come of it, one a call */

typedef struct lookup {
    uint64_t late; /* a request not answered yet; 0: none */
    int64_t given; /* of `many` */
} lookup;

static weir_status multiply(void *arg, weir_row in, weir_answer *answer)
{
    (void)arg;
    if (weir_text(in, 1).p[0] == 'f') {
        snprintf(answer->why, sizeof answer->why, "the table has no %d", (int)weir_i64(in, 0));
        return WEIR_E_IO;
    }
    int64_t *ten = answer->room(answer, 4096);
    if (ten) ten = answer->room(answer, sizeof *ten); /* less will do */
    if (!ten) return WEIR_E_MEMORY;
    *ten += weir_i64(in, 0) * 10;
    return WEIR_OK;
}

static bool is(weir_str text, const char *word)
{
    return text.n == strlen(word) && memcmp(text.p, word, text.n) == 0;
}

static weir_status lookup_start(void *self, weir_ctx *cx, weir_row in, uint64_t request)
{
    lookup *me = self;
    int64_t ten = weir_i64(in, 0) * 10, other = -5;
    weir_str how = weir_text(in, 1);
    if (me->late) weir_complete(cx, me->late, WEIR_OK, &other, sizeof other);
    me->late = is(how, "late") ? request : 0;
    if (is(how, "work") || is(how, "fail")) return weir_start_work(cx, request, multiply, self);
    if (is(how, "never") || is(how, "late")) return WEIR_OK;
    weir_complete(cx, request, WEIR_OK, &ten, is(how, "none") ? 0 : sizeof ten);
    if (is(how, "twice")) weir_complete(cx, request, WEIR_OK, &other, sizeof other);
    return WEIR_OK;
}

static weir_status lookup_emit(weir_ctx *cx, weir_row in, int64_t ten)
{
    weir_put_i64(cx, 0, 0, ten);
    return weir_emit(cx, 0, weir_time(in));
}

static weir_status lookup_result(void *self, weir_ctx *cx, weir_row in, weir_status s, const void *data, size_t n)
{
    lookup *me = self;
    if (s != WEIR_OK) return weir_fail(cx, s, "%.*s", (int)n, (const char *)data);
    if (n == 0) return WEIR_OK;
    s = lookup_emit(cx, in, *(const int64_t *)data);
    if (s != WEIR_OK || !is(weir_text(in, 1), "many")) return s;
    me->given = (me->given + 1) % 3;
    return me->given ? WEIR_MORE : WEIR_OK;
}

static weir_status lookup_timeout(void *self, weir_ctx *cx, weir_row in)
{
    (void)self;
    return lookup_emit(cx, in, -1);
}

static const weir_async lookup_vtable = {
    .struct_size = sizeof lookup_vtable, .start = lookup_start, .result = lookup_result, .timeout = lookup_timeout};
WEIR_COMPONENT(lookup, WEIR_ASYNC, lookup_vtable, .id = "lookup", .doc = "n times ten; -1 when nobody answers",
               .in = "n:i64, how:string", .out = "*, ten:i64");

typedef lookup strict_lookup;
static const weir_async strict_lookup_vtable = {
    .struct_size = sizeof strict_lookup_vtable, .start = lookup_start, .result = lookup_result};
WEIR_COMPONENT(strict_lookup, WEIR_ASYNC, strict_lookup_vtable, .id = "strict_lookup", .doc = "n times ten, or it fails",
               .in = "n:i64, how:string", .out = "*, ten:i64");

/* ---- the macro --------------------------------------------------------------------------------------------------- */

typedef struct squared {
    int64_t limit;
    int64_t opened;
} squared;
typedef struct square {
    int64_t value;
} square;

static weir_status squared_open(squared *me, weir_ctx *cx)
{
    (void)cx;
    me->opened = 1;
    return WEIR_OK;
}
static void squared_close(squared *me, weir_ctx *cx)
{
    (void)cx;
    me->opened = 0;
}
static weir_status squared_fetch(const squared *me, weir_row in, square *found, char why[WEIR_WHY])
{
    int64_t n = weir_i64(in, 0);
    if (n > me->limit) {
        snprintf(why, WEIR_WHY, "%d is too large", (int)n);
        return WEIR_E_DATA;
    }
    found->value += n * n * me->opened;
    return WEIR_OK;
}
static weir_status squared_row(squared *me, weir_ctx *cx, weir_row in, const square *found)
{
    (void)me;
    weir_put_i64(cx, 0, 0, found->value);
    return weir_emit(cx, 0, weir_time(in));
}
static const weir_option squared_options[] = {WEIR_OPTION(squared, limit, .def = "1000", .doc = "largest n")};
WEIR_RICH_ASYNC_LOOKUP(squared, square, .id = "squared", .doc = "n times n", .in = "n:i64", .out = "*, square:i64",
                       WEIR_OPTIONS(squared_options));

WEIR_PLUGIN("weir.test.async", "1.0.0", &lookup_component, &strict_lookup_component, &squared_component);
