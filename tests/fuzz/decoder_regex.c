/* decoder_regex.c - the regex decoder, under a name of its own: two plugins cannot be in one file. */
#define weir_plugin_v1 regex_plugin_v0
#include "../../plugins/format_regex/plugin.c"
