/* A component of every kind with every sort of declaration, for the manifests in tests/manifests: what a compiler of jobs
 * can meet. The functions are the least that a component can do. */
#include <weir/udf.h>

/* ---- sources, decoders ---------------------------------------------------------------------------------------------- */

static weir_status no_splits(void *self, weir_ctx *cx, weir_add_split *add, void *to)
{
    (void)self, (void)cx, (void)add, (void)to;
    return WEIR_OK;
}
static weir_status source_open(void *self, weir_ctx *cx)
{
    (void)self, (void)cx;
    return WEIR_OK;
}
static weir_status add_split(void *self, weir_ctx *cx, const weir_split *split, const void *position, size_t n)
{
    (void)self, (void)split, (void)position, (void)n;
    return cx->host->split_done(cx, split->id);
}
static weir_progress nothing_to_read(void *self, weir_ctx *cx, int64_t max_rows)
{
    (void)self, (void)cx, (void)max_rows;
    return WEIR_DONE;
}
static void source_close(void *self, weir_ctx *cx)
{
    (void)self, (void)cx;
}
static const weir_source source_vtable = {.struct_size = sizeof(weir_source),
                                          .discover = no_splits,
                                          .open = source_open,
                                          .add_split = add_split,
                                          .poll = nothing_to_read,
                                          .close = source_close};

typedef struct lines {
    const char *path, *token;
    weir_part format;
    int64_t limit, gap, buffer;
    double share;
    bool verbose;
    int32_t mode;
    weir_strings names;
} lines;
static const char *const modes[] = {"fast", "careful", NULL};
static const weir_option lines_options[] = {
    WEIR_OPTION(lines, path, .flags = WEIR_PATH, .doc = "the file to read"),
    WEIR_OPTION(lines, format, .def = "text", .accepts = WEIR_DECODER, .doc = "how lines are decoded"),
    WEIR_OPTION(lines, limit, .def = "0", .min = "0", .max = "1000", .doc = "stop after so many; 0: never"),
    WEIR_OPTION_OF(lines, gap, WEIR_OPT_DURATION, .def = "1s", .min = "1ms", .max = "1h", .doc = "pause"),
    WEIR_OPTION_OF(lines, buffer, WEIR_OPT_SIZE, .def = "64KiB", .doc = "bytes read at once"),
    WEIR_OPTION(lines, share, .def = "0.5", .min = "0", .max = "1", .doc = "part of the lines"),
    WEIR_OPTION(lines, verbose, .def = "false", .doc = "talk"),
    WEIR_OPTION(lines, mode, .def = "fast", .choices = modes, .doc = "how to read"),
    WEIR_OPTION(lines, names, .flags = WEIR_OPTIONAL, .doc = "names"),
    WEIR_OPTION_OF(lines, token, WEIR_OPT_SECRET, .flags = WEIR_OPTIONAL, .doc = "a password"),
};
WEIR_COMPONENT(lines, WEIR_SOURCE, source_vtable, .id = "lines", .doc = "lines of a file", .out = "$format",
               WEIR_OPTIONS(lines_options));

typedef struct clicks {
    int64_t unused;
} clicks;
WEIR_COMPONENT(clicks, WEIR_SOURCE, source_vtable, .id = "clicks", .doc = "page views",
               .out = "user:string, page:string, amount:f64, tip:f64?, n:i32, at:timestamp, raw:bytes, extra:any?");

typedef struct numbers {
    const char *field;
} numbers;
static const weir_option numbers_options[] = {WEIR_OPTION(numbers, field, .def = "value", .doc = "its name")};
WEIR_COMPONENT(numbers, WEIR_SOURCE, source_vtable, .id = "numbers", .doc = "numbers", .out = "{field}:i64",
               .flags = WEIR_BLOCKING, WEIR_OPTIONS(numbers_options));

