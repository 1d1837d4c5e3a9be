/* A plugin with a window assigner whose declaration contradicts itself: FLAGS and PERIODIC say how. */
#include <weir/udf.h>

typedef struct windows {
    int64_t unused;
} windows;

static weir_status assign(void *self, weir_ctx *cx, weir_row row, weir_window *to, uint32_t capacity, uint32_t *n)
{
    (void)self, (void)cx, (void)row, (void)to, (void)capacity;
    *n = 0;
    return WEIR_OK;
}

static __attribute__((unused)) weir_status periodic(void *self, weir_ctx *cx, int64_t *size, int64_t *slide, int64_t *offset)
{
    (void)self, (void)cx;
    *size = *slide = 1;
    *offset = 0;
    return WEIR_OK;
}

static const weir_window_assigner vtable = {
    .struct_size = sizeof(weir_window_assigner), .assign = assign, .periodic = PERIODIC};
WEIR_COMPONENT(windows, WEIR_WINDOW_ASSIGNER, vtable, .id = "windows", .flags = FLAGS, .doc = "windows");
WEIR_PLUGIN("test.hostile", "1.0.0", &windows_component);
