/* deploy.c - from a stream graph to operators, channels and slots. Coordinator's thread; no other thread runs yet.
 *
 * Order: graphs, workers and pools, rings, operators (which opens plugin files), chains with their writers, gates, splits.
 * Every piece is reachable from the run as soon as it exists, so that weir_run_destroy can undo a deployment that failed
 * half-way.
 */
#include <stdio.h>

#include "base/alloc.h"
#include "base/random.h"
#include "base/text.h"
#include "graph/unread.h"
#include "job/checkpoints.h"
#include "job/restore.h"
#include "job/run_internal.h"
#include "operator/ops.h"
#include "window/window_op.h"

#define NO_WORKER UINT32_MAX

/* ---- workers ----------------------------------------------------------------------------------------------------- */

static bool is_blocking(const struct weir_run *run, uint32_t subtask)
{
    return run->job_graph->vertices[run->plan->subtasks[subtask].vertex].blocking;
}

static void add_worker(struct weir_run *run, const char *name)
{
    struct weir_worker *w = &run->workers[run->n_workers];
    *w = (struct weir_worker){.platform = run->platform,
                              .cancel = &run->cancel,
                              .failed = weir__job_failed,
                              .failed_arg = run,
                              .ended = weir__worker_ended,
                              .ended_arg = run};
    snprintf(w->name, sizeof w->name, "%s", name);
    w->subtasks = weir_alloc_array(run->plan->n_subtasks + 1, sizeof *w->subtasks);
    run->pools[run->n_workers] = weir_pool_create();
    run->worker_list[run->n_workers++] = w;
}

static void assign_subtask(struct weir_run *run, uint32_t subtask, uint32_t worker)
{
    struct weir_worker *w = &run->workers[worker];
    w->subtasks[w->n_subtasks++] = &run->subtasks[subtask];
    run->worker_of[subtask] = worker;
}

static void make_workers(struct weir_run *run)
{
    const struct weir_execution_graph *plan = run->plan;
    uint32_t most = plan->n_slots + plan->n_subtasks;
    run->workers = weir_alloc_array(most + 1, sizeof *run->workers);
    run->worker_list = weir_alloc_array(most + 1, sizeof *run->worker_list);
    run->pools = weir_alloc_array(most + 1, sizeof *run->pools);
    run->subtasks = weir_alloc_array(plan->n_subtasks + 1, sizeof *run->subtasks);
    run->worker_of = weir_alloc_array(plan->n_subtasks + 1, sizeof *run->worker_of);
    char name[24];
    for (uint32_t i = 0; i < plan->n_slots; i++) {
        snprintf(name, sizeof name, "slot-%u", i);
        add_worker(run, name);
    }
    for (uint32_t i = 0; i < plan->n_subtasks; i++) {
        uint32_t worker = plan->subtasks[i].slot;
        if (is_blocking(run, i)) {
            snprintf(name, sizeof name, "blocking-%u", i);
            worker = run->n_workers;
            add_worker(run, name);
            run->workers[worker].blocking = true;
        }
        assign_subtask(run, i, worker);
        run->subtasks[i].waits = is_blocking(run, i);
    }
    bool looks = run->n_workers <= run->platform->cores(run->platform->self);
    for (uint32_t i = 0; i < run->n_workers; i++) run->workers[i].looks = looks;
}

/* ---- channels ---------------------------------------------------------------------------------------------------- */

static weir_status make_rings(struct weir_run *run, struct weir_error *error)
{
    const struct weir_execution_graph *plan = run->plan;
    run->rings = weir_alloc_array(plan->n_channels + 1, sizeof *run->rings);
    run->wakes = weir_alloc_array(plan->n_channels + 1, sizeof *run->wakes);
    for (uint32_t i = 0; i < plan->n_channels; i++) {
        run->rings[i] = weir_try_alloc_aligned(128, sizeof **run->rings);
        if (!run->rings[i]) return weir_error_set(error, WEIR_E_MEMORY, "no memory for %u channels", plan->n_channels);
        *run->rings[i] = (struct weir_ring){0};
        weir_status s = weir_ring_init(run->rings[i], run->graph->channel_batches, error);
        if (s != WEIR_OK) return s;
        uint32_t from = run->worker_of[plan->channels[i].from], to = run->worker_of[plan->channels[i].to];
        if (from != to)
            run->wakes[i] = (struct weir_channel_wake){.sender = &run->workers[from], .receiver = &run->workers[to]};
    }
    return WEIR_OK;
}

void weir__wake_sender(void *arg)
{
    const struct weir_channel_wake *wake = arg;
    if (wake->sender) weir_worker_wake(wake->sender);
}

