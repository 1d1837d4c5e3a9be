/* watermarker.c - see the header. Rules: semantics A4, "Generation" and "Idleness". */
#include "operator/watermarker.h"

#include "base/alloc.h"

weir_status weir_watermarker_init(struct weir_watermarker *w, const struct weir_time_config *config, struct weir_op *op,
                                  struct weir_registry *registry, struct weir_schema *schema, struct weir_error *error)
{
    *w = (struct weir_watermarker){.config = config, .op = op, .last = INT64_MIN};
    weir_idleness_init(&w->idleness, config->idle_after_ms);
    if (!config->generator) return WEIR_OK;
    /* A generator sees the stream as it is: every field, in order. */
    uint32_t n = config->generator->info->in ? weir_schema_count(schema) : 0;
    uint32_t *args = weir_alloc_array(n + 1, sizeof *args);
    for (uint32_t i = 0; i < n; i++) args[i] = i;
    struct weir_instance_options o = {
        .op = op, .registry = registry, .part = config->generator, .in = schema, .args = args, .n_args = n};
    weir_status s = weir_instance_create(&o, &w->generator, error);
    weir_free(args);
    if (s == WEIR_OK) w->vtable = w->generator->part.vtable;
    return s;
}

void weir_watermarker_finish(struct weir_watermarker *w)
{
    weir_instance_destroy(w->generator);
    *w = (struct weir_watermarker){0};
}

weir_status weir_watermarker_open(struct weir_watermarker *w)
{
    w->opened = true;
    if (!w->generator || !w->vtable->open) return WEIR_OK;
    weir_status s = w->vtable->open(w->generator->part.self, &w->generator->cx);
    return s < 0 ? weir_instance_failed(w->generator, s, "open") : WEIR_OK;
}

void weir_watermarker_close(struct weir_watermarker *w)
{
    if (w->generator && w->opened && w->vtable->close) w->vtable->close(w->generator->part.self, &w->generator->cx);
    w->opened = false;
}

/* The timestamp column becomes the rows' time, uncopied. */
static weir_status assign_time(struct weir_watermarker *w, struct weir_rows *rows)
{
    if (w->config->field < 0) return WEIR_OK;
    const weir_column *c = &rows->columns[w->config->field];
    for (int64_t i = 0; c->validity && i < rows->view.length; i++) {
        if (weir_bit(c->validity, i + c->bit_offset)) continue;
        return weir_op_fail(w->op, WEIR_E_DATA,
                            "the timestamp field is null in a record; every record needs an event time: filter such records "
                            "out, or make the field required in the schema so that they are malformed");
    }
    rows->view.time = c->data;
    return WEIR_OK;
}

static weir_status grow(struct weir_watermarker *w, int64_t watermark, const struct weir_watermarker_target *to)
{
    if (watermark <= w->last) return WEIR_OK;
    w->last = watermark;
    return to->watermark(to->arg, watermark);
}

/* Rows [from, until) of `rows` go on as rows of their own. */
static weir_status pass(struct weir_watermarker *w, struct weir_rows *rows, int64_t from, int64_t until,
                        const struct weir_watermarker_target *to)
{
    if (from == until) return WEIR_OK;
    struct weir_rows *part = weir_rows_slice(w->op->env->pool, rows, from, until - from);
    if (!part) return weir_op_fail(w->op, WEIR_E_MEMORY, "no memory for a slice of rows");
    part->split = rows->split;
    return to->rows(to->arg, part);
}

static weir_status ask_periodic(struct weir_watermarker *w, int64_t *watermark)
{
    *watermark = INT64_MIN;
    if (!w->vtable->on_periodic) return WEIR_OK;
    weir_status s = w->vtable->on_periodic(w->generator->part.self, &w->generator->cx, watermark);
    return s < 0 ? weir_instance_failed(w->generator, s, "on_periodic") : WEIR_OK;
}

/* Shows rows [*row, until) to the generator; stops behind a row that carries a watermark. */
static weir_status show(struct weir_watermarker *w, int64_t *row, int64_t until, int64_t *watermark)
{
    struct weir_instance *g = w->generator;
    int64_t length = g->view.length, before = *row;
    g->view.length = g->view.selected = until;
    *watermark = INT64_MIN;
    weir_status s = w->vtable->on_rows(g->part.self, &g->cx, &g->view, row, watermark);
    g->view.length = g->view.selected = length;
    if (s < 0) return weir_instance_failed(g, s, "on_rows");
    if (*row <= before || *row > until) {
        return weir_op_fail(w->op, WEIR_E_PLUGIN,
                            "on_rows of the watermark generator '%s' moved its row from %lld to %lld of %lld",
                            w->config->generator->info->id, (long long)before, (long long)*row, (long long)until);
    }
    return WEIR_OK;
}

/* Cuts the rows wherever the watermark grows at a row: at punctuations, and with every_record wherever the periodic
 * watermark grew. */
static weir_status cut_at_watermarks(struct weir_watermarker *w, struct weir_rows *rows,
                                     const struct weir_watermarker_target *to)
{
    int64_t length = rows->view.length, passed = 0, row = 0;
    weir_status s = WEIR_OK;
    while (s == WEIR_OK && row < length) {
        int64_t watermark, periodic = INT64_MIN;
        s = show(w, &row, w->config->every_record ? row + 1 : length, &watermark);
        if (s == WEIR_OK && w->config->every_record) s = ask_periodic(w, &periodic);
        if (periodic > watermark) watermark = periodic;
        if (s != WEIR_OK || watermark <= w->last) continue;
        s = pass(w, rows, passed, row, to);
        passed = row;
        if (s == WEIR_OK) s = grow(w, watermark, to);
    }
    if (s != WEIR_OK) return s;
    if (passed == 0) return to->rows(to->arg, weir_rows_retain(rows));
    return pass(w, rows, passed, length, to);
}

weir_status weir_watermarker_rows(struct weir_watermarker *w, struct weir_rows *rows,
                                  const struct weir_watermarker_target *to)
{
    weir_status s = assign_time(w, rows);
    weir_idleness_event(&w->idleness);
    if (s != WEIR_OK || !w->generator) {
        if (s == WEIR_OK) return to->rows(to->arg, rows);
        weir_rows_release(rows);
        return s;
    }
    s = weir_instance_begin(w->generator, rows);
    if (s == WEIR_OK) s = cut_at_watermarks(w, rows, to);
    weir_status ended = weir_instance_end(w->generator, true);
    weir_rows_release(rows);
    return s != WEIR_OK ? s : ended;
}

weir_status weir_watermarker_tick(struct weir_watermarker *w, int64_t now_ms, const struct weir_watermarker_target *to,
                                  bool *idle)
{
    *idle = weir_idleness_probe(&w->idleness, now_ms, w->op->backpressured_ms);
    if (*idle || !w->generator) return WEIR_OK;
    int64_t watermark;
    weir_status s = ask_periodic(w, &watermark);
    return s == WEIR_OK ? grow(w, watermark, to) : s;
}
