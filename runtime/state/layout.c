/* layout.c - state declarations, copied and checked, and equality and hash of structs by their declared members.
 *
 * A declaration comes from a plugin or its manifest and is not trusted: after weir_state_layout_init every member lies
 * inside its struct, aligned, apart from the others, with the size of its type, so that backends may follow it blindly.
 *
 * Equality is Java's, as for keys (data/key.h): NaN equals NaN, -0.0 differs from 0.0; strings and bytes by their bytes.
 */
#include "state/state.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "data/key.h"

static const char *const kind_names[] = {
    [WEIR_VALUE] = "value",
    [WEIR_LIST] = "list",
    [WEIR_MAP] = "map",
    [WEIR_BROADCAST] = "broadcast",
    [WEIR_REDUCING] = "reducing",
    [WEIR_AGGREGATING] = "aggregating",
    [WEIR_SPLIT_LIST] = "split_list",
    [WEIR_UNION_LIST] = "union_list",
    [WEIR_RAW] = "raw",
};

const char *weir_state_kind_name(weir_state_kind kind)
{
    return kind >= WEIR_VALUE && kind < WEIR_LEN(kind_names) ? kind_names[kind] : "unknown kind";
}

bool weir_state_kind_parse(const char *name, weir_state_kind *kind)
{
    for (size_t i = WEIR_VALUE; i < WEIR_LEN(kind_names); i++) {
        if (strcmp(kind_names[i], name) != 0) continue;
        *kind = (weir_state_kind)i;
        return true;
    }
    return false;
}

#define MAX_STRUCT 32768 /* a page of the heap backend holds an entry of any state */

static uint32_t size_of_type(uint32_t type)
{
    switch ((weir_type)type) {
    case WEIR_BOOL: return sizeof(bool);
    case WEIR_I32:
    case WEIR_F32: return 4;
    case WEIR_I64:
    case WEIR_F64:
    case WEIR_TIMESTAMP: return 8;
    case WEIR_STRING:
    case WEIR_BYTES:
    case WEIR_ANY: return sizeof(weir_str);
    }
    return 0;
}

/* ---- checks ------------------------------------------------------------------------------------------------------ */

struct check {
    const char *state, *what; /* "value" or "map key" */
    uint32_t version;
    struct weir_error *error;
};

static weir_status check_place(const struct check *c, const weir_field *f, uint32_t struct_size)
{
    uint32_t size = size_of_type(f->type), alignment = size < 8 ? size : 8;
    if (size == 0) {
        return weir_error_set(c->error, WEIR_E_PLUGIN,
                              "state '%s': member '%s' of the %s has type %u; the types are those of enum weir_type, 1 to 9",
                              c->state, f->name, c->what, f->type);
    }
    if (f->size != size) {
        return weir_error_set(
            c->error, WEIR_E_PLUGIN,
            "state '%s': member '%s' of the %s takes %u bytes, but its type %s takes %u; declare it with WEIR_MEMBER",
            c->state, f->name, c->what, f->size, weir_type_name((weir_type)f->type), size);
    }
    if ((uint64_t)f->offset + size > struct_size || f->offset % alignment != 0) {
        return weir_error_set(
            c->error, WEIR_E_PLUGIN,
            "state '%s': member '%s' of the %s lies at offset %u, which is not an aligned place inside its %u bytes; "
            "declare it with WEIR_MEMBER",
            c->state, f->name, c->what, f->offset, struct_size);
    }
    if (f->since > c->version) {
        return weir_error_set(c->error, WEIR_E_PLUGIN,
                              "state '%s': member '%s' of the %s is there since version %u, but the state has version %u",
                              c->state, f->name, c->what, f->since, c->version);
    }
    return WEIR_OK;
}

