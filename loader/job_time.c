/* loader/job_time.c - `time:`: the timestamp field, the watermark generator, when it emits, idleness.
 *
 * The three ways to make watermarks are keys of their own: `out_of_orderness: 5s`, `monotonous: true`, `generator: ...`. The
 * first two name generators that come with weir as plugins. A field alone is refused, since a stream without watermarks
 * never closes a window; `generator: none` says that this is meant: on a source, that its component emits its own
 * watermarks.
 */
#include <string.h>

#include "base/alloc.h"
#include "loader/job_internal.h"

static const char *const ways[] = {"out_of_orderness", "monotonous", "generator", NULL};

/* The one way that is given, "" when there is none (and it is said so). */
static const char *find_way(struct weir__job *job, const struct weir_value *time)
{
    const char *found = "";
    for (size_t i = 0; ways[i]; i++) {
        const struct weir_value *key = weir_value_key(time, ways[i]);
        if (!key) continue;
        if (*found)
            weir__say(job, key, NULL, "'%s' and '%s' exclude each other: watermarks come from one of them", found, ways[i]);
        found = ways[i];
    }
    if (!*found)
        weir__say(job, time, weir_strdup("add out_of_orderness: DURATION, monotonous: true, or generator: NAME"),
                  "it is not said how far behind the watermark is");
    return found;
}

static void read_time_field(struct weir__job *job, const struct weir_value *value, struct weir_schema *fields,
                            const char *stream, struct weir_time_config *to)
{
    const char *name;
    if (!weir__read_text(job, value, "field", &name)) return;
    int32_t i = weir__find_field(job, value, name, fields, stream);
    if (i < 0) return;
    weir_type type = (weir_type)weir_schema_field_at(fields, (uint32_t)i)->type;
    if (type == WEIR_TIMESTAMP)
        to->field = i;
    else
        weir__say(job, value, weir_strdup("declare it as timestamp where it is read"),
                  "the time field must be a timestamp, but '%s' is %s", name, weir_type_name(type));
}

/* A generator sees every field, in order: it may choose by options, but not by named inputs. */
static void check_generator(struct weir__job *job, const struct weir__use *use)
{
    if (use->info && use->info->in && strcmp(use->info->in, "*") != 0 && *use->info->in != '\0')
        weir__say(
            job, use->at, NULL,
            "the plugin is at fault: the watermark generator '%s' must declare .in = \"*\", and chooses fields by options",
            use->name);
    if (use->args) weir__say(job, use->args, NULL, "a watermark generator has no args");
}

static void read_out_of_orderness(struct weir__job *job, const struct weir_value *key, const struct weir_value *value,
                                  struct weir_time_config *to)
{
    int64_t ms;
    struct weir__use use;
    if (!weir__read_duration(job, value, "out_of_orderness", &ms)) return;
    if (ms < 0) {
        weir__say(job, value, NULL, "out_of_orderness must not be negative");
        return;
    }
    weir__use_named(job, key, "bounded_out_of_orderness", WEIR_WATERMARK_GENERATOR, value, "delay", NULL, NULL, &use);
    to->generator = use.part;
}

static void read_monotonous(struct weir__job *job, const struct weir_value *key, const struct weir_value *value,
                            struct weir_time_config *to)
{
    bool yes;
    struct weir__use use;
    if (!weir__read_bool(job, value, "monotonous", &yes)) return;
    if (!yes) {
        weir__say(job, value, weir_strdup("write out_of_orderness: DURATION instead"),
                  "'monotonous: false' does not say how far behind the watermark is");
        return;
    }
    weir__use_named(job, key, "monotonous", WEIR_WATERMARK_GENERATOR, NULL, NULL, NULL, NULL, &use);
    to->generator = use.part;
}

static void read_generator(struct weir__job *job, const struct weir_value *value, struct weir_schema *fields,
                           const char *stream, bool of_source, struct weir_time_config *to)
{
    if (value->kind == WEIR_VALUE_SCALAR && strcmp(value->text, "none") == 0) {
        if (!of_source)
            weir__say(job, value, NULL, "only a source can do without a generator: it may emit watermarks of its own");
        return;
    }
    struct weir__use use;
    weir__use_component(job, value, WEIR_WATERMARK_GENERATOR, fields, stream, &use);
    check_generator(job, &use);
    to->generator = use.part;
}

