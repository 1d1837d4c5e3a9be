/* saved_dump.c - chooses the lines of a dump in their order.
 *
 * Every line has an order: bytes that sort as the lines do, each line's its own. A pass over the files of a node collects
 * those behind `after`, the last line written. When they get too many, the later half is let go and `limit` remembers where
 * that began; what is left is written, and another pass goes on behind it.
 *
 * The order of a line: its class, the name of its state, then for an entry key, namespace, and a timer's time; for an item
 * the item, and how many came before it.
 */
#include "checkpoint/saved_dump.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "checkpoint/dump_internal.h"

#define DEFAULT_MEMORY   ((size_t)256 << 20)
#define MOST_TEXT        65536
#define EVENT_TIMER      (-1) /* where an entry has the place of its state; docs/formats/savepoint.md */
#define PROCESSING_TIMER (-2)
#define WATERMARKS       "watermarks" /* of windows: runs of key groups, cut where subtasks meet */

static const char *const timer_names[] = {
    [WEIR__DUMP_EVENT_TIMER] = "event timers", [WEIR__DUMP_PROCESSING_TIMER] = "processing timers"};

struct line {
    uint8_t *bytes; /* its order, then its entry or item; owned */
    size_t n_order, n;
    const struct weir_saved_header *header; /* of an entry */
    const struct weir_saved_list *list;     /* of an item */
    uint32_t state;                         /* of header, of WEIR__DUMP_STATE */
    enum weir__dump_class class;
};
struct span { /* of the list of watermarks */
    int64_t first, last, watermark;
};

struct dump {
    struct weir_storage *storage;
    const char *checkpoint;
    const struct weir_saved_dump_options *options;
    const struct weir_saved_node *node;
    struct weir_saved_header *headers; /* by part of the node */
    size_t part;                       /* being read */
    struct line *lines;
    size_t n, capacity, bytes, most_bytes;
    struct weir_key_bytes order, after, limit; /* after, limit: empty when there is none */
    bool *has;                                 /* by key group: it has entries */
    uint64_t n_items;                          /* seen in this pass */
    struct span *spans;
    size_t n_spans, spans_capacity;
    const struct weir_saved_list *watermarks;
    struct weir_text names; /* of states that there are, when one is asked for */
    bool matched, more;
    struct weir_text text;        /* not written yet */
    struct weir__dump_state last; /* whose header was written */
};

static weir_status no_memory(struct weir_error *error)
{
    return weir_error_set(error, WEIR_E_MEMORY, "no memory for a line of the dump");
}

/* ---- collecting -------------------------------------------------------------------------------------------------- */

static int compare(const uint8_t *a, size_t n, const uint8_t *b, size_t m)
{
    int order = memcmp(a, b, n < m ? n : m);
    return order ? order : (n > m) - (n < m);
}

static int by_order(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    return compare(x->bytes, x->n_order, y->bytes, y->n_order);
}

static void sort_lines(struct dump *d)
{
    if (d->n > 1) qsort(d->lines, d->n, sizeof *d->lines, by_order);
}

static size_t cost_of(const struct line *line)
{
    return line->n_order + line->n + sizeof *line + 32; /* and what an allocation costs */
}

static bool copy_to(struct weir_key_bytes *to, const uint8_t *bytes, size_t n)
{
    to->n = 0;
    return weir_key_bytes_add(to, bytes, n);
}

/* Lets the later half go; the first line stays in any case. */
static bool let_go(struct dump *d)
{
    sort_lines(d);
    size_t keep = d->n > 1 ? d->n / 2 : 1;
    if (keep == d->n) return true;
    d->more = true;
    bool noted = copy_to(&d->limit, d->lines[keep].bytes, d->lines[keep].n_order);
    while (d->n > keep) {
        d->bytes -= cost_of(&d->lines[--d->n]);
        weir_free(d->lines[d->n].bytes);
    }
    return noted;
}

