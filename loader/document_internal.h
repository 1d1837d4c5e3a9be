/* loader/document_internal.h - shared by document.c, document_read.c, document_plain.c, override.c and substitute.c. */
#ifndef WEIR_LOADER_DOCUMENT_INTERNAL_H
#define WEIR_LOADER_DOCUMENT_INTERNAL_H

#include "base/map.h"
#include "loader/document.h"

#define WEIR_DOCUMENT_MAX_BYTES  ((size_t)16 << 20)
#define WEIR_DOCUMENT_MAX_DEPTH  64
#define WEIR_DOCUMENT_MAX_VALUES ((size_t)1 << 20) /* aliases are copies: this is what stops the "billion laughs" */

struct weir_document {
    char *name, *base_dir;
    char *text;                 /* of the file: marks point into it; NULL for a tree made by calls */
    struct weir_value **values; /* every value of the tree, and those that fell out of it */
    size_t n_values, values_capacity;
    struct weir_map origins; /* strings that marks point at; the keys own them */
    struct weir_value *root;
};

struct weir_value *weir__value_new(struct weir_document *, enum weir_value_kind, const struct weir_mark *);
void weir__value_add_pair(struct weir_value *mapping, struct weir_value *key, struct weir_value *value);
const char *weir__document_origin(struct weir_document *, const char *origin);

/* Reads one YAML text into values. mark_text: marks give lines and columns of `text`, which must live as long as the
 * document; otherwise they say `origin` only. NULL, with a problem, when it is not YAML; an empty text is a NULL value. */
struct weir_value *weir__document_parse_yaml(struct weir_document *, const char *text, size_t n, const char *origin,
                                             bool mark_text, struct weir_problems *);
/* The same of a text as weir writes it, with a NUL behind it, with marks; NULL: it is not such a text, and may be YAML
 * all the same. */
struct weir_value *weir__document_parse_plain(struct weir_document *, const char *text, size_t n, const char *origin);
void weir__document_override(struct weir_document *, const struct weir_assignment *, size_t n, struct weir_problems *);
void weir__document_substitute(struct weir_document *, const struct weir_platform *, const struct weir_assignment *sets,
                               size_t n, struct weir_problems *);

#endif
