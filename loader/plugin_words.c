/* loader/plugin_words.c - the ABI's numbers as words, and what a name may look like. Constant tables; any thread. */
#include "loader/plugin_internal.h"

#include <string.h>
#include <weir/text.h>

const struct weir__word weir__kinds[] = {
    {WEIR_SOURCE, "source"},
    {WEIR_OPERATOR, "operator"},
    {WEIR_REDUCER, "reducer"},
    {WEIR_AGGREGATE, "aggregate"},
    {WEIR_WATERMARK_GENERATOR, "watermark_generator"},
    {WEIR_PARTITIONER, "partitioner"},
    {WEIR_DECODER, "decoder"},
    {WEIR_ENCODER, "encoder"},
    {WEIR_SINK, "sink"},
    {WEIR_WINDOW_ASSIGNER, "window_assigner"},
    {WEIR_TRIGGER, "trigger"},
    {WEIR_EVICTOR, "evictor"},
    {WEIR_WINDOW_FUNCTION, "window_function"},
    {WEIR_JOIN_FUNCTION, "join_function"},
    {WEIR_COGROUP_FUNCTION, "cogroup_function"},
    {WEIR_ASYNC, "async_operator"},
    {WEIR_STATE_BACKEND, "state_backend"},
    {WEIR_CHECKPOINT_STORAGE, "checkpoint_storage"},
    {0, NULL},
};
const struct weir__word weir__option_types[] = {
    {WEIR_OPT_BOOL, "bool"},
    {WEIR_OPT_I64, "i64"},
    {WEIR_OPT_F64, "f64"},
    {WEIR_OPT_STRING, "string"},
    {WEIR_OPT_DURATION, "duration"},
    {WEIR_OPT_SIZE, "size"},
    {WEIR_OPT_ENUM, "enum"},
    {WEIR_OPT_LIST, "list"},
    {WEIR_OPT_FIELD, "field"},
    {WEIR_OPT_SECRET, "secret"},
    {WEIR_OPT_COMPONENT, "component"},
    {0, NULL},
};
const struct weir__word weir__state_kinds[] = {
    {WEIR_VALUE, "value"},
    {WEIR_LIST, "list"},
    {WEIR_MAP, "map"},
    {WEIR_BROADCAST, "broadcast"},
    {WEIR_REDUCING, "reducing"},
    {WEIR_AGGREGATING, "aggregating"},
    {WEIR_SPLIT_LIST, "split_list"},
    {WEIR_UNION_LIST, "union_list"},
    {WEIR_RAW, "raw"},
    {0, NULL},
};
const struct weir__word weir__component_flags[] = {
    {WEIR_NEEDS_KEY, "needs_key"},
    {WEIR_ONE_TO_ONE, "one_to_one"},
    {WEIR_BLOCKING, "blocking"},
    {WEIR_NONDETERMINISTIC, "nondeterministic"},
    {WEIR_ACCEPTS_SELECTION, "accepts_selection"},
    {WEIR_MERGEABLE, "mergeable"},
    {WEIR_INVERTIBLE, "invertible"},
    {WEIR_UNBOUNDED, "unbounded"},
    {WEIR_MERGING, "merging"},
    {WEIR_EVENT_WINDOWS, "event_windows"},
    {WEIR_CLOCK_WINDOWS, "clock_windows"},
    {WEIR_MERGEABLE_BUT_FLOATS, "mergeable_but_floats"},
    {WEIR_PERIODIC, "periodic"},
    {WEIR_END_OF_WINDOW, "end_of_window"},
    {WEIR_REPLAYABLE, "replayable"},
    {WEIR_AT_MOST_ONCE, "at_most_once"},
    {WEIR_IDEMPOTENT, "idempotent"},
    {WEIR_WRITE_AHEAD, "write_ahead"},
    {WEIR_TWO_PHASE, "two_phase"},
    {WEIR_STORES_FILES, "stores_files"},
    {WEIR_ONE_WINDOW, "one_window"},
    {0, NULL},
};
const struct weir__word weir__option_flags[] = {
    {WEIR_OPTIONAL, "optional"},
    {WEIR_NUMERIC, "numeric"},
    {WEIR_ORDERED, "ordered"},
    {WEIR_PATH, "path"},
    {WEIR_ONE_FILE, "one_file"},
    {WEIR_INTEGER, "integer"},
    {0, NULL},
};