typedef struct decoder {
    bool header;
} decoder;
static weir_status begin(void *self, weir_ctx *cx, const weir_stream *stream)
{
    (void)self, (void)cx, (void)stream;
    return WEIR_OK;
}
static weir_status decode(void *self, weir_ctx *cx, const void *data, size_t n, bool last, int64_t max_rows, size_t *used)
{
    (void)self, (void)cx, (void)data, (void)last, (void)max_rows;
    *used = n;
    return WEIR_OK;
}
static const weir_decoder decoder_vtable = {.struct_size = sizeof(weir_decoder), .begin = begin, .decode = decode};
static const weir_option csv_options[] = {WEIR_OPTION(decoder, header, .def = "false", .doc = "the first line has names")};
WEIR_COMPONENT(decoder, WEIR_DECODER, decoder_vtable, .id = "csv", .doc = "csv", .out = "$schema",
               WEIR_OPTIONS(csv_options));
typedef struct text {
    int64_t unused;
} text;
WEIR_COMPONENT(text, WEIR_DECODER, decoder_vtable, .id = "text", .doc = "lines as they are", .out = "line:string");

typedef struct keyed_lines {
    const char *by;
} keyed_lines;
static const weir_option keyed_lines_options[] = {WEIR_OPTION(keyed_lines, by, .def = "key", .doc = "field of the key")};
WEIR_COMPONENT(keyed_lines, WEIR_DECODER, decoder_vtable, .id = "keyed_lines", .doc = "key, then values",
               .in = "{by}:string, at:timestamp?", .out = "$schema", WEIR_OPTIONS(keyed_lines_options));

/* ---- maps, filters -------------------------------------------------------------------------------------------------- */

typedef struct vat {
    double rate;
} vat;
static weir_status vat_row(vat *me, weir_ctx *cx, weir_row in)
{
    weir_put_f64(cx, 0, 0, weir_f64(in, 0) * me->rate);
    return WEIR_OK;
}
static const weir_option vat_options[] = {WEIR_OPTION(vat, rate, .def = "0.2", .min = "0", .max = "1", .doc = "rate")};
WEIR_MAP(vat, .id = "vat", .doc = "adds the tax", .in = "amount:f64", .out = "*, tax:f64", WEIR_OPTIONS(vat_options));

typedef struct bucket {
    int64_t unused;
} bucket;
static weir_status bucket_row(bucket *me, weir_ctx *cx, weir_row in)
{
    (void)me;
    weir_put_i32(cx, 0, 0, (int32_t)(weir_text(in, 0).n % 16));
    return WEIR_OK;
}
WEIR_MAP(bucket, .id = "bucket", .doc = "a key selector", .in = "user:string", .out = "*, bucket:i32");

typedef struct big {
    double min;
} big;
static bool big_keep(big *me, weir_ctx *cx, weir_row in)
{
    (void)cx;
    return weir_f64(in, 0) >= me->min;
}
static const weir_option big_options[] = {WEIR_OPTION(big, min, .def = "100", .doc = "the least")};
WEIR_FILTER(big, .id = "big", .doc = "large amounts", .in = "amount:f64", WEIR_OPTIONS(big_options));

typedef struct fresh {
    int64_t unused;
} fresh;
typedef struct seen {
    int64_t count;
} seen;
static const weir_field seen_members[] = {WEIR_MEMBER(seen, count)};
static const weir_state seen_states[] = {WEIR_VALUE_STATE("seen", seen, seen_members)};
static bool fresh_keep(fresh *me, weir_ctx *cx, weir_row in)
{
    (void)me, (void)cx, (void)in;
    return true;
}
WEIR_KEYED_FILTER(fresh, .id = "fresh", .doc = "the first record of each key", .in = "*", WEIR_STATES(seen_states));

/* ---- process -------------------------------------------------------------------------------------------------------- */

typedef struct words {
    int64_t unused;
} words;
static weir_status words_row(words *me, weir_ctx *cx, weir_row in)
{
    (void)me, (void)cx, (void)in;
    return WEIR_OK;
}
WEIR_PROCESS(words, .id = "words", .doc = "the words of a line", .in = "line:string", .out = "word:string");

typedef struct triage {
    int64_t unused;
} triage;
static weir_status triage_row(triage *me, weir_ctx *cx, weir_row in)
{
    (void)me, (void)cx, (void)in;
    return WEIR_OK;
}
WEIR_PROCESS(triage, .id = "triage", .doc = "sorts records", .in = "*", .out = "*",
             .sides = "rejected(*), alerts(user:string, why:string)");

