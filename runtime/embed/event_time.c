/* event_time.c - where event time stands in a job, for its embedder: as structures, as a table, as JSON. Any thread. */
#include "job/event_times.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "embed/embed_internal.h"

#define QUIET_MS 5000 /* what has not been heard for this long is called silent */

/* The answer owns what it points to. */
struct answer {
    struct weir_event_time time; /* first */
    struct weir_event_times times;
    struct weir_time_node *nodes;
    const struct weir_time_node **node_list;
    struct weir_time_input *inputs;
    const struct weir_time_input **input_list;
};

static uint32_t count_parts(const struct weir_event_times *times)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < times->n; i++) n += times->subtasks[i].n_parts;
    return n;
}

static void fill_input(const struct weir_event_times *times, const struct weir_op_times *t, uint32_t i,
                       struct weir_time_input *to)
{
    static const uint32_t kinds[] = {[WEIR_TIME_CHANNEL] = WEIR_INPUT_CHANNEL,
                                     [WEIR_TIME_CHAINED] = WEIR_INPUT_CHAINED,
                                     [WEIR_TIME_SPLIT] = WEIR_INPUT_SPLIT};
    const struct weir_time_part *p = &t->parts[i];
    *to = (struct weir_time_input){.struct_size = sizeof *to,
                                   .kind = kinds[p->kind],
                                   .input = p->input,
                                   .channel = p->channel,
                                   .from = p->kind == WEIR_TIME_SPLIT ? p->description : times->graph->nodes[p->from]->id,
                                   .from_subtask = p->from_subtask,
                                   .idle = p->idle,
                                   .aligned = p->aligned,
                                   .finished = p->finished,
                                   .holds = t->holder == (int32_t)i,
                                   .watermark = p->watermark,
                                   .silent_ms = p->heard_ms == INT64_MIN ? -1 : times->now_ms - p->heard_ms};
    if (p->heard_ms != INT64_MIN && to->silent_ms < 0) to->silent_ms = 0; /* it was heard while this was being read */
}

static void fill_node(const struct weir_event_times *times, uint32_t i, struct weir_time_node *to)
{
    const struct weir_op_times *t = &times->subtasks[i];
    struct weir_text why = {0};
    weir_event_times_explain(times, i, QUIET_MS, &why);
    *to = (struct weir_time_node){.struct_size = sizeof *to,
                                  .subtask = t->subtask,
                                  .id = times->graph->nodes[t->node]->id,
                                  .watermark = t->watermark,
                                  .stood_ms = weir_event_times_stood_ms(times, i),
                                  .idle = t->idle,
                                  .ended = t->ended,
                                  .why = weir_text_take(&why),
                                  .n_inputs = t->n_parts};
}

struct weir_event_time *weir_job_event_time(struct weir_job *job)
{
    struct weir_run *run = weir__job_look(job);
    if (!run) return NULL;
    struct answer *a = weir_alloc(sizeof *a);
    weir_event_times_take(run, &a->times);
    weir__job_looked(job);
    uint32_t n = a->times.n, n_inputs = count_parts(&a->times), at = 0;
    a->nodes = weir_alloc_array(n + 1, sizeof *a->nodes);
    a->node_list = weir_alloc_array(n + 1, sizeof *a->node_list);
    a->inputs = weir_alloc_array(n_inputs + 1, sizeof *a->inputs);
    a->input_list = weir_alloc_array(n_inputs + 1, sizeof *a->input_list);
    for (uint32_t i = 0; i < n; i++) {
        fill_node(&a->times, i, &a->nodes[i]);
        a->nodes[i].inputs = &a->input_list[at];
        a->node_list[i] = &a->nodes[i];
        for (uint32_t k = 0; k < a->nodes[i].n_inputs; k++, at++) {
            fill_input(&a->times, &a->times.subtasks[i], k, &a->inputs[at]);
            a->input_list[at] = &a->inputs[at];
        }
    }
    a->time = (struct weir_event_time){
        .struct_size = sizeof a->time, .n_nodes = n, .now_ms = a->times.now_ms, .nodes = a->node_list};
    return &a->time;
}

