/* schema.c - schemas as immutable, shared arrays of fields, and what is true of each type. Any thread. */
#include "data/schema.h"

#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"

struct weir_schema {
    _Atomic uint32_t refs;
    weir_schema_view view; /* fields and their names are owned */
    weir_schema_field *fields;
};

void weir_schema_builder_add(struct weir_schema_builder *b, const char *name, weir_type type, bool nullable)
{
    WEIR_GROW(b->fields, b->capacity, b->n + 1);
    b->fields[b->n++] = (weir_schema_field){.name = weir_strdup(name), .type = type, .nullable = nullable};
}

struct weir_schema *weir_schema_build(struct weir_schema_builder *b)
{
    struct weir_schema *s = weir_alloc(sizeof *s);
    atomic_init(&s->refs, 1);
    s->fields = b->fields;
    s->view = (weir_schema_view){.struct_size = sizeof s->view,
                                 .n_fields = (uint32_t)b->n,
                                 .field_stride = sizeof(weir_schema_field),
                                 .fields = b->fields};
    *b = (struct weir_schema_builder){0};
    return s;
}

static void free_fields(weir_schema_field *fields, size_t n)
{
    for (size_t i = 0; i < n; i++) weir_free((void *)(uintptr_t)fields[i].name); /* const for readers, ours to free */
    weir_free(fields);
}

void weir_schema_builder_finish(struct weir_schema_builder *b)
{
    free_fields(b->fields, b->n);
    *b = (struct weir_schema_builder){0};
}

struct weir_schema *weir_schema_retain(struct weir_schema *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void weir_schema_release(struct weir_schema *s)
{
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1) return;
    free_fields(s->fields, s->view.n_fields);
    weir_free(s);
}

uint32_t weir_schema_count(const struct weir_schema *s)
{
    return s->view.n_fields;
}

const weir_schema_field *weir_schema_field_at(const struct weir_schema *s, uint32_t i)
{
    WEIR_ASSERT(i < s->view.n_fields);
    return &s->fields[i];
}

int32_t weir_schema_find(const struct weir_schema *s, const char *name)
{
    for (uint32_t i = 0; i < s->view.n_fields; i++) {
        if (strcmp(s->fields[i].name, name) == 0) return (int32_t)i;
    }
    return -1;
}

const weir_schema_view *weir_schema_view_of(const struct weir_schema *s)
{
    return &s->view;
}

bool weir_schema_equal(const struct weir_schema *a, const struct weir_schema *b)
{
    if (a == b) return true;
    if (a->view.n_fields != b->view.n_fields) return false;
    for (uint32_t i = 0; i < a->view.n_fields; i++) {
        const weir_schema_field *f = &a->fields[i], *g = &b->fields[i];
        if (f->type != g->type || !f->nullable != !g->nullable || strcmp(f->name, g->name) != 0) return false;
    }
    return true;
}

void weir_text_add_schema(struct weir_text *t, const struct weir_schema *s)
{
    for (uint32_t i = 0; i < s->view.n_fields; i++) {
        const weir_schema_field *f = &s->fields[i];
        weir_text_add(t, "%s%s: %s%s", i ? ", " : "", f->name, weir_type_name((weir_type)f->type), f->nullable ? "?" : "");
    }
}

/* ---- types ------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    uint32_t size;
    bool number, ordered, key, variable;
} types[] = {
    [WEIR_BOOL] = {"bool", 0, false, true, true, false},
    [WEIR_I32] = {"i32", 4, true, true, true, false},
    [WEIR_I64] = {"i64", 8, true, true, true, false},
    [WEIR_F32] = {"f32", 4, true, true, true, false},
    [WEIR_F64] = {"f64", 8, true, true, true, false},
    [WEIR_TIMESTAMP] = {"timestamp", 8, false, true, true, false},
    [WEIR_STRING] = {"string", 0, false, true, true, true},
    [WEIR_BYTES] = {"bytes", 0, false, true, false, true},
    [WEIR_ANY] = {"any", 0, false, false, false, true},
};

static bool is_type(weir_type type)
{
    return (int)type >= WEIR_BOOL && (int)type <= WEIR_ANY;
}

const char *weir_type_name(weir_type type)
{
    return is_type(type) ? types[type].name : "(no type)";
}

bool weir_type_parse(const char *name, weir_type *type)
{
    for (int t = WEIR_BOOL; t <= WEIR_ANY; t++) {
        if (strcmp(types[t].name, name) == 0) {
            *type = (weir_type)t;
            return true;
        }
    }
    return false;
}

bool weir_type_is_number(weir_type type)
{
    return is_type(type) && types[type].number;
}

bool weir_type_is_ordered(weir_type type)
{
    return is_type(type) && types[type].ordered;
}

bool weir_type_is_key(weir_type type)
{
    return is_type(type) && types[type].key;
}

bool weir_type_is_variable(weir_type type)
{
    return is_type(type) && types[type].variable;
}

uint32_t weir_type_size(weir_type type)
{
    return is_type(type) ? types[type].size : 0;
}