typedef struct widest {
    int32_t field;
} widest;
static weir_status widest_row(widest *me, weir_ctx *cx, weir_row in)
{
    (void)me, (void)cx, (void)in;
    return WEIR_OK;
}
static const weir_option widest_options[] = {
    WEIR_OPTION_OF(widest, field, WEIR_OPT_FIELD, .flags = WEIR_NUMERIC, .doc = "a number")};
WEIR_PROCESS(widest, .id = "widest", .doc = "by a field", .in = "*", .out = "*, top:wide(field)",
             WEIR_OPTIONS(widest_options));

typedef struct pair {
    int64_t unused;
} pair;
static weir_status pair_row(pair *me, weir_ctx *cx, weir_row in)
{
    (void)me, (void)cx, (void)in;
    return WEIR_OK;
}
WEIR_PROCESS(pair, .id = "pair", .doc = "type classes", .in = "a:number, b:ordered?, c:key",
             .out = "x:same(a), y:same(b), z:wide(a)");

typedef struct scorer {
    double threshold;
} scorer;
static weir_status scorer_row(scorer *me, weir_ctx *cx, weir_row in)
{
    (void)me, (void)cx, (void)in;
    return WEIR_OK;
}
static weir_status scorer_timer(scorer *me, weir_ctx *cx, const weir_timer *t)
{
    (void)me, (void)cx, (void)t;
    return WEIR_OK;
}
static const weir_option scorer_options[] = {WEIR_OPTION(scorer, threshold, .doc = "from where on")};
WEIR_KEYED(scorer, .id = "scorer", .doc = "scores users", .in = "amount:f64", .out = "@key, score:f64",
           WEIR_OPTIONS(scorer_options), WEIR_STATES(seen_states));

typedef struct rolling {
    int32_t field;
    const char *into;
} rolling;
typedef rolling rolling_sum, rolling_count;
static weir_status rolling_sum_row(rolling *me, weir_ctx *cx, weir_row in)
{
    (void)me, (void)cx, (void)in;
    return WEIR_OK;
}
static weir_status rolling_count_row(rolling *me, weir_ctx *cx, weir_row in)
{
    (void)me, (void)in;
    weir_put_i64(cx, 0, 0, 1);
    return WEIR_OK;
}
static const weir_option sum_options[] = {
    WEIR_OPTION_OF(rolling, field, WEIR_OPT_FIELD, .flags = WEIR_NUMERIC, .doc = "the number")};
static const weir_option count_options[] = {WEIR_OPTION(rolling, into, .def = "count", .doc = "the name")};
WEIR_KEYED_PROCESS(rolling_sum, .id = "rolling_sum", .doc = "running sum", .in = "*", .out = "@in",
                   WEIR_OPTIONS(sum_options), WEIR_STATES(seen_states));
WEIR_KEYED_MAP(rolling_count, .id = "rolling_count", .doc = "running count", .in = "*", .out = "*, {into}:i64",
               WEIR_OPTIONS(count_options), WEIR_STATES(seen_states));

typedef struct latest {
    int64_t unused;
} latest;
static weir_status reduce(void *self, weir_ctx *cx, weir_row so_far, weir_row next)
{
    (void)self, (void)cx, (void)so_far, (void)next;
    return WEIR_OK;
}
static const weir_reducer reducer_vtable = {.struct_size = sizeof(weir_reducer), .reduce = reduce};
WEIR_COMPONENT(latest, WEIR_REDUCER, reducer_vtable, .id = "latest", .doc = "the later one", .in = "*", .out = "@in");

/* ---- aggregates, generators, partitioners --------------------------------------------------------------------------- */

static weir_status add(void *self, weir_ctx *cx, void *acc, weir_row in)
{
    (void)self, (void)cx, (void)acc, (void)in;
    return WEIR_OK;
}
static weir_status result(void *self, weir_ctx *cx, const void *acc, uint32_t column)
{
    (void)self, (void)cx, (void)acc, (void)column;
    return WEIR_OK;
}
static const weir_aggregate aggregate_vtable = {.struct_size = sizeof(weir_aggregate), .add = add, .result = result};
typedef struct count {
    int64_t unused;
} count;
typedef struct quantile {
    double q;
} quantile;
typedef count sum, min_by;
WEIR_COMPONENT(count, WEIR_AGGREGATE, aggregate_vtable, .id = "count", .doc = "rows", .out = "result:i64",
               WEIR_STATES(seen_states));
