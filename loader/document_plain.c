/* loader/document_plain.c - the YAML that weir writes itself, read without a YAML parser.
 *
 * Dozens of plugin manifests are read before any job starts, and libfyaml takes most of that time. They hold little:
 * mappings in blocks, lists of them, lists and mappings of words in brackets on one line, words, and texts in double quotes;
 * all ASCII. Whatever else is in a text, this reader gives up, and document_read.c reads it: so it has nothing to report,
 * and what it does give is what that one gives, the places too (tests/unit/loader/test_document_plain.c compares them). Any
 * thread.
 */
#include <string.h>

#include "base/alloc.h"
#include "loader/document_internal.h"

#define DEEPEST       16
#define MOST_BYTES    ((size_t)1 << 16)
#define LONGEST_KEY   64
#define LONGEST_PLAIN 64

struct plain {
    struct weir_document *document;
    const char *origin;
    const char *p, *line; /* where it reads, and the line that is in */
    uint32_t number;      /* of the line, from 1 */
    uint32_t depth;
};

static struct weir_mark mark_of(const struct plain *r, const char *from, const char *end)
{
    return (struct weir_mark){.origin = r->origin,
                              .source_line = r->line,
                              .line = r->number,
                              .column = (uint32_t)(from - r->line) + 1,
                              .length = end > from ? (uint32_t)(end - from) : 1};
}

static struct weir_value *new_at(struct plain *r, enum weir_value_kind kind, const char *from, const char *end)
{
    struct weir_mark mark = mark_of(r, from, end);
    return weir__value_new(r->document, kind, &mark);
}

static bool take(struct plain *r, const char *word)
{
    size_t n = strlen(word);
    if (strncmp(r->p, word, n) != 0) return false;
    r->p += n;
    return true;
}

static void next_line(struct plain *r)
{
    r->line = ++r->p;
    r->number++;
}

/* ---- words and texts --------------------------------------------------------------------------------------------- */

static bool is_of_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static struct weir_value *read_word(struct plain *r, size_t longest)
{
    const char *from = r->p;
    while (is_of_word(*r->p)) r->p++;
    size_t n = (size_t)(r->p - from);
    if (n == 0 || n > longest || (n == 4 && memcmp(from, "null", 4) == 0)) return NULL;
    struct weir_value *v = new_at(r, WEIR_VALUE_SCALAR, from, r->p);
    v->text = weir_strndup(from, n);
    return v;
}

/* What stands behind a backslash; 0: nothing that weir_text_add_json writes. */
static char read_escape(struct plain *r)
{
    static const char names[] = "\"\\bfnrt", meant[] = "\"\\\b\f\n\r\t", digits[] = "0123456789abcdef";
    char c = *r->p++;
    const char *name = c ? strchr(names, c) : NULL;
    if (name) return meant[name - names];
    if (c != 'u' || !take(r, "00")) return '\0';
    const char *high = *r->p && *r->p <= '1' ? strchr(digits, *r->p) : NULL;
    const char *low = high && r->p[1] ? strchr(digits, r->p[1]) : NULL;
    if (!low) return '\0';
    r->p += 2;
    return (char)((high - digits) * 16 + (low - digits));
}

static struct weir_value *read_quoted(struct plain *r)
{
    const char *from = r->p++;
    char *text = weir_alloc(strcspn(r->p, "\n") + 1);
    size_t n = 0;
    struct weir_value *v = NULL;
    for (char c; *r->p >= ' ' && *r->p != '"'; text[n++] = c) {
        c = *r->p++;
        if (c == '\\' && !(c = read_escape(r))) goto given_up;
    }
    if (!take(r, "\"")) goto given_up;
    v = new_at(r, WEIR_VALUE_SCALAR, from, r->p);
    v->quoted = true;
    v->text = text;
    return v;
given_up:
    weir_free(text);
    return NULL;
}

static struct weir_value *read_scalar(struct plain *r)
{
    return *r->p == '"' ? read_quoted(r) : read_word(r, LONGEST_PLAIN);
}

/* ---- collections ------------------------------------------------------------------------------------------------- */

