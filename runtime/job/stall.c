/* stall.c - why event time stands still, in words; and the warning to windows that wait. Any thread.
 *
 * The search goes upstream, each time to the part that holds the minimum, until it comes to a split of a source, to a node
 * that makes its watermarks itself, or to a sender that is ahead of what has been heard of it. The graph has no cycles, so
 * it ends.
 */
#include "job/event_times.h"

#include "base/log.h"
#include "job/run_internal.h"
#include "loader/part.h"

/* ---- what holds a watermark ---------------------------------------------------------------------------------------- */

static bool counts(const struct weir_time_part *p)
{
    return !p->idle && !p->finished;
}

/* The lowest of the aligned parts; where none is aligned, of those that have to catch up. */
static int32_t holder_of(const struct weir_op_times *t)
{
    int32_t found = -1;
    if (t->own || t->watermark == INT64_MAX) return -1;
    for (uint32_t i = 0; i < t->n_parts; i++) {
        const struct weir_time_part *p = &t->parts[i], *best = found < 0 ? NULL : &t->parts[found];
        if (!counts(p)) continue;
        if (!best || p->aligned > best->aligned || (p->aligned == best->aligned && p->watermark < best->watermark))
            found = (int32_t)i;
    }
    return found;
}

void weir_event_times_judge(struct weir_event_times *times)
{
    for (uint32_t i = 0; i < times->n; i++) times->subtasks[i].holder = holder_of(&times->subtasks[i]);
}

static bool others_are_ahead(const struct weir_op_times *t)
{
    for (uint32_t i = 0; i < t->n_parts; i++) {
        if ((int32_t)i != t->holder && counts(&t->parts[i]) && t->parts[i].watermark > t->parts[t->holder].watermark)
            return true;
    }
    return false;
}

static int64_t ms_since(const struct weir_event_times *times, int64_t ms)
{
    int64_t from = ms == INT64_MIN ? times->started_ms : ms;
    return times->now_ms > from ? times->now_ms - from : 0;
}

int64_t weir_event_times_stood_ms(const struct weir_event_times *times, uint32_t subtask)
{
    return ms_since(times, times->subtasks[subtask].grew_ms);
}

/* A split, or a node that makes its own watermarks, that last gave records at heard_ms. */
static void judge_root(const struct weir_event_times *times, const struct weir_op_times *t, int64_t heard_ms,
                       int64_t quiet_ms, struct weir_stall *stall)
{
    const struct weir_part_spec *part = times->graph->nodes[t->node]->part;
    bool ends = part && !(part->info->flags & WEIR_UNBOUNDED);
    stall->never = heard_ms == INT64_MIN;
    stall->silent_ms = ms_since(times, heard_ms);
    if (t->blocked)
        stall->kind = WEIR_STALL_BLOCKED;
    else if (stall->never && ends && t->rows_ms != INT64_MIN && ms_since(times, t->rows_ms) < quiet_ms)
        stall->kind = WEIR_STALL_TURN;
    else
        stall->kind = stall->silent_ms >= quiet_ms ? WEIR_STALL_SILENT : WEIR_STALL_UNMOVED;
}

struct weir_stall weir_event_times_stall(const struct weir_event_times *times, uint32_t subtask, int64_t quiet_ms)
{
    struct weir_stall stall = {.kind = WEIR_STALL_ENDED, .subtask = subtask};
    while (times->subtasks[stall.subtask].watermark != INT64_MAX) {
        const struct weir_op_times *t = &times->subtasks[stall.subtask];
        if (t->own) {
            judge_root(times, t, t->rows_ms, quiet_ms, &stall);
            return stall;
        }
        if (t->holder < 0) {
            stall.kind = WEIR_STALL_ALL_IDLE;
            return stall;
        }
        const struct weir_time_part *p = &t->parts[t->holder];
        stall.others_ahead |= others_are_ahead(t);
        if (p->kind == WEIR_TIME_SPLIT) {
            judge_root(times, t, p->heard_ms, quiet_ms, &stall);
            return stall;
        }
        stall.subtask = times->first[p->from] + p->from_subtask;
        if (times->subtasks[stall.subtask].watermark > p->watermark) {
            stall.kind = WEIR_STALL_ON_ITS_WAY;
            return stall;
        }
    }
    return stall;
}

/* ---- words --------------------------------------------------------------------------------------------------------- */

static const struct weir_stream_node *node_of(const struct weir_event_times *times, uint32_t subtask)
{
    return times->graph->nodes[times->subtasks[subtask].node];
}

/* Beyond a second, nobody reads the milliseconds. */
static void add_rounded(struct weir_text *to, int64_t ms)
{
    weir_text_add_duration(to, ms < 1000 ? ms : ms / 1000 * 1000);
}

static void add_name(const struct weir_event_times *times, uint32_t subtask, struct weir_text *to)
{
    weir_text_add(to, "'%s[%u]'", node_of(times, subtask)->id, times->subtasks[subtask].subtask);
}

static void add_state(const struct weir_event_times *times, uint32_t subtask, struct weir_text *to)
{
    const struct weir_op_times *t = &times->subtasks[subtask];
    add_name(times, subtask, to);
    if (t->watermark == INT64_MIN) {
        weir_text_add(to, " has had no watermark for ");
    } else {
        weir_text_add(to, " has stood at ");
        weir_text_add_time(to, t->watermark);
        weir_text_add(to, " for ");
    }
    add_rounded(to, weir_event_times_stood_ms(times, subtask));
}

