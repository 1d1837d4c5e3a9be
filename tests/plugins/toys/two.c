/* Operators with two inputs, for the tests of the runtime. */
#include <weir/udf.h>

/* ---- tagged: a co-map -------------------------------------------------------------------------------------------- */

typedef struct tagged {
    char unused;
} tagged;
static weir_status tagged_first(tagged *me, weir_ctx *cx, weir_row in)
{
    (void)me;
    weir_put_i64(cx, 0, 0, weir_i64(in, 0));
    return weir_put_text(cx, 0, 1, WEIR_STR("number"));
}
static weir_status tagged_second(tagged *me, weir_ctx *cx, weir_row in)
{
    (void)me;
    weir_put_i64(cx, 0, 0, (int64_t)weir_text(in, 0).n);
    return weir_put_text(cx, 0, 1, weir_text(in, 0));
}
WEIR_CO_MAP(tagged, .id = "tagged", .doc = "numbers and words in one stream", .in = "numbers(n:i64), words(word:string)",
            .out = "n:i64, word:string");

/* ---- paired: a keyed co-process ---------------------------------------------------------------------------------- *
 *
 * A row waits for one of the other side with its key: the pair goes out; what has waited for `patience` goes to the side. */

typedef struct paired {
    int64_t patience;
} paired;
typedef struct waiting {
    int64_t value, at;
    bool is_second;
} waiting;
static const weir_field waiting_members[] = {WEIR_MEMBER(waiting, value), WEIR_MEMBER(waiting, at),
                                             WEIR_MEMBER(waiting, is_second)};
static const weir_state paired_states[] = {WEIR_VALUE_STATE("waiting", waiting, waiting_members)};
enum { PAIRS, ALONE };

static weir_status meet(paired *me, weir_ctx *cx, weir_row in, bool is_second)
{
    const waiting *other = weir_get(cx, 0);
    int64_t value = weir_i64(in, 1), at = weir_time(in);
    if (!other || other->is_second == is_second) {
        waiting *own = weir_edit(cx, 0);
        if (!own) return WEIR_E_MEMORY;
        *own = (waiting){value, at, is_second};
        return weir_set_timer(cx, WEIR_EVENT_TIME, 0, at + me->patience);
    }
    weir_put_i64(cx, PAIRS, 0, is_second ? other->value : value);
    weir_put_i64(cx, PAIRS, 1, is_second ? value : other->value);
    weir_status s = weir_drop_timer(cx, WEIR_EVENT_TIME, 0, other->at + me->patience);
    if (s == WEIR_OK) s = weir_clear(cx, 0);
    return s == WEIR_OK ? weir_emit(cx, PAIRS, at) : s;
}
static weir_status paired_first(paired *me, weir_ctx *cx, weir_row in)
{
    return meet(me, cx, in, false);
}
static weir_status paired_second(paired *me, weir_ctx *cx, weir_row in)
{
    return meet(me, cx, in, true);
}
static weir_status paired_timer(paired *me, weir_ctx *cx, const weir_timer *t)
{
    const waiting *one = weir_get(cx, 0);
    if (!one || one->at + me->patience > t->at) return WEIR_OK; /* a later row has taken its place */
    weir_put_i64(cx, ALONE, 0, one->value);
    weir_put_bool(cx, ALONE, 1, one->is_second);
    weir_status s = weir_clear(cx, 0);
    return s == WEIR_OK ? weir_emit(cx, ALONE, t->at) : s;
}
static const weir_option paired_options[] = {
    WEIR_OPTION_OF(paired, patience, WEIR_OPT_DURATION, .def = "10ms", .doc = "how long a row waits")};
WEIR_CO_KEYED(paired, .id = "paired", .doc = "pairs of rows with the same key",
              .in = "left(k:i64, a:i64), right(k:i64, b:i64)", .out = "@key, a:i64, b:i64",
              .sides = "alone(@key, value:i64, is_right:bool)", WEIR_OPTIONS(paired_options), WEIR_STATES(paired_states));