static weir_status check_apart(const struct check *c, const weir_field *a, const weir_field *b)
{
    if (strcmp(a->name, b->name) == 0) {
        return weir_error_set(c->error, WEIR_E_PLUGIN, "state '%s': the %s has two members named '%s'", c->state, c->what,
                              a->name);
    }
    if (a->offset < b->offset + b->size && b->offset < a->offset + a->size) {
        return weir_error_set(c->error, WEIR_E_PLUGIN,
                              "state '%s': members '%s' and '%s' of the %s overlap; declare them with WEIR_MEMBER", c->state,
                              a->name, b->name, c->what);
    }
    return WEIR_OK;
}

static weir_status check_struct(const struct check *c, const weir_field *fields, uint32_t n, uint32_t size,
                                bool may_be_empty)
{
    if (size > MAX_STRUCT) {
        return weir_error_set(
            c->error, WEIR_E_PLUGIN,
            "state '%s': the %s takes %u bytes; at most %u are allowed: keep large data in a list, a map or a bytes member",
            c->state, c->what, size, MAX_STRUCT);
    }
    if (!may_be_empty && (size == 0 || n == 0)) {
        return weir_error_set(
            c->error, WEIR_E_PLUGIN,
            "state '%s': the %s has %u bytes and %u declared members; a struct of at least one member was expected",
            c->state, c->what, size, n);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (!fields[i].name || !fields[i].name[0]) {
            return weir_error_set(c->error, WEIR_E_PLUGIN, "state '%s': member %u of the %s has no name", c->state, i + 1,
                                  c->what);
        }
        weir_status s = check_place(c, &fields[i], size);
        for (uint32_t j = 0; j < i && s == WEIR_OK; j++) s = check_apart(c, &fields[j], &fields[i]);
        if (s != WEIR_OK) return s;
    }
    return WEIR_OK;
}

static weir_status check_head(const weir_state *s, struct weir_error *error)
{
    weir_state_kind kind = (weir_state_kind)s->kind;
    if (!s->name || !s->name[0]) return weir_error_set(error, WEIR_E_PLUGIN, "a state has no name");
    if (s->kind < WEIR_VALUE || s->kind >= WEIR_LEN(kind_names)) {
        return weir_error_set(error, WEIR_E_PLUGIN,
                              "state '%s' is of kind %u; the kinds are those of enum weir_state_kind, 1 to %zu", s->name,
                              s->kind, WEIR_LEN(kind_names) - 1);
    }
    if (s->version == 0)
        return weir_error_set(error, WEIR_E_PLUGIN, "state '%s' has version 0; versions start at 1", s->name);
    if (s->ttl_ms < 0 || (s->ttl_ms == 0 && s->ttl_flags != 0) || s->ttl_flags & ~(WEIR_TTL_ON_READ | WEIR_TTL_SHOWN)) {
        return weir_error_set(
            error, WEIR_E_PLUGIN,
            "state '%s' expires after %lld ms with flags 0x%x; expected a time above 0, or none, and flags "
            "that this weir knows",
            s->name, (long long)s->ttl_ms, s->ttl_flags);
    }
    if (s->ttl_ms > 0 && (!weir_state_is_keyed(kind) || s->flags & WEIR_PER_WINDOW)) {
        return weir_error_set(
            error, WEIR_E_PLUGIN,
            "state '%s' expires; only states of a key do, not those that belong to none, and not states of "
            "windows",
            s->name);
    }
    if (weir_state_shape(kind) != WEIR_SHAPE_MAP && (s->key_size > 0 || s->n_key_fields > 0)) {
        return weir_error_set(error, WEIR_E_PLUGIN,
                              "state '%s' declares a map key, but only maps and broadcast states have one", s->name);
    }
    if (kind == WEIR_RAW &&
        (s->size != sizeof(weir_str) || s->n_fields != 1 || !s->fields || s->fields[0].type != WEIR_BYTES)) {
        return weir_error_set(error, WEIR_E_PLUGIN,
                              "state '%s' is raw and declares members; its items are bytes: declare it with WEIR_RAW_STATE",
                              s->name);
    }
    if ((s->n_fields > 0 && !s->fields) || (s->n_key_fields > 0 && !s->key_fields) ||
        s->field_stride < WEIR_FIRST_FIELD_SIZE) {
        return weir_error_set(error, WEIR_E_PLUGIN,
                              "state '%s': its members are not there, or their stride %u is below %zu; declare it with the "
                              "WEIR_..._STATE macros",
                              s->name, s->field_stride, WEIR_FIRST_FIELD_SIZE);
    }
    return WEIR_OK;
}