/* The channel that holds it here, and the split or node far behind it. */
static void add_holders(const struct weir_event_times *times, uint32_t subtask, const struct weir_stall *stall,
                        struct weir_text *to)
{
    const struct weir_op_times *t = &times->subtasks[subtask], *root = &times->subtasks[stall->subtask];
    const struct weir_time_part *p = t->holder < 0 ? NULL : &t->parts[t->holder];
    weir_text_add(to, ": held by ");
    bool by_channel = p && p->kind == WEIR_TIME_CHANNEL;
    if (by_channel) {
        weir_text_add(to, "channel %u", p->channel);
        if (p->input > 0) weir_text_add(to, " of input %u", p->input);
        weir_text_add(to, " from ");
        add_name(times, times->first[p->from] + p->from_subtask, to);
    }
    if (stall->kind == WEIR_STALL_ON_ITS_WAY) {
        if (!by_channel) add_name(times, stall->subtask, to);
    } else if (root->holder >= 0) {
        weir_text_add(to, "%ssplit '%s' of ", by_channel ? ", and behind it by " : "",
                      root->parts[root->holder].description);
        add_name(times, stall->subtask, to);
    } else if (!by_channel || times->first[p->from] + p->from_subtask != stall->subtask) {
        weir_text_add(to, "%s", by_channel ? ", and behind it by " : "");
        add_name(times, stall->subtask, to);
    }
}

/* What to do about a split, or a node, that is silent. */
static void add_advice(const struct weir_event_times *times, const struct weir_stall *stall, struct weir_text *to)
{
    const struct weir_stream_node *node = node_of(times, stall->subtask);
    if (!stall->others_ahead) {
        weir_text_add(to, "; nothing that could go on without it is ahead: event time goes on with its next record");
    } else if (node->time.idle_after_ms > 0) {
        weir_text_add(to, "; it is left out after ");
        weir_text_add_duration(to, node->time.idle_after_ms);
        weir_text_add(to, " of silence (`idle_after:`)");
    } else {
        weir_text_add(
            to, "; `idle_after: 1min` in the `time:` of '%s' lets event time go on without what is silent for that long",
            node->uid);
    }
}

void weir_event_times_explain(const struct weir_event_times *times, uint32_t subtask, int64_t quiet_ms, struct weir_text *to)
{
    struct weir_stall stall = weir_event_times_stall(times, subtask, quiet_ms);
    if (stall.kind == WEIR_STALL_ENDED) {
        add_name(times, subtask, to);
        weir_text_add(to, " has come to the end of event time");
        return;
    }
    add_state(times, subtask, to);
    if (stall.kind != WEIR_STALL_ALL_IDLE && (stall.subtask != subtask || times->subtasks[subtask].holder >= 0))
        add_holders(times, subtask, &stall, to);
    switch (stall.kind) {
    case WEIR_STALL_ENDED: break;
    case WEIR_STALL_ALL_IDLE:
        weir_text_add(to, ": all that it could wait for is idle; event time goes on with the next records");
        break;
    case WEIR_STALL_ON_ITS_WAY: weir_text_add(to, ", which is ahead: what it sent is still to be handled"); break;
    case WEIR_STALL_BLOCKED: weir_text_add(to, ", which cannot go on: its output is full, and what follows is slow"); break;
    case WEIR_STALL_TURN:
        weir_text_add(to, ", which has not been read yet: splits are read in turn, and each holds event time until it is "
                          "read to its end; a higher parallelism reads more of them at once");
        break;
    case WEIR_STALL_SILENT:
        weir_text_add(to, stall.never ? ", which has given no record for " : ", silent for ");
        add_rounded(to, stall.silent_ms);
        add_advice(times, &stall, to);
        break;
    case WEIR_STALL_UNMOVED:
        weir_text_add(to, ", which gives records, but their times do not move its watermark on; look at the `time:` of '%s'",
                      node_of(times, stall.subtask)->uid);
        break;
    }
}

/* ---- the warning --------------------------------------------------------------------------------------------------- */

bool weir__job_waits(void *arg, struct weir_subtask *t, uint32_t member, int64_t now_ms)
{
    struct weir_run *run = arg;
    uint32_t node = t->chain.members[member].node;
    if (atomic_load_explicit(&run->told[node].stalled, memory_order_relaxed)) return true;
    struct weir_event_times times;
    struct weir_text text = {0};
    weir_event_times_take(run, &times);
    times.now_ms = now_ms;
    uint32_t subtask = times.first[node] + t->index;
    struct weir_stall stall = weir_event_times_stall(&times, subtask, t->patience.after_ms);
    bool tell = stall.kind == WEIR_STALL_ALL_IDLE || stall.kind == WEIR_STALL_SILENT || stall.kind == WEIR_STALL_UNMOVED;
    if (tell && !atomic_exchange_explicit(&run->told[node].stalled, 1, memory_order_relaxed)) {
        weir_text_add(&text, "%s: its windows or timers wait for event time: ", run->where[node]);
        weir_event_times_explain(&times, subtask, t->patience.after_ms, &text);
        weir_log(WEIR_WARN, "job", "%s", weir_text_get(&text));
    }
    weir_text_finish(&text);
    weir_event_times_finish(&times);
    return tell;
}
