/* A sound plugin with every kind of option, keyed state and timers, and a nested component: what the loader's tests open. */
#include <weir/udf.h>

typedef struct everything {
    bool strict;
    int64_t limit;
    double rate;
    const char *label;
    int64_t wait;
    int64_t room;
    int32_t mode;
    weir_strings names;
    int32_t field;
    const char *password;
    weir_part codec;
} everything;

static const char *const modes[] = {"slow", "fast", NULL};
static const weir_option everything_options[] = {
    WEIR_OPTION(everything, strict, .def = "true", .doc = "whether to be strict"),
    WEIR_OPTION(everything, limit, .def = "1_000", .min = "1", .max = "1000000", .doc = "how many"),
    WEIR_OPTION(everything, rate, .def = "0.5", .min = "0", .max = "1", .doc = "how much"),
    WEIR_OPTION(everything, label, .doc = "what to call it: \"quotes\", commas, a # and a ${name}"),
    WEIR_OPTION_OF(everything, wait, WEIR_OPT_DURATION, .def = "5s", .min = "1ms", .max = "1d", .doc = "how long"),
    WEIR_OPTION_OF(everything, room, WEIR_OPT_SIZE, .def = "64KiB", .doc = "how large"),
    WEIR_OPTION(everything, mode, .def = "fast", .choices = modes, .doc = "which way"),
    WEIR_OPTION(everything, names, .def = "a, b", .doc = "some names"),
    WEIR_OPTION_OF(everything, field, WEIR_OPT_FIELD, .flags = WEIR_OPTIONAL | WEIR_NUMERIC, .doc = "a field"),
    WEIR_OPTION_OF(everything, password, WEIR_OPT_SECRET, .flags = WEIR_OPTIONAL, .doc = "a secret"),
    WEIR_OPTION(everything, codec, .accepts = WEIR_DECODER, .flags = WEIR_OPTIONAL, .doc = "a nested component"),
};

static weir_status everything_row(everything *me, weir_ctx *cx, weir_row in)
{
    weir_put_i64(cx, 0, 0, weir_i64(in, 0) * me->limit);
    return WEIR_OK;
}
WEIR_MAP(everything, .id = "everything", .doc = "has every kind of option", .in = "n:i64", .out = "*, times:i64",
         WEIR_OPTIONS(everything_options));

typedef struct seen {
    int64_t gap;
} seen;
typedef struct seen_key {
    weir_str word;
} seen_key;
typedef struct seen_value {
    int64_t n, at;
    weir_str note;
} seen_value;
static const weir_option seen_options[] = {
    WEIR_OPTION_OF(seen, gap, WEIR_OPT_DURATION, .def = "1min", .doc = "how long to wait")};
static const weir_field seen_keys[] = {WEIR_MEMBER(seen_key, word)};
static const weir_field seen_values[] = {WEIR_MEMBER(seen_value, n), WEIR_MEMBER_OF(seen_value, at, WEIR_TIMESTAMP),
                                         WEIR_ADDED_MEMBER(seen_value, note, 1, "\"none\", yet")};
static const weir_state seen_states[] = {
    WEIR_VALUE_STATE("last", seen_value, seen_values),
    WEIR_MAP_STATE("null", seen_key, seen_keys, seen_value, seen_values), /* a name that YAML would read as no name */
};

static weir_status seen_row(seen *me, weir_ctx *cx, weir_row in)
{
    return weir_set_timer(cx, WEIR_EVENT_TIME, 0, weir_time(in) + me->gap);
}
static weir_status seen_timer(seen *me, weir_ctx *cx, const weir_timer *timer)
{
    (void)me;
    (void)cx;
    (void)timer;
    return WEIR_OK;
}
WEIR_KEYED(seen, .id = "seen", .doc = "a keyed process", .in = "word:string?, n:number", .out = "@key, n:wide(n)",
           .sides = "rare(word:string)", WEIR_OPTIONS(seen_options), WEIR_STATES(seen_states));

typedef struct codec {
    const char *mark;
} codec;
static const weir_option codec_options[] = {WEIR_OPTION(codec, mark, .def = ";", .doc = "between values")};
static weir_status codec_begin(void *self, weir_ctx *cx, const weir_stream *stream)
{
    (void)self;
    (void)cx;
    (void)stream;
    return WEIR_OK;
}
static weir_status codec_decode(void *self, weir_ctx *cx, const void *data, size_t n, bool last, int64_t max_rows,
                                size_t *used)
{
    (void)self;
    (void)cx;
    (void)data;
    (void)last;
    (void)max_rows;
    *used = n;
    return WEIR_OK;
}
static bool codec_splittable(const void *self)
{
    (void)self;
    return true;
}
static bool codec_boundary(const void *self, const void *data, size_t n, size_t *at)
{
    (void)self;
    const char *end = memchr(data, '\n', n);
    if (end) *at = (size_t)(end - (const char *)data) + 1;
    return end != NULL;
}
static const weir_decoder codec_vtable = {.struct_size = sizeof(weir_decoder),
                                          .begin = codec_begin,
                                          .decode = codec_decode,
                                          .splittable = codec_splittable,
                                          .boundary = codec_boundary};
WEIR_COMPONENT(codec, WEIR_DECODER, codec_vtable, .id = "codec", .doc = "a format", .out = "$schema",
               WEIR_OPTIONS(codec_options));

WEIR_PLUGIN("test.good", "1.2.3", &everything_component, &seen_component, &codec_component);