WEIR_COMPONENT(sum, WEIR_AGGREGATE, aggregate_vtable, .id = "sum", .doc = "sum", .in = "value:number?",
               .out = "result:wide(value)?", WEIR_STATES(seen_states));
WEIR_COMPONENT(min_by, WEIR_AGGREGATE, aggregate_vtable, .id = "min_by", .doc = "value where by is least",
               .in = "value:anything?, by:ordered?", .out = "result:same(value)", WEIR_STATES(seen_states));
static const weir_option quantile_options[] = {WEIR_OPTION(quantile, q, .min = "0", .max = "1", .doc = "which")};
WEIR_COMPONENT(quantile, WEIR_AGGREGATE, aggregate_vtable, .id = "quantile", .doc = "quantile", .in = "value:number",
               .out = "result:f64", WEIR_OPTIONS(quantile_options), WEIR_STATES(seen_states));

static weir_status on_rows(void *self, weir_ctx *cx, const weir_batch *b, int64_t *row, int64_t *watermark)
{
    (void)self, (void)cx, (void)watermark;
    *row = b->length;
    return WEIR_OK;
}
static const weir_watermark_generator generator_vtable = {.struct_size = sizeof(weir_watermark_generator),
                                                          .on_rows = on_rows};
typedef struct bounded {
    int64_t delay;
} bounded;
typedef struct marks {
    int32_t field;
} marks;
typedef count monotonous;
static const weir_option bounded_options[] = {
    WEIR_OPTION_OF(bounded, delay, WEIR_OPT_DURATION, .min = "0ms", .doc = "delay")};
static const weir_option marks_options[] = {WEIR_OPTION_OF(marks, field, WEIR_OPT_FIELD, .doc = "mark")};
WEIR_COMPONENT(bounded, WEIR_WATERMARK_GENERATOR, generator_vtable, .id = "bounded_out_of_orderness", .doc = "bounded",
               WEIR_OPTIONS(bounded_options));
WEIR_COMPONENT(monotonous, WEIR_WATERMARK_GENERATOR, generator_vtable, .id = "monotonous", .doc = "monotonous");
WEIR_COMPONENT(marks, WEIR_WATERMARK_GENERATOR, generator_vtable, .id = "marks", .doc = "punctuated", .in = "*",
               WEIR_OPTIONS(marks_options));

typedef count by_user;
static weir_status partition(void *self, weir_ctx *cx, const weir_batch *b, uint32_t n_targets, uint32_t *targets)
{
    (void)self, (void)cx, (void)n_targets;
    for (int64_t i = 0; i < b->length; i++) targets[i] = 0;
    return WEIR_OK;
}
static const weir_partitioner partitioner_vtable = {.struct_size = sizeof(weir_partitioner), .partition = partition};
WEIR_COMPONENT(by_user, WEIR_PARTITIONER, partitioner_vtable, .id = "by_user", .doc = "by user", .in = "user:string");

/* ---- sinks ---------------------------------------------------------------------------------------------------------- */

static weir_status write_all(void *self, weir_ctx *cx, const weir_batch *b, int64_t *row)
{
    (void)self, (void)cx;
    *row = b->length;
    return WEIR_OK;
}
static const weir_sink sink_vtable = {
    .struct_size = sizeof(weir_sink), .open = source_open, .write = write_all, .close = source_close};
static weir_status encode(void *self, weir_ctx *cx, const weir_batch *batch, int64_t from, int64_t until, weir_blob *to)
{
    (void)self, (void)cx, (void)batch, (void)from, (void)until, (void)to;
    return WEIR_OK;
}
static const weir_encoder encoder_vtable = {.struct_size = sizeof(weir_encoder), .encode = encode};
typedef count invoice;
WEIR_COMPONENT(invoice, WEIR_ENCODER, encoder_vtable, .id = "invoice", .doc = "to be paid",
               .in = "user:string, total:number, at:timestamp?");
