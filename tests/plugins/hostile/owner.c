/* A component with a state of a kind that components of its kind cannot have. */
#include <weir/plugin.h>

#ifndef KIND
#define KIND WEIR_SINK
#endif
#ifndef VTABLE
#define VTABLE sink_vtable
#endif
#ifndef OUT
#define OUT NULL
#endif
#ifndef STATE
#define STATE "kept"
#endif
#ifndef STATE_KIND
#define STATE_KIND WEIR_SPLIT_LIST
#endif

static const weir_field fields[] = {{.name = "n", .type = WEIR_I64, .size = 8}};
static const weir_state states[] = {{.name = STATE,
                                     .kind = STATE_KIND,
                                     .version = 1,
                                     .size = 8,
                                     .n_fields = 1,
                                     .fields = fields,
                                     .field_stride = sizeof(weir_field)}};
static weir_status write_rows(void *self, weir_ctx *cx, const weir_batch *b, int64_t *row)
{
    (void)self, (void)cx;
    *row = b->length;
    return WEIR_OK;
}
static weir_status process(void *self, weir_ctx *cx, const weir_window *w, const weir_batch *b)
{
    (void)self, (void)cx, (void)w, (void)b;
    return WEIR_OK;
}
__attribute__((unused)) static const weir_sink sink_vtable = {.struct_size = sizeof(weir_sink), .write = write_rows};
__attribute__((unused)) static const weir_window_function function_vtable = {.struct_size = sizeof(weir_window_function),
                                                                             .process = process};

static const weir_component component = {.struct_size = sizeof(weir_component),
                                         .kind = KIND,
                                         .id = "keeper",
                                         .doc = "",
                                         .in = "*",
                                         .out = OUT,
                                         .instance_size = 8,
                                         .states = states,
                                         .n_states = 1,
                                         .state_stride = sizeof(weir_state),
                                         .vtable = &VTABLE};
static const weir_component *const components[] = {&component, NULL};
static const weir_plugin plugin = {.struct_size = sizeof(weir_plugin),
                                   .abi_major = WEIR_ABI_MAJOR,
                                   .abi_minor = 0,
                                   .id = "test.hostile",
                                   .version = "1.0.0",
                                   .license = "",
                                   .components = components};
__attribute__((used, section(WEIR_NOTE_SECTION))) static const char note[] = "weir;abi=1.0;id=test.hostile;version=1.0.0";

WEIR_EXPORT const weir_plugin *weir_plugin_v1(void)
{
    return &plugin;
}
