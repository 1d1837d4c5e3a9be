/* Operators for the tests of the runtime: each does one thing that a host must get right. */
#include <stdio.h>
#include <weir/udf.h>

typedef struct nothing {
    char unused;
} nothing;

/* ---- maps and filters ----------------------------------------------------------------------------------------- */

typedef nothing negate;
static weir_status negate_row(negate *me, weir_ctx *cx, weir_row in)
{
    (void)me;
    weir_put_i64(cx, 0, 0, -weir_i64(in, 0));
    return WEIR_OK;
}
WEIR_MAP(negate, .id = "negate", .doc = "adds -n", .in = "n:i64", .out = "*, neg:i64");

/* Whole batches, and rows that are not selected are negated too. */
static weir_status negate_all(void *me, weir_ctx *cx, uint32_t port, const weir_batch *b, int64_t *row)
{
    (void)me;
    (void)port;
    for (int64_t i = 0; i < b->length; i++) weir_put_i64(cx, 0, 0, -weir_i64((weir_row){b, i}, 0)), cx->out[0]->length++;
    *row = b->length;
    return WEIR_OK;
}
static const weir_operator negate_all_vtable = {.struct_size = sizeof(weir_operator), .process = negate_all};
typedef nothing negate_selected;
WEIR_COMPONENT(negate_selected, WEIR_OPERATOR, negate_all_vtable, .id = "negate_selected",
               .doc = "adds -n; accepts selections", .in = "n:i64", .out = "*, neg:i64",
               .flags = WEIR_ONE_TO_ONE | WEIR_ACCEPTS_SELECTION);

typedef nothing miscount;
static weir_status write_one(void *me, weir_ctx *cx, uint32_t port, const weir_batch *b, int64_t *row)
{
    (void)me;
    (void)port;
    weir_put_i64(cx, 0, 0, 0);
    cx->out[0]->length++;
    *row = b->length;
    return WEIR_OK;
}
static const weir_operator miscount_vtable = {.struct_size = sizeof(weir_operator), .process = write_one};
WEIR_COMPONENT(miscount, WEIR_OPERATOR, miscount_vtable, .id = "miscount",
               .doc = "a map that writes one row, however many came", .in = "n:i64", .out = "*, neg:i64",
               .flags = WEIR_ONE_TO_ONE);

typedef nothing even;
static bool even_keep(even *me, weir_ctx *cx, weir_row in)
{
    (void)me;
    (void)cx;
    return weir_i64(in, 0) % 2 == 0;
}
WEIR_FILTER(even, .id = "even", .doc = "keeps even n", .in = "n:i64");

typedef nothing everything;
static weir_status keep_all(void *me, weir_ctx *cx, const weir_batch *b, uint8_t *keep)
{
    (void)me;
    (void)cx;
    for (int64_t i = 0; i < b->length; i++) keep[i >> 3] |= (uint8_t)(1u << (i & 7));
    return WEIR_OK;
}
static const weir_operator keep_all_vtable = {.struct_size = sizeof(weir_operator), .filter = keep_all};
WEIR_COMPONENT(everything, WEIR_OPERATOR, keep_all_vtable, .id = "everything",
               .doc = "a filter that keeps every row there is", .in = "n:i64", .out = "*", .flags = WEIR_ACCEPTS_SELECTION);

typedef nothing pass_selected;
static weir_status pass_selected_process(void *me, weir_ctx *cx, uint32_t port, const weir_batch *b, int64_t *row)
{
    (void)me;
    (void)port;
    for (int64_t i = 0; i < b->length; i++) {
        if (b->selection && !weir_bit(b->selection, i)) continue;
        cx->row = (uint32_t)i;
        weir_status s = weir_emit(cx, 0, b->time[i]);
        if (s != WEIR_OK) return s;
    }
    *row = b->length;
    return WEIR_OK;
}
static const weir_operator pass_selected_vtable = {.struct_size = sizeof(weir_operator), .process = pass_selected_process};
WEIR_COMPONENT(pass_selected, WEIR_OPERATOR, pass_selected_vtable, .id = "pass_selected",
               .doc = "passes the rows that exist", .in = "n:i64", .out = "*", .flags = WEIR_ACCEPTS_SELECTION);

/* ---- any number of rows --------------------------------------------------------------------------------------- */