typedef count letter;
WEIR_COMPONENT(letter, WEIR_ENCODER, encoder_vtable, .id = "letter", .doc = "a letter", .in = "text:string");
typedef struct posted {
    weir_part format;
} posted;
static const weir_option posted_options[] = {
    WEIR_OPTION(posted, format, .def = "letter", .accepts = WEIR_ENCODER, .doc = "what")};
WEIR_COMPONENT(posted, WEIR_SINK, sink_vtable, .id = "posted", .doc = "by post", .in = "user:string, total:i64",
               WEIR_OPTIONS(posted_options));

typedef struct file {
    const char *path;
    weir_part format;
} file;
static const weir_option file_options[] = {
    WEIR_OPTION(file, path, .flags = WEIR_PATH | WEIR_ONE_FILE, .doc = "a file, or a folder/"),
    WEIR_OPTION(file, format, .def = "csv", .accepts = WEIR_ENCODER, .doc = "how records are written"),
};
WEIR_COMPONENT(file, WEIR_SINK, sink_vtable, .id = "file", .doc = "to files", .in = "*", WEIR_OPTIONS(file_options));
typedef count print;
WEIR_COMPONENT(print, WEIR_SINK, sink_vtable, .id = "print", .doc = "to the terminal", .in = "*");
typedef count mail;
WEIR_COMPONENT(mail, WEIR_SINK, sink_vtable, .id = "mail", .doc = "to a person", .in = "user:string, text:string");

typedef struct twice {
    int64_t unused;
} twice;
static weir_status twice_row(twice *me, weir_ctx *cx, weir_row in)
{
    (void)me, (void)cx, (void)in;
    return WEIR_OK;
}
WEIR_PROCESS(twice, .id = "twice", .doc = "in two plugins", .in = "*", .out = "*");

/* ---- two inputs ----------------------------------------------------------------------------------------------------- */

typedef count settle;
static weir_status settle_first(settle *me, weir_ctx *cx, weir_row in)
{
    (void)me, (void)cx, (void)in;
    return WEIR_OK;
}
static weir_status settle_second(settle *me, weir_ctx *cx, weir_row in)
{
    return settle_first(me, cx, in);
}
static weir_status settle_timer(settle *me, weir_ctx *cx, const weir_timer *t)
{
    (void)me, (void)cx, (void)t;
    return WEIR_OK;
}
WEIR_CO_KEYED(settle, .id = "settle", .doc = "two inputs", .in = "orders(order:string, amount:f64), payments(paid:f64)",
              .out = "@key, same:same(paid)", .sides = "alone(@key)");

typedef struct rule_key {
    int64_t id;
} rule_key;
static const weir_field rule_key_members[] = {WEIR_MEMBER(rule_key, id)};
static const weir_state rule_states[] = {
    WEIR_BROADCAST_STATE("rules", rule_key, rule_key_members, rule_key, rule_key_members)};
typedef count ruler;
static weir_status ruler_row(ruler *me, weir_ctx *cx, weir_row in)
{
    (void)me, (void)cx, (void)in;
    return WEIR_OK;
}
static weir_status ruler_broadcast(ruler *me, weir_ctx *cx, weir_row in)
{
    return ruler_row(me, cx, in);
}
WEIR_BROADCAST_PROCESS(ruler, .id = "ruler", .doc = "broadcast", .in = "events(*), rules(id:i64)", .out = "*",
                       WEIR_STATES(rule_states));

typedef count match;
static weir_status match_join(match *me, weir_ctx *cx, weir_row first, weir_row second, int64_t time)
{
    (void)me, (void)cx, (void)first, (void)second, (void)time;
    return WEIR_OK;
}
WEIR_JOIN(match, .id = "match", .doc = "pairs", .in = "orders(amount:f64), payments(paid:f64)",
          .out = "@key, rest:f64, kept:same(paid)", .sides = "late_left(@key)");

typedef count grouped;
static weir_status grouped_process(grouped *me, weir_ctx *cx, const weir_window *window, const weir_batch *first,
                                   const weir_batch *second)
{
    (void)me, (void)cx, (void)window, (void)first, (void)second;
    return WEIR_OK;
}
WEIR_COGROUP(grouped, .id = "grouped", .doc = "groups", .in = "orders(amount:f64), payments(user:string)",
             .out = "@key, n:i64");

