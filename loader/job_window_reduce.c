/* loader/job_window_reduce.c - `reduce`, `sum`, `min`, `max`, `min_by` or `max_by` beside a `window`: its records become one
 * of the same fields. The last five are short for the reducers of these names.
 */
#include <string.h>

#include "base/alloc.h"
#include "loader/job_internal.h"

static const char *const keys[] = {"reduce", "sum", "min", "max", "min_by", "max_by"};

bool weir__is_window_reduction(const char *step)
{
    for (size_t i = 0; i < WEIR_LEN(keys); i++) {
        if (strcmp(step, keys[i]) == 0) return true;
    }
    return false;
}

const struct weir_value *weir__window_reduction(struct weir__job *job, const struct weir_value *node)
{
    const struct weir_value *found = NULL;
    for (size_t i = 0; i < node->n; i++) {
        const struct weir_value *key = node->pairs[i].key;
        if (!weir__is_window_reduction(key->text)) continue;
        if (found)
            weir__say(job, key, weir_strdup("give each a window of its own"),
                      "a window makes one thing of its records: '%s' or '%s'", found->text, key->text);
        else
            found = key;
    }
    return found;
}

struct weir_schema *weir__read_window_reduction(struct weir__job *job, struct weir__flow *flow, const struct weir_value *key,
                                                struct weir_window_config *to)
{
    const struct weir_value *value = weir_value_get(flow->node->value, key->text);
    struct weir__use use;
    struct weir__binding binding = {0};
    if (strcmp(key->text, "reduce") == 0)
        weir__use_component(job, value, WEIR_REDUCER, flow->schema, flow->name, &use);
    else
        weir__use_named(job, key, key->text, WEIR_REDUCER, value, "field", flow->schema, flow->name, &use);
    to->reducer = use.part;
    if (!use.info || !flow->schema) return NULL;
    struct weir__args args = {.own = use.args, .node = flow->node};
    weir__bind(job, &use, flow->schema, flow->name, &args, &binding);
    to->reducer_args = binding.args;
    to->n_reducer_args = binding.n_args;
    binding.args = NULL;
    bool complete = binding.complete && use.complete, fits = use.info->out && strcmp(use.info->out, "@in") == 0;
    weir__binding_finish(&binding);
    if (!fits)
        weir__say(job, use.at, NULL, "the plugin is at fault: the reducer '%s' must declare .out = \"@in\"", use.name);
    return complete && fits ? weir_schema_retain(flow->schema) : NULL;
}