typedef struct repeat {
    bool polite; /* says MORE when output is full */
    int64_t done;
} repeat;
static weir_status repeat_row(repeat *me, weir_ctx *cx, weir_row in)
{
    int64_t n = weir_i64(in, 0);
    for (; me->done < n; me->done++) {
        if (me->polite && weir_full(cx)) return WEIR_MORE;
        weir_put_i64(cx, 0, 0, me->done);
        weir_status s = weir_emit(cx, 0, weir_time(in));
        if (s != WEIR_OK) return s;
    }
    me->done = 0;
    return WEIR_OK;
}
static const weir_option repeat_options[] = {WEIR_OPTION(repeat, polite, .def = "true", .doc = "heed a full output")};
WEIR_PROCESS(repeat, .id = "repeat", .doc = "n rows for n", .in = "n:i64", .out = "*, copy:i64",
             WEIR_OPTIONS(repeat_options));

typedef nothing split_sign;
static weir_status split_sign_row(split_sign *me, weir_ctx *cx, weir_row in)
{
    uint32_t port = weir_i64(in, 0) < 0;
    (void)me;
    weir_put_i64(cx, port, 0, weir_i64(in, 0));
    return weir_emit(cx, port, weir_time(in));
}
WEIR_PROCESS(split_sign, .id = "split_sign", .doc = "negative n goes to a side output", .in = "n:i64", .out = "m:i64",
             .sides = "negative(m:i64)");

/* Counts rows; tells at each watermark, and at the end in two calls. */
typedef struct counter {
    int64_t rows, told;
} counter;
static weir_status counter_process(void *self, weir_ctx *cx, uint32_t port, const weir_batch *b, int64_t *row)
{
    (void)cx;
    (void)port;
    ((counter *)self)->rows += b->length - *row;
    *row = b->length;
    return WEIR_OK;
}
static weir_status tell_count(counter *me, weir_ctx *cx, const char *when)
{
    weir_status s = weir_put_text(cx, 0, 0, (weir_str){when, strlen(when)});
    weir_put_i64(cx, 0, 1, me->rows);
    return s == WEIR_OK ? weir_emit(cx, 0, WEIR_NO_TIME) : s;
}
static weir_status counter_watermark(void *self, weir_ctx *cx, int64_t watermark)
{
    (void)watermark;
    return tell_count(self, cx, "watermark");
}
static weir_status counter_finish(void *self, weir_ctx *cx)
{
    counter *me = self;
    weir_status s = tell_count(me, cx, me->told ? "end" : "almost");
    return s != WEIR_OK || me->told++ ? s : WEIR_MORE;
}
static const weir_operator counter_vtable = {.struct_size = sizeof(weir_operator),
                                             .process = counter_process,
                                             .on_watermark = counter_watermark,
                                             .finish = counter_finish};
WEIR_COMPONENT(counter, WEIR_OPERATOR, counter_vtable, .id = "counter", .doc = "counts rows", .in = "*",
               .out = "when:string, rows:i64");

/* ---- keyed ---------------------------------------------------------------------------------------------------- */

typedef struct seen {
    int64_t rows, sum;
    weir_str last;
} seen;
typedef struct item {
    int64_t n;
} item;
static const weir_field seen_members[] = {WEIR_MEMBER(seen, rows), WEIR_MEMBER(seen, sum), WEIR_MEMBER(seen, last)};
static const weir_field item_members[] = {WEIR_MEMBER(item, n)};
static const weir_state tally_states[] = {
    WEIR_VALUE_STATE("seen", seen, seen_members),
    WEIR_LIST_STATE("all", item, item_members),
    WEIR_MAP_STATE("often", item, item_members, item, item_members),
};

