/* loader/document_read.c - YAML into a document's values, with the place of each.
 *
 * The events of libfyaml's parser are turned into our own tree, not its document: so duplicate keys, aliases and depth are
 * ours to judge. An alias is a copy of what its anchor names; copies are counted, so that nested aliases cannot fill memory.
 * Places are computed from byte offsets. libfyaml stops at the first syntax error; everything else found here is reported
 * and stepped over.
 */
#include <libfyaml.h>
#include <string.h>

#include "base/alloc.h"
#include "loader/document_internal.h"

struct line_index {
    size_t *starts; /* byte offset of each line */
    size_t n, capacity;
};

/* A collection that is being read. */
struct level {
    struct weir_value *value; /* SEQUENCE or MAPPING */
    struct weir_value *key;   /* MAPPING: the key whose value comes next */
    bool key_seen, skip_pair; /* MAPPING: a key was read; its pair is not wanted */
    bool flow;
    char *anchor;
    struct weir_mark mark;
    struct weir_map keys; /* MAPPING: key text -> its value, to find the second of a name */
};

struct reader {
    struct weir_document *document;
    struct weir_problems *problems;
    const char *text;
    size_t n;
    struct weir_mark nowhere; /* the origin alone */
    bool mark_text;
    struct line_index lines;
    struct level *levels;
    size_t n_levels, levels_capacity;
    struct weir_map anchors; /* name -> value */
    struct weir_value *root;
    bool failed; /* no use in reading on */
};

/* ---- places --------------------------------------------------------------------------------------------------------- */

static void index_lines(struct line_index *lines, const char *text, size_t n)
{
    for (size_t at = 0;;) {
        WEIR_GROW(lines->starts, lines->capacity, lines->n + 1);
        lines->starts[lines->n++] = at;
        const char *end = memchr(text + at, '\n', n - at);
        if (!end) return;
        at = (size_t)(end - text) + 1;
    }
}

