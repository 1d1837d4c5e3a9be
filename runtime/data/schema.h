/* data/schema.h - the named, typed fields of a stream, and the schema text of weir/component.h.
 *
 * Floor 2. A schema is immutable once made and shared by reference count. Any thread.
 */
#ifndef WEIR_DATA_SCHEMA_H
#define WEIR_DATA_SCHEMA_H

#include <weir/data.h>

#include "base/error.h"
#include "base/text.h"

struct weir_schema; /* opaque; weir_schema_view_of gives its fields */

struct weir_schema_builder { /* zeroed is empty */
    weir_schema_field *fields; /* names owned */
    size_t n, capacity;
};
void weir_schema_builder_add(struct weir_schema_builder *, const char *name, weir_type type, bool nullable);
struct weir_schema *weir_schema_build(struct weir_schema_builder *); /* takes the fields; the builder is empty again */
void weir_schema_builder_finish(struct weir_schema_builder *);

struct weir_schema *weir_schema_retain(struct weir_schema *);
void weir_schema_release(struct weir_schema *); /* NULL is fine */

uint32_t weir_schema_count(const struct weir_schema *);
const weir_schema_field *weir_schema_field_at(const struct weir_schema *, uint32_t i);
int32_t weir_schema_find(const struct weir_schema *, const char *name); /* -1: no such field */
const weir_schema_view *weir_schema_view_of(const struct weir_schema *); /* valid as long as the schema */
bool weir_schema_equal(const struct weir_schema *, const struct weir_schema *); /* names, types, nullability, order */
void weir_text_add_schema(struct weir_text *, const struct weir_schema *);       /* "a: i64, b: string?" */

const char *weir_type_name(weir_type type);            /* "i64" */
bool weir_type_parse(const char *name, weir_type *type); /* exact names only */
bool weir_type_is_number(weir_type type);
bool weir_type_is_ordered(weir_type type);
bool weir_type_is_key(weir_type type);
bool weir_type_is_variable(weir_type type); /* has offsets */
uint32_t weir_type_size(weir_type type);    /* bytes per value; 0 for bool (bit-packed) and variable types */

/* ---- schema text ------------------------------------------------------------------------------------------------- */

enum weir_item_kind { WEIR_ITEM_FIELD, WEIR_ITEM_ALL, WEIR_ITEM_KEY, WEIR_ITEM_IN, WEIR_ITEM_SCHEMA, WEIR_ITEM_OPTION };
enum weir_item_type {
    WEIR_ITEM_PLAIN,
    WEIR_ITEM_NUMBER,
    WEIR_ITEM_ORDERED,
    WEIR_ITEM_ANYTHING,
    WEIR_ITEM_KEYABLE,
    WEIR_ITEM_SAME,
    WEIR_ITEM_WIDE
};

struct weir_item {
    enum weir_item_kind kind;
    char *name;          /* FIELD: its name, or NULL when name_option is set; OPTION: the option */
    char *name_option;   /* FIELD: option that holds the name */
    enum weir_item_type type_kind;
    weir_type type;      /* PLAIN */
    char *of;            /* SAME, WIDE: input field */
    bool nullable;       /* '?' */
};
struct weir_schema_text {
    struct weir_item *items;
    size_t n;
};
/* One schema ("a:i64, *"); `output` says which words are allowed. NULL text gives no items. */
WEIR_CHECKED weir_status weir_schema_text_parse(const char *text, bool output, struct weir_schema_text *,
                                                struct weir_error *);
void weir_schema_text_finish(struct weir_schema_text *);
/* Side outputs: "late(*), alerts(user:string)". The caller frees with weir_named_schemas_finish. */
struct weir_named_schema {
    char *name;
    struct weir_schema_text schema;
};
WEIR_CHECKED weir_status weir_sides_parse(const char *text, struct weir_named_schema **, size_t *n, struct weir_error *);
/* Inputs: "orders(order:string), payments(*)", or the text of a single one, whose name is then "". Always one at least. */
WEIR_CHECKED weir_status weir_inputs_parse(const char *text, struct weir_named_schema **, size_t *n, struct weir_error *);
void weir_named_schemas_finish(struct weir_named_schema *, size_t n);

#endif
