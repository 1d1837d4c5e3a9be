/* Components with states of the less usual kinds: those that values are folded into, and those that belong to no key, in
 * operators, sources and sinks. */
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

/* ---- an operator that keeps what it gets ------------------------------------------------------------------------- */

typedef struct keeps {
    int64_t n_raw;
    char raw[256]; /* what it held outside its states: how often which subtask was cut */
} keeps;
typedef struct kept {
    int64_t n;
    weir_str word;
} kept;
static const weir_field kept_members[] = {WEIR_MEMBER(kept, n), WEIR_MEMBER(kept, word)};
enum { ODD, EVERY, EVEN, RAW };
static const weir_state keeps_states[] = {WEIR_SPLIT_LIST_STATE("odd", kept, kept_members),
                                          WEIR_UNION_LIST_STATE("every", kept, kept_members),
                                          WEIR_SPLIT_LIST_STATE("even", kept, kept_members), WEIR_RAW_STATE("raw")};

static weir_status keeps_open(void *self, weir_ctx *cx)
{
    keeps *me = self;
    for (size_t i = 0; i < weir_list_size(cx, RAW); i++) {
        const weir_str *part = weir_list_at(cx, RAW, i);
        size_t used = strlen(me->raw);
        snprintf(me->raw + used, sizeof me->raw - used, "%.*s;", (int)part->n, part->n ? part->p : "");
    }
    return WEIR_OK;
}

/* 0 tells what there is, -1 forgets the even, -2 leaves of the odd the last, -3 writes raw bytes where nobody may. */
static weir_status keeps_tell(keeps *me, weir_ctx *cx, int64_t time)
{
    char text[2048];
    size_t used = 0;
    for (uint32_t s = ODD; s <= EVEN; s++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s", s ? " |" : "");
        for (size_t i = 0; i < weir_list_size(cx, s); i++) {
            const kept *k = weir_list_at(cx, s, i);
            used += (size_t)snprintf(text + used, sizeof text - used, " %lld%.*s", (long long)k->n, (int)k->word.n,
                                     k->word.n ? k->word.p : "");
        }
    }
    used += (size_t)snprintf(text + used, sizeof text - used, " | %s%zu", me->raw, weir_list_size(cx, RAW));
    weir_status status = weir_put_text(cx, 0, 0, (weir_str){text, used});
    return status == WEIR_OK ? weir_emit(cx, 0, time) : status;
}
static weir_status keeps_one(keeps *me, weir_ctx *cx, weir_row in)
{
    const kept item = {weir_i64(in, 0), weir_text(in, 1)};
    if (item.n == 0) return keeps_tell(me, cx, weir_time(in));
    if (item.n == -1) return weir_clear(cx, EVEN);
    if (item.n == -2) {
        size_t n = weir_list_size(cx, ODD);
        const kept *last = n ? weir_list_at(cx, ODD, n - 1) : NULL;
        kept copy = last ? *last : (kept){0};
        char word[64];
        if (copy.word.n > sizeof word) return WEIR_E_PLUGIN;
        if (copy.word.n) memcpy(word, copy.word.p, copy.word.n);
        copy.word.p = word;
        return weir_list_update(cx, ODD, &copy, last ? 1 : 0);
    }
    if (item.n == -3) return weir_list_add(cx, RAW, &item.word);
    weir_status s = weir_list_add(cx, item.n % 2 ? ODD : EVEN, &item);
    return s == WEIR_OK && item.n % 5 == 0 ? weir_list_add(cx, EVERY, &item) : s;
}
static weir_status keeps_process(void *self, weir_ctx *cx, uint32_t port, const weir_batch *b, int64_t *row)
{
    (void)port;
    for (; *row < b->length; ++*row) {
        if (weir_full(cx)) return WEIR_MORE;
        cx->row = (uint32_t)*row;
        weir_status s = keeps_one(self, cx, (weir_row){b, *row});
        if (s != WEIR_OK) return s;
    }
    return WEIR_OK;
}
/* The number of the subtask; from the second cut on an empty part as well. */
static weir_status keeps_snapshot(void *self, weir_ctx *cx, int64_t checkpoint)
{
    keeps *me = self;
    char text[64];
    (void)checkpoint;
    int n = snprintf(text, sizeof text, "%u", weir_about(cx)->subtask);
    weir_status s = weir_list_add(cx, RAW, &(weir_str){text, (size_t)n});
    me->n_raw++;
    return s == WEIR_OK && me->n_raw > 1 ? weir_list_add(cx, RAW, &(weir_str){NULL, 0}) : s;
}
static const weir_operator keeps_vtable = {
    .struct_size = sizeof(weir_operator), .open = keeps_open, .process = keeps_process, .snapshot = keeps_snapshot};
WEIR_COMPONENT(keeps, WEIR_OPERATOR, keeps_vtable, .id = "keeps", .doc = "keeps what it gets, under no key",
               .in = "n:i64, word:string", .out = "seen:string", WEIR_STATES(keeps_states));

/* ---- a source whose positions are states ------------------------------------------------------------------------- */

/* Numbers from 0 on, of four splits, `n` of each and then nothing. How far each is, every subtask knows: when the splits are
 * dealt anew, whoever gets one finds its place. A later life may have a larger n. */
#define SPLITS 4
typedef struct numbers {
    int64_t n;
    int64_t next[SPLITS];
    bool own[SPLITS];
} numbers;
typedef struct place {
    int64_t split, next;
} place;
static const weir_field place_members[] = {WEIR_MEMBER(place, split), WEIR_MEMBER(place, next)};
static const weir_state numbers_states[] = {WEIR_UNION_LIST_STATE("places", place, place_members), WEIR_RAW_STATE("seal")};

