/* source_elements - records written in the manifest itself, decoded as the lines of a file would be.
 *
 * The rows become one text, a newline after each, in one split. A position is how many bytes of it were read.
 */
#include <weir/udf.h>

typedef struct elements {
    weir_strings rows;
    weir_part format;

    char *text;
    size_t n, at;
    uint64_t split;
    bool opened, given, begun, done;
} elements;

static const weir_decoder *decoder_of(const elements *me)
{
    return me->format.vtable;
}

static weir_status elements_discover(void *self, weir_ctx *cx, weir_add_split *add, void *to)
{
    (void)self;
    (void)cx;
    weir_split split = {.struct_size = sizeof split, .description = {"elements", 8}};
    return add(to, &split);
}

static weir_status elements_open(void *self, weir_ctx *cx)
{
    elements *me = self;
    const weir_decoder *d = decoder_of(me);
    me->opened = true; /* its close is called also when this fails */
    weir_status s = d->open ? d->open(me->format.self, cx) : WEIR_OK;
    return s;
}

static weir_status elements_add_split(void *self, weir_ctx *cx, const weir_split *split, const void *position, size_t n)
{
    elements *me = self;
    size_t total = 0, at = 0;
    for (size_t i = 0; i < me->rows.n; i++) total += strlen(me->rows.items[i]) + 1;
    me->text = cx->host->alloc(cx, total + 1);
    if (!me->text) return weir_fail(cx, WEIR_E_MEMORY, "no memory for rows of %zu bytes", total);
    for (size_t i = 0; i < me->rows.n; i++) {
        size_t length = strlen(me->rows.items[i]);
        memcpy(me->text + at, me->rows.items[i], length);
        at += length;
        me->text[at++] = '\n';
    }
    me->n = total;
    me->split = split->id;
    me->given = true;
    if (n == sizeof me->at) memcpy(&me->at, position, n);
    return WEIR_OK;
}

static weir_status begin(elements *me, weir_ctx *cx)
{
    weir_stream stream = {.struct_size = sizeof stream, .name = "elements", .offset = (int64_t)me->at,
                          .head = {me->text, me->at > 0 ? me->n : 0}};
    me->begun = true;
    weir_status s = cx->host->split_begin(cx, me->split);
    return s == WEIR_OK ? decoder_of(me)->begin(me->format.self, cx, &stream) : s;
}

static weir_progress elements_poll(void *self, weir_ctx *cx, int64_t max_rows)
{
    elements *me = self;
    size_t used = 0;
    if (!me->given || me->done) return WEIR_DONE;
    if (!me->begun && begin(me, cx) != WEIR_OK) return WEIR_FAILED;
    if (me->at < me->n) {
        weir_status s =
            decoder_of(me)->decode(me->format.self, cx, me->text + me->at, me->n - me->at, true, max_rows, &used);
        if (s != WEIR_OK) return WEIR_FAILED;
        me->at += used;
        if (used > 0) return WEIR_MADE;
        weir_fail(cx, WEIR_E_PLUGIN, "the decoder '%s' left %zu bytes undecoded", me->format.component->id, me->n - me->at);
        return WEIR_FAILED;
    }
    me->done = true;
    return cx->host->split_done(cx, me->split) == WEIR_OK ? WEIR_DONE : WEIR_FAILED;
}

static weir_status elements_position(void *self, weir_ctx *cx, int64_t checkpoint, const weir_split *split, void *buf,
                                     size_t cap, size_t *n)
{
    const elements *me = self;
    (void)cx;
    (void)checkpoint;
    (void)split;
    *n = cap >= sizeof me->at ? sizeof me->at : 0;
    memcpy(buf, &me->at, *n);
    return WEIR_OK;
}

static void elements_close(void *self, weir_ctx *cx)
{
    elements *me = self;
    if (me->opened && decoder_of(me)->close) decoder_of(me)->close(me->format.self, cx);
    cx->host->release(cx, me->text);
    me->text = NULL;
    me->opened = false;
}

static const weir_source elements_vtable = {
    .struct_size = sizeof(weir_source),
    .discover = elements_discover,
    .open = elements_open,
    .add_split = elements_add_split,
    .poll = elements_poll,
    .position = elements_position,
    .close = elements_close,
};
static const weir_option elements_options[] = {
    WEIR_OPTION(elements, rows, .doc = "the records, as lines of the format"),
    WEIR_OPTION(elements, format, .def = "csv", .accepts = WEIR_DECODER, .doc = "how a line is decoded"),
};
WEIR_COMPONENT(elements, WEIR_SOURCE, elements_vtable, .id = "elements", .doc = "records written in the manifest",
               .out = "$format", .flags = WEIR_REPLAYABLE,
               WEIR_OPTIONS(elements_options));
WEIR_PLUGIN("weir.source_elements", "0.1.0", &elements_component);
