/* general_stage.h - the general window operator on a stage: rows "user: string, n: i64", results "user, c, total". */
#ifndef WEIR_TEST_GENERAL_STAGE_H
#define WEIR_TEST_GENERAL_STAGE_H

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "harness/op_env.h"
#include "harness/rows_text.h"
#include "harness/suite.h"
#include "window/window_op.h"

struct stage {
    struct weir_op_stage s;
    struct weir_schema *in, *out;
    struct weir_stream_node *node;
    struct weir_op *op;
    struct weir_text text;
    bool all;                   /* windows over all rows */
    struct weir_schema *second; /* of port 1; NULL: as `in` (late rows) */
    uint64_t calls;             /* of the operator */
};

/* part("session", "gap", "5ms"): up to two options. */
static inline struct weir_part_spec *part_of(struct stage *g, weir_kind kind, const char *name, const char *option,
                                             const char *value)
{
    struct weir_part_spec *part = weir_op_stage_part(&g->s, kind, name);
    if (option) weir_op_stage_option(part, option, value);
    return part;
}
static inline void set_field(struct weir_part_spec *part, const char *option, int32_t field)
{
    for (uint32_t i = 0; i < part->info->n_options; i++) {
        if (strcmp(part->info->options[i].name, option)) continue;
        part->values[i].set = true;
        part->values[i].index = field;
    }
}
static inline struct weir_part_spec *around(struct stage *g, const char *name, struct weir_part_spec *inner)
{
    return weir_op_stage_around(&g->s, WEIR_TRIGGER, name, inner);
}

static inline void prepare(struct stage *g, bool all)
{
    *g = (struct stage){.all = all};
    weir_op_stage_init(&g->s);
    g->in = weir_test_schema("user: string, n: i64");
    g->out = weir_test_schema(all ? "c: i64, total: i64?" : "user: string, c: i64, total: i64?");
    g->node = weir_op_stage_node(&g->s, WEIR_NODE_WINDOW, g->in);
    if (!all) weir_op_stage_key(g->node, "user");
    weir_op_stage_output(g->node, "", g->out);
    weir_op_stage_aggregate(&g->s, g->node, "c", "count", -1);
    weir_op_stage_aggregate(&g->s, g->node, "total", "sum", 1);
}

static inline void use_function(struct stage *g, const char *name, const char *out, uint32_t field)
{
    struct weir_window_config *w = &g->node->window;
    weir_schema_release(g->out);
    weir_schema_release(g->node->outputs[0].schema);
    g->out = weir_test_schema(out);
    g->node->outputs[0].schema = weir_schema_retain(g->out);
    w->function = weir_op_stage_part(&g->s, WEIR_WINDOW_FUNCTION, name);
    w->function_args = weir_alloc_array(1, sizeof *w->function_args);
    w->function_args[0] = field;
    w->n_function_args = 1;
}

static inline void drop_aggregates(struct stage *g)
{
    struct weir_window_config *w = &g->node->window;
    while (w->n_aggregates > 0) {
        struct weir_aggregate_config *a = &w->aggregates[--w->n_aggregates];
        weir_part_spec_destroy(a->part);
        weir_free(a->name);
        weir_free(a->args);
    }
}

static inline void late_output(struct stage *g)
{
    weir_op_stage_output(g->node, "late", g->in);
    g->node->window.late_output = true;
}

static inline void start(struct stage *g, struct weir_part_spec *assigner, struct weir_part_spec *trigger)
{
    struct weir_error error = {0};
    g->node->window.assigner = assigner;
    g->node->window.trigger = trigger;
    g->op = weir_window_op_create(g->node, &g->s.env, g->s.registry, "node 'w'", &error);
    if (!g->op) fprintf(stderr, "%s\n", error.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(g->op);
    CU_ASSERT_EQUAL(g->op->class->open(g->op), WEIR_OK);
}

static inline void drain(struct stage *g)
{
    struct weir_schema *schemas[] = {g->out, g->second ? g->second : g->in};
    weir_test_drain(&g->text, g->op, schemas);
}

static inline void feed(struct stage *g, const char *text)
{
    static const uint32_t key[] = {0};
    struct weir_rows *rows =
        g->all ? weir_test_rows(g->s.env.pool, g->in, text) : weir_test_keyed_rows(g->s.env.pool, g->in, text, key, 1, 128);
    int64_t row = 0;
    weir_status s;
    do {
        s = g->op->class->rows(g->op, 0, rows, &row);
        g->calls++;
        drain(g);
    } while (s == WEIR_MORE);
    if (s != WEIR_OK) fprintf(stderr, "%s\n", g->op->error.text);
    CU_ASSERT_EQUAL(s, WEIR_OK);
    weir_rows_release(rows);
}

static inline void watermark(struct stage *g, int64_t w)
{
    weir_status s;
    g->op->watermark = w;
    if (!g->op->class->watermark) return; /* windows without a timer */
    for (g->calls++; (s = g->op->class->watermark(g->op, w)) == WEIR_MORE; g->calls++) drain(g);
    if (s != WEIR_OK) fprintf(stderr, "%s\n", g->op->error.text);
    CU_ASSERT_EQUAL(s, WEIR_OK);
    drain(g);
}

static inline void clock_at(struct stage *g, int64_t now)
{
    g->s.now_ms = now;
    if (g->op->next_due_ms > now) return;
    while (g->op->class->processing_time(g->op, now) == WEIR_MORE) drain(g);
    drain(g);
}

static inline void tear_down(struct stage *g)
{
    g->op->class->close(g->op);
    g->op->class->destroy(g->op);
    weir_op_stage_finish(&g->s);
    weir_schema_release(g->in);
    weir_schema_release(g->out);
    weir_text_finish(&g->text);
}

static inline void expect(struct stage *g, const char *text)
{
    if (strcmp(weir_text_get(&g->text), text) != 0)
        fprintf(stderr, "\nexpected:\n%sfound:\n%s", text, weir_text_get(&g->text));
    CU_ASSERT_STRING_EQUAL(weir_text_get(&g->text), text);
    weir_text_finish(&g->text);
}

#define ASSIGNER(g, name, option, value) part_of(g, WEIR_WINDOW_ASSIGNER, name, option, value)
#define TRIGGER(g, name, option, value)  part_of(g, WEIR_TRIGGER, name, option, value)
#define EVICTOR(g, name, option, value)  part_of(g, WEIR_EVICTOR, name, option, value)

#endif
