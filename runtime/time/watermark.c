/* watermark.c - the valve, the minimum over parts, idleness.
 *
 * One thread. The valve keeps, per channel, what the channel said, and emits the minimum over the aligned ones. Invariants:
 * (1) last never goes back; (2) an idle or finished channel is not aligned; (3) a channel that is active but behind `last`
 * is not aligned until it has caught up; (4) nothing but a status change is emitted while the valve is idle; (5) a channel's
 * INT64_MAX ends its event time, so it finishes the channel here, and INT64_MAX is emitted once, when all have finished.
 *
 * Scans are linear: an input has as many channels as its producer has subtasks, and a watermark comes once per batch at
 * most.
 */
#include "time/watermark.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

/* ---- the valve -------------------------------------------------------------------------------------------------- */

void weir_valve_init(struct weir_valve *v, uint32_t n_channels)
{
    *v = (struct weir_valve){
        .channels = weir_alloc_array(n_channels ? n_channels : 1, sizeof *v->channels), .n = n_channels, .last = INT64_MIN};
    for (uint32_t i = 0; i < n_channels; i++)
        v->channels[i] = (struct weir_valve_channel){.watermark = INT64_MIN, .aligned = true};
}

void weir_valve_finish(struct weir_valve *v)
{
    weir_free(v->channels);
    memset(v, 0, sizeof *v);
}

bool weir_valve_finished(const struct weir_valve *v)
{
    for (uint32_t i = 0; i < v->n; i++) {
        if (!v->channels[i].finished) return false;
    }
    return true;
}

static bool nobody_is_active(const struct weir_valve *v)
{
    for (uint32_t i = 0; i < v->n; i++) {
        if (!v->channels[i].finished && !v->channels[i].idle) return false;
    }
    return true;
}

static void emit_if_larger(struct weir_valve *v, int64_t watermark, struct weir_valve_output *out)
{
    if (watermark <= v->last) return;
    v->last = watermark;
    out->has_watermark = true;
    out->watermark = watermark;
}

static void emit_minimum(struct weir_valve *v, struct weir_valve_output *out)
{
    int64_t minimum = INT64_MAX;
    bool any = false;
    for (uint32_t i = 0; i < v->n; i++) {
        if (!v->channels[i].aligned) continue;
        any = true;
        if (v->channels[i].watermark < minimum) minimum = v->channels[i].watermark;
    }
    if (any) emit_if_larger(v, minimum, out);
}

/* The last active channel went idle or finished. The largest watermark of those that are left goes out first: what held it
 * back says nothing any more. */
static void become_idle(struct weir_valve *v, struct weir_valve_output *out)
{
    if (v->idle) return;
    for (uint32_t i = 0; i < v->n; i++) {
        if (!v->channels[i].finished) emit_if_larger(v, v->channels[i].watermark, out);
    }
    v->idle = true;
    out->idle = true;
}

static void become_active(struct weir_valve *v, struct weir_valve_output *out)
{
    if (!v->idle) return;
    v->idle = false;
    out->active = true;
}

/* After a channel left the aligned ones. */
static void settle_without(struct weir_valve *v, struct weir_valve_output *out)
{
    if (nobody_is_active(v)) {
        become_idle(v, out);
    } else {
        emit_minimum(v, out);
    }
}

struct weir_valve_output weir_valve_watermark(struct weir_valve *v, uint32_t channel, int64_t watermark)
{
    WEIR_ASSERT(channel < v->n);
    struct weir_valve_output out = {0};
    struct weir_valve_channel *c = &v->channels[channel];
    if (watermark == INT64_MAX) return weir_valve_end(v, channel);
    if (c->finished || c->idle || watermark <= c->watermark) return out;
    c->watermark = watermark;
    if (watermark >= v->last) c->aligned = true;
    if (c->aligned) emit_minimum(v, &out);
    return out;
}

struct weir_valve_output weir_valve_status(struct weir_valve *v, uint32_t channel, bool idle)
{
    WEIR_ASSERT(channel < v->n);
    struct weir_valve_output out = {0};
    struct weir_valve_channel *c = &v->channels[channel];
    if (c->finished || c->idle == idle) return out;
    c->idle = idle;
    if (idle) {
        c->aligned = false;
        settle_without(v, &out);
    } else {
        become_active(v, &out);
        c->aligned = c->watermark >= v->last;
        emit_minimum(v, &out);
    }
    return out;
}

