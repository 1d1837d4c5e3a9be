/* Operators that do what a test tells them, and a subtask around one of them, stepped by hand. */
#ifndef TASK_STAGE_H
#define TASK_STAGE_H

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "data/schema.h"
#include "harness/op_env.h"
#include "harness/rows_text.h"
#include "harness/suite.h"
#include "task/worker.h"

/* A source whose polls are the letters of `script`: r a row (its number counts up), n nothing, m made without a row, d
 * done, f fails; the last letter repeats. Or, fed by a gate, a step that logs what comes and passes it on. */
struct actor {
    struct weir_op op;
    struct weir_schema *schema;
    struct weir_text log;
    const char *script;
    int64_t n;
    int polls, closes;
    bool fails_to_open;
};

static inline struct actor *actor_of(struct weir_op *op)
{
    return (struct actor *)(void *)op;
}
static inline struct weir_rows *actor_row(struct actor *a)
{
    char text[32];
    snprintf(text, sizeof text, "- | %d", (int)++a->n);
    return weir_test_rows(a->op.env->pool, a->schema, text);
}
static inline weir_progress actor_poll(struct weir_op *op, int64_t max_rows)
{
    struct actor *a = actor_of(op);
    char letter = *a->script;
    (void)max_rows;
    a->polls++;
    if (a->script[1]) a->script++;
    switch (letter) {
    case 'r': return weir_op_emit(op, 0, actor_row(a)) == WEIR_OK ? WEIR_MADE : WEIR_FAILED;
    case 'n': return WEIR_NONE;
    case 'd': return weir_op_emit_mark(op, WEIR_ELEMENT_END, WEIR_END_OF_INPUT) == WEIR_OK ? WEIR_DONE : WEIR_FAILED;
    case 'f': weir_op_fail(op, WEIR_E_IO, "the well is dry"); return WEIR_FAILED;
    default: return WEIR_MADE;
    }
}
static inline weir_status actor_open(struct weir_op *op)
{
    return actor_of(op)->fails_to_open ? weir_op_fail(op, WEIR_E_IO, "it is locked") : WEIR_OK;
}
static inline weir_status actor_rows(struct weir_op *op, uint32_t input, struct weir_rows *rows, int64_t *row)
{
    (void)input;
    weir_test_add_rows(&actor_of(op)->log, rows, actor_of(op)->schema);
    *row = rows->view.length;
    return weir_op_emit(op, 0, weir_rows_retain(rows));
}
static inline weir_status actor_watermark(struct weir_op *op, int64_t w)
{
    weir_text_add(&actor_of(op)->log, "watermark %lld\n", (long long)w);
    return WEIR_OK;
}
static inline weir_status actor_finish(struct weir_op *op)
{
    weir_text_add(&actor_of(op)->log, "finish\n");
    return WEIR_OK;
}
static inline weir_status actor_flush(struct weir_op *op)
{
    weir_text_add(&actor_of(op)->log, "flush\n");
    return WEIR_OK;
}
static inline weir_status actor_due(struct weir_op *op, int64_t now_ms)
{
    weir_text_add(&actor_of(op)->log, "due %lld\n", (long long)now_ms);
    op->next_due_ms = INT64_MAX;
    return WEIR_OK;
}
static inline void actor_close(struct weir_op *op)
{
    actor_of(op)->closes++;
}
static const struct weir_op_class actor_source = {
    .name = "source", .open = actor_open, .poll = actor_poll, .processing_time = actor_due, .close = actor_close};
static const struct weir_op_class actor_step = {.name = "step",
                                                .open = actor_open,
                                                .rows = actor_rows,
                                                .watermark = actor_watermark,
                                                .processing_time = actor_due,
                                                .finish = actor_finish,
                                                .flush = actor_flush,
                                                .close = actor_close};