/* ---- copies ------------------------------------------------------------------------------------------------------ */

static weir_field *copy_fields(const weir_field *fields, uint32_t n, uint32_t stride)
{
    weir_field *copy = weir_alloc_array(n ? n : 1, sizeof *copy);
    for (uint32_t i = 0; i < n; i++) {
        memcpy(&copy[i], (const char *)fields + (size_t)i * stride, stride < sizeof *copy ? stride : sizeof *copy);
        copy[i].name = weir_strdup(copy[i].name);
        copy[i].def = weir_strdup(copy[i].def);
    }
    return copy;
}

static void free_fields(weir_field *fields, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        weir_free((char *)(uintptr_t)fields[i].name);
        weir_free((char *)(uintptr_t)fields[i].def);
    }
    weir_free(fields);
}

/* ---- defaults ---------------------------------------------------------------------------------------------------- */

static bool put_default(const weir_field *f, uint8_t *p)
{
    struct weir_error ignored;
    int64_t whole;
    double number;
    weir_str text = {f->def, strlen(f->def)};
    switch ((weir_type)f->type) {
    case WEIR_BOOL: return weir_parse_bool(f->def, (bool *)(void *)p, &ignored) == WEIR_OK;
    case WEIR_I32:
        if (weir_parse_i64(f->def, &whole, &ignored) != WEIR_OK || whole != (int32_t)whole) return false;
        *(int32_t *)(void *)p = (int32_t)whole;
        return true;
    case WEIR_I64:
    case WEIR_TIMESTAMP: return weir_parse_i64(f->def, (int64_t *)(void *)p, &ignored) == WEIR_OK;
    case WEIR_F32:
        if (weir_parse_f64(f->def, &number, &ignored) != WEIR_OK) return false;
        *(float *)(void *)p = (float)number;
        return true;
    case WEIR_F64: return weir_parse_f64(f->def, (double *)(void *)p, &ignored) == WEIR_OK;
    case WEIR_STRING:
    case WEIR_BYTES: memcpy(p, &text, sizeof text); return true;
    case WEIR_ANY: break;
    }
    return false;
}

/* Texts are those of `fields`. */
static weir_status make_defaults(const struct check *c, const weir_field *fields, uint32_t n, uint32_t size, void **to)
{
    bool any = false;
    for (uint32_t i = 0; i < n; i++) any |= fields[i].def != NULL;
    if (any) *to = weir_alloc(size);
    for (uint32_t i = 0; i < n; i++) {
        if (fields[i].def && !put_default(&fields[i], (uint8_t *)*to + fields[i].offset))
            return weir_error_set(
                c->error, WEIR_E_PLUGIN,
                "state '%s': member '%s' of the %s has the default \"%s\", which is no %s; write a number, "
                "true or false, or a text, and none for any",
                c->state, fields[i].name, c->what, fields[i].def, weir_type_name((weir_type)fields[i].type));
    }
    return WEIR_OK;
}

static weir_status check_value(struct check *check, struct weir_state_layout *l)
{
    /* A map of nothing is a set. */
    bool may_be_empty = weir_layout_shape(l) == WEIR_SHAPE_MAP && l->size == 0 && l->n_fields == 0;
    check->what = "value";
    weir_status s = check_struct(check, l->fields, l->n_fields, l->size, may_be_empty);
    return s == WEIR_OK ? make_defaults(check, l->fields, l->n_fields, l->size, &l->defaults) : s;
}

static weir_status check_map_key(struct check *check, struct weir_state_layout *l)
{
    check->what = "map key";
    weir_status s = check_struct(check, l->key_fields, l->n_key_fields, l->key_size, false);
    return s == WEIR_OK ? make_defaults(check, l->key_fields, l->n_key_fields, l->key_size, &l->key_defaults) : s;
}

