/* loader/job_window_parts.c - the windows that take more than a size: sessions, counts, one for all, windows of the
 * clock; their triggers, evictors and functions.
 *
 * Each is a component under a shorter name: {session: 30min} is the assigner session with gap 30min, {count: 10} is one
 * window for all, a trigger and, where it slides, an evictor.
 */
#include <string.h>

#include "base/alloc.h"
#include "loader/job_internal.h"

#define MOST_WINDOWS (1 << 20) /* of one record; the assigners' own limit */

static const char *const shapes[] = {"tumbling", "sliding", "session", "count", "global", "assigner", NULL};

/* ---- the assigner ------------------------------------------------------------------------------------------------ */

/* The options without `time`, for the component; *processing: what it says. */
static struct weir_value without_time(struct weir__job *job, const struct weir_value *value, bool *processing)
{
    static const char *const clocks[] = {"event", "processing", NULL};
    struct weir_value rest = *value;
    *processing = false;
    if (value->kind != WEIR_VALUE_MAPPING) return rest;
    rest.pairs = weir_alloc_array(value->n + 1, sizeof *rest.pairs);
    rest.n = 0;
    for (size_t i = 0; i < value->n; i++) {
        if (strcmp(value->pairs[i].key->text, "time") == 0)
            *processing = weir__read_choice(job, value->pairs[i].value, "time", clocks) == 1;
        else
            rest.pairs[rest.n++] = value->pairs[i];
    }
    return rest;
}

/* A gap that starts like a name is the field that has it. */
static bool is_gap_field(const struct weir_value *gap)
{
    return gap && gap->kind == WEIR_VALUE_SCALAR && (gap->text[0] == '_' || (gap->text[0] >= 'a' && gap->text[0] <= 'z'));
}

/* What the options of tumbling and sliding windows must be to each other. */
static void check_times(struct weir__job *job, const struct weir_value *value, const struct weir__use *use)
{
    const struct weir_option_value *size = use->part ? weir_part_option(use->part, "size") : NULL;
    const struct weir_option_value *slide = use->part ? weir_part_option(use->part, "slide") : NULL;
    const struct weir_option_value *offset = use->part ? weir_part_option(use->part, "offset") : NULL;
    if (!use->complete || !size || !offset) return;
    int64_t period = slide ? slide->i64 : size->i64;
    const struct weir_value *at = weir_value_get(value, "offset");
    if (offset->i64 <= -period || offset->i64 >= period)
        weir__say(job, at ? at : value, NULL, "the offset of a window must be less than its %s, either way",
                  slide ? "slide" : "size");
    at = weir_value_get(value, "slide");
    if (slide && size->i64 / period > MOST_WINDOWS)
        weir__say(job, at ? at : value, NULL,
                  "each record would be in %lld windows, and more than %d are not sensible; make the slide longer",
                  (long long)(size->i64 / period), MOST_WINDOWS);
}

static void use_timed(struct weir__job *job, struct weir__flow *flow, const struct weir_value *key,
                      const struct weir_value *value, struct weir__use *use)
{
    bool processing, session = strcmp(key->text, "session") == 0;
    struct weir_value options = without_time(job, value, &processing), field = {.kind = WEIR_VALUE_SCALAR, .text = "field"};
    bool by = false;
    for (size_t i = 0; session && options.kind == WEIR_VALUE_MAPPING && i < options.n; i++) {
        if (strcmp(options.pairs[i].key->text, "gap") != 0 || !is_gap_field(options.pairs[i].value)) continue;
        field.mark = options.pairs[i].key->mark;
        options.pairs[i].key = &field;
        by = true;
    }
    if (session && is_gap_field(value)) by = true;
    char *name = weir_format("%s%s%s", key->text, processing ? "_processing" : "", by ? "_by" : "");
    weir__use_named(job, key, name, WEIR_WINDOW_ASSIGNER, &options,
                    by        ? "field"
                    : session ? "gap"
                              : "size",
                    flow->schema, flow->name, use);
    weir_free(name);
    check_times(job, &options, use);
    if (options.kind == WEIR_VALUE_MAPPING) weir_free(options.pairs);
}

/* A built-in component with one option: count windows are made of them. */
static struct weir_part_spec *built_in(struct weir__job *job, const struct weir_value *at, weir_kind kind, const char *name,
                                       const char *option, const struct weir_value *value)
{
    struct weir__use use;
    struct weir_value key = {.kind = WEIR_VALUE_SCALAR, .mark = at->mark, .text = (char *)name};
    weir__use_named(job, &key, name, kind, value, option, NULL, NULL, &use);
    return use.part;
}