static weir_status numbers_discover(void *self, weir_ctx *cx, weir_add_split *add, void *to)
{
    weir_status s = WEIR_OK;
    (void)self, (void)cx;
    for (uint64_t i = 0; i < SPLITS && s == WEIR_OK; i++)
        s = add(to, &(weir_split){.struct_size = sizeof(weir_split), .id = i, .description = {"numbers", 7}});
    return s;
}
static weir_status numbers_open(void *self, weir_ctx *cx)
{
    numbers *me = self;
    for (size_t i = 0; i < weir_list_size(cx, 0); i++) {
        const place *p = weir_list_at(cx, 0, i);
        if (p->split >= 0 && p->split < SPLITS && p->next > me->next[p->split]) me->next[p->split] = p->next;
    }
    return weir_list_update(cx, 0, NULL, 0);
}
static weir_status numbers_add_split(void *self, weir_ctx *cx, const weir_split *split, const void *position, size_t n)
{
    numbers *me = self;
    (void)position, (void)n;
    if (split->id >= SPLITS) return weir_fail(cx, WEIR_E_PLUGIN, "there is no such split");
    bool is_restored = weir_about(cx)->flags & WEIR_JOB_RESTORED;
    for (size_t i = 0; i < weir_list_size(cx, 1); i++) {
        const weir_str *seal = weir_list_at(cx, 1, i);
        if (seal->n != 3 || memcmp(seal->p, "\0\xff!", 3) != 0) return weir_fail(cx, WEIR_E_DATA, "the seal is broken");
    }
    if (is_restored && me->next[split->id] == 0) return weir_fail(cx, WEIR_E_DATA, "a split has lost its place");
    me->own[split->id] = true;
    return WEIR_OK;
}
static weir_progress numbers_poll(void *self, weir_ctx *cx, int64_t max_rows)
{
    numbers *me = self;
    weir_progress made = WEIR_NONE;
    for (uint64_t i = 0; i < SPLITS; i++) {
        if (!me->own[i] || me->next[i] >= me->n) continue;
        if (cx->host->split_begin(cx, i) != WEIR_OK) return WEIR_FAILED;
        for (; max_rows > 0 && me->next[i] < me->n && !weir_full(cx); max_rows--) {
            weir_put_i64(cx, 0, 0, me->next[i]++ * SPLITS + (int64_t)i);
            if (weir_emit(cx, 0, WEIR_NO_TIME) != WEIR_OK) return WEIR_FAILED;
            made = WEIR_MADE;
        }
    }
    return made;
}
static weir_status numbers_snapshot(void *self, weir_ctx *cx, int64_t checkpoint)
{
    const numbers *me = self;
    weir_status s = weir_list_update(cx, 0, NULL, 0);
    (void)checkpoint;
    for (int64_t i = 0; s == WEIR_OK && i < SPLITS; i++) {
        if (me->own[i]) s = weir_list_add(cx, 0, &(place){i, me->next[i]});
    }
    return s == WEIR_OK ? weir_list_add(cx, 1, &(weir_str){"\0\xff!", 3}) : s;
}
static const weir_option numbers_options[] = {WEIR_OPTION(numbers, n, .def = "100", .doc = "how many of each split")};
static const weir_source numbers_vtable = {.struct_size = sizeof(weir_source),
                                           .discover = numbers_discover,
                                           .open = numbers_open,
                                           .add_split = numbers_add_split,
                                           .poll = numbers_poll,
                                           .snapshot = numbers_snapshot};
WEIR_COMPONENT(numbers, WEIR_SOURCE, numbers_vtable, .id = "numbers", .doc = "numbers, and then nothing", .out = "n:i64",
               .flags = WEIR_UNBOUNDED | WEIR_REPLAYABLE, WEIR_OPTIONS(numbers_options), WEIR_STATES(numbers_states));

/* ---- a sink that tallies ----------------------------------------------------------------------------------------- */

typedef struct tallies {
    char unused;
} tallies;
typedef struct tally {
    int64_t rows, total;
} tally;
static const weir_field tally_members[] = {WEIR_MEMBER(tally, rows), WEIR_MEMBER(tally, total)};
static const weir_state tallies_states[] = {WEIR_SPLIT_LIST_STATE("tally", tally, tally_members)};

/* One item of the subtask's own; those of others come to it when there are fewer of it. */
static weir_status tallies_write(void *self, weir_ctx *cx, const weir_batch *b, int64_t *row)
{
    tally sum = {0};
    (void)self;
    for (size_t i = 0; i < weir_list_size(cx, 0); i++) {
        const tally *t = weir_list_at(cx, 0, i);
        sum.rows += t->rows;
        sum.total += t->total;
    }
    for (; *row < b->length; ++*row) {
        sum.rows++;
        sum.total += weir_i64((weir_row){b, *row}, 0);
    }
    return weir_list_update(cx, 0, &sum, 1);
}
static const weir_sink tallies_vtable = {.struct_size = sizeof(weir_sink), .write = tallies_write};
WEIR_COMPONENT(tallies, WEIR_SINK, tallies_vtable, .id = "tallies", .doc = "adds up what it gets", .in = "n:i64",
               WEIR_STATES(tallies_states));

WEIR_PLUGIN("toys.kinds", "1.0.0", &folds_component, &keeps_component, &numbers_component, &tallies_component);
