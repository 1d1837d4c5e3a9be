/* loader/document.h - a tree of scalars, lists and maps, each knowing where it was written; and the problems found in it.
 *
 * Floor 3. YAML is read with libfyaml; libweir builds the same tree by calls. One thread.
 */
#ifndef WEIR_LOADER_DOCUMENT_H
#define WEIR_LOADER_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/platform.h"
#include "base/text.h"

enum weir_value_kind { WEIR_VALUE_NULL = 0, WEIR_VALUE_SCALAR, WEIR_VALUE_SEQUENCE, WEIR_VALUE_MAPPING };

/* Where a value or key was written. line 0: not in a file; then `origin` says it ("--set size", "-D checkpoint.every", "node
 * 'x'"). */
struct weir_mark {
    const char *origin;      /* file path as given, or the words above; owned by the document */
    const char *source_line; /* the line's text, ended by a newline or NUL; owned by the document; NULL: none */
    uint32_t line, column;   /* from 1; column in characters */
    uint32_t length;         /* characters to underline; at least 1 */
};
struct weir_pair {
    struct weir_value *key, *value; /* key is a scalar */
};
struct weir_value {
    enum weir_value_kind kind;
    struct weir_mark mark;
    bool quoted;    /* scalar: written in quotes, so "5" is a string */
    bool secret;    /* scalar: came from ${env:} or ${file:}: never printed */
    bool broken;    /* a problem with it is reported already: readers say no more about it */
    bool from_here; /* scalar: its beginning was given on the command line: a relative path is relative to the current
                       directory */
    char *text;     /* scalar, after substitution */
    struct weir_value **items; /* sequence */
    struct weir_pair *pairs;   /* mapping, in order */
    size_t n;
};
struct weir_document; /* owns all of its values */

/* One problem: place, message, help. Its strings are its own, those of the mark too: it outlives the document. */
struct weir_problem {
    struct weir_mark mark;
    char *message; /* "unknown key 'fitler'" */
    char *help;    /* "did you mean 'filter'?" or NULL */
};
struct weir_problems { /* zeroed is empty; in the order found, sorted by place when printed */
    struct weir_problem *problems;
    size_t n, capacity;
};
/* The same words at the same place are one problem. mark NULL: nowhere in particular. */
void weir_problems_add(struct weir_problems *, const struct weir_mark *, const char *help, const char *format, ...)
    WEIR_PRINTF(4, 5);
void weir_problems_finish(struct weir_problems *);
/* "job.yaml:12:7: error: unknown key 'fitler'\n   12 |     fitler: ...\n      |     ^~~~~~\n  help: did you mean
 * 'filter'?\n" for each. */
void weir_problems_print(const struct weir_problems *, struct weir_text *);
/* [{"origin": "job.yaml", "line": 12, "column": 7, "message": "...", "help": "..."}]: line 0 and help null where there is
 * none. */
void weir_problems_print_json(const struct weir_problems *, struct weir_text *);

struct weir_assignment {
    const char *name, *value; /* --set name=value; or -D path.to.key=value, whose value is YAML */
};

/* Reads YAML, applies -D overrides to the tree, then vars (defaults from `vars:`, replaced by --set; an unknown --set name
 * is a problem) and ${name}, ${env:NAME}, ${file:PATH} in scalars ("$${" is a literal "${"). Duplicate keys are problems. A
 * -D path goes through lists by a member's `id:` or by its number from 0. NULL when the file cannot be read or is not YAML.
 * Otherwise the tree as far as it is right, so that weir_job_compile can report what else is wrong in the same run; it fails
 * when `problems` is not empty. */
struct weir_document *weir_document_read(const struct weir_platform *, const char *path, const struct weir_assignment *sets,
                                         size_t n_sets, const struct weir_assignment *overrides, size_t n_overrides,
                                         struct weir_problems *);
/* The same from text in memory; `name` stands for the path in messages, base_dir for its folder. */
struct weir_document *weir_document_parse(const struct weir_platform *, const char *text, size_t n, const char *name,
                                          const char *base_dir, const struct weir_assignment *sets, size_t n_sets,
                                          const struct weir_assignment *overrides, size_t n_overrides,
                                          struct weir_problems *);
void weir_document_destroy(struct weir_document *); /* NULL is fine */

/* An empty document for a tree made by calls; values are the document's and are made with the functions below. origin: who
 * is speaking, in messages: "node 'pages'"; copied. A scalar's text is taken as it is. */
struct weir_document *weir_document_create(const char *name, const char *base_dir);
struct weir_value *weir_document_scalar(struct weir_document *, const char *text, const char *origin);
struct weir_value *weir_document_sequence(struct weir_document *, const char *origin);
struct weir_value *weir_document_mapping(struct weir_document *, const char *origin);
void weir_value_append(struct weir_value *sequence, struct weir_value *item);
/* Replaces the value of a key that is there. */
void weir_document_put(struct weir_document *, struct weir_value *mapping, const char *key, struct weir_value *value);
void weir_document_set_root(struct weir_document *, struct weir_value *);

const struct weir_value *weir_document_root(const struct weir_document *); /* kind NULL when the document is empty */
const char *weir_document_name(const struct weir_document *);
const char *weir_document_base_dir(const struct weir_document *);

/* The place of `part` inside a scalar, where it is written like that in the scalar's first line; else the scalar's. */
struct weir_mark weir_value_mark_of(const struct weir_value *scalar, const char *part);
/* The value of a key, and the key itself, for its mark. NULL: absent, or not a mapping. */
const struct weir_value *weir_value_get(const struct weir_value *mapping, const char *key);
const struct weir_value *weir_value_key(const struct weir_value *mapping, const char *key);

#endif
