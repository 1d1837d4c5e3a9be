/* A CALL node on a stage: its signature and arguments from text, its function from this program. */
#ifndef OPERATOR_CALL_STAGE_H
#define OPERATOR_CALL_STAGE_H

#include "loader/call_signature.h"
#include "operator/call_internal.h"
#include "unit/operator/stage.h"

/* Of a node whose input and port 0 are there. args: fields or expressions with ';' between. into: a field of port 0; NULL: a
 * filter. */
static inline void call_stage_config(struct weir_stream_node *node, const char *signature, const char *args,
                                     const char *into)
{
    struct weir_expr_problem problem;
    struct weir_call_config *call = &node->call;
    call->function = weir_strdup("fn");
    CU_ASSERT_TRUE_FATAL(weir_call_signature_parse(signature, &call->signature, &problem));
    call->args = weir_alloc_array(call->signature.n_params + 1, sizeof *call->args);
    char *copy = weir_strdup(args), *rest = copy;
    for (uint32_t i = 0; i < call->signature.n_params; i++) {
        const char *arg = strsep(&rest, ";");
        call->args[i].field = weir_schema_find(node->in, arg);
        if (call->args[i].field < 0) call->args[i].expression = weir_strdup(arg);
    }
    weir_free(copy);
    call->into = into ? weir_schema_find(node->outputs[0].schema, into) : -1;
}

static inline void call_stage_init(struct stage *g, const char *in, const char *out, const char *signature, const char *args,
                                   const char *into)
{
    stage_init(g, WEIR_NODE_CALL, in, out);
    call_stage_config(g->node, signature, args, into);
}

static inline void call_stage_start(struct stage *g, weir__function *function, weir__function *release, bool direct)
{
    stage_use(g, weir__call_op_make(g->node, &g->s.env, "node 'x'", function, release, direct, &g->error));
}

#endif
