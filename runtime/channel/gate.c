/* gate.c - see the header.
 *
 * Consumer's thread. Invariants: (1) an element is taken from a ring only when nothing is pending, so marks leave in the
 * order in which the valves let them through, and rows of a channel never overtake its marks; (2) a step of a valve and the
 * end of its input are at most active, watermark, idle, END: four marks.
 */
#include "channel/gate.h"

#include <string.h>

#include "base/alloc.h"

void weir_gate_init(struct weir_gate *g, const struct weir_gate_channel *channels, uint32_t n_channels, uint32_t n_inputs)
{
    *g = (struct weir_gate){.n_channels = n_channels, .n_inputs = n_inputs};
    g->channels = weir_alloc_array(n_channels ? n_channels : 1, sizeof *g->channels);
    g->inputs = weir_alloc_array(n_inputs ? n_inputs : 1, sizeof *g->inputs);
    g->published = weir_alloc_array(n_channels ? n_channels : 1, sizeof *g->published);
    for (uint32_t i = 0; i < n_channels; i++) {
        weir_publish_init(&g->published[i]);
        WEIR_ASSERT(channels[i].input < n_inputs);
        g->channels[i] = channels[i];
        g->channels[i].valve_channel = g->inputs[channels[i].input].n_open++;
    }
    for (uint32_t i = 0; i < n_inputs; i++) {
        WEIR_ASSERT(g->inputs[i].n_open > 0);
        weir_valve_init(&g->inputs[i].valve, g->inputs[i].n_open);
    }
}

void weir_gate_finish(struct weir_gate *g)
{
    for (uint32_t i = 0; i < g->n_inputs; i++) weir_valve_finish(&g->inputs[i].valve);
    weir_free(g->inputs);
    weir_free(g->published);
    weir_free(g->channels);
    memset(g, 0, sizeof *g);
}

/* A step of a valve changes nothing of the other channels. */
static void publish(struct weir_gate *g, uint32_t channel)
{
    const struct weir_gate_channel *c = &g->channels[channel];
    const struct weir_valve_channel *v = &g->inputs[c->input].valve.channels[c->valve_channel];
    uint32_t flags =
        (v->idle ? WEIR_TIME_IDLE : 0) | (v->aligned ? WEIR_TIME_ALIGNED : 0) | (v->finished ? WEIR_TIME_FINISHED : 0);
    weir_publish_time(&g->published[channel], v->watermark, flags);
}

void weir_gate_expect_nothing(struct weir_gate *g, uint32_t channel)
{
    struct weir_gate_channel *c = &g->channels[channel];
    struct weir_valve_output out = weir_valve_end(&g->inputs[c->input].valve, c->valve_channel);
    WEIR_ASSERT(!out.has_watermark && !out.idle);
    publish(g, channel);
}

/* ---- marks ------------------------------------------------------------------------------------------------------- */

static void add_mark(struct weir_gate *g, uint32_t channel, enum weir_element_kind kind, int64_t value)
{
    WEIR_ASSERT(g->n_pending < sizeof g->pending / sizeof g->pending[0]);
    g->pending[g->n_pending++] = (struct weir_gate_element){
        .element = {.kind = kind, .port = WEIR_ALL_PORTS, .value = value},
        .input = g->channels[channel].input,
        .channel = channel,
    };
}

static void let_through(struct weir_gate *g, uint32_t channel, struct weir_valve_output out)
{
    if (out.active) add_mark(g, channel, WEIR_ELEMENT_IDLE, 0);
    if (out.has_watermark) add_mark(g, channel, WEIR_ELEMENT_WATERMARK, out.watermark);
    if (out.idle) add_mark(g, channel, WEIR_ELEMENT_IDLE, 1);
}

static void end_channel(struct weir_gate *g, uint32_t channel, int64_t value)
{
    struct weir_gate_channel *c = &g->channels[channel];
    struct weir_gate_input *in = &g->inputs[c->input];
    c->ended = true;
    in->n_open--;
    if (value == WEIR_END_OF_INPUT) {
        let_through(g, channel, weir_valve_end(&in->valve, c->valve_channel));
    } else {
        in->end_value = value;
    }
    if (in->n_open == 0) add_mark(g, channel, WEIR_ELEMENT_END, in->end_value);
}

