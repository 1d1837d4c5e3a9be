/* Has two components that tests/manifests/plugins/kit.c has too: "twice" of the same kind, "csv" of another. */
#include <weir/udf.h>

typedef struct twice {
    int64_t unused;
} twice;
static weir_status twice_row(twice *me, weir_ctx *cx, weir_row in)
{
    (void)me, (void)cx, (void)in;
    return WEIR_OK;
}
WEIR_PROCESS(twice, .id = "twice", .doc = "in two plugins", .in = "*", .out = "*");
static weir_status encoder_open(void *self, weir_ctx *cx)
{
    (void)self, (void)cx;
    return WEIR_OK;
}
static weir_status encoder_begin(void *self, weir_ctx *cx, weir_blob *to)
{
    (void)self, (void)cx, (void)to;
    return WEIR_OK;
}
static weir_status encode(void *self, weir_ctx *cx, const weir_batch *b, int64_t from, int64_t until, weir_blob *to)
{
    (void)self, (void)cx, (void)b, (void)from, (void)until, (void)to;
    return WEIR_OK;
}
static const weir_encoder encoder_vtable = {
    .struct_size = sizeof(weir_encoder), .open = encoder_open, .begin = encoder_begin, .encode = encode};
typedef struct encoder {
    bool header;
} encoder;
static const weir_option encoder_options[] = {WEIR_OPTION(encoder, header, .def = "true", .doc = "names first")};
WEIR_COMPONENT(encoder, WEIR_ENCODER, encoder_vtable, .id = "csv", .doc = "csv", WEIR_OPTIONS(encoder_options));

typedef struct nth {
    int64_t n;
} nth;
static weir_status never_on_row(void *self, weir_ctx *cx, const weir_window *w, weir_row in, weir_firing *firing)
{
    (void)self, (void)cx, (void)w, (void)in, (void)firing;
    return WEIR_OK;
}
static weir_status never_on_timer(void *self, weir_ctx *cx, const weir_window *w, const weir_timer *t, weir_firing *firing)
{
    (void)self, (void)cx, (void)w, (void)t, (void)firing;
    return WEIR_OK;
}
static const weir_trigger trigger_vtable = {
    .struct_size = sizeof(weir_trigger), .on_row = never_on_row, .on_timer = never_on_timer};
static const weir_option nth_options[] = {WEIR_OPTION(nth, n, .min = "1", .doc = "every so many")};
WEIR_COMPONENT(nth, WEIR_TRIGGER, trigger_vtable, .id = "count", .doc = "a trigger", WEIR_OPTIONS(nth_options));

WEIR_PLUGIN("test.twin", "1.0.0", &twice_component, &encoder_component, &nth_component);