/* ---- ruled: a keyed broadcast process ---------------------------------------------------------------------------- *
 *
 * Rules are (name, least); an event of value v goes out once for each rule with least <= v, with how often its key was seen.
 * Rule "?" makes every key tell its count; rule "!" (wrongly) changes the rules from the other side at the next event. */

typedef struct ruled {
    bool misbehave;
} ruled;
typedef struct rule_name {
    weir_str name;
} rule_name;
typedef struct rule {
    int64_t least;
} rule;
typedef struct seen {
    int64_t n;
} seen;
static const weir_field rule_names[] = {WEIR_MEMBER(rule_name, name)}, rule_members[] = {WEIR_MEMBER(rule, least)};
static const weir_field seen_members[] = {WEIR_MEMBER(seen, n)};
enum { RULES, SEEN };
static const weir_state ruled_states[] = {WEIR_BROADCAST_STATE("rules", rule_name, rule_names, rule, rule_members),
                                          WEIR_VALUE_STATE("seen", seen, seen_members)};

static weir_status ruled_row(ruled *me, weir_ctx *cx, weir_row in)
{
    seen *s = weir_edit(cx, SEEN);
    weir_cursor at = {0};
    const void *name, *value;
    if (!s) return WEIR_E_MEMORY;
    s->n++;
    if (me->misbehave) return weir_map_edit(cx, RULES, &(rule_name){WEIR_STR("own")}) ? WEIR_OK : WEIR_E_PLUGIN;
    while (weir_map_next(cx, RULES, &at, &name, &value)) {
        if (weir_i64(in, 1) < ((const rule *)value)->least) continue;
        weir_put_i64(cx, 0, 0, s->n);
        weir_status status = weir_put_text(cx, 0, 1, ((const rule_name *)name)->name);
        if (status == WEIR_OK) status = weir_emit(cx, 0, weir_time(in));
        if (status != WEIR_OK) return status;
    }
    return weir_set_timer(cx, WEIR_EVENT_TIME, 0, 1000);
}
static weir_status tell(void *self, weir_ctx *cx, void *arg)
{
    const seen *s = weir_get(cx, SEEN);
    (void)self;
    (void)arg;
    weir_put_i64(cx, 0, 0, s->n);
    weir_status status = weir_put_text(cx, 0, 1, WEIR_STR("?"));
    if (status == WEIR_OK) status = weir_emit(cx, 0, WEIR_NO_TIME);
    return status == WEIR_OK ? weir_clear(cx, SEEN) : status;
}
static weir_status ruled_broadcast(ruled *me, weir_ctx *cx, weir_row in)
{
    rule_name name = {weir_text(in, 0)};
    (void)me;
    if (weir_str_is(name.name, "?")) return weir_each_key(cx, SEEN, tell, NULL);
    if (weir_i64(in, 1) < 0) return weir_map_remove(cx, RULES, &name);
    rule *r = weir_map_edit(cx, RULES, &name);
    if (!r) return WEIR_E_MEMORY;
    r->least = weir_i64(in, 1);
    return WEIR_OK;
}
static weir_status ruled_timer(ruled *me, weir_ctx *cx, const weir_timer *t)
{
    (void)me;
    weir_put_i64(cx, 0, 0, (int64_t)weir_map_size(cx, RULES));
    weir_status s = weir_put_text(cx, 0, 1, WEIR_STR("rules at the end"));
    return s == WEIR_OK ? weir_emit(cx, 0, t->at) : s;
}
static const weir_option ruled_options[] = {
    WEIR_OPTION(ruled, misbehave, .def = "false", .doc = "change rules where it must not")};
WEIR_KEYED_BROADCAST_PROCESS(ruled, .id = "ruled", .doc = "events by rules",
                             .in = "events(k:i64, v:i64), rules(name:string, least:i64)", .out = "@key, n:i64, rule:string",
                             WEIR_OPTIONS(ruled_options), WEIR_STATES(ruled_states));

WEIR_PLUGIN("toys.two", "1.0.0", &tagged_component, &paired_component, &ruled_component);
