/* loader/document.c - the tree of a manifest: values, their owner, and looking things up.
 *
 * Floor 3, one thread. A document owns every value ever made for it in one flat list, so values may be moved about in the
 * tree, or out of it, without thought; there is nothing to free but the document.
 */
#include "loader/document.h"

#include <string.h>

#include "base/alloc.h"
#include "base/path.h"
#include "loader/document_internal.h"

struct weir_document *weir_document_create(const char *name, const char *base_dir)
{
    struct weir_document *d = weir_alloc(sizeof *d);
    d->name = weir_strdup(name);
    d->base_dir = weir_strdup(base_dir);
    struct weir_mark start = {.origin = d->name};
    d->root = weir__value_new(d, WEIR_VALUE_NULL, &start);
    return d;
}

void weir_document_destroy(struct weir_document *d)
{
    if (!d) return;
    for (size_t i = 0; i < d->n_values; i++) {
        struct weir_value *v = d->values[i];
        weir_free(v->text);
        weir_free(v->items);
        weir_free(v->pairs);
        weir_free(v);
    }
    weir_free(d->values);
    weir_map_finish(&d->origins);
    weir_free(d->text);
    weir_free(d->name);
    weir_free(d->base_dir);
    weir_free(d);
}

const char *weir__document_origin(struct weir_document *d, const char *origin)
{
    if (!origin) return d->name;
    if (!weir_map_has(&d->origins, origin)) weir_map_put(&d->origins, origin, NULL);
    for (size_t i = 0; i < d->origins.n; i++) {
        if (strcmp(d->origins.entries[i].key, origin) == 0) return d->origins.entries[i].key;
    }
    return d->name;
}

struct weir_value *weir__value_new(struct weir_document *d, enum weir_value_kind kind, const struct weir_mark *mark)
{
    struct weir_value *v = weir_alloc(sizeof *v);
    v->kind = kind;
    v->mark = *mark;
    WEIR_GROW(d->values, d->values_capacity, d->n_values + 1);
    d->values[d->n_values++] = v;
    return v;
}

/* Arrays double when their count is a power of two, so no capacity is kept. */
static size_t grown(size_t n)
{
    return n == 0 ? 1 : n * 2;
}

void weir_value_append(struct weir_value *sequence, struct weir_value *item)
{
    WEIR_ASSERT(sequence->kind == WEIR_VALUE_SEQUENCE);
    size_t n = sequence->n;
    if ((n & (n - 1)) == 0) sequence->items = weir_realloc_array(sequence->items, n, grown(n), sizeof(struct weir_value *));
    sequence->items[sequence->n++] = item;
}

void weir__value_add_pair(struct weir_value *mapping, struct weir_value *key, struct weir_value *value)
{
    WEIR_ASSERT(mapping->kind == WEIR_VALUE_MAPPING);
    size_t n = mapping->n;
    if ((n & (n - 1)) == 0) mapping->pairs = weir_realloc_array(mapping->pairs, n, grown(n), sizeof(struct weir_pair));
    mapping->pairs[mapping->n++] = (struct weir_pair){key, value};
}

/* ---- trees made by calls -------------------------------------------------------------------------------------------- */

static struct weir_value *new_from(struct weir_document *d, enum weir_value_kind kind, const char *origin)
{
    struct weir_mark mark = {.origin = weir__document_origin(d, origin), .length = 1};
    return weir__value_new(d, kind, &mark);
}

struct weir_value *weir_document_scalar(struct weir_document *d, const char *text, const char *origin)
{
    struct weir_value *v = new_from(d, WEIR_VALUE_SCALAR, origin);
    v->text = weir_strdup(text);
    return v;
}

struct weir_value *weir_document_sequence(struct weir_document *d, const char *origin)
{
    return new_from(d, WEIR_VALUE_SEQUENCE, origin);
}

struct weir_value *weir_document_mapping(struct weir_document *d, const char *origin)
{
    return new_from(d, WEIR_VALUE_MAPPING, origin);
}

void weir_document_put(struct weir_document *d, struct weir_value *mapping, const char *key, struct weir_value *value)
{
    struct weir_value *k = weir__value_new(d, WEIR_VALUE_SCALAR, &value->mark);
    k->text = weir_strdup(key);
    for (size_t i = 0; i < mapping->n; i++) {
        if (strcmp(mapping->pairs[i].key->text, key) == 0) {
            mapping->pairs[i] = (struct weir_pair){k, value};
            return;
        }
    }
    weir__value_add_pair(mapping, k, value);
}

