/* An operator on a stage: made from a component of tests/plugins/toys and a schema, stepped by hand, its outbox
 * written as text. */
#ifndef OPERATOR_STAGE_H
#define OPERATOR_STAGE_H

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "data/schema.h"
#include "harness/op_env.h"
#include "harness/rows_text.h"
#include "harness/suite.h"
#include "operator/ops.h"

struct stage {
    struct weir_op_stage s;
    struct weir_schema *in, *in2, *outs[3]; /* in2: of a second input; outs by port */
    uint32_t input;                         /* that stage_feed feeds */
    struct weir_stream_node *node;
    struct weir_op *op;
    struct weir_text text, printed;
    struct weir_error error;      /* of creation */
    uint32_t calls, most_waiting; /* calls of the operator; elements in the outbox after one */
};

/* What the operators that start are restored from; NULL: nothing. */
__attribute__((unused)) static const struct weir_snapshot *stage_restore;

static inline weir_status stage_print(void *self, int stream, const void *bytes, size_t n, struct weir_error *error)
{
    struct stage *g = self; /* s is the first member */
    (void)stream;
    (void)error;
    weir_text_add_bytes(&g->printed, bytes, n);
    return WEIR_OK;
}

/* in NULL: no input; outs: "" for none. */
static inline void stage_init(struct stage *g, enum weir_node_kind kind, const char *in, const char *out)
{
    memset(g, 0, sizeof *g);
    weir_op_stage_init(&g->s);
    g->s.platform.print = stage_print;
    if (in) g->in = weir_test_schema(in);
    g->node = weir_op_stage_node(&g->s, kind, g->in);
    if (out) {
        g->outs[0] = weir_test_schema(out);
        weir_op_stage_output(g->node, "", g->outs[0]);
    }
}
static inline void stage_side(struct stage *g, const char *name, const char *schema)
{
    g->outs[g->node->n_outputs] = weir_test_schema(schema);
    weir_op_stage_output(g->node, name, g->outs[g->node->n_outputs]);
}

/* A second input; before stage_component. */
static inline void stage_second(struct stage *g, const char *schema)
{
    g->in2 = weir_test_schema(schema);
    g->node->second = weir_alloc(sizeof *g->node->second);
    g->node->second->in = weir_schema_retain(g->in2);
}
static inline void stage_second_key(struct stage *g, const char *field)
{
    struct weir_node_input *second = g->node->second;
    second->key_fields = weir_alloc_array(1, sizeof *second->key_fields);
    second->key_fields[second->n_key_fields++] = (uint32_t)weir_schema_find(g->in2, field);
}

static inline void stage_bind(const struct weir_schema_text *text, struct weir_schema *in, uint32_t **args, uint32_t *n)
{
    bool all = text->n == 1 && text->items[0].kind == WEIR_ITEM_ALL;
    *n = all ? weir_schema_count(in) : (uint32_t)text->n;
    *args = weir_alloc_array(*n + 1, sizeof **args);
    for (uint32_t i = 0; i < *n; i++) {
        (*args)[i] = all ? i : (uint32_t)weir_schema_find(in, text->items[i].name);
        WEIR_ASSERT((*args)[i] < weir_schema_count(in));
    }
}

/* Inputs by name; "*" is every field. */
static inline void stage_component(struct stage *g, weir_kind kind, const char *name)
{
    struct weir_named_schema *texts;
    struct weir_error error;
    size_t n;
    g->node->part = weir_op_stage_part(&g->s, kind, name);
    if (!g->in || !g->node->part->info->in) return;
    WEIR_ASSERT(weir_inputs_parse(g->node->part->info->in, &texts, &n, &error) == WEIR_OK);
    stage_bind(&texts[0].schema, g->in, &g->node->args, &g->node->n_args);
    if (n == 2) stage_bind(&texts[1].schema, g->in2, &g->node->second->args, &g->node->second->n_args);
    weir_named_schemas_finish(texts, n);
}
static inline void stage_option(struct stage *g, const char *name, const char *value)
{
    weir_op_stage_option(g->node->part, name, value);
}

static inline void stage_take(struct stage *g)
{
    g->calls++;
    if (g->op->outbox.n > g->most_waiting) g->most_waiting = g->op->outbox.n;
    weir_test_drain(&g->text, g->op, g->outs);
}

