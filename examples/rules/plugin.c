/* action_rules - users who did two things in a row that a rule names; the rules are a stream, too, and change over time.
 *
 * Every instance holds all rules, in a broadcast state. A rule comes at any moment before or after the events that it is
 * meant for, and in another one in each instance. So a rule says from when on it is valid, rules that it replaced are kept,
 * and an event is judged by the rules of its own time: when its timer fires, the watermark has passed that time on both
 * inputs, and no rule of it is missing. This also takes the events of a user in their order: timers fire by time, those of
 * one moment by the events' numbers.
 */
#include <weir/udf.h>

typedef struct action_rules {
    char unused; /* no options */
} action_rules;

typedef struct version { /* of a rule */
    weir_str rule;
    int64_t from;
} version;
typedef struct rule {
    weir_str first, second; /* actions */
    int64_t until;          /* when the next version replaces this one; INT64_MAX: none does yet */
    bool valid;             /* false: from then on there is no such rule */
} rule;
typedef struct number {
    int64_t id;
} number;
typedef struct event {
    weir_str action;
} event;

static const weir_field version_members[] = {WEIR_MEMBER(version, rule), WEIR_MEMBER(version, from)};
static const weir_field rule_members[] = {WEIR_MEMBER(rule, first), WEIR_MEMBER(rule, second), WEIR_MEMBER(rule, until),
                                          WEIR_MEMBER(rule, valid)};
static const weir_field number_members[] = {WEIR_MEMBER(number, id)};
static const weir_field event_members[] = {WEIR_MEMBER(event, action)};
static const weir_state states[] = {
    WEIR_BROADCAST_STATE("rules", version, version_members, rule, rule_members),
    WEIR_MAP_STATE("waiting", number, number_members, event, event_members),
    WEIR_VALUE_STATE("last", event, event_members),
};
enum { RULES, WAITING, LAST }; /* states */
enum { MATCHES, LATE };        /* outputs */

static bool equal(weir_str a, weir_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* ---- events, by user --------------------------------------------------------------------------------------------- */

static weir_status emit_late(weir_ctx *cx, weir_row in)
{
    weir_put_i64(cx, LATE, 0, weir_i64(in, 0));
    weir_status s = weir_put_text(cx, LATE, 1, weir_text(in, 1));
    return s == WEIR_OK ? weir_emit(cx, LATE, weir_time(in)) : s;
}

static weir_status action_rules_row(action_rules *me, weir_ctx *cx, weir_row in)
{
    const number n = {weir_i64(in, 0)};
    (void)me;
    if (n.id < 0) return weir_fail(cx, WEIR_E_DATA, "expected an event number from 0 up, found %lld", (long long)n.id);
    if (weir_time(in) <= weir_watermark(cx)) return emit_late(cx, in);
    event *e = weir_map_edit(cx, WAITING, &n);
    if (!e) return WEIR_E_MEMORY;
    weir_status s = weir_assign(cx, WAITING, &e->action, weir_text(in, 1));
    return s == WEIR_OK ? weir_set_timer(cx, WEIR_EVENT_TIME, (uint64_t)n.id, weir_time(in)) : s;
}

/* One row for each rule of that time that names the two actions. */
static weir_status judge(weir_ctx *cx, weir_str before, weir_str action, const weir_timer *t)
{
    weir_cursor at = {0};
    const void *key, *value;
    while (weir_map_next(cx, RULES, &at, &key, &value)) {
        const version *v = key;
        const rule *r = value;
        if (t->at < v->from || t->at >= r->until || !r->valid) continue;
        if (!equal(r->first, before) || !equal(r->second, action)) continue;
        weir_status s = weir_put_text(cx, MATCHES, 0, v->rule);
        weir_put_i64(cx, MATCHES, 1, (int64_t)t->ns);
        weir_put_i64(cx, MATCHES, 2, t->at);
        if (s == WEIR_OK) s = weir_emit(cx, MATCHES, t->at);
        if (s != WEIR_OK) return s;
    }
    return WEIR_OK;
}

static weir_status action_rules_timer(action_rules *me, weir_ctx *cx, const weir_timer *t)
{
    const number n = {(int64_t)t->ns};
    const event *e = weir_map_get(cx, WAITING, &n), *before = weir_get(cx, LAST);
    (void)me;
    weir_status s = before ? judge(cx, before->action, e->action, t) : WEIR_OK;
    event *last = s == WEIR_OK ? weir_edit(cx, LAST) : NULL;
    if (!last) return s == WEIR_OK ? WEIR_E_MEMORY : s;
    s = weir_assign(cx, LAST, &last->action, e->action);
    return s == WEIR_OK ? weir_map_remove(cx, WAITING, &n) : s;
}

/* ---- rules, everywhere ------------------------------------------------------------------------------------------- */

/* When the version that replaces the one of `from` is valid, and, in *before, the one that it replaces itself. Versions come
 * in any order. */
static int64_t neighbours(weir_ctx *cx, const version *v, int64_t *before)
{
    int64_t until = INT64_MAX;
    weir_cursor at = {0};
    const void *key;
    const void *value;
    *before = INT64_MIN;
    while (weir_map_next(cx, RULES, &at, &key, &value)) {
        const version *other = key;
        if (!equal(other->rule, v->rule)) continue;
        if (other->from > v->from && other->from < until) until = other->from;
        if (other->from < v->from && other->from > *before) *before = other->from;
    }
    return until;
}

/* Events up to the watermark have been judged; versions that ended by then are of no use to any other. */
static weir_status forget_old_versions(weir_ctx *cx, weir_str name)
{
    for (;;) {
        weir_cursor at = {0};
        const void *key, *value;
        const version *old = NULL;
        while (!old && weir_map_next(cx, RULES, &at, &key, &value)) {
            const bool over = ((const rule *)value)->until <= weir_watermark(cx);
            if (over && equal(((const version *)key)->rule, name)) old = key;
        }
        if (!old) return WEIR_OK;
        weir_status s = weir_map_remove(cx, RULES, &(version){name, old->from});
        if (s != WEIR_OK) return s;
    }
}

static weir_status action_rules_broadcast(action_rules *me, weir_ctx *cx, weir_row in)
{
    const version v = {weir_text(in, 0), weir_time(in)};
    int64_t before, until = neighbours(cx, &v, &before);
    (void)me;
    if (before != INT64_MIN) {
        rule *replaced = weir_map_edit(cx, RULES, &(version){v.rule, before});
        if (!replaced) return WEIR_E_MEMORY;
        replaced->until = v.from;
    }
    rule *r = weir_map_edit(cx, RULES, &v);
    if (!r) return WEIR_E_MEMORY;
    r->until = until;
    r->valid = !weir_null(in, 1) && !weir_null(in, 2);
    weir_status s = r->valid ? weir_assign(cx, RULES, &r->first, weir_text(in, 1)) : WEIR_OK;
    if (s == WEIR_OK && r->valid) s = weir_assign(cx, RULES, &r->second, weir_text(in, 2));
    return s == WEIR_OK ? forget_old_versions(cx, v.rule) : s;
}

WEIR_KEYED_BROADCAST_PROCESS(action_rules, .id = "action_rules", .doc = "two actions in a row that a rule names",
                             .in = "events(event:i64, action:string), rules(rule:string, first:string?, second:string?)",
                             .out = "@key, rule:string, event:i64, at:timestamp", .sides = "late(event:i64, action:string)",
                             WEIR_STATES(states));
WEIR_PLUGIN("example.rules", "1.0.0", &action_rules_component);
