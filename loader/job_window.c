/* loader/job_window.c - `window:` and `aggregate:`: a keyed window of event time, and what is computed of its rows.
 *
 * What comes out: the key's fields, then the aggregates in the order written. An aggregate is "name", "name(field, ...)" or
 * {name: {options}}, with `args` among the options; window_start and window_end are the window's own.
 */
#include <string.h>

#include "base/alloc.h"
#include "loader/job_internal.h"

/* ---- the window ----------------------------------------------------------------------------------------------------- */

static void read_lateness(struct weir__job *job, const struct weir_value *window, struct weir_window_config *to)
{
    static const char *const lates[] = {"side_output", "drop", NULL};
    const struct weir_value *lateness = weir_value_get(window, "lateness"), *late = weir_value_get(window, "late");
    if (lateness && weir__read_duration(job, lateness, "lateness", &to->lateness_ms) && to->lateness_ms < 0)
        weir__say(job, lateness, NULL, "lateness must not be negative");
    if (late) to->late_output = weir__read_choice(job, late, "late", lates) == 0;
}

/* TRAP: windows of the clock and global ones have no lateness. Who asks for it would wait for records that never come. */
static void check_lateness(struct weir__job *job, const struct weir_value *window, const struct weir_window_config *to)
{
    if (!to->assigner || weir__is_event_window(to)) return;
    bool clock = to->assigner->info->flags & WEIR_CLOCK_WINDOWS;
    const char *why = clock ? "windows of the clock end when the clock says so, and no record comes too late for them"
                            : "these windows never end, and no record comes too late for them";
    if (to->lateness_ms > 0)
        weir__say(job, weir_value_key(window, "lateness"),
                  weir_strdup(clock ? "take it away, or use windows of event time (`time: event`)" : "take it away"),
                  "'lateness' is for windows of event time: %s", why);
    if (to->late_output)
        weir__say(job, weir_value_key(window, "late"), weir_strdup("take it away: the output would stay empty"),
                  "'late' is for windows of event time: %s", why);
}

static void read_window(struct weir__job *job, struct weir__flow *flow, const struct weir_value *window,
                        struct weir_window_config *to)
{
    static const char *const keys[] = {"tumbling", "sliding",  "session", "count",    "global", "assigner", "trigger",
                                       "evictor",  "function", "all",     "lateness", "late",   NULL};
    static const char *const later[] = {"cumulative", NULL};
    if (!weir__is_mapping(job, window, "a window such as {tumbling: 1h}")) return;
    weir__check_keys(job, window, keys, later);
    weir__read_window_parts(job, flow, window, to);
    read_lateness(job, window, to);
    check_lateness(job, window, to);
}

void weir__read_join_window(struct weir__job *job, struct weir__flow *flow, const struct weir_value *window,
                            struct weir_window_config *to)
{
    static const char *const keys[] = {"tumbling", "sliding", "session",  "count", "global", "assigner",
                                       "trigger",  "evictor", "lateness", "late",  NULL};
    static const char *const not_here[] = {"function", "all", NULL};
    if (!weir__is_mapping(job, window, "a window such as {tumbling: 1h}")) return;
    for (size_t i = 0; not_here[i]; i++) {
        const struct weir_value *key = weir_value_key(window, not_here[i]);
        if (key) weir__say(job, key, NULL, "the window of a join has no '%s'", not_here[i]);
    }
    if (!weir_value_key(window, "function") && !weir_value_key(window, "all")) weir__check_keys(job, window, keys, NULL);
    weir__read_window_parts(job, flow, window, to);
    read_lateness(job, window, to);
    check_lateness(job, window, to);
}

/* ---- aggregates ----------------------------------------------------------------------------------------------------- */

/* "sum(amount)" taken apart. */
struct call {
    char *name;
    char **fields;
    size_t n;
};

static void call_finish(struct call *call)
{
    for (size_t i = 0; i < call->n; i++) weir_free(call->fields[i]);
    weir_free(call->fields);
    weir_free(call->name);
}

static bool is_name(const char *text)
{
    return *text != '\0' && text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-./")] == '\0';
}

static char *trimmed(const char *text, size_t n)
{
    while (n > 0 && *text == ' ') text++, n--;
    while (n > 0 && text[n - 1] == ' ') n--;
    return weir_strndup(text, n);
}

/* Where the argument at p ends: at a comma outside of parentheses and quotes, or at `end`. NULL: parentheses do not
 * match. */
static const char *argument_end(const char *p, const char *end)
{
    int depth = 0;
    char quote = 0;
    for (; p < end; p++) {
        if (quote)
            quote = *p == quote ? 0 : quote;
        else if (*p == '\'' || *p == '"' || *p == '`')
            quote = *p;
        else if (*p == '(')
            depth++;
        else if (*p == ')' && --depth < 0)
            return NULL;
        else if (*p == ',' && depth == 0)
            return p;
    }
    return depth == 0 && !quote ? end : NULL;
}