/* d->order is its order. */
static weir_status collect(struct dump *d, struct line line, const uint8_t *bytes, size_t n, struct weir_error *error)
{
    const struct weir_key_bytes *order = &d->order;
    if (d->after.n > 0 && compare(order->p, order->n, d->after.p, d->after.n) <= 0) return WEIR_OK;
    if (d->limit.n > 0 && compare(order->p, order->n, d->limit.p, d->limit.n) >= 0) return WEIR_OK;
    line.bytes = weir_try_alloc(order->n + n);
    if (!line.bytes) return no_memory(error);
    memcpy(line.bytes, order->p, order->n);
    memcpy(line.bytes + order->n, bytes, n);
    line.n_order = order->n;
    line.n = n;
    WEIR_GROW(d->lines, d->capacity, d->n + 1);
    d->lines[d->n++] = line;
    d->bytes += cost_of(&line);
    return d->bytes <= d->most_bytes || let_go(d) ? WEIR_OK : no_memory(error);
}

/* Is this state asked for? */
static bool wants(struct dump *d, const char *name)
{
    const char *wanted = d->options->state;
    bool match = !wanted || strcmp(wanted, name) == 0;
    d->matched |= match;
    return match;
}

static bool begin_order(struct dump *d, enum weir__dump_class class, const char *name)
{
    d->order.n = 0;
    return weir_key_bytes_add(&d->order, &(uint8_t){(uint8_t) class}, 1) && weir__order_text(&d->order, name, strlen(name));
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

static weir_status not_ours(struct weir_error *error, const char *expected)
{
    return weir_error_set(error, WEIR_E_DATA, "expected %s, found something else", expected);
}

static bool is_integer(const msgpack_object *o)
{
    return o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER ||
           (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER && o->via.u64 <= INT64_MAX);
}

static bool is_entry(const msgpack_object *o)
{
    return o->type == MSGPACK_OBJECT_ARRAY && o->via.array.size == 5 && is_integer(&o->via.array.ptr[1]) &&
           is_integer(&o->via.array.ptr[2]);
}

static bool name_entry(const struct weir_saved_header *header, int64_t state, struct line *line, const char **name)
{
    bool is_timer = state == EVENT_TIMER || state == PROCESSING_TIMER;
    if (!is_timer && (state < 0 || (uint64_t)state >= header->n)) return false;
    line->class = !is_timer ? WEIR__DUMP_STATE : state == EVENT_TIMER ? WEIR__DUMP_EVENT_TIMER : WEIR__DUMP_PROCESSING_TIMER;
    line->state = is_timer ? 0 : (uint32_t)state;
    *name = is_timer ? timer_names[line->class] : header->states[state].name;
    return true;
}

static weir_status collect_entry(struct dump *d, const msgpack_object *o, const uint8_t *bytes, size_t n,
                                 struct weir_error *error)
{
    struct line line = {.header = &d->headers[d->part]};
    const char *name;
    if (!is_entry(o)) return not_ours(error, "an entry of five");
    const msgpack_object *at = o->via.array.ptr;
    if (!name_entry(line.header, at[1].via.i64, &line, &name)) return not_ours(error, "a state of the header");
    if (!wants(d, name)) return WEIR_OK;
    bool fine = begin_order(d, line.class, name) && weir__order_value(&d->order, &at[3]) &&
                weir__order_value(&d->order, &at[2]) &&
                (line.class == WEIR__DUMP_STATE || weir__order_value(&d->order, &at[4]));
    return fine ? collect(d, line, bytes, n, error) : no_memory(error);
}

static weir_status unpack(const uint8_t *bytes, size_t n, msgpack_unpacked *tree, struct weir_error *error)
{
    msgpack_unpacked_init(tree);
    if (msgpack_unpack_next(tree, (const char *)bytes, n, NULL) == MSGPACK_UNPACK_SUCCESS) return WEIR_OK;
    return not_ours(error, "a msgpack value");
}

static weir_status see_entry(void *arg, uint32_t group, const uint8_t *bytes, size_t n, struct weir_error *error)
{
    msgpack_unpacked tree;
    ((struct dump *)arg)->has[group] = true;
    weir_status s = unpack(bytes, n, &tree, error);
    if (s == WEIR_OK) s = collect_entry(arg, &tree.data, bytes, n, error);
    msgpack_unpacked_destroy(&tree);
    return s;
}

static weir_status see_header(void *arg, const uint8_t *bytes, size_t n, struct weir_error *error)
{
    struct dump *d = arg;
    if (d->headers[d->part].states) return WEIR_OK; /* of an earlier pass: lines point to it */
    weir_status s = weir_saved_header_read(bytes, n, &d->headers[d->part], error);
    for (size_t i = 0; s == WEIR_OK && i < d->headers[d->part].n; i++) {
        const char *name = d->headers[d->part].states[i].name;
        wants(d, name);
        if (d->part == 0) weir_text_add(&d->names, "%s'%s'", d->names.n ? ", " : "", name);
    }
    return s;
}

/* ---- items ------------------------------------------------------------------------------------------------------- */

static bool is_span(const msgpack_object *o)
{
    return o->type == MSGPACK_OBJECT_ARRAY && o->via.array.size == 3 && is_integer(&o->via.array.ptr[0]) &&
           is_integer(&o->via.array.ptr[1]) && is_integer(&o->via.array.ptr[2]);
}

static weir_status collect_item(struct dump *d, const struct weir_saved_list *list, const msgpack_object *o,
                                const uint8_t *bytes, size_t n, struct weir_error *error)
{
    if (list->deal == WEIR_DEAL_UNION && strcmp(list->name, WATERMARKS) == 0 && is_span(o)) {
        const msgpack_object *at = o->via.array.ptr;
        WEIR_GROW(d->spans, d->spans_capacity, d->n_spans + 1);
        d->spans[d->n_spans++] = (struct span){at[0].via.i64, at[1].via.i64, at[2].via.i64};
        d->watermarks = list;
        return WEIR_OK;
    }
    const struct line line = {.list = list, .header = &d->headers[d->part], .class = WEIR__DUMP_LIST};
    bool once = list->deal != WEIR_DEAL_SPLIT;
    bool fine = begin_order(d, WEIR__DUMP_LIST, list->name) && weir__order_value(&d->order, o) &&
                weir__order_number(&d->order, once ? 0 : d->n_items++);
    return fine ? collect(d, line, bytes, n, error) : no_memory(error);
}

static weir_status see_item(void *arg, const struct weir_saved_list *list, const uint8_t *bytes, size_t n,
                            struct weir_error *error)
{
    struct dump *d = arg;
    msgpack_unpacked tree;
    if (!wants(d, list->name)) return WEIR_OK;
    weir_status s = unpack(bytes, n, &tree, error);
    if (s == WEIR_OK) s = collect_item(d, list, &tree.data, bytes, n, error);
    msgpack_unpacked_destroy(&tree);
    return s;
}

static int append(void *to, const char *bytes, size_t n)
{
    return weir_key_bytes_add(to, bytes, n) ? 0 : -1;
}

static weir_status collect_span(struct dump *d, const struct span *span, struct weir_error *error)
{
    struct weir_key_bytes bytes = {0};
    msgpack_packer pk;
    msgpack_unpacked tree;
    msgpack_packer_init(&pk, &bytes, append);
    int failed = msgpack_pack_array(&pk, 3);
    failed |= msgpack_pack_int64(&pk, span->first);
    failed |= msgpack_pack_int64(&pk, span->last);
    failed |= msgpack_pack_int64(&pk, span->watermark);
    weir_status s = failed ? no_memory(error) : unpack(bytes.p, bytes.n, &tree, error);
    if (!failed) {
        bool fine = s == WEIR_OK && begin_order(d, WEIR__DUMP_LIST, WATERMARKS) && weir__order_value(&d->order, &tree.data);
        s = fine ? collect(d, (struct line){.list = d->watermarks, .class = WEIR__DUMP_LIST}, bytes.p, bytes.n, error)
                 : no_memory(error);
        msgpack_unpacked_destroy(&tree);
    }
    weir_key_bytes_finish(&bytes);
    return s;
}

/* The watermark of a key group; false: none was kept. */
static bool watermark_of(const struct dump *d, uint32_t group, int64_t *watermark)
{
    for (size_t i = 0; i < d->n_spans; i++) {
        if (group < d->spans[i].first || group > d->spans[i].last) continue;
        *watermark = d->spans[i].watermark;
        return true;
    }
    return false;
}

/* Where subtasks met, and which of them had nothing, is nobody's business: a run goes from a key group with entries to
 * another, as far as those between them have the same watermark. */
static weir_status collect_spans(struct dump *d, struct weir_error *error)
{
    if (d->n_spans == 0) return WEIR_OK;
    struct span run = {.first = -1};
    weir_status s = WEIR_OK;
    for (uint32_t group = 0; s == WEIR_OK && group < d->node->max_parallelism; group++) {
        int64_t watermark = 0;
        if (!d->has[group]) continue;
        bool known = watermark_of(d, group, &watermark);
        if (known && run.first >= 0 && run.watermark == watermark) {
            run.last = group;
            continue;
        }
        if (run.first >= 0) s = collect_span(d, &run, error);
        run = (struct span){known ? (int64_t)group : -1, group, watermark};
    }
    if (s == WEIR_OK && run.first >= 0) s = collect_span(d, &run, error);
    d->n_spans = 0;
    return s;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static weir_status flush(struct dump *d, struct weir_error *error)
{
    weir_status s = d->text.n > 0 ? d->options->write(d->options->arg, weir_text_get(&d->text), d->text.n) : WEIR_OK;
    d->text.n = 0;
    return s == WEIR_OK ? s : weir_error_set(error, s, "the dump cannot be written on");
}

/* What a list holds, where it is a state of the component; NULL: it is the operator's own. */
static const struct weir_saved_state_info *unkeyed_state(const struct weir_saved_header *header, const char *name)
{
    for (size_t i = 0; header && i < header->n; i++) {
        if (!header->states[i].keyed && strcmp(header->states[i].name, name) == 0) return &header->states[i];
    }
    return NULL;
}

static struct weir__dump_state state_of(const struct dump *d, const struct line *line)
{
    struct weir__dump_state s = {.node = d->node->id, .class = line->class};
    if (line->class == WEIR__DUMP_LIST) {
        s.name = line->list->name;
        s.deal = line->list->deal;
        s.state = unkeyed_state(line->header, s.name);
        return s;
    }
    s.key = &line->header->key;
    if (line->class == WEIR__DUMP_STATE) s.state = &line->header->states[line->state];
    s.name = s.state ? s.state->name : timer_names[line->class];
    return s;
}

static bool looks_alike(const struct weir__dump_state *a, const struct weir__dump_state *b)
{
    return a->node == b->node && a->class == b->class && strcmp(a->name, b->name) == 0;
}

static weir_status write_line(struct dump *d, const struct line *line, struct weir_error *error)
{
    struct weir__dump_state state = state_of(d, line);
    msgpack_unpacked tree;
    if (!d->last.node || !looks_alike(&state, &d->last)) {
        if (d->options->csv && d->last.node) weir_text_add_bytes(&d->text, "\n", 1);
        weir__dump_header(&d->text, &state, d->options->csv);
        d->last = state;
    }
    weir_status s = unpack(line->bytes + line->n_order, line->n, &tree, error);
    if (s == WEIR_OK && !weir__dump_line(&d->text, &state, &tree.data, d->options->csv))
        s = weir_error_set(error, WEIR_E_DATA,
                           "node '%s', state '%s': an entry is not of the types that its header says; it was not written by "
                           "weir, or by another version of it",
                           state.node, state.name);
    msgpack_unpacked_destroy(&tree);
    return s == WEIR_OK && d->text.n >= MOST_TEXT ? flush(d, error) : s;
}

static weir_status write_lines(struct dump *d, struct weir_error *error)
{
    weir_status s = WEIR_OK;
    sort_lines(d);
    for (size_t i = 0; s == WEIR_OK && i < d->n; i++) {
        if (i > 0 && by_order(&d->lines[i - 1], &d->lines[i]) == 0) continue; /* a copy */
        s = write_line(d, &d->lines[i], error);
    }
    if (s == WEIR_OK && d->n > 0 && !copy_to(&d->after, d->lines[d->n - 1].bytes, d->lines[d->n - 1].n_order))
        s = no_memory(error);
    for (size_t i = 0; i < d->n; i++) weir_free(d->lines[i].bytes);
    d->n = d->bytes = 0;
    return s;
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

static weir_status pass(struct dump *d, struct weir_error *error)
{
    static const struct weir_saved_visitor visitor = {.header = see_header, .entry = see_entry, .item = see_item};
    weir_status s = WEIR_OK;
    d->limit.n = 0;
    d->n_items = 0;
    d->more = false;
    for (d->part = 0; s == WEIR_OK && d->part < d->node->n; d->part++)
        s = weir_saved_scan(d->storage, d->checkpoint, &d->node->parts[d->part], &visitor, d, error);
    if (s == WEIR_OK) s = collect_spans(d, error);
    return s == WEIR_OK ? write_lines(d, error) : s;
}

static void forget_node(struct dump *d)
{
    for (size_t i = 0; i < d->n; i++) weir_free(d->lines[i].bytes);
    for (size_t i = 0; i < d->node->n; i++) weir_saved_header_finish(&d->headers[i]);
    weir_free(d->headers);
    weir_free(d->has);
    d->n = d->bytes = d->n_spans = d->after.n = 0;
}

static weir_status dump_node(struct dump *d, const struct weir_saved_node *node, struct weir_error *error)
{
    weir_status s;
    d->node = node;
    d->headers = weir_alloc_array(node->n + 1, sizeof *d->headers);
    d->has = weir_alloc_array(node->max_parallelism, sizeof *d->has);
    do s = pass(d, error);
    while (s == WEIR_OK && d->more);
    forget_node(d);
    return s;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct weir_saved_node *)a)->id, ((const struct weir_saved_node *)b)->id);
}