static size_t line_of(const struct line_index *lines, size_t offset)
{
    size_t low = 0, high = lines->n;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (lines->starts[middle] <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static uint32_t count_characters(const char *p, const char *end)
{
    uint32_t n = 0;
    for (; p < end; p++) n += ((unsigned char)*p & 0xc0) != 0x80;
    return n;
}

/* The mark of the bytes start .. end-1, underlined to the end of the first line at most. */
static struct weir_mark mark_of(const struct reader *r, size_t start, size_t end)
{
    struct weir_mark mark = r->nowhere;
    if (!r->mark_text) return mark;
    if (start > r->n) start = r->n;
    size_t line = line_of(&r->lines, start), line_start = r->lines.starts[line];
    size_t line_end = line_start + strcspn(r->text + line_start, "\r\n");
    if (end > line_end) end = line_end;
    mark.source_line = r->text + line_start;
    mark.line = (uint32_t)line + 1;
    mark.column = count_characters(r->text + line_start, r->text + start) + 1;
    mark.length = end > start ? count_characters(r->text + start, r->text + end) : 1;
    if (mark.length == 0) mark.length = 1; /* nothing but the rest of a character: not UTF-8 */
    return mark;
}

/* The bytes of an event; of what surrounds it when the event has none (an absent value). Quotes count. */
static struct weir_mark event_mark(const struct reader *r, struct fy_event *event)
{
    const struct fy_mark *start = fy_event_start_mark(event), *end = fy_event_end_mark(event);
    if (!start || !end) {
        if (r->n_levels == 0) return r->nowhere;
        const struct level *top = &r->levels[r->n_levels - 1];
        return top->key ? top->key->mark : top->mark;
    }
    size_t from = start->input_pos, until = end->input_pos;
    bool marked = event->type == FYET_ALIAS || event->type == FYET_SCALAR;
    if (marked && from > 0 && until < r->n && strchr("'\"*", r->text[from - 1])) {
        if (r->text[until] == r->text[from - 1]) until++;
        from--;
    }
    return mark_of(r, from, until);
}

/* ---- building the tree ---------------------------------------------------------------------------------------------- */

static struct level *top_level(struct reader *r)
{
    return r->n_levels ? &r->levels[r->n_levels - 1] : NULL;
}

static char *token_text(struct fy_token *token)
{
    size_t n = 0;
    const char *text = token ? fy_token_get_text(token, &n) : NULL;
    return text ? weir_strndup(text, n) : NULL;
}

static bool within_limit(struct reader *r, const struct weir_mark *mark)
{
    if (r->document->n_values < WEIR_DOCUMENT_MAX_VALUES) return true;
    if (!r->failed)
        weir_problems_add(r->problems, mark, NULL, "the manifest has more than %zu values, aliases counted",
                          WEIR_DOCUMENT_MAX_VALUES);
    r->failed = true;
    return false;
}

static bool is_null_word(const char *text)
{
    return strcmp(text, "") == 0 || strcmp(text, "~") == 0 || strcmp(text, "null") == 0;
}

/* What stands before the ':'. */
static void take_key(struct reader *r, struct level *level, struct weir_value *key)
{
    level->key_seen = true;
    level->skip_pair = true;
    level->key = key;
    if (key->kind != WEIR_VALUE_SCALAR) {
        weir_problems_add(r->problems, &key->mark, NULL, "expected a name as the key, found %s",
                          key->kind == WEIR_VALUE_NULL      ? "nothing"
                          : key->kind == WEIR_VALUE_MAPPING ? "a mapping"
                                                            : "a list");
        return;
    }
    if (!key->quoted && strcmp(key->text, "<<") == 0) {
        weir_problems_add(r->problems, &key->mark, "write the keys out, or use an alias for a whole value",
                          "merge keys ('<<') are not supported");
        return;
    }
    const struct weir_value *first = weir_map_find(&level->keys, key->text);
    if (first) {
        char *help = first->mark.line ? weir_format("it is first written in line %u", first->mark.line) : NULL;
        weir_problems_add(r->problems, &key->mark, help, "the key '%s' is written twice", key->text);
        weir_free(help);
        return;
    }
    weir_map_put(&level->keys, key->text, key);
    level->skip_pair = false;
}

/* A complete value goes where it belongs. */
static void place(struct reader *r, struct weir_value *value)
{
    struct level *level = top_level(r);
    if (!level) {
        r->root = value;
    } else if (level->value->kind == WEIR_VALUE_SEQUENCE) {
        weir_value_append(level->value, value);
    } else if (!level->key_seen) {
        take_key(r, level, value);
    } else {
        if (!level->skip_pair) weir__value_add_pair(level->value, level->key, value);
        level->key_seen = false;
        level->key = NULL;
    }
}

static void refuse_tag(struct reader *r, struct fy_token *tag, const struct weir_mark *mark)
{
    if (!tag) return;
    weir_problems_add(r->problems, mark, "leave it out: types come from where the value stands",
                      "tags ('!...') are not supported");
}

static void read_scalar(struct reader *r, struct fy_event *event)
{
    struct weir_mark mark = event_mark(r, event);
    if (!within_limit(r, &mark)) return;
    refuse_tag(r, event->scalar.tag, &mark);
    char *text = token_text(event->scalar.value);
    if (!text) text = weir_strdup("");
    bool plain = !event->scalar.value || fy_token_scalar_style(event->scalar.value) == FYSS_PLAIN;
    struct weir_value *value =
        weir__value_new(r->document, plain && is_null_word(text) ? WEIR_VALUE_NULL : WEIR_VALUE_SCALAR, &mark);
    value->text = text;
    value->quoted = !plain;
    char *anchor = token_text(event->scalar.anchor);
    if (anchor) weir_map_put(&r->anchors, anchor, value);
    weir_free(anchor);
    place(r, value);
}

static struct weir_value *copy_value(struct reader *r, const struct weir_value *from)
{
    if (!within_limit(r, &from->mark)) return NULL;
    struct weir_value *to = weir__value_new(r->document, from->kind, &from->mark);
    to->quoted = from->quoted;
    to->text = weir_strdup(from->text);
    for (size_t i = 0; i < from->n; i++) {
        struct weir_value *value = copy_value(r, from->kind == WEIR_VALUE_SEQUENCE ? from->items[i] : from->pairs[i].value);
        if (!value) return NULL;
        if (from->kind == WEIR_VALUE_SEQUENCE)
            weir_value_append(to, value);
        else
            weir__value_add_pair(to, from->pairs[i].key, value);
    }
    return to;
}

static void read_alias(struct reader *r, struct fy_event *event)
{
    struct weir_mark mark = event_mark(r, event);
    char *name = token_text(event->alias.anchor);
    const struct weir_value *anchored = name ? weir_map_find(&r->anchors, name) : NULL;
    struct weir_value *value = NULL;
    if (anchored) {
        value = copy_value(r, anchored);
    } else {
        weir_problems_add(r->problems, &mark, "an anchor ('&name') stands before its aliases, and not around them",
                          "there is no anchor '%s' here", name ? name : "");
        value = weir__value_new(r->document, WEIR_VALUE_NULL, &mark);
        value->broken = true;
    }
    weir_free(name);
    if (value) place(r, value);
}

/* Depth of collections is bounded by what the readers of the tree, which recurse, can take. */
static void open_level(struct reader *r, struct fy_event *event, enum weir_value_kind kind, struct fy_token *anchor,
                       struct fy_token *tag)
{
    struct weir_mark mark = event_mark(r, event);
    if (r->n_levels >= WEIR_DOCUMENT_MAX_DEPTH) {
        weir_problems_add(r->problems, &mark, NULL, "lists and mappings are nested more than %d deep",
                          WEIR_DOCUMENT_MAX_DEPTH);
        r->failed = true;
    }
    if (r->failed || !within_limit(r, &mark)) return;
    refuse_tag(r, tag, &mark);
    WEIR_GROW(r->levels, r->levels_capacity, r->n_levels + 1);
    struct level *level = &r->levels[r->n_levels++];
    memset(level, 0, sizeof *level);
    level->mark = mark;
    level->flow = fy_event_get_node_style(event) == FYNS_FLOW;
    level->anchor = token_text(anchor);
    level->value = weir__value_new(r->document, kind, &mark);
}

static void close_level(struct reader *r)
{
    if (r->n_levels == 0) return;
    struct level level = r->levels[--r->n_levels];
    if (level.anchor) weir_map_put(&r->anchors, level.anchor, level.value);
    weir_free(level.anchor);
    weir_map_finish(&level.keys);
    place(r, level.value);
}

static void read_event(struct reader *r, struct fy_event *event)
{
    switch (event->type) {
    case FYET_SCALAR:
        read_scalar(r, event);
        break;
    case FYET_ALIAS:
        read_alias(r, event);
        break;
    case FYET_SEQUENCE_START:
        open_level(r, event, WEIR_VALUE_SEQUENCE, event->sequence_start.anchor, event->sequence_start.tag);
        break;
    case FYET_MAPPING_START:
        open_level(r, event, WEIR_VALUE_MAPPING, event->mapping_start.anchor, event->mapping_start.tag);
        break;
    case FYET_SEQUENCE_END:
    case FYET_MAPPING_END:
        close_level(r);
        break;
    case FYET_DOCUMENT_START:
        if (r->root) {
            struct weir_mark mark = event_mark(r, event);
            weir_problems_add(r->problems, &mark, "one file is one job", "a second document starts here ('---')");
            r->failed = true;
        }
        break;
    default:
        break;
    }
}

/* ---- what libfyaml says --------------------------------------------------------------------------------------------- */

static const struct {
    const char *part, *help;
} hints[] = {
    {"did not find expected '-' indicator", "check the indentation: the keys of one list item start in the same column"},
    {"wrongly indented", "check the indentation"},
    {"invalid indentation", "check the indentation"},
    {"invalid multiline plain key", "check the line before and the indentation; tabs do not indent"},
    {"missing comma in flow mapping", "inside { } a value that holds { or $ must be quoted: {size: \"${size}\"}"},
    {"plain scalar cannot start with", "put the text in quotes"},
    {"invalid nested block mapping", "a text that holds ': ' must be quoted"},
    {"block sequence entries not allowed", "check the indentation; a '-' starts a line of its own"},
    {"tab", "indent with spaces"},
};

static const char *hint_for(const char *message)
{
    for (size_t i = 0; i < WEIR_LEN(hints); i++) {
        if (strstr(message, hints[i].part)) return hints[i].help;
    }
    return NULL;
}

/* Line and column, from 1, of a text that was not parsed to the end. */
static struct weir_mark mark_at(const struct reader *r, int line, int column)
{
    if (!r->mark_text || line < 1 || r->lines.n == 0) return r->nowhere;
    size_t i = (size_t)line > r->lines.n ? r->lines.n - 1 : (size_t)line - 1;
    size_t start = r->lines.starts[i], at = start;
    for (int c = 1; c < column && r->text[at] != '\0' && r->text[at] != '\n'; c++) {
        do at++;
        while (((unsigned char)r->text[at] & 0xc0) == 0x80);
    }
    return mark_of(r, at, at + 1);
}

static void report_syntax(struct reader *r, struct fy_diag *diag)
{
    void *iterator = NULL;
    const struct fy_diag_error *e = fy_diag_errors_iterate(diag, &iterator);
    const struct level *top = top_level(r);
    if (!e || !e->msg) {
        weir_problems_add(r->problems, &r->nowhere, NULL, "this is not YAML");
        return;
    }
    struct weir_mark mark = mark_at(r, e->line, e->column);
    if (top && top->flow &&
        (strstr(e->msg, "without a closing") || (strstr(e->msg, "missing comma") && mark.line > top->mark.line))) {
        char *comma = strstr(e->msg, "missing comma") ? weir_format(", or a ',' is missing before line %u", mark.line)
                                                      : weir_strdup("");
        weir_problems_add(r->problems, &top->mark, NULL, "this '%s' is never closed%s",
                          top->value->kind == WEIR_VALUE_SEQUENCE ? "[" : "{", comma);
        weir_free(comma);
        return;
    }
    weir_problems_add(r->problems, &mark, hint_for(e->msg), "this is not YAML: %s", e->msg);
}

/* libfyaml would silently stop at bytes that are not UTF-8. n: all of it is; else the offset of the first byte that is not,
 * or that is NUL. */
static size_t valid_utf8(const char *text, size_t n)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t i = 0;
    while (i < n) {
        unsigned char c = p[i];
        size_t more = c < 0x80 ? 0 : c >= 0xc2 && c < 0xe0 ? 1 : c >= 0xe0 && c < 0xf0 ? 2 : c >= 0xf0 && c < 0xf5 ? 3 : 4;
        if (c == 0 || more == 4 || n - i <= more) return i;
        for (size_t k = 1; k <= more; k++) {
            if ((p[i + k] & 0xc0) != 0x80) return i;
        }
        if ((c == 0xe0 && p[i + 1] < 0xa0) || (c == 0xed && p[i + 1] >= 0xa0) || (c == 0xf0 && p[i + 1] < 0x90) ||
            (c == 0xf4 && p[i + 1] >= 0x90))
            return i;
        i += more + 1;
    }
    return n;
}

static void parse(struct reader *r)
{
    struct fy_diag_cfg diag_cfg;
    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.fp = NULL;
    struct fy_diag *diag = fy_diag_create(&diag_cfg);
    WEIR_ASSERT(diag);
    fy_diag_set_collect_errors(diag, true);
    struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET, .diag = diag};
    struct fy_parser *parser = fy_parser_create(&cfg);
    WEIR_ASSERT(parser);
    if (fy_parser_set_string(parser, r->text, r->n) == 0) {
        struct fy_event *event;
        while (!r->failed && (event = fy_parser_parse(parser))) {
            read_event(r, event);
            fy_parser_event_free(parser, event);
        }
    }
    if (!r->failed && fy_parser_get_stream_error(parser)) {
        report_syntax(r, diag);
        r->failed = true;
    }
    fy_parser_destroy(parser);
    fy_diag_destroy(diag);
}