/* name | name() | name(argument, argument), where an argument is a field or an expression. False: it is not that. */
static bool parse_call(const char *text, struct call *call)
{
    *call = (struct call){0};
    const char *open = strchr(text, '('), *end = text + strlen(text);
    while (end > text && end[-1] == ' ') end--;
    call->name = trimmed(text, open ? (size_t)(open - text) : (size_t)(end - text));
    if (!is_name(call->name) || (open && end[-1] != ')')) return false;
    for (const char *p = open ? open + 1 : NULL; p && p < end;) {
        const char *stop = argument_end(p, end - 1), *comma = stop && stop < end - 1 ? stop : NULL;
        if (!stop) return false;
        char *field = trimmed(p, (size_t)(stop - p));
        bool none = *field == '\0' && !comma && call->n == 0;
        if (none) {
            weir_free(field);
            return true;
        }
        call->fields = weir_realloc_array(call->fields, call->n, call->n + 1, sizeof *call->fields);
        call->fields[call->n++] = field;
        p = comma ? comma + 1 : NULL;
    }
    return true;
}

/* The result field of an aggregate: the one that its out text names, under the author's name. */
static bool infer_result(struct weir__job *job, struct weir__inference *inf, weir_type *type, bool *nullable)
{
    struct weir_schema_text text;
    struct weir_error error;
    if (weir_schema_text_parse(inf->use->info->out, true, &text, &error) != WEIR_OK) {
        weir__say(job, inf->at, NULL, "the plugin is at fault: '%s' declares what comes out badly: %s", inf->use->name,
                  error.text);
        return false;
    }
    struct weir_schema *schema = weir__infer(job, inf, &text);
    weir_schema_text_finish(&text);
    bool ok = schema && weir_schema_count(schema) == 1;
    if (ok) {
        *type = (weir_type)weir_schema_field_at(schema, 0)->type;
        *nullable = weir_schema_field_at(schema, 0)->nullable;
    } else if (schema) {
        weir__say(job, inf->at, NULL, "the plugin is at fault: the aggregate '%s' must declare one field that comes out",
                  inf->use->name);
    }
    weir_schema_release(schema);
    return ok;
}

struct aggregates {
    struct weir__job *job;
    struct weir__flow *flow;
    struct weir_window_config *window;
    struct weir_schema_builder fields;
    bool complete;
};

static bool add_result(struct aggregates *a, const struct weir_value *key, weir_type type, bool nullable)
{
    for (size_t i = 0; i < a->fields.n; i++) {
        if (strcmp(a->fields.fields[i].name, key->text) != 0) continue;
        weir__say(a->job, key, weir_strdup("give the result another name"),
                  "the key has a field '%s' already, and it comes out too", key->text);
        return false;
    }
    weir_schema_builder_add(&a->fields, key->text, type, nullable);
    return true;
}

static void say_not_a_call(struct weir__job *job, const struct weir_value *value)
{
    weir__say(job, value, weir_strdup("write it as NAME or NAME(EXPRESSION), and compute with the results in a step after"),
              "'%s' is no aggregate", value->text);
}

/* A component, with the fields in the parentheses. `at`: its name, or {name: {options}}. */
static bool read_component(struct aggregates *a, const struct weir_value *at, const struct weir_value *written,
                           const struct call *call, struct weir_aggregate_config *to, weir_type *type, bool *nullable)
{
    struct weir_schema *fields = a->flow->schema;
    struct weir__use use;
    struct weir__binding binding;
    weir__use_component(a->job, at, WEIR_AGGREGATE, fields, a->flow->name, &use);
    struct weir__args args = {
        .own = use.args, .call = call->name ? written : NULL, .positional = call->fields, .n_positional = call->n};
    weir__bind(a->job, &use, fields, a->flow->name, &args, &binding);
    struct weir__inference inf = {.use = &use, .binding = &binding, .in = fields, .at = use.at};
    bool ok = use.info && binding.complete && infer_result(a->job, &inf, type, nullable);
    to->part = use.part;
    to->args = binding.args;
    to->n_args = binding.n_args;
    binding.args = NULL;
    weir__binding_finish(&binding);
    return ok;
}