void weir_event_time_free(struct weir_event_time *time)
{
    struct answer *a = (struct answer *)(void *)time;
    if (!a) return;
    for (uint32_t i = 0; i < time->n_nodes; i++) weir_free((void *)(uintptr_t)a->nodes[i].why);
    weir_event_times_finish(&a->times);
    weir_free(a->nodes);
    weir_free(a->node_list);
    weir_free(a->inputs);
    weir_free(a->input_list);
    weir_free(a);
}

/* ---- a table ------------------------------------------------------------------------------------------------------- */

static bool is_time(int64_t watermark)
{
    return watermark != INT64_MIN && watermark != INT64_MAX;
}

static void add_watermark(struct weir_text *to, int64_t watermark, int64_t now_ms)
{
    struct weir_text time = {0}, lag = {0};
    weir_text_add_time(&time, watermark);
    if (is_time(watermark)) {
        int64_t ms = now_ms > watermark ? now_ms - watermark : 0;
        weir_text_add_duration(&lag, ms < 1000 ? ms : ms < 86400000 ? ms / 1000 * 1000 : ms / 3600000 * 3600000);
        weir_text_add(&lag, " behind");
    }
    weir_text_add(to, "%-24s  %-18s  ", weir_text_get(&time), weir_text_get(&lag));
    weir_text_finish(&time);
    weir_text_finish(&lag);
}

static char *name_of(const struct weir_time_input *in)
{
    switch (in->kind) {
    case WEIR_INPUT_SPLIT: return weir_format("split %s", in->from);
    case WEIR_INPUT_CHAINED: return weir_format("after %s[%u]", in->from, in->from_subtask);
    default: break;
    }
    if (in->input == 0) return weir_format("channel %u from %s[%u]", in->channel, in->from, in->from_subtask);
    return weir_format("channel %u from %s[%u], input %u", in->channel, in->from, in->from_subtask, in->input);
}

static void add_input(struct weir_text *to, const struct weir_time_input *in, int64_t now_ms)
{
    char *name = name_of(in);
    weir_text_add(to, "    %-36s  ", name);
    weir_free(name);
    add_watermark(to, in->watermark, now_ms);
    const char *state = in->finished ? "finished" : in->idle ? "idle" : in->aligned ? "aligned" : "catching up";
    weir_text_add(to, in->holds ? "%-11s  holds\n" : "%s\n", state);
}

static void add_node(struct weir_text *to, const struct weir_time_node *n, int64_t now_ms)
{
    char *name = weir_format("%s[%u]", n->id, n->subtask);
    weir_text_add(to, "  %-38s  ", name);
    weir_free(name);
    add_watermark(to, n->watermark, now_ms);
    weir_text_add(to, "%s\n", n->ended ? "ended" : n->idle ? "idle" : "active");
    for (uint32_t i = 0; i < n->n_inputs; i++) add_input(to, n->inputs[i], now_ms);
}

static void add_table(struct weir_text *to, const struct weir_event_time *time)
{
    weir_text_add(to, "event time at ");
    weir_text_add_time(to, time->now_ms);
    weir_text_add(to, "\n");
    for (uint32_t i = 0; i < time->n_nodes; i++) add_node(to, time->nodes[i], time->now_ms);
    for (uint32_t i = 0; i < time->n_nodes; i++) {
        const struct weir_time_node *n = time->nodes[i];
        bool chained = n->n_inputs > 0 && n->inputs[0]->kind == WEIR_INPUT_CHAINED; /* it stands as its chain does */
        if (n->stood_ms >= QUIET_MS && n->watermark != INT64_MAX && !chained) weir_text_add(to, "  %s\n", n->why);
    }
}