/* ---- operators --------------------------------------------------------------------------------------------------- */

static void wake_worker(void *arg)
{
    weir_worker_wake(arg);
}

struct weir_op *weir__op_create(struct weir_registry *registry, const struct weir_stream_node *node,
                                const struct weir_op_env *env, const char *where, struct weir_error *error)
{
    switch (node->kind) {
    case WEIR_NODE_SOURCE: return weir_source_op_create(node, env, registry, where, error);
    case WEIR_NODE_OPERATOR: return weir_plugin_op_create(node, env, registry, where, error);
    case WEIR_NODE_REDUCE: return weir_reduce_op_create(node, env, registry, where, error);
    case WEIR_NODE_TIME: return weir_time_op_create(node, env, registry, where, error);
    case WEIR_NODE_SELECT: return weir_select_op_create(node, env, where, error);
    case WEIR_NODE_EXPR: return weir_expr_op_create(node, env, where, error);
    case WEIR_NODE_CALL: return weir_call_op_create(node, env, registry, where, error);
    case WEIR_NODE_WINDOW: return weir_window_op_create(node, env, registry, where, error);
    case WEIR_NODE_JOIN: return weir_interval_join_op_create(node, env, registry, where, error);
    case WEIR_NODE_ASYNC: return weir_async_op_create(node, env, registry, where, error);
    case WEIR_NODE_SINK: return weir_sink_op_create(node, env, registry, where, error);
    }
    weir_error_set(error, WEIR_E_BUG, "node '%s' is of unknown kind %d", node->id, (int)node->kind);
    return NULL;
}

static struct weir_op_env env_of(struct weir_run *run, const struct weir_stream_node *node, uint32_t index,
                                 struct weir_worker *worker, struct weir_pool *pool)
{
    struct weir_random seed = {run->seed ^ ((uint64_t)node->index << 32) ^ index};
    return (struct weir_op_env){.platform = run->platform,
                                .pool = pool,
                                .job = run->graph->job,
                                .node = node->id,
                                .base_dir = run->graph->base_dir,
                                .subtask = index,
                                .parallelism = node->parallelism,
                                .max_parallelism = node->max_parallelism,
                                .attempt = run->attempt,
                                .checkpoints = run->graph->checkpoint.directory != NULL,
                                .restored = run->restore ? run->restore->checkpoint : 0,
                                .batch_rows = run->graph->batch_rows,
                                .overflow_bytes = run->graph->overflow_bytes,
                                .seed = weir_random_next(&seed),
                                .told = worker ? &run->told[node->index] : NULL,
                                .wake = worker ? wake_worker : NULL,
                                .wake_arg = worker};
}

const struct weir_state_config *weir_state_chosen(const struct weir_state_choice *choices, size_t n,
                                                  const struct weir_stream_node *node)
{
    const struct weir_state_config *config = node->state;
    for (size_t i = 0; i < n; i++) {
        const char *name = choices[i].node;
        if (!name || strcmp(name, node->id) == 0 || strcmp(name, node->uid) == 0) config = choices[i].config;
    }
    return config;
}

static struct weir_run_op *make_op(struct weir_run *run, uint32_t subtask, uint32_t node, struct weir_error *error)
{
    struct weir_run_op *to = &run->ops[run->n_ops];
    const struct weir_stream_node *n = run->graph->nodes[node];
    uint32_t worker = run->worker_of[subtask];
    to->node = node;
    to->subtask = subtask;
    to->env = env_of(run, n, run->plan->subtasks[subtask].subtask, &run->workers[worker], run->pools[worker]);
    to->backend =
        (struct weir_op_backend){.config = weir_state_chosen(run->states, run->n_states, n), .registry = run->registry};
    to->env.backend = &to->backend;
    to->env.metrics = weir_metric_registry_add(run->metrics, node, to->env.subtask);
    to->op = weir__op_create(run->registry, n, &to->env, run->where[node], error);
    if (!to->op) {
        weir_error_prefix(error, "%s: ", run->where[node]);
        weir_op_backend_finish(&to->backend, run->platform);
        return NULL;
    }
    run->n_ops++;
    if (weir__restore_op(run->restore, n, run->drop_state, to->op, error) < 0) {
        weir_error_prefix(error, "%s: ", run->where[node]);
        return NULL;
    }
    return to;
}

/* ---- chains ------------------------------------------------------------------------------------------------------ */