/* Of raw states: the items are bytes, and need no declaration. */
static const weir_field raw_member = {.name = "bytes", .type = WEIR_BYTES, .size = sizeof(weir_str)};

weir_status weir_state_layout_init(struct weir_state_layout *l, const weir_state *declared, struct weir_error *error)
{
    weir_state known = *declared;
    const weir_state *state = &known;
    memset(l, 0, sizeof *l);
    if (known.kind == WEIR_RAW && known.n_fields == 0) {
        known.fields = &raw_member;
        known.n_fields = 1;
    }
    weir_status s = check_head(state, error);
    if (s != WEIR_OK) return s;
    *l = (struct weir_state_layout){
        .name = weir_strdup(state->name),
        .kind = (weir_state_kind)state->kind,
        .version = state->version,
        .size = state->size,
        .key_size = state->key_size,
        .flags = state->flags,
        .fields = copy_fields(state->fields, state->n_fields, state->field_stride),
        .key_fields = copy_fields(state->key_fields, state->n_key_fields, state->field_stride),
        .n_fields = state->n_fields,
        .n_key_fields = state->n_key_fields,
        .ttl_ms = state->ttl_ms,
        .ttl_flags = state->ttl_flags,
        .ttl_sweep = WEIR_TTL_SWEEP,
    };
    struct check check = {.state = l->name, .version = l->version, .error = error};
    s = check_value(&check, l);
    if (s == WEIR_OK && weir_layout_shape(l) == WEIR_SHAPE_MAP) s = check_map_key(&check, l);
    if (s != WEIR_OK) weir_state_layout_finish(l);
    return s;
}

void weir_state_layout_finish(struct weir_state_layout *l)
{
    if (l->fields) free_fields(l->fields, l->n_fields);
    if (l->key_fields) free_fields(l->key_fields, l->n_key_fields);
    weir_free(l->defaults);
    weir_free(l->key_defaults);
    weir_free(l->name);
    memset(l, 0, sizeof *l);
}

/* ---- equality and hash ------------------------------------------------------------------------------------------- */

static uint64_t number_of(const weir_field *f, const void *value)
{
    const char *p = (const char *)value + f->offset;
    uint64_t bits = 0;
    memcpy(&bits, p, f->size);
    if (f->type == WEIR_F32) {
        float number;
        memcpy(&number, p, sizeof number);
        return number != number ? 0x7fc00000u : bits;
    }
    if (f->type == WEIR_F64) {
        double number;
        memcpy(&number, p, sizeof number);
        return number != number ? 0x7ff8000000000000u : bits;
    }
    return bits;
}

static const weir_str *text_of(const weir_field *f, const void *value)
{
    return (const weir_str *)(const void *)((const char *)value + f->offset);
}

uint64_t weir_layout_hash(const weir_field *fields, uint32_t n, const void *value)
{
    uint64_t hash = 0;
    for (uint32_t i = 0; i < n; i++) {
        const weir_str *text = weir_type_is_variable((weir_type)fields[i].type) ? text_of(&fields[i], value) : NULL;
        uint64_t part = text ? weir_key_hash64(text->n ? text->p : "", text->n) : number_of(&fields[i], value);
        hash = (hash ^ part) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 32;
    }
    return hash * 0xd6e8feb86659fd93u;
}

bool weir_layout_equal(const weir_field *fields, uint32_t n, const void *a, const void *b)
{
    for (uint32_t i = 0; i < n; i++) {
        if (!weir_type_is_variable((weir_type)fields[i].type)) {
            if (number_of(&fields[i], a) != number_of(&fields[i], b)) return false;
            continue;
        }
        const weir_str *x = text_of(&fields[i], a), *y = text_of(&fields[i], b);
        if (x->n != y->n || (x->n > 0 && memcmp(x->p, y->p, x->n) != 0)) return false;
    }
    return true;
}