/* True: the element goes out as it came. */
static bool take(struct weir_gate *g, uint32_t channel, const struct weir_element *e)
{
    struct weir_gate_channel *c = &g->channels[channel];
    struct weir_valve *valve = &g->inputs[c->input].valve;
    switch ((enum weir_element_kind)e->kind) {
    case WEIR_ELEMENT_ROWS:
    case WEIR_ELEMENT_BARRIER: return true;
    case WEIR_ELEMENT_WATERMARK: let_through(g, channel, weir_valve_watermark(valve, c->valve_channel, e->value)); break;
    case WEIR_ELEMENT_IDLE: let_through(g, channel, weir_valve_status(valve, c->valve_channel, e->value != 0)); break;
    case WEIR_ELEMENT_END: end_channel(g, channel, e->value); break;
    case WEIR_ELEMENT_NONE: WEIR_ASSERT(!"nothing travels through a ring"); break;
    }
    publish(g, channel);
    return false;
}

/* ---- polling ----------------------------------------------------------------------------------------------------- */

#define MOST_JOINED 32 /* batches */

static bool is_small(const struct weir_gate *g, const struct weir_element *e)
{
    return e && e->kind == WEIR_ELEMENT_ROWS && e->rows->view.length <= g->batch_rows / 4 && !e->rows->view.selection;
}

/* The small batches at the head of a ring as one. False: there are no two of them, or no memory. */
static bool pop_joined(struct weir_gate *g, struct weir_ring *ring, struct weir_element *e)
{
    struct weir_rows *parts[MOST_JOINED];
    const struct weir_element *next;
    uint32_t n = 0;
    for (int64_t rows = 0; n < MOST_JOINED && is_small(g, next = weir_ring_at(ring, n)); n++) {
        if ((rows += next->rows->view.length) > g->batch_rows) break;
        parts[n] = next->rows;
    }
    struct weir_rows *joined = n > 1 ? weir_rows_join(g->pool, parts, n) : NULL;
    if (!joined) return false;
    weir_ring_drop(ring, n);
    for (uint32_t i = 0; i < n; i++) weir_rows_release(parts[i]);
    *e = (struct weir_element){.kind = WEIR_ELEMENT_ROWS, .rows = joined};
    return true;
}

static bool pop(struct weir_gate *g, struct weir_ring *ring, struct weir_element *e)
{
    return (g->pool && pop_joined(g, ring, e)) || weir_ring_pop(ring, e);
}

static bool pop_next(struct weir_gate *g, uint32_t *channel, struct weir_element *e)
{
    for (uint32_t tried = 0; tried < g->n_channels; tried++) {
        uint32_t i = g->cursor;
        struct weir_gate_channel *c = &g->channels[i];
        g->cursor = i + 1 < g->n_channels ? i + 1 : 0;
        if (c->blocked || c->ended || !pop(g, c->ring, e)) continue;
        if (c->popped) c->popped(c->popped_arg);
        weir_publish_heard(&g->published[i], g->now_ms);
        *channel = i;
        return true;
    }
    return false;
}

bool weir_gate_next(struct weir_gate *g, struct weir_gate_element *next)
{
    uint32_t channel;
    struct weir_element e;
    while (g->n_pending == 0) {
        if (!pop_next(g, &channel, &e)) return false;
        if (!take(g, channel, &e)) continue;
        *next = (struct weir_gate_element){.element = e, .input = g->channels[channel].input, .channel = channel};
        return true;
    }
    *next = g->pending[0];
    memmove(g->pending, g->pending + 1, --g->n_pending * sizeof g->pending[0]);
    return true;
}

bool weir_gate_is_empty(struct weir_gate *g)
{
    if (g->n_pending > 0) return false;
    for (uint32_t i = 0; i < g->n_channels; i++) {
        const struct weir_gate_channel *c = &g->channels[i];
        if (!c->blocked && !c->ended && !weir_ring_is_empty(c->ring)) return false;
    }
    return true;
}

bool weir_gate_ended(const struct weir_gate *g)
{
    for (uint32_t i = 0; i < g->n_inputs; i++) {
        if (g->inputs[i].n_open > 0) return false;
    }
    return g->n_pending == 0;
}