static inline void stage_use(struct stage *g, struct weir_op *op)
{
    if (!op) fprintf(stderr, "%s\n", g->error.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(op);
    g->op = op;
    if (stage_restore) CU_ASSERT_EQUAL(op->class->restore(op, stage_restore, 1), WEIR_OK);
    if (op->class->open) CU_ASSERT_EQUAL(op->class->open(op), WEIR_OK);
    stage_take(g);
}
static inline void stage_start(struct stage *g)
{
    switch (g->node->kind) {
    case WEIR_NODE_OPERATOR:
        stage_use(g, weir_plugin_op_create(g->node, &g->s.env, g->s.registry, "node 'x'", &g->error));
        break;
    case WEIR_NODE_REDUCE:
        stage_use(g, weir_reduce_op_create(g->node, &g->s.env, g->s.registry, "node 'x'", &g->error));
        break;
    case WEIR_NODE_TIME: stage_use(g, weir_time_op_create(g->node, &g->s.env, g->s.registry, "node 'x'", &g->error)); break;
    case WEIR_NODE_SELECT: stage_use(g, weir_select_op_create(g->node, &g->s.env, "node 'x'", &g->error)); break;
    case WEIR_NODE_EXPR: stage_use(g, weir_expr_op_create(g->node, &g->s.env, "node 'x'", &g->error)); break;
    case WEIR_NODE_ASYNC:
        stage_use(g, weir_async_op_create(g->node, &g->s.env, g->s.registry, "node 'x'", &g->error));
        break;
    case WEIR_NODE_SINK: stage_use(g, weir_sink_op_create(g->node, &g->s.env, g->s.registry, "node 'x'", &g->error)); break;
    default: WEIR_ASSERT(!"not for this kind of node");
    }
}

/* Takes the rows; to the end, or until the operator refuses. */
static inline weir_status stage_rows(struct stage *g, struct weir_rows *rows)
{
    int64_t row = 0;
    weir_status s;
    do {
        s = g->op->class->rows(g->op, g->input, rows, &row);
        stage_take(g);
    } while (s == WEIR_MORE && g->calls < 1000000);
    weir_rows_release(rows);
    return s;
}
static inline weir_status stage_try(struct stage *g, const char *text)
{
    return stage_rows(g, weir_test_rows(g->s.env.pool, g->input ? g->in2 : g->in, text));
}
static inline void stage_feed(struct stage *g, const char *text)
{
    weir_status s = stage_try(g, text);
    if (s != WEIR_OK) fprintf(stderr, "%s\n", g->op->error.text);
    CU_ASSERT_EQUAL(s, WEIR_OK);
}
static inline void stage_feed_second(struct stage *g, const char *text)
{
    g->input = 1;
    stage_feed(g, text);
    g->input = 0;
}
static inline void stage_watermark(struct stage *g, int64_t w)
{
    weir_status s = WEIR_MORE;
    g->op->watermark = w;
    while (s == WEIR_MORE && g->op->class->watermark) {
        s = g->op->class->watermark(g->op, w);
        stage_take(g);
    }
    CU_ASSERT(s >= 0);
}
/* The clock moves; what is due fires. */
static inline void stage_now(struct stage *g, int64_t now_ms)
{
    g->s.now_ms = now_ms;
    weir_status s = WEIR_MORE;
    while (s == WEIR_MORE && g->op->next_due_ms <= now_ms) {
        do {
            s = g->op->class->processing_time(g->op, now_ms);
            stage_take(g);
        } while (s == WEIR_MORE);
        CU_ASSERT(s >= 0);
    }
}
static inline void stage_finish(struct stage *g)
{
    weir_status s = WEIR_MORE;
    while (s == WEIR_MORE && g->op->class->finish) {
        s = g->op->class->finish(g->op);
        stage_take(g);
    }
    CU_ASSERT(s >= 0);
}
static inline void stage_expect_text(struct weir_text *found, const char *text)
{
    if (strcmp(weir_text_get(found), text) != 0) fprintf(stderr, "\nexpected:\n%sfound:\n%s", text, weir_text_get(found));
    CU_ASSERT_STRING_EQUAL(weir_text_get(found), text);
    weir_text_finish(found);
}
static inline void stage_expect(struct stage *g, const char *text)
{
    stage_expect_text(&g->text, text);
}

static inline void stage_end(struct stage *g)
{
    if (g->op && g->op->class->close) g->op->class->close(g->op);
    if (g->op) g->op->class->destroy(g->op);
    weir_op_stage_finish(&g->s);
    weir_schema_release(g->in);
    weir_schema_release(g->in2);
    for (int i = 0; i < 3; i++) weir_schema_release(g->outs[i]);
    weir_text_finish(&g->text);
    weir_text_finish(&g->printed);
}

#endif