typedef struct shelf {
    int64_t boards;
} shelf;
static weir_status open_shelf(void *self, const char *directory, weir_io_error *error)
{
    (void)self, (void)directory, (void)error;
    return WEIR_OK;
}
static void close_shelf(void *self)
{
    (void)self;
}
static weir_status get(void *self, const weir_str *keys, size_t n, weir_store_found *found, void *to, weir_io_error *error)
{
    (void)self, (void)keys, (void)n, (void)found, (void)to, (void)error;
    return WEIR_OK;
}
static weir_status put(void *self, const weir_store_change *changes, size_t n, weir_io_error *error)
{
    (void)self, (void)changes, (void)n, (void)error;
    return WEIR_OK;
}
static weir_status drop(void *self, weir_str from, weir_str until, size_t *removed, weir_io_error *error)
{
    (void)self, (void)from, (void)until, (void)error;
    *removed = 0;
    return WEIR_OK;
}
static weir_status scan(void *self, weir_store_view *view, weir_str from, weir_str until, weir_store_visit *visit, void *to,
                        weir_io_error *error)
{
    (void)self, (void)view, (void)from, (void)until, (void)visit, (void)to, (void)error;
    return WEIR_OK;
}
static weir_status make_view(void *self, weir_store_view **view, weir_io_error *error)
{
    (void)self, (void)error;
    *view = NULL;
    return WEIR_OK;
}
static void release(void *self, weir_store_view *view)
{
    (void)self, (void)view;
}
static const weir_backend shelf_vtable = {.struct_size = sizeof(weir_backend),
                                          .open = open_shelf,
                                          .close = close_shelf,
                                          .get = get,
                                          .write = put,
                                          .remove = drop,
                                          .scan = scan,
                                          .view = make_view,
                                          .release = release};
static const weir_option shelf_options[] = {WEIR_OPTION(shelf, boards, .def = "3", .min = "1", .doc = "how many")};
WEIR_COMPONENT(shelf, WEIR_STATE_BACKEND, shelf_vtable, .id = "shelf", .doc = "keeps nothing", WEIR_OPTIONS(shelf_options));

typedef struct periodic {
    int64_t size, slide, offset;
} periodic;
static weir_status no_windows(void *self, weir_ctx *cx, weir_row in, weir_window *to, uint32_t capacity, uint32_t *n)
{
    (void)self, (void)cx, (void)in, (void)to, (void)capacity;
    *n = 0;
    return WEIR_OK;
}
static weir_status period(void *self, weir_ctx *cx, int64_t *size, int64_t *slide, int64_t *offset)
{
    const periodic *me = self;
    (void)cx;
    *size = me->size;
    *slide = me->slide;
    *offset = me->offset;
    return WEIR_OK;
}
typedef periodic tumbling, sliding;
static const weir_window_assigner assigner_vtable = {.struct_size = sizeof(weir_window_assigner), .assign = no_windows},
                                  periodic_vtable = {
                                      .struct_size = sizeof(weir_window_assigner), .assign = no_windows, .periodic = period};
#define SIZE   WEIR_OPTION_OF(periodic, size, WEIR_OPT_DURATION, .min = "1ms", .doc = "how long")
#define OFFSET WEIR_OPTION_OF(periodic, offset, WEIR_OPT_DURATION, .def = "0ms", .doc = "shift")
static const weir_option tumbling_options[] = {SIZE, OFFSET},
                         sliding_options[] = {
                             SIZE, WEIR_OPTION_OF(periodic, slide, WEIR_OPT_DURATION, .min = "1ms", .doc = "how often"),
                             OFFSET};
WEIR_COMPONENT(tumbling, WEIR_WINDOW_ASSIGNER, periodic_vtable, .id = "tumbling", .doc = "windows",
               .flags = WEIR_EVENT_WINDOWS | WEIR_PERIODIC, WEIR_OPTIONS(tumbling_options));
WEIR_COMPONENT(sliding, WEIR_WINDOW_ASSIGNER, periodic_vtable, .id = "sliding", .doc = "windows",
               .flags = WEIR_EVENT_WINDOWS | WEIR_PERIODIC, WEIR_OPTIONS(sliding_options));