/* n 0 forgets everything of the key; otherwise: rows, sum, the word before, list size, distinct n, how often this n came. */
typedef nothing tally;
static weir_status tally_forget(weir_ctx *cx)
{
    weir_status s = WEIR_OK;
    for (uint32_t i = 0; i < 3 && s == WEIR_OK; i++) s = weir_clear(cx, i);
    return s;
}
static weir_status tally_row(tally *me, weir_ctx *cx, weir_row in)
{
    item n = {weir_i64(in, 0)};
    (void)me;
    if (n.n == 0) return tally_forget(cx);
    weir_status s = weir_list_add(cx, 1, &n);
    item *often = s == WEIR_OK ? weir_map_edit(cx, 2, &n) : NULL;
    if (!often) return WEIR_E_MEMORY;
    int64_t times = ++often->n;
    seen *v = weir_edit(cx, 0);
    if (!v) return WEIR_E_MEMORY;
    v->rows++;
    v->sum += n.n;
    weir_put_i64(cx, 0, 0, v->rows);
    weir_put_i64(cx, 0, 1, v->sum);
    s = weir_put_text(cx, 0, 2, v->last);
    weir_put_i64(cx, 0, 3, (int64_t)weir_list_size(cx, 1));
    weir_put_i64(cx, 0, 4, (int64_t)weir_map_size(cx, 2));
    weir_put_i64(cx, 0, 5, times);
    if (s == WEIR_OK) s = weir_assign(cx, 0, &v->last, weir_text(in, 1));
    return s == WEIR_OK ? weir_emit(cx, 0, weir_time(in)) : s;
}
WEIR_KEYED_PROCESS(tally, .id = "tally", .doc = "counts with all kinds of state", .in = "n:i64, word:string",
                   .out = "@key, rows:i64, sum:i64, before:string, listed:i64, distinct:i64, times:i64",
                   WEIR_STATES(tally_states));

/* Passes a row on when its key comes the second time. */
typedef nothing second;
static const weir_state second_states[] = {WEIR_VALUE_STATE("came", item, item_members)};
static weir_status second_row(second *me, weir_ctx *cx, weir_row in)
{
    (void)me;
    item *came = weir_edit(cx, 0);
    if (!came) return WEIR_E_MEMORY;
    return ++came->n == 2 ? weir_emit(cx, 0, weir_time(in)) : WEIR_OK;
}
WEIR_KEYED_PROCESS(second, .id = "second", .doc = "what comes the second time", .in = "n:i64", .out = "*",
                   WEIR_STATES(second_states));

/* Passes rows on; has a processing timer every millisecond. */
typedef nothing ticking;
static weir_status ticking_row(ticking *me, weir_ctx *cx, weir_row in)
{
    (void)me;
    weir_status s = weir_set_timer(cx, WEIR_PROCESSING_TIME, 0, weir_now(cx) + 1);
    return s == WEIR_OK ? weir_emit(cx, 0, weir_time(in)) : s;
}
static weir_status ticking_timer(ticking *me, weir_ctx *cx, const weir_timer *t)
{
    (void)me;
    return weir_set_timer(cx, WEIR_PROCESSING_TIME, 0, t->at + 1);
}
WEIR_KEYED(ticking, .id = "ticking", .doc = "always has a timer that is due soon", .in = "n:i64", .out = "*");

/* Does with timers what its input says; tells every one that fires. A timer with ns > 0 sets (ns - 1, at - 1) when it
 * fires. */
typedef struct alarm {
    bool twice; /* every timer needs two calls */
    bool half;
    bool fails; /* when the timer fires */
    bool forth; /* the next one is later, not earlier */
} alarm;
static weir_status alarm_row(alarm *me, weir_ctx *cx, weir_row in)
{
    weir_str what = weir_text(in, 0);
    uint64_t ns = (uint64_t)weir_i64(in, 1);
    int64_t at = weir_i64(in, 2);
    switch (what.n ? what.p[0] : 0) {
    case 'f': me->fails = true; return weir_set_timer(cx, WEIR_EVENT_TIME, ns, at);
    case 's': me->forth = true; return weir_set_timer(cx, WEIR_EVENT_TIME, ns, at);
    case 'e': return weir_set_timer(cx, WEIR_EVENT_TIME, ns, at);
    case 'p': return weir_set_timer(cx, WEIR_PROCESSING_TIME, ns, at);
    case 'E': return weir_drop_timer(cx, WEIR_EVENT_TIME, ns, at);
    case 'P': return weir_drop_timer(cx, WEIR_PROCESSING_TIME, ns, at);
    default: return weir_fail(cx, WEIR_E_DATA, "expected e, p, E or P, found %.*s", (int)what.n, what.p);
    }
}
static weir_status alarm_timer(alarm *me, weir_ctx *cx, const weir_timer *t)
{
    if (me->fails) return weir_fail(cx, WEIR_E_DATA, "the bell is broken");
    weir_status s =
        weir_put_text(cx, 0, 0, t->clock == WEIR_EVENT_TIME ? (weir_str){"event", 5} : (weir_str){"processing", 10});
    weir_put_i64(cx, 0, 1, (int64_t)t->ns);
    weir_put_i64(cx, 0, 2, t->at);
    weir_put_i64(cx, 0, 3, weir_watermark(cx));
    if (s == WEIR_OK) s = weir_emit(cx, 0, t->clock == WEIR_EVENT_TIME ? t->at : WEIR_NO_TIME);
    if (s != WEIR_OK) return s;
    me->half = me->twice && !me->half;
    if (me->half) return WEIR_MORE;
    return t->ns ? weir_set_timer(cx, (weir_clock)t->clock, t->ns - 1, me->forth ? t->at + 1 : t->at - 1) : WEIR_OK;
}
static const weir_option alarm_options[] = {WEIR_OPTION(alarm, twice, .def = "false", .doc = "say MORE once per timer")};
WEIR_KEYED(alarm, .id = "alarm", .doc = "sets and drops timers as it is told", .in = "what:string, ns:i64, at:i64",
           .out = "@key, clock:string, ns:i64, at:i64, wm:i64", WEIR_OPTIONS(alarm_options));

