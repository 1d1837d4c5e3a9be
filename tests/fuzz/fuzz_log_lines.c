/* fuzz_log_lines.c - any bytes through the decoders of lines: regular expressions, and the logs of Apache. */
#define weir_plugin_v1 apache_plugin_v0
#include "../../plugins/format_apache_log/plugin.c"

#include "fuzz/fuzz_decoder.h"

const weir_plugin *regex_plugin_v0(void); /* decoder_regex.c */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const none[] = {NULL};
    static const char *const pattern[] = {"pattern", "(?<user>\\w+) (?<n>-?\\d+)(?: @(?<at>\\S*))?(?: (?<note>.*))?", NULL};
    static const char *const slow[] = {"pattern", "(?<a>(?:(a+)+)+)[bd]", NULL};
    const weir_component *regex = mock_component(regex_plugin_v0(), "regex");
    const struct fuzz_variant variants[] = {
        {&common_component, NULL, none},
        {&combined_component, NULL, none},
        {regex, "n:i64, user:string, at:timestamp?, note:string?", pattern},
        {regex, "a:string", slow},
    };
    return fuzz_decoder(variants, WEIR_LEN(variants), data, size);
}
