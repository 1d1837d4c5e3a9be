/* Components with states of the less usual kinds: those that values are folded into. */
#include <stdio.h>
#include <weir/udf.h>

typedef struct folds {
    char unused;
} folds;
typedef struct best {
    int64_t n, merged; /* merged: how many others were folded in */
    weir_str words;
} best;
typedef struct sums {
    int64_t total, n;
} sums;
static const weir_field best_members[] = {WEIR_MEMBER(best, n), WEIR_MEMBER(best, merged), WEIR_MEMBER(best, words)};
static const weir_field sums_members[] = {WEIR_MEMBER(sums, total), WEIR_MEMBER(sums, n)};
enum { MOST, MEAN, LATEST, LATELY };

/* The larger n, and all words. 13 is refused. */
static weir_status fold_best(weir_ctx *cx, uint32_t state, best *into, const best *value)
{
    if (value->n == 13) return weir_fail(cx, WEIR_E_DATA, "13 is not taken");
    size_t old = into->words.n;
    char *p = cx->host->resize_bytes(cx, state, &into->words, old + value->words.n);
    if (!p && old + value->words.n > 0) return WEIR_E_MEMORY;
    if (value->words.n) memcpy(p + old, value->words.p, value->words.n);
    into->merged += 1 + value->merged;
    if (value->n > into->n) into->n = value->n;
    return WEIR_OK;
}
static weir_status add_most(void *self, weir_ctx *cx, void *into, const void *value)
{
    (void)self;
    return fold_best(cx, MOST, into, value);
}
static weir_status add_latest(void *self, weir_ctx *cx, void *into, const void *value)
{
    (void)self;
    return fold_best(cx, LATEST, into, value);
}
static weir_status add_sums(void *self, weir_ctx *cx, void *acc, const void *value)
{
    sums *s = acc;
    (void)self, (void)cx;
    s->total += *(const int64_t *)value;
    s->n++;
    return WEIR_OK;
}
static weir_status mean_of(void *self, weir_ctx *cx, const void *acc, void *out)
{
    const sums *s = acc;
    (void)self, (void)cx;
    *(double *)out = s->n ? (double)s->total / (double)s->n : -1;
    return WEIR_OK;
}
static const weir_state folds_states[] = {
    WEIR_REDUCING_STATE("most", best, best_members, add_most),
    WEIR_AGGREGATING_STATE("mean", sums, sums_members, add_sums, mean_of),
    WEIR_TTL_REDUCING_STATE("latest", best, best_members, add_latest, 1000, 0),
    WEIR_TTL_AGGREGATING_STATE("lately", sums, sums_members, add_sums, mean_of, 1000, 0),
};

static size_t tell_best(weir_ctx *cx, uint32_t state, char *to, size_t room)
{
    const best *b = weir_get(cx, state);
    if (!b) return (size_t)snprintf(to, room, "none");
    return (size_t)snprintf(to, room, "%lld %.*s+%lld", (long long)b->n, (int)b->words.n, b->words.n ? b->words.p : "",
                            (long long)b->merged);
}

/* The most, how many, the mean; and of late. */
static weir_status folds_tell(weir_ctx *cx, int64_t time)
{
    char text[1024];
    double mean = 0, lately = 0;
    size_t n = tell_best(cx, MOST, text, sizeof text);
    const sums *s = weir_get(cx, MEAN);
    weir_status status = weir_result(cx, MEAN, &mean);
    if (status == WEIR_OK) status = weir_result(cx, LATELY, &lately);
    if (status != WEIR_OK) return status;
    n += (size_t)snprintf(text + n, sizeof text - n, " mean %g of %lld; ", mean, s ? (long long)s->n : 0);
    n += tell_best(cx, LATEST, text + n, sizeof text - n);
    n += (size_t)snprintf(text + n, sizeof text - n, " mean %g", lately);
    status = weir_put_text(cx, 0, 0, (weir_str){text, n});
    return status == WEIR_OK ? weir_emit(cx, 0, time) : status;
}

/* Adds n and the word, and tells what it has come to; 0 only looks, -1 clears, -2 sets a timer that tells. */
static weir_status folds_row(folds *me, weir_ctx *cx, weir_row in)
{
    const best value = {.n = weir_i64(in, 0), .words = weir_text(in, 1)};
    weir_status s = WEIR_OK;
    (void)me;
    if (value.n == -1) {
        for (uint32_t i = MOST; s == WEIR_OK && i <= LATELY; i++) s = weir_clear(cx, i);
        return s;
    }
    if (value.n == -2) return weir_set_timer(cx, WEIR_EVENT_TIME, 0, weir_time(in) + 5);
    if (value.n == -3) return weir_edit(cx, MOST) ? WEIR_OK : WEIR_E_PLUGIN;
    if (value.n == -4) return weir_result(cx, MOST, &(double){0});
    if (value.n > 0) s = weir_add(cx, MOST, &value);
    if (value.n > 0 && s == WEIR_OK) s = weir_add(cx, MEAN, &value.n);
    if (value.n > 0 && s == WEIR_OK) s = weir_add(cx, LATEST, &value);
    if (value.n > 0 && s == WEIR_OK) s = weir_add(cx, LATELY, &value.n);
    return s == WEIR_OK ? folds_tell(cx, weir_time(in)) : s;
}
static weir_status folds_timer(folds *me, weir_ctx *cx, const weir_timer *t)
{
    const best late = {.n = 1, .words = {"!", 1}};
    (void)me;
    weir_status s = weir_add(cx, MOST, &late);
    return s == WEIR_OK ? folds_tell(cx, t->at) : s;
}
WEIR_KEYED(folds, .id = "folds", .doc = "folds what it gets", .in = "n:i64, word:string", .out = "@key, seen:string",
           WEIR_STATES(folds_states));

WEIR_PLUGIN("toys.kinds", "1.0.0", &folds_component);