/* "count", "sum(amount)", "window_end" */
static bool read_call(struct aggregates *a, const struct weir_value *value, struct weir_aggregate_config *to,
                      weir_type *type, bool *nullable)
{
    struct call call;
    bool ok = parse_call(value->text, &call);
    if (!ok) {
        say_not_a_call(a->job, value);
    } else if (strcmp(call.name, "window_start") == 0 || strcmp(call.name, "window_end") == 0) {
        to->result = strcmp(call.name, "window_start") == 0 ? WEIR_RESULT_WINDOW_START : WEIR_RESULT_WINDOW_END;
        *type = WEIR_TIMESTAMP;
        if (call.n) weir__say(a->job, value, NULL, "'%s' takes no fields", call.name);
    } else {
        struct weir_value name = {
            .kind = WEIR_VALUE_SCALAR, .text = call.name, .mark = weir_value_mark_of(value, call.name)};
        ok = read_component(a, &name, value, &call, to, type, nullable);
    }
    call_finish(&call);
    return ok;
}

static void read_aggregate(struct aggregates *a, const struct weir_value *key, const struct weir_value *value,
                           struct weir_aggregate_config *to)
{
    static const struct call none = {0};
    weir_type type = WEIR_I64;
    bool nullable = false, called = value->kind == WEIR_VALUE_SCALAR && !value->broken && !value->secret;
    bool ok =
        called ? read_call(a, value, to, &type, &nullable) : read_component(a, value, NULL, &none, to, &type, &nullable);
    to->name = weir_strdup(key->text);
    a->complete &= weir__check_field_name(a->job, key) && ok && add_result(a, key, type, nullable);
}

static void read_aggregates(struct aggregates *a, const struct weir_value *aggregate)
{
    struct weir__flow *flow = a->flow;
    for (size_t i = 0; flow->schema && i < flow->n_keys; i++) {
        const weir_schema_field *f = weir_schema_field_at(flow->schema, flow->keys[i]);
        weir_schema_builder_add(&a->fields, f->name, (weir_type)f->type, false);
    }
    if (!weir__is_mapping(a->job, aggregate,
                          "the results and how they are computed, such as {views: count, total: sum(amount)}")) {
        a->complete = false;
        return;
    }
    if (aggregate->n == 0) weir__say(a->job, aggregate, NULL, "nothing is aggregated");
    a->window->aggregates = weir_alloc_array(aggregate->n + 1, sizeof *a->window->aggregates);
    a->window->n_aggregates = (uint32_t)aggregate->n;
    for (size_t i = 0; i < aggregate->n; i++)
        read_aggregate(a, aggregate->pairs[i].key, aggregate->pairs[i].value, &a->window->aggregates[i]);
}

static void add_option(struct weir_text *title, const char *before, const struct weir_part_spec *part, const char *name)
{
    for (uint32_t i = 0; i < part->info->n_options; i++) {
        const struct weir_option_info *option = &part->info->options[i];
        if (strcmp(option->name, name) != 0 || option->type != WEIR_OPT_DURATION) continue;
        weir_text_add(title, "%s", before);
        weir_text_add_duration(title, part->values[i].i64);
    }
}

/* Of periodic windows it goes without saying when they fire. */
char *weir__window_title(const struct weir_window_config *window)
{
    struct weir_text title = {0};
    weir_text_add(&title, "window %s", window->assigner ? window->assigner->info->id : "?");
    if (window->periodic) {
        add_option(&title, " ", window->assigner, "size");
        add_option(&title, " by ", window->assigner, "slide");
    } else if (window->trigger) {
        weir_text_add(&title, ", %s", window->trigger->info->id);
    }
    return weir_text_take(&title);
}

/* `all: true`: windows over all records, which have no key and one subtask. */
static bool is_over_all(struct weir__job *job, struct weir__flow *flow, const struct weir_value *window)
{
    const struct weir_value *all = window ? weir_value_get(window, "all") : NULL;
    bool yes = false;
    if (!all || !weir__read_bool(job, all, "all", &yes) || !yes) return false;
    if (flow->key_value) weir__say(job, all, NULL, "a window over all records has no key; take 'all' or 'key_by' away");
    if (flow->node->parallelism_given && flow->node->parallelism > 1)
        weir__say(job, all, weir_strdup("parallelism: 1"), "a window over all records has one subtask");
    flow->node->parallelism = 1;
    return true;
}

/* Says what is missing; true when what comes out can be known. */
static bool check_window(struct weir__job *job, const struct weir__flow *flow, const struct weir_value *at,
                         const struct weir_value *window, const struct weir_value *aggregate,
                         const struct weir_value *reduction, bool all)
{
    bool made = aggregate || reduction || (window && weir_value_get(window, "function"));
    if (aggregate && reduction)
        weir__say(job, reduction, weir_strdup("give each a window of its own"),
                  "a window makes one thing of its records: 'aggregate' or '%s'", reduction->text);
    if (!window) weir__say(job, at, weir_strdup("window: {tumbling: 1h}"), "'aggregate' needs a 'window' in the same node");
    if (!made) weir__say(job, at, weir_strdup("aggregate: {views: count}"), "a window needs 'aggregate' in the same node");
    if (!flow->key_value && !all)
        weir__say(job, at, weir_strdup("add key_by: FIELD, or, for windows over all records, all: true in the window"),
                  "a window needs a key");
    return flow->schema && (flow->key_value || all) && made;
}

