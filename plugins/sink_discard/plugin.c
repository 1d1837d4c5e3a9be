/* sink_discard - takes every record and keeps none; the host counts them. */
#include <weir/udf.h>

typedef struct discard {
    char nothing;
} discard;

static weir_status discard_write(void *self, weir_ctx *cx, const weir_batch *batch, int64_t *row)
{
    (void)self;
    (void)cx;
    *row = batch->length;
    return WEIR_OK;
}

static const weir_sink discard_vtable = {.struct_size = sizeof(weir_sink), .write = discard_write};
WEIR_COMPONENT(discard, WEIR_SINK, discard_vtable, .id = "discard", .doc = "takes every record and keeps none", .in = "*");
WEIR_PLUGIN("weir.sink_discard", "0.1.0", &discard_component);
