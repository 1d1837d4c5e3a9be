/* fuzz_json_lines.c - any bytes through the JSON lines decoder. */
#define weir_plugin_v1 json_plugin_v0
#include "../../plugins/format_json_lines/plugin.c"

#include "fuzz/fuzz_decoder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const none[] = {NULL};
    const struct fuzz_variant variants[] = {
        {&json_lines_component, "b:bool?, i:i32?, l:i64?, f:f32?, d:f64?, t:timestamp?, s:string?, y:bytes?", none},
        {&json_lines_component, "s:string, i:i32?, t:timestamp, d:f64, b:bool?", none},
        {&json_lines_component, "a:any, s:string", none},
        {&json_lines_component, "n:i64, x:any?, d:f64", none},
    };
    return fuzz_decoder(variants, WEIR_LEN(variants), data, size);
}