static void read_emission(struct weir__job *job, const struct weir_value *time, struct weir_time_config *to)
{
    static const char *const emits[] = {"periodic", "every_record", NULL};
    const struct weir_value *emit = weir_value_get(time, "emit"), *interval = weir_value_get(time, "interval"),
                            *idle = weir_value_get(time, "idle_after");
    to->interval_ms = job->auto_watermark_ms;
    if (emit) to->every_record = weir__read_choice(job, emit, "emit", emits) == 1;
    if (interval && weir__read_duration(job, interval, "interval", &to->interval_ms) && to->interval_ms < 0)
        weir__say(job, interval, weir_strdup("0 switches periodic watermarks off"), "interval must not be negative");
    if (idle && weir__read_duration(job, idle, "idle_after", &to->idle_after_ms) && to->idle_after_ms <= 0)
        weir__say(job, idle, weir_strdup("leave it out for a stream that is never idle"), "idle_after must be more than 0");
    if (to->idle_after_ms > 0 && to->interval_ms == 0)
        weir__say(job, idle, weir_strdup("give it an `interval:`"),
                  "idleness is noticed when watermarks are emitted periodically, which is switched off here");
}

void weir__read_time(struct weir__job *job, const struct weir_value *time, struct weir_schema *fields, const char *stream,
                     bool of_source, struct weir_time_config *to)
{
    static const char *const keys[] = {"field", "out_of_orderness", "monotonous", "generator",
                                       "emit",  "interval",         "idle_after", NULL};
    static const char *const later[] = {"alignment", "align", NULL};
    *to = (struct weir_time_config){.present = true, .field = -1};
    if (!weir__is_mapping(job, time, "the event time, such as {field: at, out_of_orderness: 5s}")) return;
    weir__check_keys(job, time, keys, later);
    const struct weir_value *field = weir_value_get(time, "field");
    if (field) read_time_field(job, field, fields, stream, to);
    const char *way = find_way(job, time);
    const struct weir_value *key = weir_value_key(time, way), *value = weir_value_get(time, way);
    if (strcmp(way, "out_of_orderness") == 0) read_out_of_orderness(job, key, value, to);
    if (strcmp(way, "monotonous") == 0) read_monotonous(job, key, value, to);
    if (strcmp(way, "generator") == 0) read_generator(job, value, fields, stream, of_source, to);
    read_emission(job, time, to);
}

/* ---- records without an event time ----------------------------------------------------------------------------------- */

/* Whether rows leave the node with the time that they came with; a component that is neither a map nor a filter gives its
 * records whatever times it likes. */
static bool keeps_time(const struct weir_stream_node *node)
{
    switch (node->kind) {
    case WEIR_NODE_OPERATOR: return node->part && (node->part->info->flags & WEIR_ONE_TO_ONE || node->part->info->is_filter);
    case WEIR_NODE_REDUCE:
    case WEIR_NODE_SELECT:
    case WEIR_NODE_EXPR: return true;
    default: return false;
    }
}

/* The source whose records reach the node without an event time; NULL: there is none. seen: by node. */
static const struct weir_stream_node *timeless_source(const struct weir_stream_graph *graph, uint32_t node, uint8_t *seen)
{
    const struct weir_stream_node *found = NULL;
    seen[node] = 1;
    for (uint32_t i = 0; !found && i < graph->n_edges; i++) {
        const struct weir_stream_edge *edge = graph->edges[i];
        if (edge->to != node || seen[edge->from]) continue;
        const struct weir_stream_node *from = graph->nodes[edge->from];
        bool timeless = from->kind == WEIR_NODE_SOURCE && (!from->time.present || edge->from_port > 0);
        found = timeless ? from : keeps_time(from) ? timeless_source(graph, edge->from, seen) : NULL;
    }
    return found;
}

static char *time_field_of(const struct weir_stream_node *source)
{
    const struct weir_schema *schema = source->n_outputs ? source->outputs[0].schema : NULL;
    for (uint32_t i = 0; schema && i < weir_schema_count(schema); i++) {
        const weir_schema_field *f = weir_schema_field_at(schema, i);
        if (f->type == WEIR_TIMESTAMP) return weir_strdup(f->name);
    }
    return weir_strdup("FIELD");
}

void weir__check_event_time(struct weir__job *job, const struct weir_stream_node *node, const struct weir_value *at)
{
    uint8_t *seen = weir_alloc_array(job->graph->n_nodes + 1, sizeof *seen);
    const struct weir_stream_node *source = timeless_source(job->graph, node->index, seen);
    bool window = node->kind == WEIR_NODE_WINDOW;
    weir_free(seen);
    if (!source) return;
    char *field = time_field_of(source);
    weir__say(
        job, at,
        weir_format("give '%s', or this node, `time: {field: %s, out_of_orderness: 5s}`; a source that emits watermarks "
                    "of its own says `time: {generator: none}`%s",
                    source->id, field, window ? "; a window of the clock says `time: processing`" : ""),
        "the records of '%s' (%s) have no event time, which this %s needs", source->id, source->place,
        window ? "window" : "join");
    weir_free(field);
}