static uint32_t member_of(const struct weir_vertex *v, uint32_t node)
{
    for (uint32_t i = 0; i < v->n_nodes; i++) {
        if (v->nodes[i] == node) return i;
    }
    WEIR_ASSERT(!"a chained edge leads out of its vertex");
    return 0;
}

struct writer_channels {
    struct weir_ring **rings;
    struct weir_channel_wake **wakes;
    uint32_t n;
};

/* The sender's channels of an edge are next to each other in the plan. */
static struct writer_channels channels_of(struct weir_run *run, uint32_t edge, uint32_t subtask)
{
    const struct weir_execution_graph *plan = run->plan;
    struct writer_channels c = {weir_alloc_array(plan->n_channels + 1, sizeof *c.rings),
                                weir_alloc_array(plan->n_channels + 1, sizeof *c.wakes), 0};
    for (uint32_t i = 0; i < plan->n_channels; i++) {
        if (plan->channels[i].edge != edge || plan->channels[i].from != subtask) continue;
        WEIR_ASSERT(plan->channels[i].sender_channel == c.n);
        c.rings[c.n] = run->rings[i];
        c.wakes[c.n++] = &run->wakes[i];
    }
    return c;
}

static void wake_receiver(void *arg, uint32_t channel)
{
    struct weir_channel_wake *const *wakes = arg;
    if (wakes[channel]->receiver) weir_worker_wake(wakes[channel]->receiver);
}

static weir_status make_custom(struct weir_run *run, const struct weir_stream_edge *edge, struct weir_schema *schema,
                               const struct weir_op_env *env, struct weir_custom_partition **to, struct weir_error *error)
{
    weir_status s = weir_custom_partition_create(edge, schema, env, run->registry, run->where[edge->from], to, error);
    if (s != WEIR_OK) return s;
    if (run->n_partitions == run->partitions_capacity) {
        uint32_t capacity = run->partitions_capacity ? run->partitions_capacity * 2 : 8;
        run->partitions = weir_realloc_array(run->partitions, run->partitions_capacity, capacity, sizeof *run->partitions);
        run->partitions_capacity = capacity;
    }
    run->partitions[run->n_partitions++] = *to;
    return WEIR_OK;
}

static bool *unread_fields(const struct weir_stream_node *to)
{
    bool *unread = weir_alloc_array(weir_schema_count(to->in) + 1, sizeof *unread);
    weir_stream_node_unread(to, unread);
    return unread;
}

static weir_status make_writer(struct weir_run *run, struct weir_chain *chain, uint32_t subtask,
                               const struct weir_stream_edge *edge, const struct weir_op_env *env,
                               struct weir_writer **writer, struct weir_error *error)
{
    const struct weir_stream_node *from = run->graph->nodes[edge->from], *to = run->graph->nodes[edge->to];
    struct weir_schema *schema = from->outputs[edge->from_port].schema;
    struct writer_channels c = channels_of(run, edge->index, subtask);
    struct weir_writer_options o = {.partition = edge->partition,
                                    .pool = chain->pool,
                                    .schema = schema,
                                    .rings = c.rings,
                                    .n_rings = c.n,
                                    .batch_rows = run->graph->batch_rows,
                                    .key_fields = edge->key_fields,
                                    .n_key_fields = edge->n_key_fields,
                                    .max_parallelism = to->max_parallelism,
                                    .receivers = to->parallelism,
                                    .seed = env->seed ^ edge->index,
                                    .pushed = wake_receiver,
                                    .pushed_arg = c.wakes,
                                    .where = run->where[edge->from]};
    struct weir_custom_partition *custom = NULL;
    bool *unread = edge->to_input == 0 ? unread_fields(to) : NULL;
    o.unread = unread;
    weir_status s = edge->partition == WEIR_PARTITION_CUSTOM ? make_custom(run, edge, schema, env, &custom, error) : WEIR_OK;
    if (custom) {
        o.custom = weir_custom_partition_targets;
        o.custom_open = weir_custom_partition_open;
        o.custom_close = weir_custom_partition_close;
        o.custom_arg = custom;
    }
    if (s == WEIR_OK) s = weir_writer_create(&o, writer, error);
    weir_free(unread);
    if (s == WEIR_OK) {
        chain->writers[chain->n_writers++] = *writer;
        run->subtasks[subtask].wakes[run->subtasks[subtask].n_wakes++] = c.wakes;
    } else {
        weir_free(c.wakes);
    }
    weir_free(c.rings);
    return s;
}