struct weir_valve_output weir_valve_end(struct weir_valve *v, uint32_t channel)
{
    WEIR_ASSERT(channel < v->n);
    struct weir_valve_output out = {0};
    struct weir_valve_channel *c = &v->channels[channel];
    if (c->finished) return out;
    c->finished = true;
    c->aligned = false;
    if (weir_valve_finished(v)) {
        become_active(v, &out);
        emit_if_larger(v, INT64_MAX, &out);
    } else {
        settle_without(v, &out);
    }
    return out;
}

/* ---- the minimum over parts ---------------------------------------------------------------------------------------- */

void weir_minimum_init(struct weir_minimum *m)
{
    *m = (struct weir_minimum){.last = INT64_MIN};
}

void weir_minimum_finish(struct weir_minimum *m)
{
    weir_free(m->parts);
    memset(m, 0, sizeof *m);
}

/* Index of the part, or of the place where it belongs. */
static size_t find_part(const struct weir_minimum *m, uint64_t id)
{
    size_t low = 0, high = m->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (m->parts[middle].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct weir_minimum_part *part_of(const struct weir_minimum *m, uint64_t id)
{
    size_t i = find_part(m, id);
    return i < m->n && m->parts[i].id == id ? &m->parts[i] : NULL;
}

/* No part at all says nothing: the combined watermark and status stay as they are. */
static bool combine(struct weir_minimum *m)
{
    int64_t minimum = INT64_MAX, maximum = INT64_MIN;
    bool all_idle = true;
    if (m->n == 0) return false;
    for (size_t i = 0; i < m->n; i++) {
        const struct weir_minimum_part *p = &m->parts[i];
        if (p->watermark > maximum) maximum = p->watermark;
        if (p->idle) continue;
        all_idle = false;
        if (p->watermark < minimum) minimum = p->watermark;
    }
    m->idle = all_idle;
    int64_t combined = all_idle ? maximum : minimum;
    if (combined <= m->last) return false;
    m->last = combined;
    return true;
}

void weir_minimum_add(struct weir_minimum *m, uint64_t id)
{
    size_t i = find_part(m, id);
    if (i < m->n && m->parts[i].id == id) return;
    WEIR_GROW(m->parts, m->capacity, m->n + 1);
    memmove(&m->parts[i + 1], &m->parts[i], (m->n - i) * sizeof *m->parts);
    m->parts[i] = (struct weir_minimum_part){.id = id, .watermark = INT64_MIN};
    m->n++;
    m->idle = false;
}

bool weir_minimum_set(struct weir_minimum *m, uint64_t id, int64_t watermark)
{
    struct weir_minimum_part *p = part_of(m, id);
    WEIR_ASSERT(p);
    p->idle = false;
    if (watermark > p->watermark) p->watermark = watermark;
    return combine(m);
}

bool weir_minimum_idle(struct weir_minimum *m, uint64_t id, bool idle)
{
    struct weir_minimum_part *p = part_of(m, id);
    WEIR_ASSERT(p);
    p->idle = idle;
    return combine(m);
}

bool weir_minimum_remove(struct weir_minimum *m, uint64_t id)
{
    struct weir_minimum_part *p = part_of(m, id);
    if (!p) return false;
    memmove(p, p + 1, (size_t)(m->parts + m->n - (p + 1)) * sizeof *p);
    m->n--;
    return combine(m);
}

/* ---- idleness ------------------------------------------------------------------------------------------------------ */

void weir_idleness_init(struct weir_idleness *t, int64_t timeout_ms)
{
    *t = (struct weir_idleness){.timeout_ms = timeout_ms, .since_ms = INT64_MIN};
}

void weir_idleness_event(struct weir_idleness *t)
{
    t->events++;
}

bool weir_idleness_probe(struct weir_idleness *t, int64_t now_ms, int64_t backpressured_ms)
{
    if (t->timeout_ms <= 0) return false;
    if (t->events != t->seen) {
        t->seen = t->events;
        t->since_ms = INT64_MIN;
        return false;
    }
    if (t->since_ms == INT64_MIN) {
        t->since_ms = now_ms;
        t->paused_ms = backpressured_ms;
        return false;
    }
    return now_ms - t->since_ms - (backpressured_ms - t->paused_ms) > t->timeout_ms;
}
