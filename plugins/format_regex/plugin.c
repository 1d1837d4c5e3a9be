/* weir.format_regex - lines taken apart by the named groups of a regular expression (PCRE2).
 *
 * The pattern must match the whole line, so that nothing of a line goes unnoticed. It is compiled once per instance, to
 * machine code where PCRE2 can; matching is bounded, so that no line can make it take for ever: a line that reaches the
 * limit is rejected.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <weir/cells.h>
#include <weir/lines.h>
#include <weir/udf.h>

#define MATCH_LIMIT     1000000 /* calls of PCRE2's internal match function for one line; its default is ten times that */
#define HEAP_LIMIT_KIB  65536   /* of the interpreter */
#define JIT_STACK_BYTES (1024 * 1024)

typedef struct regex {
    const char *pattern, *timestamps;

    weir_cell_times times;
    const weir_schema_view *schema;
    uint32_t *groups; /* by column: number of its group */
    pcre2_general_context *memory;
    pcre2_match_context *limits;
    pcre2_jit_stack *stack;
    pcre2_code *code;
    pcre2_match_data *match;
    weir_lines lines;
} regex;

static void *regex_alloc(size_t size, void *cx)
{
    weir_ctx *c = cx;
    return c->host->alloc(c, size);
}
static void regex_release(void *p, void *cx)
{
    weir_ctx *c = cx;
    c->host->release(c, p);
}

static weir_status no_memory(weir_ctx *cx)
{
    return weir_fail(cx, WEIR_E_MEMORY, "no memory for a regular expression");
}

static weir_status compile(regex *me, weir_ctx *cx)
{
    uint32_t options = PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_NEVER_BACKSLASH_C;
    PCRE2_SIZE at = 0;
    int error = 0;
    pcre2_compile_context *compile_context = pcre2_compile_context_create(me->memory);
    if (!compile_context) return no_memory(cx);
    if (weir_is_utf8(me->pattern, strlen(me->pattern))) {
        me->code = pcre2_compile((PCRE2_SPTR)me->pattern, PCRE2_ZERO_TERMINATED, options, &error, &at, compile_context);
    }
    pcre2_compile_context_free(compile_context);
    if (!me->code) {
        PCRE2_UCHAR why[160] = "it is not valid UTF-8";
        if (error) pcre2_get_error_message(error, why, sizeof why);
        return weir_fail(cx, WEIR_E_CONFIG, "option pattern, at byte %zu: %s: \"%s\"", (size_t)at, (const char *)why,
                         me->pattern);
    }
    (void)pcre2_jit_compile(me->code, PCRE2_JIT_COMPLETE); /* without it, matching is slower and the same */
    return WEIR_OK;
}

static weir_status bind_groups(regex *me, weir_ctx *cx)
{
    me->groups = cx->host->alloc(cx, me->schema->n_fields * sizeof *me->groups);
    if (!me->groups) return no_memory(cx);
    for (uint32_t c = 0; c < me->schema->n_fields; c++) {
        const weir_schema_field *f = weir_schema_at(me->schema, c);
        int group = pcre2_substring_number_from_name(me->code, (PCRE2_SPTR)f->name);
        if (group < 0) {
            return weir_fail(cx, WEIR_E_CONFIG, "column '%s' has no group (?<%s>...) in option pattern \"%s\"", f->name,
                             f->name, me->pattern);
        }
        if (!weir_cell_takes(f->type)) {
            return weir_fail(cx, WEIR_E_CONFIG, "column '%s': no text of a group is of type %s", f->name,
                             weir_type_word(f->type));
        }
        me->groups[c] = (uint32_t)group;
    }
    return WEIR_OK;
}

static weir_status regex_open(void *self, weir_ctx *cx)
{
    regex *me = self;
    weir_status s;
    me->schema = cx->host->output_schema(cx, 0);
    if (!weir_cell_times_of(me->timestamps, &me->times)) {
        return weir_fail(cx, WEIR_E_CONFIG,
                         "option timestamps must be auto, iso, epoch_ms, epoch_s or a pattern such as "
                         "\"%%Y-%%m-%%d %%H:%%M:%%S\", found \"%s\"",
                         me->timestamps);
    }
    me->memory = pcre2_general_context_create(regex_alloc, regex_release, cx);
    if (!me->memory) return no_memory(cx);
    if ((s = compile(me, cx)) != WEIR_OK || (s = bind_groups(me, cx)) != WEIR_OK) return s;
    me->limits = pcre2_match_context_create(me->memory);
    me->stack = pcre2_jit_stack_create(32 * 1024, JIT_STACK_BYTES, me->memory);
    me->match = pcre2_match_data_create_from_pattern(me->code, me->memory);
    if (!me->limits || !me->match) return no_memory(cx);
    pcre2_set_match_limit(me->limits, MATCH_LIMIT);
    pcre2_set_heap_limit(me->limits, HEAP_LIMIT_KIB);
    if (me->stack) pcre2_jit_stack_assign(me->limits, NULL, me->stack);
    return WEIR_OK;
}

