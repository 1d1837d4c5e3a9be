/* compare.c - see the header. */
#include "job/compare.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "checkpoint/saved_index.h"
#include "checkpoint/saved_states.h"
#include "data/pool.h"
#include "job/restore.h"
#include "job/run_internal.h"

struct counted { /* a state or list of a node, over all its subtasks */
    char *name;
    uint64_t entries;
    bool is_list;
    bool taken; /* a list that the node looked at */
    bool told;
};

struct comparison {
    const struct weir_compare_options *options;
    struct weir_saved saved; /* without entries */
    bool refused;
    const char *node; /* being compared, and what it had: */
    struct counted *counted;
    size_t n, capacity;
    struct weir_saved_operator *to; /* being filled */
    uint32_t subtask;
    struct weir_saved_header header; /* of the part being read */
    uint64_t timers;
};

/* ---- what there is ----------------------------------------------------------------------------------------------- */

static struct counted *count(struct comparison *c, const char *name, bool is_list, uint64_t n)
{
    for (size_t i = 0; i < c->n; i++) {
        if (c->counted[i].is_list != is_list || strcmp(c->counted[i].name, name) != 0) continue;
        c->counted[i].entries += n;
        return &c->counted[i];
    }
    WEIR_GROW(c->counted, c->capacity, c->n + 1);
    c->counted[c->n] = (struct counted){.name = weir_strdup(name), .entries = n, .is_list = is_list};
    return &c->counted[c->n++];
}

static void forget_counts(struct comparison *c)
{
    for (size_t i = 0; i < c->n; i++) weir_free(c->counted[i].name);
    c->n = 0;
    c->timers = 0;
}

static weir_status see_header(void *arg, const uint8_t *bytes, size_t n, struct weir_error *error)
{
    struct comparison *c = arg;
    weir_saved_header_finish(&c->header);
    weir_status s = weir_saved_header_read(bytes, n, &c->header, error);
    for (size_t i = 0; s == WEIR_OK && i < c->header.n; i++)
        count(c, c->header.states[i].name, !c->header.states[i].keyed, 0);
    if (s == WEIR_OK && c->to && !weir_key_bytes_add(&c->to->parts[c->subtask].header, bytes, n))
        s = weir_error_set(error, WEIR_E_MEMORY, "no memory for a header");
    return s;
}

/* The part gets the key groups that have entries, with nothing in them. */
static void note_group(struct comparison *c, uint32_t group)
{
    struct weir_snapshot *to = &c->to->parts[c->subtask];
    to->n_entries++;
    if (to->n_groups > 0 && to->groups[to->n_groups - 1].group == group) return;
    WEIR_GROW(to->groups, to->groups_capacity, to->n_groups + 1);
    to->groups[to->n_groups++] = (struct weir_snapshot_group){.group = group};
}

/* An entry is [group, state, ...], the group in one to three bytes. */
static weir_status see_entry(void *arg, uint32_t group, const uint8_t *bytes, size_t n, struct weir_error *error)
{
    struct comparison *c = arg;
    size_t at = group < 0x80 ? 2 : group < 0x100 ? 3 : 4, state = SIZE_MAX;
    if (c->to) note_group(c, group);
    if (n > at && bytes[at] >= 0xfe) return c->timers++, WEIR_OK; /* -1, -2 */
    if (n > at && bytes[at] < 0x80) state = bytes[at];
    if (n > at + 1 && bytes[at] == 0xcc) state = bytes[at + 1];
    if (n > at + 2 && bytes[at] == 0xcd) state = (size_t)bytes[at + 1] << 8 | bytes[at + 2];
    if (state >= c->header.n) return weir_error_set(error, WEIR_E_DATA, "expected an entry, found something else");
    count(c, c->header.states[state].name, false, 1);
    return WEIR_OK;
}

static weir_status see_item(void *arg, const struct weir_saved_list *list, const uint8_t *bytes, size_t n,
                            struct weir_error *error)
{
    struct comparison *c = arg;
    count(c, list->name, true, 1);
    struct weir_snapshot *part = c->to ? &c->to->parts[c->subtask] : NULL;
    if (!part) return WEIR_OK;
    struct weir_snapshot_list *to = part->n_lists > 0 ? &part->lists[part->n_lists - 1] : NULL;
    if (!to || strcmp(to->name, list->name) != 0) to = weir_snapshot_list(part, list->name, list->deal);
    to->n++;
    bool added = weir_key_bytes_add(&to->bytes, bytes, n);
    return added ? WEIR_OK : weir_error_set(error, WEIR_E_MEMORY, "no memory for a list");
}

static weir_status scan_node(struct comparison *c, const struct weir_saved_node *node, struct weir_error *error)
{
    static const struct weir_saved_visitor visitor = {.header = see_header, .entry = see_entry, .item = see_item};
    weir_status s = WEIR_OK;
    forget_counts(c);
    for (size_t i = 0; s == WEIR_OK && i < node->n; i++) {
        const struct weir_saved_part *part = &node->parts[i];
        c->subtask = part->subtask;
        s = weir_saved_scan(c->options->place.storage, c->options->place.name, part, &visitor, c, error);
    }
    weir_saved_header_finish(&c->header);
    return s;
}