/* ---- JSON ---------------------------------------------------------------------------------------------------------- */

static void add_json_watermark(struct weir_text *to, int64_t watermark, int64_t now_ms)
{
    weir_text_add(to, ", \"watermark\": ");
    if (watermark == INT64_MIN) {
        weir_text_add(to, "null");
    } else {
        weir_text_add(to, "\"");
        if (watermark == INT64_MAX)
            weir_text_add(to, "end");
        else
            weir_text_add_time(to, watermark);
        weir_text_add(to, "\"");
    }
    if (is_time(watermark)) weir_text_add(to, ", \"lag_ms\": %" PRId64, now_ms - watermark);
}

static const char *json_bool(uint32_t yes)
{
    return yes ? "true" : "false";
}

static void add_json_input(struct weir_text *to, const struct weir_time_input *in, int64_t now_ms)
{
    if (in->kind == WEIR_INPUT_SPLIT) {
        weir_text_add(to, "{\"split\": ");
        weir_text_add_json(to, in->from);
    } else {
        weir_text_add(to, "{\"input\": %u, ", in->input);
        if (in->kind == WEIR_INPUT_CHANNEL) weir_text_add(to, "\"channel\": %u, ", in->channel);
        weir_text_add(to, "\"from\": ");
        weir_text_add_json(to, in->from);
        weir_text_add(to, ", \"from_subtask\": %u", in->from_subtask);
    }
    add_json_watermark(to, in->watermark, now_ms);
    if (in->silent_ms >= 0) weir_text_add(to, ", \"silent_ms\": %" PRId64, in->silent_ms);
    weir_text_add(to, ", \"idle\": %s, \"aligned\": %s, \"finished\": %s, \"holds\": %s}", json_bool(in->idle),
                  json_bool(in->aligned), json_bool(in->finished), json_bool(in->holds));
}

static void add_json_node(struct weir_text *to, const struct weir_time_node *n, int64_t now_ms)
{
    weir_text_add(to, "{\"id\": ");
    weir_text_add_json(to, n->id);
    weir_text_add(to, ", \"subtask\": %u", n->subtask);
    add_json_watermark(to, n->watermark, now_ms);
    weir_text_add(to, ", \"stood_ms\": %" PRId64 ", \"idle\": %s, \"ended\": %s, \"why\": ", n->stood_ms, json_bool(n->idle),
                  json_bool(n->ended));
    weir_text_add_json(to, n->why);
    weir_text_add(to, ", \"inputs\": [");
    for (uint32_t i = 0; i < n->n_inputs; i++) {
        weir_text_add(to, "%s", i ? ", " : "");
        add_json_input(to, n->inputs[i], now_ms);
    }
    weir_text_add(to, "]}");
}

static void add_json(struct weir_text *to, const struct weir_event_time *time)
{
    weir_text_add(to, "{\"event_time\": {\"at\": \"");
    weir_text_add_time(to, time->now_ms);
    weir_text_add(to, "\", \"nodes\": [");
    for (uint32_t i = 0; i < time->n_nodes; i++) {
        weir_text_add(to, "%s", i ? ", " : "");
        add_json_node(to, time->nodes[i], time->now_ms);
    }
    weir_text_add(to, "]}}\n");
}

weir_status weir_job_explain_time(struct weir_job *job, bool json, char **text, struct weir_error_text *error)
{
    struct weir_error e = {0};
    struct weir_text to = {0};
    struct weir_event_time *time = weir_job_event_time(job);
    *text = NULL;
    if (!time) {
        weir_error_set(&e, WEIR_E_CONFIG, "the job was not started: it has no event time yet");
        return weir__report(WEIR_E_CONFIG, &e, error);
    }
    if (json)
        add_json(&to, time);
    else
        add_table(&to, time);
    *text = weir_text_take(&to);
    weir_event_time_free(time);
    return weir__report(WEIR_OK, NULL, error);
}