/* The text of a column's group; false: the group took no part in the match. */
static bool group_text(const regex *me, uint32_t c, weir_str line, weir_str *text)
{
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(me->match) + 2 * (size_t)me->groups[c];
    if (at[0] == PCRE2_UNSET || at[1] < at[0]) return false;
    *text = (weir_str){line.p + at[0], at[1] - at[0]};
    return true;
}

static weir_status put_groups(regex *me, weir_ctx *cx, weir_str line)
{
    for (uint32_t c = 0; c < me->schema->n_fields; c++) {
        const weir_schema_field *f = weir_schema_at(me->schema, c);
        weir_status s = WEIR_OK;
        weir_str text;
        bool there = group_text(me, c, line, &text);
        if (f->nullable && (!there || (text.n == 0 && f->type != WEIR_STRING && f->type != WEIR_BYTES))) {
            weir_put_null(cx, 0, c);
        } else if (!there) {
            weir_unput(cx, 0);
            return weir_lines_reject(&me->lines, cx, line,
                                     "column '%s' (%s): its group took no part in the match, and the "
                                     "column must not be null",
                                     f->name, weir_type_word(f->type));
        } else if (!weir_cell_put(cx, 0, c, f->type, &me->times, text, true, &s)) {
            weir_unput(cx, 0);
            return weir_lines_reject(&me->lines, cx, line, "column '%s' (%s): \"%.*s\" is %s", f->name,
                                     weir_type_word(f->type), weir_cell_shown(text), text.p, weir_cell_trouble(f->type));
        }
        if (s != WEIR_OK) return s;
    }
    return weir_emit(cx, 0, WEIR_NO_TIME);
}

static weir_status regex_line(void *self, weir_ctx *cx, weir_str line)
{
    regex *me = self;
    size_t valid = weir_utf8_prefix(line.p, line.n);
    if (valid < line.n) return weir_lines_reject(&me->lines, cx, line, "at byte %zu: invalid UTF-8", valid);
    int n = pcre2_match(me->code, (PCRE2_SPTR)line.p, line.n, 0, PCRE2_NO_UTF_CHECK, me->match, me->limits);
    if (n >= 0) return put_groups(me, cx, line);
    if (n == PCRE2_ERROR_NOMATCH) return weir_lines_reject(&me->lines, cx, line, "the pattern does not match the line");
    PCRE2_UCHAR why[160] = "";
    pcre2_get_error_message(n, why, sizeof why);
    return weir_lines_reject(&me->lines, cx, line, "matching was given up: %s", (const char *)why);
}

static weir_status regex_begin(void *self, weir_ctx *cx, const weir_stream *stream)
{
    (void)cx;
    weir_lines_begin(&((regex *)self)->lines, stream);
    return WEIR_OK;
}

static weir_status regex_decode(void *self, weir_ctx *cx, const void *data, size_t n, bool last, int64_t max_rows,
                                size_t *used)
{
    return weir_lines_decode(&((regex *)self)->lines, self, cx, data, n, last, max_rows, used, regex_line);
}

static void regex_close(void *self, weir_ctx *cx)
{
    regex *me = self;
    pcre2_match_data_free(me->match);
    if (me->stack) pcre2_jit_stack_free(me->stack);
    pcre2_match_context_free(me->limits);
    pcre2_code_free(me->code);
    pcre2_general_context_free(me->memory);
    cx->host->release(cx, me->groups);
}

static const weir_option regex_options[] = {
    WEIR_OPTION(regex, pattern,
                .doc =
                    "PCRE2 pattern of a whole line, with a named group per column of the schema: (?<user>\\w+) (?<n>\\d+)"),
    WEIR_OPTION(regex, timestamps, .def = "auto",
                .doc = "iso, epoch_ms, epoch_s, a strftime pattern; auto: ISO 8601 or epoch milliseconds"),
};

static const weir_decoder regex_vtable = {.struct_size = sizeof(weir_decoder),
                                          .open = regex_open,
                                          .begin = regex_begin,
                                          .decode = regex_decode,
                                          .splittable = weir_lines_splittable,
                                          .boundary = weir_lines_boundary,
                                          .close = regex_close};
WEIR_COMPONENT(regex, WEIR_DECODER, regex_vtable, .id = "regex", .doc = "lines taken apart by a regular expression",
               .out = "$schema", WEIR_OPTIONS(regex_options));

WEIR_PLUGIN("weir.format_regex", "0.1.0", &regex_component);