/* A subtask of one actor: a source, or fed by `n_channels` rings; with one ring behind it when `out_capacity` is not 0. */
struct task_stage {
    struct weir_op_stage s;
    struct weir_schema *schema;
    struct actor actor;
    struct weir_chain_member member;
    struct weir_chain_target target;
    struct weir_writer *writer;
    struct weir_ring in[2], out;
    struct weir_subtask task;
    struct weir_error error;
    _Atomic uint32_t stop;
};

static inline void task_stage_init(struct task_stage *g, const char *script, uint32_t n_channels, uint32_t out_capacity)
{
    memset(g, 0, sizeof *g);
    weir_op_stage_init(&g->s);
    g->schema = weir_test_schema("n: i64");
    weir_op_init(&g->actor.op, script ? &actor_source : &actor_step, &g->s.env, "node 'x'");
    g->actor.schema = g->schema;
    g->actor.script = script;
    g->member = (struct weir_chain_member){.op = &g->actor.op, .targets = &g->target, .n_targets = out_capacity > 0};
    g->task = (struct weir_subtask){.chain = {.members = &g->member, .n_members = 1, .pool = g->s.env.pool},
                                    .has_source = script != NULL,
                                    .poll_rows = 10,
                                    .stop = &g->stop};
    struct weir_gate_channel channels[2] = {{.ring = &g->in[0]}, {.ring = &g->in[1]}};
    for (uint32_t i = 0; i < n_channels; i++) CU_ASSERT_EQUAL(weir_ring_init(&g->in[i], 100, &g->error), WEIR_OK);
    if (n_channels > 0) weir_gate_init(&g->task.gate, channels, n_channels, 1);
    if (out_capacity == 0) return;
    struct weir_ring *rings[] = {&g->out};
    CU_ASSERT_EQUAL(weir_ring_init(&g->out, out_capacity, &g->error), WEIR_OK);
    struct weir_writer_options o = {.partition = WEIR_PARTITION_FORWARD,
                                    .pool = g->s.env.pool,
                                    .schema = g->schema,
                                    .rings = rings,
                                    .n_rings = 1,
                                    .batch_rows = 16,
                                    .receivers = 1,
                                    .where = "node 'x'"};
    CU_ASSERT_EQUAL(weir_writer_create(&o, &g->writer, &g->error), WEIR_OK);
    g->target.writer = g->writer;
    g->task.chain.writers = &g->writer;
    g->task.chain.n_writers = 1;
}

static inline void task_stage_end(struct task_stage *g)
{
    weir_subtask_close(&g->task);
    weir_gate_finish(&g->task.gate);
    weir_alignment_finish(&g->task.alignment);
    weir_writer_destroy(g->writer);
    for (int i = 0; i < 2; i++) weir_ring_finish(&g->in[i]);
    weir_ring_finish(&g->out);
    weir_outbox_finish(&g->actor.op.outbox);
    weir_schema_release(g->schema);
    weir_text_finish(&g->actor.log);
    weir_op_stage_finish(&g->s);
}

static inline void push_rows(struct task_stage *g, uint32_t channel, const char *text)
{
    struct weir_element e = {.kind = WEIR_ELEMENT_ROWS, .rows = weir_test_rows(g->s.env.pool, g->schema, text)};
    CU_ASSERT(weir_ring_push(&g->in[channel], e));
}
static inline void push_mark(struct task_stage *g, uint32_t channel, enum weir_element_kind kind, int64_t value)
{
    CU_ASSERT(weir_ring_push(&g->in[channel], (struct weir_element){.kind = kind, .port = WEIR_ALL_PORTS, .value = value}));
}
static inline void expect_log(struct task_stage *g, const char *text)
{
    if (strcmp(weir_text_get(&g->actor.log), text) != 0) {
        fprintf(stderr, "\nexpected:\n%sfound:\n%s", text, weir_text_get(&g->actor.log));
    }
    CU_ASSERT_STRING_EQUAL(weir_text_get(&g->actor.log), text);
    weir_text_finish(&g->actor.log);
}

#endif