/* "name:"; that there is none of the name yet. */
static struct weir_value *read_key(struct plain *r, const struct weir_value *map)
{
    struct weir_value *key = read_word(r, LONGEST_KEY);
    if (!key || !take(r, ":")) return NULL;
    for (size_t i = 0; i < map->n; i++) {
        if (strcmp(map->pairs[i].key->text, key->text) == 0) return NULL;
    }
    return key;
}

/* "[a, b]" */
static struct weir_value *read_list(struct plain *r)
{
    struct weir_value *list = new_at(r, WEIR_VALUE_SEQUENCE, r->p, r->p + 1);
    r->p++;
    do {
        struct weir_value *v = read_scalar(r);
        if (!v) return NULL;
        weir_value_append(list, v);
    } while (take(r, ", "));
    return take(r, "]") ? list : NULL;
}

/* "{a: b, c: d}" */
static struct weir_value *read_braces(struct plain *r)
{
    struct weir_value *map = new_at(r, WEIR_VALUE_MAPPING, r->p, r->p + 1);
    r->p++;
    do {
        struct weir_value *key = read_key(r, map), *v = key && take(r, " ") ? read_scalar(r) : NULL;
        if (!v) return NULL;
        weir__value_add_pair(map, key, v);
    } while (take(r, ", "));
    return take(r, "}") ? map : NULL;
}

static struct weir_value *read_in_line(struct plain *r)
{
    struct weir_value *v = *r->p == '[' ? read_list(r) : *r->p == '{' ? read_braces(r) : read_scalar(r);
    if (!v || *r->p != '\n') return NULL;
    next_line(r);
    return v;
}

static size_t indent_of(const struct plain *r)
{
    return strspn(r->line, " ");
}

static struct weir_value *read_block(struct plain *r, size_t indent);

/* "key: value" and "key:" with a deeper block below, one under another. The reader stands at the first key. */
static struct weir_value *read_mapping(struct plain *r, size_t indent)
{
    struct weir_value *map = new_at(r, WEIR_VALUE_MAPPING, r->p, r->p);
    for (;;) {
        struct weir_value *key = read_key(r, map), *v = NULL;
        if (!key) return NULL;
        if (take(r, " ")) {
            v = read_in_line(r);
        } else if (*r->p == '\n') {
            next_line(r);
            if (indent_of(r) > indent) v = read_block(r, indent_of(r));
        }
        if (!v) return NULL;
        weir__value_add_pair(map, key, v);
        if (indent_of(r) != indent || r->line[indent] == '-') return map;
        r->p = r->line + indent;
        if (!*r->p) return map;
    }
}

/* Items that begin with "- ", one under another; the reader stands at the first. */
static struct weir_value *read_items(struct plain *r, size_t indent)
{
    struct weir_value *list = new_at(r, WEIR_VALUE_SEQUENCE, r->p, r->p);
    do {
        r->p = r->line + indent;
        if (!take(r, "- ")) return NULL;
        struct weir_value *v = *r->p == '{' ? read_in_line(r) : read_mapping(r, indent + 2);
        if (!v) return NULL;
        weir_value_append(list, v);
    } while (indent_of(r) == indent && r->line[indent] == '-');
    return list;
}

static struct weir_value *read_block(struct plain *r, size_t indent)
{
    if (r->depth == DEEPEST) return NULL;
    r->depth++;
    r->p = r->line + indent;
    struct weir_value *v = *r->p == '-' ? read_items(r, indent) : read_mapping(r, indent);
    r->depth--;
    return v;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static bool is_plain(const char *text, size_t n)
{
    if (n == 0 || n > MOST_BYTES || text[n - 1] != '\n') return false;
    for (size_t i = 0; i < n; i++) {
        if ((text[i] < ' ' && text[i] != '\n') || text[i] == 0x7f) return false;
    }
    return true;
}

struct weir_value *weir__document_parse_plain(struct weir_document *document, const char *text, size_t n, const char *origin)
{
    if (!is_plain(text, n)) return NULL;
    struct plain r = {.document = document, .origin = origin, .p = text, .line = text, .number = 1};
    while (*r.line == '#') {
        r.p += strcspn(r.p, "\n");
        next_line(&r);
    }
    struct weir_value *root = read_block(&r, 0);
    return root && r.line == text + n ? root : NULL;
}