static weir_status add_targets(struct weir_run *run, uint32_t subtask, const struct weir_vertex *v, uint32_t member,
                               const struct weir_op_env *env, struct weir_error *error)
{
    struct weir_chain *chain = &run->subtasks[subtask].chain;
    struct weir_chain_member *m = &chain->members[member];
    m->targets = weir_alloc_array(run->graph->n_edges + 1, sizeof *m->targets);
    for (uint32_t e = 0; e < run->graph->n_edges; e++) {
        const struct weir_stream_edge *edge = run->graph->edges[e];
        if (edge->from != m->node) continue;
        struct weir_chain_target t = {.port = edge->from_port, .input = edge->to_input};
        if (run->job_graph->chained[e]) {
            t.member = member_of(v, edge->to);
        } else {
            weir_status s = make_writer(run, chain, subtask, edge, env, &t.writer, error);
            if (s != WEIR_OK) return s;
        }
        m->targets[m->n_targets++] = t;
    }
    return WEIR_OK;
}

static weir_status make_chain(struct weir_run *run, uint32_t subtask, struct weir_error *error)
{
    const struct weir_vertex *v = &run->job_graph->vertices[run->plan->subtasks[subtask].vertex];
    struct weir_subtask *t = &run->subtasks[subtask];
    t->vertex = v->index;
    t->index = run->plan->subtasks[subtask].subtask;
    t->stop = &run->stop;
    t->poll_rows = run->graph->batch_rows;
    t->has_source = run->graph->nodes[v->nodes[0]]->kind == WEIR_NODE_SOURCE;
    t->chain.pool = run->pools[run->worker_of[subtask]];
    t->chain.members = weir_alloc_array(v->n_nodes, sizeof *t->chain.members);
    t->chain.writers = weir_alloc_array(run->graph->n_edges + 1, sizeof *t->chain.writers);
    t->wakes = weir_alloc_array(run->graph->n_edges + 1, sizeof *t->wakes);
    for (uint32_t i = 0; i < v->n_nodes; i++) {
        struct weir_run_op *made = make_op(run, subtask, v->nodes[i], error);
        if (!made) return error->status;
        struct weir_chain_member *m = &t->chain.members[t->chain.n_members++];
        m->op = made->op;
        m->node = v->nodes[i];
        if (m->op->class->waits)
            t->patience =
                (struct weir_subtask_patience){.after_ms = run->graph->wait_warning_ms, .told = weir__job_waits, .arg = run};
        weir_status s = add_targets(run, subtask, v, i, &made->env, error);
        if (s != WEIR_OK) return s;
    }
    return WEIR_OK;
}

static void make_gate(struct weir_run *run, uint32_t subtask)
{
    const struct weir_execution_graph *plan = run->plan;
    struct weir_gate_channel *channels = weir_alloc_array(plan->n_channels + 1, sizeof *channels);
    uint32_t n = 0, inputs = 1;
    for (uint32_t i = 0; i < plan->n_channels; i++) {
        if (plan->channels[i].to != subtask) continue;
        uint32_t input = run->graph->edges[plan->channels[i].edge]->to_input;
        channels[n++] = (struct weir_gate_channel){
            .ring = run->rings[i], .input = input, .popped = weir__wake_sender, .popped_arg = &run->wakes[i]};
        if (input + 1 > inputs) inputs = input + 1;
    }
    struct weir_gate *gate = &run->subtasks[subtask].gate;
    if (n > 0) weir_gate_init(gate, channels, n, inputs);
    gate->pool = run->subtasks[subtask].chain.pool;
    gate->batch_rows = run->graph->batch_rows;
    if (inputs > 1) weir_inputs_init(&run->subtasks[subtask].inputs, inputs);
    weir_free(channels);
}

/* ---- splits ------------------------------------------------------------------------------------------------------ */

static struct weir_run_op *op_of(struct weir_run *run, uint32_t node, uint32_t index)
{
    for (uint32_t i = 0; i < run->n_ops; i++) {
        if (run->ops[i].node == node && run->plan->subtasks[run->ops[i].subtask].subtask == index) return &run->ops[i];
    }
    WEIR_ASSERT(!"a node has an operator in every subtask");
    return NULL;
}

/* Split i goes to subtask i modulo the parallelism: the same at every start. */
static weir_status deal_splits(struct weir_run *run, const struct weir_stream_node *node, struct weir_error *error)
{
    struct weir_op_splits found = {0};
    struct weir_pool *pool = weir_pool_create();
    struct weir_op_env env = env_of(run, node, 0, NULL, pool);
    bool restored;
    weir_status s = weir__restore_splits(run->restore, node, &found, &restored, error);
    if (s == WEIR_OK && !restored)
        s = weir_source_discover(node, &env, run->registry, run->where[node->index], &found, error);
    if (s != WEIR_OK) weir_error_prefix(error, "%s: ", run->where[node->index]);
    for (size_t i = 0; s == WEIR_OK && i < found.n; i++) {
        s = weir_source_op_add_split(op_of(run, node->index, (uint32_t)(i % node->parallelism))->op, &found.splits[i],
                                     error);
    }
    weir_splits_finish(&found);
    weir_pool_close(pool);
    return s;
}