/* ---- telling ----------------------------------------------------------------------------------------------------- */

static void tell(struct comparison *c, const char *state, enum weir_comparison result, uint64_t entries, const char *why)
{
    c->refused |= result == WEIR_COMPARE_REFUSED;
    const struct weir_compared compared = {c->node, state, result, entries, why};
    c->options->tell(c->options->arg, &compared);
}

static enum weir_comparison result_of(enum weir_restored restored)
{
    static const enum weir_comparison results[] = {[WEIR_RESTORED] = WEIR_COMPARE_RESTORED,
                                                   [WEIR_MIGRATED] = WEIR_COMPARE_MIGRATED,
                                                   [WEIR_DROPPED] = WEIR_COMPARE_DROPPED,
                                                   [WEIR_REFUSED] = WEIR_COMPARE_REFUSED};
    return results[restored];
}

static bool is_saved(const struct weir_restore *r, const char *name)
{
    bool found = false;
    for (size_t i = 0; i < weir_restore_count(r); i++) found |= strcmp(weir_restore_state(r, i)->name, name) == 0;
    return found;
}

/* Of the first subtask that has a header: the others have the same. */
static void tell_header(void *arg, const struct weir_restore *r, const struct weir_state_layout *layouts, uint32_t n)
{
    struct comparison *c = arg;
    for (size_t i = 0; i < weir_restore_count(r); i++) {
        const struct weir_restored_state *state = weir_restore_state(r, i);
        struct counted *counted = count(c, state->name, !weir_state_is_keyed(state->kind), 0);
        if (counted->told) return;
        counted->told = true;
        if (counted->entries == 0 && state->result != WEIR_DROPPED)
            tell(c, state->name, WEIR_COMPARE_EMPTY, 0, "it had no entries");
        else if (counted->entries > 0)
            tell(c, state->name, result_of(state->result), counted->entries, state->why);
    }
    for (uint32_t i = 0; i < n; i++) {
        struct counted *counted = count(c, layouts[i].name, !weir_state_is_keyed(layouts[i].kind), 0);
        if (counted->told || is_saved(r, layouts[i].name)) continue;
        counted->told = true;
        tell(c, layouts[i].name, WEIR_COMPARE_EMPTY, 0, "it is new");
    }
}

static void tell_list(void *arg, const char *name)
{
    count(arg, name, true, 0)->taken = true;
}

