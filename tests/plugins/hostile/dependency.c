/* A plugin that needs something: built against a library that cannot be found (NEEDS_LIBRARY) or with a symbol that nobody
 * has. */
#include <weir/udf.h>

int64_t hostile_elsewhere(int64_t n);

typedef struct pass {
    char nothing;
} pass;
static weir_status pass_row(pass *me, weir_ctx *cx, weir_row in)
{
    (void)me;
    weir_put_i64(cx, 0, 0, hostile_elsewhere(weir_i64(in, 0)));
    return WEIR_OK;
}
WEIR_MAP(pass, .id = "pass", .doc = "passes n on", .in = "n:i64", .out = "m:i64");
WEIR_PLUGIN("test.hostile", "1.0.0", &pass_component);