static struct weir_part_spec *purging(struct weir__job *job, const struct weir_value *at, struct weir_part_spec *inner)
{
    struct weir_error error;
    const struct weir_component_info *info = weir_registry_find(job->registry, WEIR_TRIGGER, "purging", &error);
    if (!info || !inner) {
        if (!info) weir__say(job, at, NULL, "there is no trigger 'purging', which count windows are made of");
        weir_part_spec_destroy(inner);
        return NULL;
    }
    struct weir_part_spec *part = weir_part_spec_create(info);
    for (uint32_t i = 0; i < info->n_options; i++) {
        if (info->options[i].accepts != WEIR_TRIGGER) continue;
        part->values[i].part = inner;
        part->values[i].set = true;
    }
    return part;
}

/* {count: 10}: rows 1 to 10, 11 to 20; {count: {size: 10, slide: 2}}: every 2 rows the last 10. */
static void use_count(struct weir__job *job, const struct weir_value *key, const struct weir_value *value,
                      struct weir_window_config *to, struct weir__use *use)
{
    static const char *const keys[] = {"size", "slide", NULL};
    const struct weir_value *size = value, *slide = NULL;
    if (value->kind == WEIR_VALUE_MAPPING) {
        weir__check_keys(job, value, keys, NULL);
        size = weir_value_get(value, "size");
        slide = weir_value_get(value, "slide");
        if (!size)
            weir__say(job, value, weir_strdup("count: 10, or count: {size: 10, slide: 2}"), "the window has no 'size'");
    }
    weir__use_named(job, key, "global", WEIR_WINDOW_ASSIGNER, NULL, NULL, NULL, NULL, use);
    if (!size) return;
    if (!slide) {
        to->trigger = purging(job, key, built_in(job, key, WEIR_TRIGGER, "count", "n", size));
        return;
    }
    to->trigger = built_in(job, key, WEIR_TRIGGER, "count", "n", slide);
    to->evictor = built_in(job, key, WEIR_EVICTOR, "count", "n", size);
}

static void read_assigner(struct weir__job *job, struct weir__flow *flow, const struct weir_value *window,
                          struct weir_window_config *to)
{
    struct weir__use use = {0};
    const struct weir_value *key = NULL;
    for (size_t i = 0; shapes[i]; i++) {
        const struct weir_value *found = weir_value_key(window, shapes[i]);
        if (found && key) weir__say(job, found, NULL, "a window is '%s' or '%s', not both", key->text, found->text);
        if (found && !key) key = found;
    }
    if (!key) {
        weir__say(job, window, weir_strdup("window: {tumbling: 1h}, {session: 30min} or {count: 10}"),
                  "it is not said which kind of window");
        return;
    }
    const struct weir_value *value = weir_value_get(window, key->text);
    if (strcmp(key->text, "count") == 0)
        use_count(job, key, value, to, &use);
    else if (strcmp(key->text, "assigner") == 0)
        weir__use_component(job, value, WEIR_WINDOW_ASSIGNER, flow->schema, flow->name, &use);
    else if (strcmp(key->text, "global") == 0)
        weir__use_named(job, key, "global", WEIR_WINDOW_ASSIGNER, value, NULL, NULL, NULL, &use);
    else
        use_timed(job, flow, key, value, &use);
    to->assigner = use.part;
}

/* ---- trigger and evictor ----------------------------------------------------------------------------------------- */

static bool follows_merging(const struct weir_part_spec *part)
{
    if (!(part->info->flags & WEIR_MERGEABLE)) return false;
    for (uint32_t i = 0; i < part->info->n_options; i++) {
        bool nested = part->info->options[i].type == WEIR_OPT_COMPONENT && part->values[i].set &&
                      part->info->options[i].accepts == WEIR_TRIGGER;
        if (nested && !follows_merging(part->values[i].part)) return false;
    }
    return true;
}

static void read_trigger(struct weir__job *job, struct weir__flow *flow, const struct weir_value *window,
                         struct weir_window_config *to)
{
    const struct weir_value *value = weir_value_get(window, "trigger"), *key = weir_value_key(window, "trigger");
    uint32_t flags = to->assigner ? to->assigner->info->flags : 0;
    if (value && to->trigger) {
        weir__say(job, key, weir_strdup("window: {global: {}, trigger: ...}"), "a count window has its trigger already");
    } else if (value) {
        struct weir__use use;
        weir__use_component(job, value, WEIR_TRIGGER, flow->schema, flow->name, &use);
        to->trigger = use.part;
    } else if (!to->trigger && to->assigner) {
        if (!(flags & (WEIR_EVENT_WINDOWS | WEIR_CLOCK_WINDOWS)))
            weir__say(job, window, weir_strdup("trigger: {count: 100}, or trigger: end_of_stream"),
                      "the window never ends, and so it needs a trigger");
        const char *name = flags & WEIR_EVENT_WINDOWS   ? "event_time"
                           : flags & WEIR_CLOCK_WINDOWS ? "processing_time"
                                                        : "never";
        to->trigger = built_in(job, window, WEIR_TRIGGER, name, NULL, NULL);
    }
    if ((flags & WEIR_MERGING) && to->trigger && !follows_merging(to->trigger))
        weir__say(job, key ? key : window, NULL,
                  "windows that merge (sessions) need a trigger that can follow them; '%s' cannot", to->trigger->info->id);
}