/* Asks for the key where there is none: at the end, and at a watermark behind the timer at 5. */
typedef nothing keyless;
static weir_status keyless_process(void *me, weir_ctx *cx, uint32_t port, const weir_batch *b, int64_t *row)
{
    (void)me;
    (void)port;
    *row = b->length;
    weir_status s = cx->host->use_key(cx, b->length - 1);
    return s == WEIR_OK ? weir_set_timer(cx, WEIR_EVENT_TIME, 0, 5) : s;
}
static weir_status keyless_timer(void *me, weir_ctx *cx, const weir_timer *t)
{
    (void)me;
    (void)t;
    return weir_key(cx).batch ? WEIR_OK : WEIR_E_PLUGIN;
}
static weir_status keyless_watermark(void *me, weir_ctx *cx, int64_t watermark)
{
    (void)me;
    return watermark < 5 || weir_key(cx).batch ? WEIR_OK : WEIR_E_PLUGIN;
}
static weir_status keyless_finish(void *me, weir_ctx *cx)
{
    (void)me;
    return weir_key(cx).batch ? WEIR_OK : WEIR_E_PLUGIN;
}
static const weir_operator keyless_vtable = {.struct_size = sizeof(weir_operator),
                                             .process = keyless_process,
                                             .on_timer = keyless_timer,
                                             .on_watermark = keyless_watermark,
                                             .finish = keyless_finish};
WEIR_COMPONENT(keyless, WEIR_OPERATOR, keyless_vtable, .id = "keyless", .doc = "asks for the key at the end of input",
               .in = "*", .out = "n:i64", .flags = WEIR_NEEDS_KEY);

/* ---- states that expire ------------------------------------------------------------------------------------------- */

/* Writes n into its states, or looks: the lasting value, the value, the size of the map, its list and map. */
typedef struct mayfly {
    char unused;
} mayfly;
typedef struct mayfly_part {
    int64_t n;
} mayfly_part;
static const weir_field mayfly_members[] = {WEIR_MEMBER(mayfly_part, n)};
static const weir_state mayfly_states[] = {
    WEIR_TTL_VALUE_STATE("value", mayfly_part, mayfly_members, 1000, WEIR_TTL_ON_READ),
    WEIR_TTL_LIST_STATE("list", mayfly_part, mayfly_members, 1000, 0),
    WEIR_TTL_MAP_STATE("map", mayfly_part, mayfly_members, mayfly_part, mayfly_members, 1000, 0),
    WEIR_VALUE_STATE("lasting", mayfly_part, mayfly_members)};