/* A source's subtask without a split sends nothing but its end. When that arrives depends on the schedule; what is late must
 * not, so its channels leave the watermark minimum now. (Only where another channel of that input stays.) */
static bool sends_nothing(const struct weir_run *run, uint32_t subtask)
{
    const struct weir_subtask *t = &run->subtasks[subtask];
    return t->has_source && weir_source_op_splits(t->chain.members[0].op) == 0;
}

static void expect_nothing(struct weir_run *run, uint32_t subtask)
{
    const struct weir_execution_graph *plan = run->plan;
    struct weir_gate *gate = &run->subtasks[subtask].gate;
    bool *silent = weir_alloc_array(gate->n_channels + 1, sizeof *silent);
    uint32_t n = 0;
    for (uint32_t i = 0; i < plan->n_channels; i++) {
        if (plan->channels[i].to == subtask) silent[n++] = sends_nothing(run, plan->channels[i].from);
    }
    for (uint32_t input = 0; input < gate->n_inputs; input++) {
        uint32_t speaking = 0;
        for (uint32_t c = 0; c < n; c++) speaking += gate->channels[c].input == input && !silent[c];
        for (uint32_t c = 0; speaking > 0 && c < n; c++) {
            if (gate->channels[c].input == input && silent[c]) weir_gate_expect_nothing(gate, c);
        }
    }
    weir_free(silent);
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static void name_nodes(struct weir_run *run)
{
    run->where = weir_alloc_array(run->graph->n_nodes + 1, sizeof *run->where);
    for (uint32_t i = 0; i < run->graph->n_nodes; i++) {
        const struct weir_stream_node *n = run->graph->nodes[i];
        run->where[i] = weir_format("%s%snode '%s' (%s)", n->place ? n->place : "", n->place ? ": " : "", n->id,
                                    n->title ? n->title : "?");
    }
}

static weir_status build(struct weir_run *run, const struct weir_deploy_options *o, struct weir_error *error)
{
    name_nodes(run);
    run->told = weir_alloc_array(run->graph->n_nodes + 1, sizeof *run->told);
    weir_status s = weir__restore_check(run->restore, run->graph, run->drop_state, error);
    if (s == WEIR_OK) s = weir_job_graph_build(run->graph, &run->job_graph, error);
    if (s == WEIR_OK) s = weir_execution_graph_build(run->job_graph, &run->plan, error);
    if (s != WEIR_OK) return s;
    make_workers(run);
    s = make_rings(run, error);
    run->ops = weir_alloc_array((size_t)run->plan->n_subtasks * run->graph->n_nodes + 1, sizeof *run->ops);
    for (uint32_t i = 0; s == WEIR_OK && i < run->plan->n_subtasks; i++) {
        s = make_chain(run, i, error);
        make_gate(run, i);
    }
    for (uint32_t i = 0; s == WEIR_OK && i < run->graph->n_nodes; i++) {
        if (run->graph->nodes[i]->kind == WEIR_NODE_SOURCE) s = deal_splits(run, run->graph->nodes[i], error);
    }
    for (uint32_t i = 0; s == WEIR_OK && i < run->plan->n_subtasks; i++) expect_nothing(run, i);
    return s == WEIR_OK ? weir_checkpoints_create(run, &run->graph->checkpoint, o, &run->checkpoints, error) : s;
}

weir_status weir_run_deploy(const struct weir_deploy_options *o, struct weir_run **to, struct weir_error *error)
{
    struct weir_run *run = weir_alloc(sizeof *run);
    run->platform = o->platform;
    run->registry = o->registry;
    run->graph = o->graph;
    run->attempt = o->attempt;
    run->restore = o->restore;
    run->drop_state = o->allow_non_restored;
    run->states = o->states;
    run->n_states = o->n_states;
    run->deployed_ms = o->platform->wall_ms(o->platform->self);
    run->metrics = weir_metric_registry_create();
    run->seed = o->graph->seed ? o->graph->seed : o->platform->random(o->platform->self);
    *to = NULL;
    weir_status s = build(run, o, error);
    if (s != WEIR_OK) {
        weir_run_destroy(run);
        return s;
    }
    *to = run;
    return WEIR_OK;
}