typedef struct by_gap {
    int32_t field;
} by_gap;
static const weir_option by_gap_options[] = {WEIR_OPTION_OF(by_gap, field, WEIR_OPT_FIELD, .doc = "the gap")};
WEIR_COMPONENT(by_gap, WEIR_WINDOW_ASSIGNER, assigner_vtable, .id = "session_by", .doc = "windows", .in = "*",
               .flags = WEIR_EVENT_WINDOWS, WEIR_OPTIONS(by_gap_options));
typedef count at_end;
static weir_status never_on_row(void *self, weir_ctx *cx, const weir_window *w, weir_row in, weir_firing *firing)
{
    (void)self, (void)cx, (void)w, (void)in, (void)firing;
    return WEIR_OK;
}
static weir_status never_on_timer(void *self, weir_ctx *cx, const weir_window *w, const weir_timer *t, weir_firing *firing)
{
    (void)self, (void)cx, (void)w, (void)t, (void)firing;
    return WEIR_OK;
}
static const weir_trigger trigger_vtable = {
    .struct_size = sizeof(weir_trigger), .on_row = never_on_row, .on_timer = never_on_timer};
WEIR_COMPONENT(at_end, WEIR_TRIGGER, trigger_vtable, .id = "event_time", .doc = "a trigger", .flags = WEIR_END_OF_WINDOW);

typedef struct clocked {
    int64_t size, offset;
} clocked;
static const weir_option clocked_options[] = {
    WEIR_OPTION_OF(clocked, size, WEIR_OPT_DURATION, .min = "1ms", .doc = "how long"),
    WEIR_OPTION_OF(clocked, offset, WEIR_OPT_DURATION, .def = "0s", .doc = "first start")};
WEIR_COMPONENT(clocked, WEIR_WINDOW_ASSIGNER, assigner_vtable, .id = "tumbling_processing", .doc = "windows",
               .flags = WEIR_CLOCK_WINDOWS, WEIR_OPTIONS(clocked_options));
typedef count endless;
WEIR_COMPONENT(endless, WEIR_WINDOW_ASSIGNER, assigner_vtable, .id = "global", .doc = "one window");
typedef count by_clock;
WEIR_COMPONENT(by_clock, WEIR_TRIGGER, trigger_vtable, .id = "processing_time", .doc = "a trigger");
typedef struct purging {
    weir_part trigger;
} purging;
static const weir_option purging_options[] = {WEIR_OPTION(purging, trigger, .accepts = WEIR_TRIGGER, .doc = "which")};
WEIR_COMPONENT(purging, WEIR_TRIGGER, trigger_vtable, .id = "purging", .doc = "a trigger", WEIR_OPTIONS(purging_options));

typedef count price;
static weir_status price_start(void *self, weir_ctx *cx, weir_row in, uint64_t request)
{
    (void)self, (void)in;
    weir_complete(cx, request, WEIR_OK, NULL, 0);
    return WEIR_OK;
}
static weir_status price_result(void *self, weir_ctx *cx, weir_row in, weir_status s, const void *data, size_t n)
{
    (void)self, (void)cx, (void)in, (void)data, (void)n;
    return s;
}
static const weir_async price_vtable = {.struct_size = sizeof(weir_async), .start = price_start, .result = price_result};
WEIR_COMPONENT(price, WEIR_ASYNC, price_vtable, .id = "price", .doc = "looks prices up", .in = "page:string",
               .out = "*, price:f64");

WEIR_PLUGIN("test.kit", "1.0.0", &lines_component, &clicks_component, &numbers_component, &decoder_component,
            &text_component, &vat_component, &bucket_component, &big_component, &fresh_component, &words_component,
            &triage_component, &widest_component, &pair_component, &scorer_component, &rolling_sum_component,
            &rolling_count_component, &latest_component, &count_component, &sum_component, &min_by_component,
            &quantile_component, &bounded_component, &monotonous_component, &marks_component, &by_user_component,
            &file_component, &print_component, &mail_component, &twice_component, &settle_component, &ruler_component,
            &match_component, &grouped_component, &tumbling_component, &sliding_component, &by_gap_component,
            &at_end_component, &keyed_lines_component, &invoice_component, &letter_component, &posted_component,
            &clocked_component, &endless_component, &by_clock_component, &purging_component, &price_component,
            &shelf_component);