void weir_document_set_root(struct weir_document *d, struct weir_value *root)
{
    d->root = root;
}

/* ---- reading -------------------------------------------------------------------------------------------------------- */

static struct weir_document *parse_taken(const struct weir_platform *platform, char *text, size_t n, const char *name,
                                         const char *base_dir, const struct weir_assignment *sets, size_t n_sets,
                                         const struct weir_assignment *overrides, size_t n_overrides,
                                         struct weir_problems *problems)
{
    struct weir_document *d = weir_document_create(name, base_dir);
    d->text = text;
    struct weir_value *root = weir__document_parse_yaml(d, text, n, d->name, true, problems);
    if (!root) {
        weir_document_destroy(d);
        return NULL;
    }
    d->root = root;
    weir__document_override(d, overrides, n_overrides, problems);
    weir__document_substitute(d, platform, sets, n_sets, problems);
    return d;
}

struct weir_document *weir_document_read(const struct weir_platform *platform, const char *path,
                                         const struct weir_assignment *sets, size_t n_sets,
                                         const struct weir_assignment *overrides, size_t n_overrides,
                                         struct weir_problems *problems)
{
    struct weir_error error;
    char *text = NULL;
    size_t n = 0;
    if (weir_read_file(platform, path, WEIR_DOCUMENT_MAX_BYTES, &text, &n, &error) != WEIR_OK) {
        struct weir_mark mark = {.origin = path, .length = 1};
        weir_problems_add(problems, &mark, NULL, "the manifest cannot be read: %s", error.text);
        return NULL;
    }
    char *base_dir = weir_path_dirname(path);
    struct weir_document *d = parse_taken(platform, text, n, path, base_dir, sets, n_sets, overrides, n_overrides, problems);
    weir_free(base_dir);
    return d;
}

struct weir_document *weir_document_parse(const struct weir_platform *platform, const char *text, size_t n, const char *name,
                                          const char *base_dir, const struct weir_assignment *sets, size_t n_sets,
                                          const struct weir_assignment *overrides, size_t n_overrides,
                                          struct weir_problems *problems)
{
    if (n > WEIR_DOCUMENT_MAX_BYTES) {
        struct weir_mark mark = {.origin = name, .length = 1};
        weir_problems_add(problems, &mark, NULL, "the manifest has %zu bytes; at most %zu are read", n,
                          WEIR_DOCUMENT_MAX_BYTES);
        return NULL;
    }
    char *copy = weir_alloc(n + 1);
    memcpy(copy, text, n);
    return parse_taken(platform, copy, n, name, base_dir, sets, n_sets, overrides, n_overrides, problems);
}

const struct weir_value *weir_document_root(const struct weir_document *d)
{
    return d->root;
}

const char *weir_document_name(const struct weir_document *d)
{
    return d->name;
}

const char *weir_document_base_dir(const struct weir_document *d)
{
    return d->base_dir;
}

struct weir_mark weir_value_mark_of(const struct weir_value *value, const char *part)
{
    struct weir_mark mark = value->mark;
    if (!mark.line || !mark.source_line) return mark;
    const char *p = mark.source_line, *end = p + strcspn(p, "\r\n");
    for (uint32_t c = 1; c < mark.column && p < end; c++) {
        do p++;
        while (((unsigned char)*p & 0xc0) == 0x80);
    }
    const char *found = strstr(p, part);
    if (!found || found + strlen(part) > end) return mark;
    for (; p < found; p++) mark.column += ((unsigned char)*p & 0xc0) != 0x80;
    mark.length = 0;
    for (const char *c = part; *c; c++) mark.length += ((unsigned char)*c & 0xc0) != 0x80;
    if (mark.length == 0) mark.length = 1;
    return mark;
}

static const struct weir_pair *find_pair(const struct weir_value *mapping, const char *key)
{
    if (!mapping || mapping->kind != WEIR_VALUE_MAPPING) return NULL;
    for (size_t i = 0; i < mapping->n; i++) {
        if (strcmp(mapping->pairs[i].key->text, key) == 0) return &mapping->pairs[i];
    }
    return NULL;
}

const struct weir_value *weir_value_get(const struct weir_value *mapping, const char *key)
{
    const struct weir_pair *pair = find_pair(mapping, key);
    return pair ? pair->value : NULL;
}

const struct weir_value *weir_value_key(const struct weir_value *mapping, const char *key)
{
    const struct weir_pair *pair = find_pair(mapping, key);
    return pair ? pair->key : NULL;
}