static void reader_finish(struct reader *r)
{
    for (size_t i = 0; i < r->n_levels; i++) {
        weir_free(r->levels[i].anchor);
        weir_map_finish(&r->levels[i].keys);
    }
    weir_free(r->levels);
    weir_free(r->lines.starts);
    weir_map_finish(&r->anchors);
}

struct weir_value *weir__document_parse_yaml(struct weir_document *document, const char *text, size_t n, const char *origin,
                                             bool mark_text, struct weir_problems *problems)
{
    if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3; /* a byte order mark */
        n -= 3;
    }
    struct reader r = {.document = document, .problems = problems, .text = text, .n = n, .mark_text = mark_text};
    r.nowhere = (struct weir_mark){.origin = origin, .length = 1};
    index_lines(&r.lines, text, n);
    size_t valid = valid_utf8(text, n);
    if (valid < n) {
        struct weir_mark mark = mark_of(&r, valid, valid + 1);
        weir_problems_add(problems, &mark, "save the file as UTF-8", "the text is not UTF-8: byte 0x%02x",
                          (unsigned char)text[valid]);
        r.failed = true;
    } else {
        parse(&r);
    }
    struct weir_value *root = r.failed ? NULL : r.root ? r.root : weir__value_new(document, WEIR_VALUE_NULL, &r.nowhere);
    reader_finish(&r);
    return root;
}