static weir_status no_such_node(const struct weir_saved_index *index, const char *wanted, struct weir_error *error)
{
    const char **ids = weir_alloc_array(index->n + 1, sizeof *ids);
    for (size_t i = 0; i < index->n; i++) ids[i] = index->nodes[i].id;
    const char *near = weir_nearest(wanted, ids, index->n);
    weir_error_set(error, WEIR_E_CONFIG, "there is no node '%s' in it%s%s%s", wanted, near ? "; did you mean '" : "",
                   near ? near : "", near ? "'?" : "; `weir savepoint verify` shows those there are");
    weir_free(ids);
    return WEIR_E_CONFIG;
}

static weir_status dump_all(struct dump *d, struct weir_saved_index *index, struct weir_error *error)
{
    const struct weir_saved_dump_options *o = d->options;
    weir_status s = WEIR_OK;
    bool found = !o->node;
    if (index->n > 1) qsort(index->nodes, index->n, sizeof *index->nodes, by_id);
    for (size_t i = 0; s == WEIR_OK && i < index->n; i++) {
        if (o->node && strcmp(o->node, index->nodes[i].id) != 0) continue;
        found = true;
        s = dump_node(d, &index->nodes[i], error);
    }
    if (s == WEIR_OK) s = flush(d, error);
    if (s == WEIR_OK && !found) return no_such_node(index, o->node, error);
    if (s == WEIR_OK && o->state && !d->matched)
        s = weir_error_set(error, WEIR_E_CONFIG, "there is no state '%s' in it; there are %s", o->state,
                           d->names.n ? weir_text_get(&d->names) : "none");
    return s;
}

weir_status weir_saved_dump(struct weir_storage *storage, const char *checkpoint, const struct weir_saved_dump_options *o,
                            struct weir_error *error)
{
    struct weir_saved_index index = {0};
    struct dump d = {
        .storage = storage, .checkpoint = checkpoint, .options = o, .most_bytes = o->memory ? o->memory : DEFAULT_MEMORY};
    weir_status s = weir_saved_index_read(storage, checkpoint, &index, error);
    if (s == WEIR_OK) s = dump_all(&d, &index, error);
    weir_saved_index_finish(&index);
    weir_key_bytes_finish(&d.order);
    weir_key_bytes_finish(&d.after);
    weir_key_bytes_finish(&d.limit);
    weir_text_finish(&d.text);
    weir_text_finish(&d.names);
    weir_free(d.lines);
    weir_free(d.spans);
    return s;
}
