/* graph/call.c - freeing and printing what graph/call.h describes. Any thread. */
#include "graph/call.h"

#include "base/alloc.h"

void weir_call_signature_finish(struct weir_call_signature *s)
{
    weir_free(s->release);
    *s = (struct weir_call_signature){0};
}

static void add_value(struct weir_text *text, const struct weir_call_value *value)
{
    weir_text_add(text, "%s%s", weir_type_name(value->type), value->nullable ? "?" : "");
}

void weir_text_add_call_signature(struct weir_text *text, const struct weir_call_signature *s)
{
    if (s->owner == WEIR_CALL_OWNED) weir_text_add(text, "owned ");
    if (s->owner == WEIR_CALL_RELEASED) weir_text_add(text, "owned(%s) ", s->release);
    add_value(text, &s->result);
    weir_text_add(text, "(");
    for (uint32_t i = 0; i < s->n_params; i++) {
        if (i) weir_text_add(text, ", ");
        add_value(text, &s->params[i]);
    }
    weir_text_add(text, ")");
}

void weir_call_config_finish(struct weir_call_config *call)
{
    for (uint32_t i = 0; call->args && i < call->signature.n_params; i++) weir_free(call->args[i].expression);
    weir_free(call->args);
    weir_free(call->library);
    weir_free(call->function);
    weir_call_signature_finish(&call->signature);
    *call = (struct weir_call_config){0};
}
