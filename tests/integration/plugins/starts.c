/* For savepoints: a sum that starts at 100 and with a word, which its create puts there and nothing else; and a window
 * function that keeps packed rows of any fields. */
#include <weir/udf.h>

typedef struct starts {
    bool ready; /* once it is opened */
} starts;
typedef struct started {
    int64_t sum;
    weir_str word;
} started;
static const weir_field members[] = {WEIR_MEMBER(started, sum), WEIR_MEMBER(started, word)};
static const weir_state states[] = {WEIR_VALUE_STATE("started", started, members)};

static weir_status starts_open(void *self, weir_ctx *cx)
{
    starts *me = self;
    (void)cx;
    me->ready = true;
    return WEIR_OK;
}

static weir_status starts_create(void *self, weir_ctx *cx, void *acc)
{
    const starts *me = self;
    started *now = acc;
    if (!me->ready) return weir_fail(cx, WEIR_E_BUG, "create comes before open");
    now->sum = 100;
    return weir_assign(cx, 0, &now->word, (weir_str){"there from the start", 20});
}

static weir_status starts_add(void *self, weir_ctx *cx, void *acc, weir_row row)
{
    (void)self, (void)cx;
    ((started *)acc)->sum += weir_i64(row, 0);
    return WEIR_OK;
}

static weir_status starts_merge(void *self, weir_ctx *cx, void *acc, const void *other)
{
    (void)self, (void)cx;
    ((started *)acc)->sum += ((const started *)other)->sum - 100;
    return WEIR_OK;
}

static weir_status starts_result(void *self, weir_ctx *cx, const void *acc, uint32_t column)
{
    (void)self;
    weir_put_i64(cx, 0, column, ((const started *)acc)->sum);
    return WEIR_OK;
}

static void starts_close(void *self, weir_ctx *cx)
{
    (void)cx;
    ((starts *)self)->ready = false;
}

static const weir_aggregate vtable = {.struct_size = sizeof(weir_aggregate),
                                      .open = starts_open,
                                      .create = starts_create,
                                      .add = starts_add,
                                      .merge = starts_merge,
                                      .result = starts_result,
                                      .close = starts_close};
WEIR_COMPONENT(starts, WEIR_AGGREGATE, vtable, .id = "starts", .doc = "a sum that starts at 100", .in = "n:i64",
               .out = "result:i64", WEIR_STATES(states));

typedef struct packs {
    int64_t unused;
} packs;
typedef struct packed {
    weir_str row;
} packed;
static const weir_field packed_members[] = {WEIR_MEMBER(packed, row)};
static const weir_state packs_states[] = {WEIR_VALUE_STATE("last", packed, packed_members)};

static weir_status packs_process(void *self, weir_ctx *cx, const weir_window *w, const weir_batch *rows)
{
    packed *last = weir_edit(cx, 0);
    weir_str row;
    (void)self;
    if (!last) return WEIR_E_MEMORY;
    weir_status s = cx->host->pack_row(cx, (weir_row){rows, rows->length - 1}, &row);
    if (s == WEIR_OK) s = weir_assign(cx, 0, &last->row, row);
    weir_put_i64(cx, 0, 0, rows->length);
    return s == WEIR_OK ? weir_emit(cx, 0, weir_window_last(w)) : s;
}

static const weir_window_function packs_vtable = {.struct_size = sizeof(weir_window_function), .process = packs_process};
WEIR_COMPONENT(packs, WEIR_WINDOW_FUNCTION, packs_vtable, .id = "packs", .doc = "keeps the last row of each window",
               .in = "*", .out = "@key, n:i64", WEIR_STATES(packs_states));
WEIR_PLUGIN("test.starts", "1.0.0", &starts_component, &packs_component);
