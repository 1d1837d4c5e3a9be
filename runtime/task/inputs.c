/* inputs.c - see the header. The order of a step's results is that of AbstractStreamOperator in Flink: the watermark that a
 * change of status lets through comes before the status. */
#include "task/inputs.h"

#include "base/alloc.h"

void weir_inputs_init(struct weir_inputs *in, uint32_t n_inputs)
{
    *in = (struct weir_inputs){.n_open = n_inputs, .end_value = WEIR_END_OF_INPUT};
    weir_minimum_init(&in->minimum);
    for (uint32_t i = 0; i < n_inputs; i++) weir_minimum_add(&in->minimum, i);
}

void weir_inputs_finish(struct weir_inputs *in)
{
    weir_minimum_finish(&in->minimum);
}

static void give(struct weir_inputs *in, enum weir_element_kind kind, int64_t value)
{
    WEIR_ASSERT(in->n_ready < WEIR_LEN(in->ready));
    in->ready[in->n_ready++] = (struct weir_element){.kind = kind, .port = WEIR_ALL_PORTS, .value = value};
}

static void end_event_time(struct weir_inputs *in, uint32_t input)
{
    in->over |= 1u << input;
    bool grew = weir_minimum_remove(&in->minimum, input);
    if (in->minimum.n == 0)
        give(in, WEIR_ELEMENT_WATERMARK, INT64_MAX);
    else if (grew)
        give(in, WEIR_ELEMENT_WATERMARK, in->minimum.last);
}

static void take_watermark(struct weir_inputs *in, uint32_t input, int64_t watermark)
{
    if (watermark == INT64_MAX)
        end_event_time(in, input);
    else if (weir_minimum_set(&in->minimum, input, watermark))
        give(in, WEIR_ELEMENT_WATERMARK, in->minimum.last);
}

static void take_end(struct weir_inputs *in, int64_t value)
{
    if (value != WEIR_END_OF_INPUT) in->end_value = value;
    if (--in->n_open == 0) give(in, WEIR_ELEMENT_END, in->end_value);
}

void weir_inputs_mark(struct weir_inputs *in, uint32_t input, const struct weir_element *mark)
{
    WEIR_ASSERT(in->n_ready == 0);
    if ((in->over >> input & 1) && mark->kind != WEIR_ELEMENT_END) return; /* its time has ended: nothing more to say */
    switch ((enum weir_element_kind)mark->kind) {
    case WEIR_ELEMENT_WATERMARK: take_watermark(in, input, mark->value); break;
    case WEIR_ELEMENT_IDLE:
        if (weir_minimum_idle(&in->minimum, input, mark->value != 0)) give(in, WEIR_ELEMENT_WATERMARK, in->minimum.last);
        break;
    case WEIR_ELEMENT_END: take_end(in, mark->value); return;
    case WEIR_ELEMENT_NONE:
    case WEIR_ELEMENT_ROWS:
    case WEIR_ELEMENT_BARRIER: WEIR_ASSERT(!"no mark of an input");
    }
    bool idle = in->minimum.n > 0 && in->minimum.idle;
    if (idle == in->idle) return;
    in->idle = idle;
    give(in, WEIR_ELEMENT_IDLE, idle);
}

bool weir_inputs_next(struct weir_inputs *in, struct weir_element *next)
{
    if (in->n_ready == 0) return false;
    *next = in->ready[0];
    in->ready[0] = in->ready[1];
    in->n_ready--;
    return true;
}