static weir_status mayfly_row(mayfly *me, weir_ctx *cx, weir_row in)
{
    char text[256];
    size_t used;
    weir_cursor at = {0};
    const void *k, *v;
    int64_t n = weir_i64(in, 1);
    (void)me;
    if (n > 0) {
        mayfly_part *value = weir_edit(cx, 0), *lasting = weir_edit(cx, 3);
        if (!value || !lasting) return WEIR_E_MEMORY;
        value->n += n;
        lasting->n += n;
        mayfly_part *pair = weir_map_edit(cx, 2, &(mayfly_part){n});
        if (pair) pair->n = n;
        return pair ? weir_list_add(cx, 1, &(mayfly_part){n}) : WEIR_E_MEMORY;
    }
    const mayfly_part *value = weir_get(cx, 0), *lasting = weir_get(cx, 3);
    used = (size_t)snprintf(text, sizeof text, "%lld %lld/%zu:", lasting ? (long long)lasting->n : 0,
                            value ? (long long)value->n : 0, weir_map_size(cx, 2));
    for (size_t i = 0; i < weir_list_size(cx, 1) && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, " %lld",
                                 (long long)((const mayfly_part *)weir_list_at(cx, 1, i))->n);
    while (used < sizeof text && weir_map_next(cx, 2, &at, &k, &v))
        used += (size_t)snprintf(text + used, sizeof text - used, " %lld=%lld", (long long)((const mayfly_part *)k)->n,
                                 (long long)((const mayfly_part *)v)->n);
    weir_status s = weir_put_text(cx, 0, 0, (weir_str){text, strlen(text)});
    return s == WEIR_OK ? weir_emit(cx, 0, weir_time(in)) : s;
}
WEIR_KEYED_PROCESS(mayfly, .id = "mayfly", .doc = "forgets", .in = "user:string, n:i64", .out = "@key, seen:string",
                   WEIR_STATES(mayfly_states));

/* ---- trouble -------------------------------------------------------------------------------------------------- */

typedef struct fails {
    int64_t at;
    int32_t how;
} fails;
static const char *const fails_how[] = {"words", "silence", "null", "forget", "port", "ignore", NULL};
static weir_status fails_row(fails *me, weir_ctx *cx, weir_row in)
{
    if (weir_i64(in, 0) != me->at) return WEIR_OK;
    switch (me->how) {
    case 0: return weir_fail(cx, WEIR_E_DATA, "expected anything but %lld", (long long)me->at);
    case 2: return weir_copy(cx, 0, 0, in, 1);
    case 3: return weir_emit(cx, 0, weir_time(in));
    case 4: return cx->host->flush(cx, 7);
    case 5: (void)weir_fail(cx, WEIR_E_DATA, "it said so, but went on"); return WEIR_OK;
    default: return WEIR_E_DATA;
    }
}
static const weir_option fails_options[] = {
    WEIR_OPTION(fails, at, .def = "13", .doc = "the n that it cannot take"),
    WEIR_OPTION(fails, how, .def = "words", .choices = fails_how, .doc = "how it goes wrong"),
};
WEIR_PROCESS(fails, .id = "fails", .doc = "goes wrong at one record", .in = "n:i64, word:string?", .out = "word:string",
             WEIR_OPTIONS(fails_options));

typedef struct fails_at {
    int64_t at, attempts;
} fails_at;
static weir_status fails_at_row(fails_at *me, weir_ctx *cx, weir_row in)
{
    int64_t n = weir_i64(in, 0);
    return n == me->at && weir_about(cx)->attempt < me->attempts
               ? weir_fail(cx, WEIR_E_DATA, "expected anything but %lld", (long long)n)
               : weir_emit(cx, 0, weir_time(in));
}
static const weir_option fails_at_options[] = {
    WEIR_OPTION(fails_at, at, .doc = "the n that it cannot take"),
    WEIR_OPTION(fails_at, attempts, .def = "1000000", .doc = "in how many attempts, from the first on"),
};
WEIR_PROCESS(fails_at, .id = "fails_at", .doc = "passes rows on until it goes wrong", .in = "n:i64", .out = "*",
             WEIR_OPTIONS(fails_at_options));

typedef nothing unopenable;
static weir_status unopenable_open(void *me, weir_ctx *cx)
{
    (void)me;
    return weir_fail(cx, WEIR_E_IO, "will not open");
}
static const weir_operator unopenable_vtable = {
    .struct_size = sizeof(weir_operator), .open = unopenable_open, .process = pass_selected_process};
WEIR_COMPONENT(unopenable, WEIR_OPERATOR, unopenable_vtable, .id = "unopenable", .doc = "fails in open", .in = "n:i64",
               .out = "*");

WEIR_PLUGIN("test.toys", "1.0.0", &negate_component, &negate_selected_component, &miscount_component, &even_component,
            &everything_component, &pass_selected_component, &repeat_component, &split_sign_component, &counter_component,
            &tally_component, &alarm_component, &keyless_component, &second_component, &ticking_component, &fails_component,
            &fails_at_component, &unopenable_component, &mayfly_component);