static void tell_rest(struct comparison *c, bool keyless)
{
    static const char no_key[] = "the node has no key_by now";
    if (c->timers > 0)
        tell(c, "timers", keyless ? WEIR_COMPARE_DROPPED : WEIR_COMPARE_RESTORED, c->timers, keyless ? no_key : NULL);
    for (size_t i = 0; i < c->n; i++) {
        const struct counted *of = &c->counted[i];
        if (!of->is_list && keyless && of->entries > 0) tell(c, of->name, WEIR_COMPARE_DROPPED, of->entries, no_key);
        if (!of->is_list || of->entries == 0 || of->told) continue;
        tell(c, of->name, of->taken ? WEIR_COMPARE_RESTORED : WEIR_COMPARE_DROPPED, of->entries,
             of->taken ? NULL : "the node has no use for it");
    }
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

static weir_status no_split(void *arg, const struct weir_saved_split *split)
{
    (void)arg, (void)split;
    return WEIR_OK;
}

static bool has_anything(const struct comparison *c)
{
    bool any = c->timers > 0;
    for (size_t i = 0; i < c->n; i++) any |= c->counted[i].entries > 0;
    return any;
}

static void compare_parts(struct comparison *c, const struct weir_stream_node *node, struct weir_op *op)
{
    const struct weir_restore_watch watch = {tell_header, tell_list, c};
    const struct weir_saved_operator *from = weir_saved_find(&c->saved, node->id);
    struct weir_error error = {0};
    bool any, drop = c->options->allow_non_restored;
    for (uint32_t i = 0; i < from->parallelism; i++) from->parts[i].watch = &watch;
    weir_status s = weir__restore_op(&c->saved, node, drop, op, &error);
    if (s >= 0 && node->kind == WEIR_NODE_SOURCE)
        s = weir_restore_splits(from->parts, from->parallelism, no_split, NULL, &any, &error);
    for (uint32_t i = 0; i < from->parallelism; i++) from->parts[i].watch = NULL;
    if (s < 0)
        tell(c, NULL, WEIR_COMPARE_REFUSED, 0, error.text);
    else if (!op->class->restore && node->kind != WEIR_NODE_SOURCE)
        tell(c, NULL, WEIR_COMPARE_DROPPED, 0, "it keeps no state any more");
    else
        tell_rest(c, node->kind == WEIR_NODE_OPERATOR && node->n_key_fields == 0);
}

static struct weir_op_env env_of(const struct weir_stream_graph *graph, const struct weir_stream_node *node,
                                 const struct weir_platform *platform, struct weir_pool *pool)
{
    return (struct weir_op_env){.platform = platform,
                                .pool = pool,
                                .job = graph->job,
                                .node = node->id,
                                .base_dir = graph->base_dir,
                                .parallelism = node->parallelism,
                                .max_parallelism = node->max_parallelism,
                                .checkpoints = graph->checkpoint.directory != NULL,
                                .batch_rows = graph->batch_rows,
                                .overflow_bytes = graph->overflow_bytes};
}

static weir_status compare_node(struct comparison *c, const struct weir_stream_node *node,
                                const struct weir_saved_node *from, struct weir_error *error)
{
    const struct weir_compare_options *o = c->options;
    struct weir_pool *pool = weir_pool_create();
    const struct weir_op_env env = env_of(o->graph, node, o->platform, pool);
    char *where = weir_format("node '%s'", node->id);
    c->node = node->id;
    c->to = NULL;
    forget_counts(c);
    weir_status s = from ? scan_node(c, from, error) : WEIR_OK;
    struct weir_op *op = s == WEIR_OK ? weir__op_create(o->registry, node, &env, where, error) : NULL;
    if (op) {
        if (from && has_anything(c))
            compare_parts(c, node, op);
        else if (node->kind == WEIR_NODE_SOURCE)
            tell(c, NULL, WEIR_COMPARE_EMPTY, 0, "nothing says where it was: it begins to read anew");
        else if (op->class->restore && node->kind != WEIR_NODE_SINK)
            tell(c, NULL, WEIR_COMPARE_EMPTY, 0, from ? "it had no state" : "it is new");
        op->class->destroy(op);
    } else {
        s = s == WEIR_OK ? weir_error_prefix(error, "%s: ", where) : s;
    }
    weir_free(where);
    weir_pool_close(pool);
    return s;
}

static bool is_in(const struct weir_stream_graph *graph, const char *id)
{
    bool found = false;
    for (uint32_t i = 0; i < graph->n_nodes; i++) found |= strcmp(graph->nodes[i]->id, id) == 0;
    return found;
}

static const struct weir_saved_node *find(const struct weir_saved_index *index, const char *id)
{
    for (size_t i = 0; i < index->n; i++) {
        if (strcmp(index->nodes[i].id, id) == 0) return &index->nodes[i];
    }
    return NULL;
}

/* Saved nodes that the job does not have. */
static weir_status compare_gone(struct comparison *c, const struct weir_saved_index *index, struct weir_error *error)
{
    weir_status s = WEIR_OK;
    bool drop = c->options->allow_non_restored;
    c->to = NULL;
    for (size_t i = 0; s == WEIR_OK && i < index->n; i++) {
        if (is_in(c->options->graph, index->nodes[i].id)) continue;
        c->node = index->nodes[i].id;
        s = scan_node(c, &index->nodes[i], error);
        uint64_t entries = c->timers;
        for (size_t k = 0; k < c->n; k++) entries += c->counted[k].entries;
        if (s != WEIR_OK || entries == 0) continue;
        tell(c, NULL, drop ? WEIR_COMPARE_DROPPED : WEIR_COMPARE_REFUSED, entries,
             drop
                 ? "this job has no such node"
                 : "this job has no such node; give it its id back, or lose its state on purpose with --allow-non-restored");
    }
    return s;
}

static weir_status load(struct comparison *c, const struct weir_saved_index *index, struct weir_error *error)
{
    weir_status s = WEIR_OK;
    for (size_t i = 0; s == WEIR_OK && i < index->n; i++) {
        const struct weir_saved_node *node = &index->nodes[i];
        c->to = weir_saved_add(&c->saved, node->id, node->parallelism, node->max_parallelism);
        s = scan_node(c, node, error);
    }
    c->to = NULL;
    return s;
}

weir_status weir_restore_compare(const struct weir_compare_options *o, bool *refused, struct weir_error *error)
{
    struct weir_saved_index index = {0};
    struct comparison c = {.options = o};
    weir_status s = weir_saved_index_read(o->place.storage, o->place.name, &index, error);
    if (s == WEIR_OK) s = load(&c, &index, error);
    if (s == WEIR_OK) weir_restore_adopt(&c.saved, o->graph);
    for (uint32_t i = 0; s == WEIR_OK && i < o->graph->n_nodes; i++)
        s = compare_node(&c, o->graph->nodes[i], find(&index, o->graph->nodes[i]->id), error);
    if (s == WEIR_OK) s = compare_gone(&c, &index, error);
    forget_counts(&c);
    weir_free(c.counted);
    weir_saved_finish(&c.saved);
    weir_saved_index_finish(&index);
    *refused = c.refused;
    return s;
}