const struct weir__word weir__state_flags[] = {{WEIR_PER_WINDOW, "per_window"}, {0, NULL}};

const char *weir__word_name(const struct weir__word *words, uint32_t value)
{
    for (; words->name; words++) {
        if (words->value == value) return words->name;
    }
    return NULL;
}

bool weir__word_value(const struct weir__word *words, const char *name, uint32_t *value)
{
    for (; words->name; words++) {
        if (strcmp(words->name, name) != 0) continue;
        *value = words->value;
        return true;
    }
    return false;
}

uint32_t weir__word_bits(const struct weir__word *words)
{
    uint32_t bits = 0;
    for (; words->name; words++) bits |= words->value;
    return bits;
}

void weir__add_words(struct weir_text *t, const struct weir__word *words, const char *between)
{
    for (const struct weir__word *w = words; w->name; w++) weir_text_add(t, "%s%s", w == words ? "" : between, w->name);
}

const char *weir_kind_name(weir_kind kind)
{
    const char *name = weir__word_name(weir__kinds, kind);
    return name ? name : "component of an unknown kind";
}

const char *weir_option_type_name(weir_option_type type)
{
    const char *name = weir__word_name(weir__option_types, type);
    return name ? name : "unknown type";
}

weir_status weir__refuse(struct weir_error *error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    weir_status s = weir_error_vset(error, WEIR_E_PLUGIN, format, args);
    va_end(args);
    return s;
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

bool weir__is_name(const char *s)
{
    if (!s || !((*s >= 'a' && *s <= 'z') || *s == '_')) return false;
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return !s[n] && n <= 100;
}

bool weir__is_plugin_id(const char *s)
{
    size_t n = s ? strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789._-") : 0;
    return n > 0 && n <= 200 && !s[n];
}

static bool is_control(char c)
{
    return (unsigned char)c < ' ' || c == 0x7f;
}

bool weir__is_line(const char *s)
{
    size_t n = s ? strnlen(s, 1001) : 0;
    if (!s || n > 1000 || !weir_is_utf8(s, n)) return false;
    for (size_t i = 0; i < n; i++) {
        if (is_control(s[i])) return false;
    }
    return true;
}

void weir__make_printable(char *text)
{
    for (; *text; text++) {
        if (is_control(*text)) *text = '?';
    }
}

/* ---- options in the instance ------------------------------------------------------------------------------------- */

const struct weir__storage *weir__option_storage(weir_option_type type)
{
    static const struct weir__storage storage[] = {
        [WEIR_OPT_BOOL] = {sizeof(bool), _Alignof(bool), "bool"},
        [WEIR_OPT_I64] = {sizeof(int64_t), _Alignof(int64_t), "int64_t"},
        [WEIR_OPT_F64] = {sizeof(double), _Alignof(double), "double"},
        [WEIR_OPT_STRING] = {sizeof(char *), _Alignof(char *), "const char *"},
        [WEIR_OPT_DURATION] = {sizeof(int64_t), _Alignof(int64_t), "int64_t"},
        [WEIR_OPT_SIZE] = {sizeof(int64_t), _Alignof(int64_t), "int64_t"},
        [WEIR_OPT_ENUM] = {sizeof(int32_t), _Alignof(int32_t), "int32_t"},
        [WEIR_OPT_LIST] = {sizeof(weir_strings), _Alignof(weir_strings), "weir_strings"},
        [WEIR_OPT_FIELD] = {sizeof(int32_t), _Alignof(int32_t), "int32_t"},
        [WEIR_OPT_SECRET] = {sizeof(char *), _Alignof(char *), "const char *"},
        [WEIR_OPT_COMPONENT] = {sizeof(weir_part), _Alignof(weir_part), "weir_part"},
    };
    return type >= WEIR_OPT_BOOL && type <= WEIR_OPT_COMPONENT ? &storage[type] : NULL;
}

bool weir__option_has_range(weir_option_type type)
{
    return type == WEIR_OPT_I64 || type == WEIR_OPT_F64 || type == WEIR_OPT_DURATION || type == WEIR_OPT_SIZE;
}
