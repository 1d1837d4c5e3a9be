/* A plugin that is sound as a file and goes wrong when a job uses it: in open (OPEN_FAILS, OPEN_CRASHES) or in process
 * (PROCESS_CRASHES). */
#include <signal.h>
#include <weir/udf.h>

typedef struct pass {
    char nothing;
} pass;

#if defined OPEN_FAILS
#define PLUGIN_ID "test.open_fails"
static weir_status pass_open(void *me, weir_ctx *cx)
{
    (void)me;
    return weir_fail(cx, WEIR_E_IO, "expected the license server at nowhere:1, found nobody; start it");
}
#elif defined OPEN_CRASHES
#define PLUGIN_ID "test.open_crashes"
static weir_status pass_open(void *me, weir_ctx *cx)
{
    (void)me;
    (void)cx;
    raise(SIGSEGV);
    return WEIR_OK;
}
#else
#define PLUGIN_ID "test.process_crashes"
#define pass_open NULL
#endif

static weir_status pass_process(void *me, weir_ctx *cx, uint32_t port, const weir_batch *b, int64_t *row)
{
    (void)me;
    (void)port;
#ifdef PROCESS_CRASHES
    raise(SIGSEGV);
#endif
    for (int64_t i = *row; i < b->length; i++) {
        weir_put_i64(cx, 0, 0, weir_i64((weir_row){b, i}, 0));
        cx->out[0]->length++;
    }
    *row = b->length;
    return WEIR_OK;
}
static const weir_operator vtable = {.struct_size = sizeof(weir_operator), .open = pass_open, .process = pass_process};
#if defined OPEN_FAILS
WEIR_COMPONENT(pass, WEIR_OPERATOR, vtable, .id = "open_fails", .doc = "fails in open", .in = "n:i64", .out = "*, m:i64",
               .flags = WEIR_ONE_TO_ONE);
#elif defined OPEN_CRASHES
WEIR_COMPONENT(pass, WEIR_OPERATOR, vtable, .id = "open_crashes", .doc = "crashes in open", .in = "n:i64", .out = "*, m:i64",
               .flags = WEIR_ONE_TO_ONE);
#else
WEIR_COMPONENT(pass, WEIR_OPERATOR, vtable, .id = "process_crashes", .doc = "crashes in process", .in = "n:i64",
               .out = "*, m:i64", .flags = WEIR_ONE_TO_ONE);
#endif
WEIR_PLUGIN(PLUGIN_ID, "1.0.0", &pass_component);
