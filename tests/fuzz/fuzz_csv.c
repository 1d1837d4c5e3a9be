/* fuzz_csv.c - any bytes through the CSV decoder. */
#define weir_plugin_v1 csv_plugin_v0
#include "../../plugins/format_csv/plugin.c"

#include "fuzz/fuzz_decoder.h"

#define SCHEMA       "b:bool?, i:i32?, l:i64?, f:f32?, d:f64?, t:timestamp?, s:string?, y:bytes?"
#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct fuzz_variant variants[] = {
        {&csv_component, SCHEMA, OPTIONS(NULL)},
        {&csv_component, SCHEMA, OPTIONS("header", "true")},
        {&csv_component, SCHEMA, OPTIONS("multiline", "false", "trim", "true")},
        {&csv_component, "a:string, b:i64, t:timestamp?",
         OPTIONS("delimiter", ";", "quote", "'", "null", "NULL", "timestamps", "%d/%m/%Y %H:%M")},
        {&csv_component, "a:string?, t:timestamp", OPTIONS("quote", "", "delimiter", "\t", "timestamps", "epoch_s")},
    };
    return fuzz_decoder(variants, WEIR_LEN(variants), data, size);
}
