/* bench/plugins/joins.c - bench_lookup: each row times what the rule of its key says. A row may come before its rule, as
 * nothing is said about the order of the two streams; it is then given what the rule will say, so that results compare.
 */
#include <weir/udf.h>

#include "../work.h"

typedef struct bench_lookup {
    char unused;
} bench_lookup;
typedef struct rule_key {
    int64_t key;
} rule_key;
typedef struct rule {
    double factor;
} rule;
static const weir_field key_members[] = {WEIR_MEMBER(rule_key, key)};
static const weir_field members[] = {WEIR_MEMBER(rule, factor)};
static const weir_state states[] = {WEIR_BROADCAST_STATE("rules", rule_key, key_members, rule, members)};
enum { RULES };

static weir_status bench_lookup_row(bench_lookup *me, weir_ctx *cx, weir_row in)
{
    rule_key key = {weir_i64(in, 0)};
    const rule *r = weir_map_get(cx, RULES, &key);
    (void)me;
    weir_put_i64(cx, 0, 0, key.key);
    weir_put_f64(cx, 0, 1, weir_f64(in, 1) * (r ? r->factor : bench_rule(key.key)));
    return weir_emit(cx, 0, weir_time(in));
}
static weir_status bench_lookup_broadcast(bench_lookup *me, weir_ctx *cx, weir_row in)
{
    rule_key key = {weir_i64(in, 0)};
    rule *r = weir_map_edit(cx, RULES, &key);
    (void)me;
    if (!r) return WEIR_E_MEMORY;
    r->factor = bench_rule(key.key);
    return WEIR_OK;
}
WEIR_BROADCAST_PROCESS(bench_lookup, .id = "bench_lookup", .doc = "Rows times what the rule of their key says",
                       .in = "rows(key:i64, value:f64), rules(key:i64)", .out = "key:i64, value:f64", WEIR_STATES(states));
WEIR_PLUGIN("weir.bench.joins", "0.1.0", &bench_lookup_component);