static void read_evictor(struct weir__job *job, struct weir__flow *flow, const struct weir_value *window,
                         struct weir_window_config *to)
{
    const struct weir_value *value = weir_value_get(window, "evictor");
    struct weir__use use;
    if (!value) return;
    if (to->evictor) {
        weir__say(job, weir_value_key(window, "evictor"), NULL, "a count window that slides has its evictor already");
        return;
    }
    weir__use_component(job, value, WEIR_EVICTOR, flow->schema, flow->name, &use);
    to->evictor = use.part;
}

void weir__read_window_parts(struct weir__job *job, struct weir__flow *flow, const struct weir_value *window,
                             struct weir_window_config *to)
{
    read_assigner(job, flow, window, to);
    read_trigger(job, flow, window, to);
    read_evictor(job, flow, window, to);
}

/* ---- the function ------------------------------------------------------------------------------------------------ */

static struct weir_schema *infer_port(struct weir__job *job, struct weir__inference *inf)
{
    struct weir_schema_text text;
    struct weir_error error;
    if (weir_schema_text_parse(inf->use->info->out, true, &text, &error) != WEIR_OK) {
        weir__say(job, inf->at, NULL, "the plugin is at fault: '%s' declares what comes out badly: %s", inf->use->name,
                  error.text);
        return NULL;
    }
    struct weir_schema *schema = weir__infer(job, inf, &text);
    weir_schema_text_finish(&text);
    return schema;
}

static void add_sides(struct weir__job *job, struct weir__flow *flow, struct weir_stream_node *node,
                      struct weir__inference *inf)
{
    struct weir_named_schema *sides = NULL;
    struct weir_error error;
    size_t n = 0;
    if (!inf->use->info->sides) return;
    if (weir_sides_parse(inf->use->info->sides, &sides, &n, &error) != WEIR_OK) {
        weir__say(job, inf->at, NULL, "the plugin is at fault: '%s' declares its side outputs badly: %s", inf->use->name,
                  error.text);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        struct weir_schema *schema = weir__infer(job, inf, &sides[i].schema);
        uint32_t port = node->n_outputs;
        weir__set_output(node, sides[i].name, schema);
        weir__add_output(flow->node, sides[i].name, schema, node->index, port);
        weir_schema_release(schema);
    }
    weir_named_schemas_finish(sides, n);
}

struct weir_schema *weir__read_window_function(struct weir__job *job, struct weir__flow *flow,
                                               const struct weir_value *value, struct weir_stream_node *node,
                                               struct weir_schema *aggregated, bool aggregates)
{
    struct weir__use use;
    struct weir__binding binding = {0};
    struct weir_window_config *to = &node->window;
    struct weir_schema *in = aggregates ? aggregated : flow->schema, *out = NULL;
    const char *stream = aggregates ? "what is aggregated" : flow->name;
    uint32_t *keys = weir_alloc_array(flow->n_keys + 1, sizeof *keys);
    for (size_t i = 0; i < flow->n_keys; i++) keys[i] = aggregates ? (uint32_t)i : flow->keys[i];
    weir__use_component(job, value, WEIR_WINDOW_FUNCTION, in, stream, &use);
    to->function = use.part;
    if (use.info && in) {
        struct weir__args args = {.own = use.args, .node = flow->node};
        weir__bind(job, &use, in, stream, &args, &binding);
        struct weir__inference inf = {
            .use = &use, .binding = &binding, .in = in, .keys = keys, .n_keys = flow->n_keys, .at = use.at};
        out = infer_port(job, &inf);
        weir__set_output(node, "", out);
        add_sides(job, flow, node, &inf);
        to->function_args = binding.args;
        to->n_function_args = binding.n_args;
        binding.args = NULL;
        weir__binding_finish(&binding);
    } else {
        weir__set_output(node, "", NULL);
        flow->node->ports_unknown |= !use.info;
    }
    if (aggregates && aggregated) to->aggregated = weir_schema_retain(aggregated);
    weir_free(keys);
    return out;
}

/* TRAP: what merges has no state of a window: whose would it be? */
void weir__check_window_parts(struct weir__job *job, const struct weir_value *window, const struct weir_window_config *to)
{
    bool merges = to->assigner && to->assigner->info->flags & WEIR_MERGING;
    for (uint32_t i = 0; merges && to->function && i < to->function->info->n_states; i++) {
        const struct weir_state_layout *state = &to->function->info->states[i];
        if (!(state->flags & WEIR_PER_WINDOW)) continue;
        weir__say(job, weir_value_get(window, "function"),
                  weir_strdup("use windows that do not merge, or a function whose states are the key's"),
                  "'%s' keeps the state '%s' for each window, which windows that merge (sessions) cannot have",
                  to->function->info->id, state->name);
        return;
    }
}