static void add_late_output(struct weir__flow *flow, struct weir_stream_node *node)
{
    uint32_t port = node->n_outputs;
    if (!node->window.late_output) return;
    weir__set_output(node, "late", flow->schema);
    weir__add_output(flow->node, "late", flow->schema, node->index, port);
}

/* The arguments that are expressions become fields in a step before the window, named by their texts. */
static void compute_arguments(struct weir__job *job, struct weir__flow *flow, const struct weir_value *aggregate)
{
    const struct weir_value **values = NULL;
    char **texts = NULL;
    size_t n = 0;
    for (size_t i = 0; aggregate->kind == WEIR_VALUE_MAPPING && i < aggregate->n; i++) {
        const struct weir_value *value = aggregate->pairs[i].value;
        struct call call;
        if (value->kind != WEIR_VALUE_SCALAR || value->broken || value->secret) continue;
        bool ok = parse_call(value->text, &call);
        for (size_t k = 0; ok && k < call.n; k++) {
            if (weir__is_plain_name(call.fields[k])) continue;
            values = weir_realloc_array(values, n, n + 1, sizeof *values);
            texts = weir_realloc_array(texts, n, n + 1, sizeof *texts);
            values[n] = value;
            texts[n++] = weir_strdup(call.fields[k]);
        }
        call_finish(&call);
    }
    if (n) weir__build_arguments(job, flow, values, texts, n);
    for (size_t i = 0; i < n; i++) weir_free(texts[i]);
    weir_free(values);
    weir_free(texts);
}

bool weir__is_event_window(const struct weir_window_config *window)
{
    return window->assigner && window->assigner->info->flags & WEIR_EVENT_WINDOWS;
}

/* By what the parts declare: of the built-in ones and of any other. */
static bool is_periodic(const struct weir_stream_node *node)
{
    const struct weir_window_config *w = &node->window;
    return w->assigner && w->assigner->info->flags & WEIR_PERIODIC && w->trigger &&
           w->trigger->info->flags & WEIR_END_OF_WINDOW && !w->evictor && !w->function && w->n_aggregates > 0 &&
           node->n_key_fields > 0;
}

void weir__build_window(struct weir__job *job, struct weir__flow *flow, const struct weir_value *window,
                        const struct weir_value *aggregate)
{
    const struct weir_value *at = weir_value_key(flow->node->value, window ? "window" : "aggregate");
    const struct weir_value *function = window ? weir_value_get(window, "function") : NULL;
    const struct weir_value *reduction = window ? weir__window_reduction(job, flow->node->value) : NULL;
    if (aggregate) compute_arguments(job, flow, aggregate);
    bool all = is_over_all(job, flow, window);
    struct weir_stream_node *node = weir__attach(job, flow, WEIR_NODE_WINDOW, "window", at);
    struct aggregates a = {.job = job, .flow = flow, .window = &node->window};
    a.complete = check_window(job, flow, at, window, aggregate, reduction, all);
    node->key_fields = weir__copy_indexes(flow->keys, flow->n_keys);
    node->n_key_fields = (uint32_t)flow->n_keys;
    struct weir_schema *reduced = reduction ? weir__read_window_reduction(job, flow, reduction, &node->window) : NULL;
    if (window) read_window(job, flow, window, &node->window);
    if (aggregate) read_aggregates(&a, aggregate);
    if (weir__is_event_window(&node->window)) weir__check_event_time(job, node, at);
    struct weir_schema *out = a.complete && aggregate ? weir_schema_build(&a.fields) : NULL;
    weir_schema_builder_finish(&a.fields);
    if (function) {
        struct weir_schema *aggregated = out;
        out = weir__read_window_function(job, flow, function, node, aggregated, aggregate != NULL);
        weir_schema_release(aggregated);
    } else if (reduction) {
        weir_schema_release(out); /* 'aggregate' beside it: a mistake that has been told */
        out = a.complete && reduced ? weir_schema_retain(reduced) : NULL;
        weir__set_output(node, "", out);
    } else {
        weir__set_output(node, "", out);
    }
    if (window) weir__check_window_parts(job, window, &node->window);
    node->window.periodic = is_periodic(node);
    node->title = weir__window_title(&node->window);
    weir__note_facts(node);
    weir_schema_release(reduced);
    add_late_output(flow, node);
    weir__flow_becomes(flow, out);
}
