/* loader/override.c - "-D path.to.key=value": changes a document's tree before anything reads it. */
#include <string.h>

#include "base/alloc.h"
#include "loader/document_internal.h"

struct override {
    struct weir_document *document;
    struct weir_problems *problems;
    struct weir_mark mark; /* of everything this override makes or says */
};

static struct weir_value *new_key(const struct override *o, const char *name)
{
    struct weir_value *key = weir__value_new(o->document, WEIR_VALUE_SCALAR, &o->mark);
    key->text = weir_strdup(name);
    return key;
}

/* Turns an absent value into a mapping, so that a path may go through what the file leaves out. */
static void become_mapping(struct weir_value *value, const struct override *o)
{
    value->kind = WEIR_VALUE_MAPPING;
    value->mark = o->mark;
}

/* The place of the member `name` of a mapping; made, with a NULL value, when absent. */
static struct weir_value **member_of_mapping(const struct override *o, struct weir_value *mapping, const char *name)
{
    for (size_t i = 0; i < mapping->n; i++) {
        if (strcmp(mapping->pairs[i].key->text, name) == 0) return &mapping->pairs[i].value;
    }
    weir__value_add_pair(mapping, new_key(o, name), weir__value_new(o->document, WEIR_VALUE_NULL, &o->mark));
    return &mapping->pairs[mapping->n - 1].value;
}

static const char *id_of(const struct weir_value *item)
{
    const struct weir_value *id = weir_value_get(item, "id");
    return id && id->kind == WEIR_VALUE_SCALAR ? id->text : NULL;
}

static bool parse_index(const char *name, size_t *index)
{
    size_t n = strspn(name, "0123456789");
    if (n == 0 || n > 6 || name[n] != '\0') return false;
    *index = 0;
    for (; *name; name++) *index = *index * 10 + (size_t)(*name - '0');
    return true;
}

/* By id, else by number from 0. */
static struct weir_value **member_of_sequence(const struct override *o, struct weir_value *sequence, const char *name)
{
    const char **ids = weir_alloc_array(sequence->n + 1, sizeof *ids);
    size_t n_ids = 0, index;
    struct weir_value **found = NULL;
    for (size_t i = 0; i < sequence->n && !found; i++) {
        const char *id = id_of(sequence->items[i]);
        if (id) ids[n_ids++] = id;
        if (id && strcmp(id, name) == 0) found = &sequence->items[i];
    }
    if (!found && parse_index(name, &index) && index < sequence->n) found = &sequence->items[index];
    if (!found) {
        const char *near = weir_nearest(name, ids, n_ids);
        char *help = near ? weir_format("did you mean '%s'?", near) : NULL;
        weir_problems_add(o->problems, &o->mark, help, "the list has no member '%s'", name);
        weir_free(help);
    }
    weir_free(ids);
    return found;
}

static struct weir_value **member(const struct override *o, struct weir_value *of, const char *parent, const char *name)
{
    if (*name == '\0') {
        weir_problems_add(o->problems, &o->mark, "write it as -D path.to.key=value", "a name in the path is empty");
        return NULL;
    }
    if (of->kind == WEIR_VALUE_NULL) become_mapping(of, o);
    if (of->kind == WEIR_VALUE_MAPPING) return member_of_mapping(o, of, name);
    if (of->kind == WEIR_VALUE_SEQUENCE) return member_of_sequence(o, of, name);
    weir_problems_add(o->problems, &o->mark, NULL, "'%s' is a single value and has no '%s' in it", parent, name);
    return NULL;
}

static void apply(const struct override *o, char *path, struct weir_value *value)
{
    struct weir_value **at = &o->document->root;
    const char *parent = "the manifest";
    size_t depth = 0;
    for (char *rest = path; rest; depth++) {
        if (depth == WEIR_DOCUMENT_MAX_DEPTH) {
            weir_problems_add(o->problems, &o->mark, NULL, "the path has more than %d names", WEIR_DOCUMENT_MAX_DEPTH);
            return;
        }
        const char *name = strsep(&rest, ".");
        at = member(o, *at, parent, name);
        if (!at) return;
        parent = name;
    }
    *at = value;
}

void weir__document_override(struct weir_document *document, const struct weir_assignment *overrides, size_t n,
                             struct weir_problems *problems)
{
    for (size_t i = 0; i < n; i++) {
        char *origin = weir_format("-D %s", overrides[i].name);
        struct override o = {document, problems, {.origin = weir__document_origin(document, origin), .length = 1}};
        weir_free(origin);
        struct weir_value *value = weir__document_parse_yaml(document, overrides[i].value, strlen(overrides[i].value),
                                                             o.mark.origin, false, problems);
        if (!value) continue;
        value->from_here = value->kind == WEIR_VALUE_SCALAR;
        char *path = weir_strdup(overrides[i].name);
        apply(&o, path, value);
        weir_free(path);
    }
}
