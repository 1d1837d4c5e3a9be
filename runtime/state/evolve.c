/* evolve.c - see the header.
 *
 * The rules: members are found by name. One that is new has its default, else zero; one that is gone is dropped; i32 may
 * become i64 or f64, i64 may not become f64 (it may not fit), f32 may become f64, i64 and timestamp are the same. Anything
 * else is refused before the job starts, unless the component that keeps the state migrates it: it is asked then, once for
 * each state and then for each struct, also where the rules would do and only the version is another.
 *
 * A struct may belong to several components (accumulators, side by side), of which each migrates its own part, or does not.
 * The types of inputs that a declaration leaves open are saved too: what a state keeps of them is the component's business,
 * so that other types are as good as another layout.
 */
#include "state/evolve.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "data/msgpack_get.h"

/* ---- telling ----------------------------------------------------------------------------------------------------- */

static void tell(struct weir__saved_state *s, enum weir_restored result, char *why)
{
    if (result > s->told.result) s->told.result = result;
    if (s->told.why) {
        char *both = weir_format("%s; %s", s->told.why, why);
        weir_free(s->told.why);
        weir_free(why);
        why = both;
    }
    s->told.why = why;
}

/* ---- owners ------------------------------------------------------------------------------------------------------ */

static const char *name_in(const struct weir_state_owner *o, const char *member)
{
    size_t n = o->part ? strlen(o->part) : 0;
    if (n == 0) return strcmp(member, WEIR_TTL_MEMBER) == 0 ? NULL : member;
    return strncmp(member, o->part, n) == 0 && member[n] == '.' ? member + n + 1 : NULL;
}

static const msgpack_object *array_of(const msgpack_object *map, const char *name)
{
    const msgpack_object *value = map ? weir__saved_get(map, name) : NULL;
    return value && value->type == MSGPACK_OBJECT_ARRAY ? value : NULL;
}

static bool is_text(const msgpack_object *o, const char *text)
{
    size_t n = strlen(text);
    return o && o->type == MSGPACK_OBJECT_STR && o->via.str.size == n && memcmp(o->via.str.ptr, text, n) == 0;
}

/* The map with `version` and `inputs`: the state's own, or that of a part. NULL: nothing is known. */
static const msgpack_object *saved_of(const msgpack_object *state, const struct weir_state_owner *o)
{
    if (!o->part) return state;
    const msgpack_object *parts = array_of(state, "parts");
    for (uint32_t i = 0; parts && i < parts->via.array.size; i++) {
        if (is_text(weir__saved_get(&parts->via.array.ptr[i], "name"), o->part)) return &parts->via.array.ptr[i];
    }
    return NULL;
}

static uint32_t version_of(const msgpack_object *saved)
{
    const msgpack_object *version = saved ? weir__saved_get(saved, "version") : NULL;
    return version && version->type == MSGPACK_OBJECT_POSITIVE_INTEGER ? (uint32_t)version->via.u64 : 1;
}

static uint32_t type_of(const msgpack_object *o)
{
    for (uint32_t t = WEIR_BOOL; t <= WEIR_ANY; t++) {
        if (is_text(o, weir_type_name((weir_type)t))) return t;
    }
    return 0;
}

/* NULL with *n 0: not known. */
static uint32_t *inputs_of(const msgpack_object *saved, uint32_t *n)
{
    const msgpack_object *inputs = array_of(saved, "inputs");
    *n = inputs ? inputs->via.array.size : 0;
    if (*n == 0) return NULL;
    uint32_t *types = weir_alloc_array(*n, sizeof *types);
    for (uint32_t i = 0; i < *n; i++) types[i] = type_of(&inputs->via.array.ptr[i]);
    return types;
}

static bool is_whole(uint32_t type)
{
    return type == WEIR_I64 || type == WEIR_TIMESTAMP;
}

static bool same_inputs(const struct weir_state_owner *o, const uint32_t *inputs, uint32_t n)
{
    if (n == 0) return true; /* of a savepoint that does not say */
    if (n != o->n_inputs) return false;
    for (uint32_t i = 0; i < n; i++) {
        if (inputs[i] != o->inputs[i] && !(is_whole(inputs[i]) && is_whole(o->inputs[i]))) return false;
    }
    return true;
}

static void add_types(struct weir_text *t, const uint32_t *types, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        weir_text_add(t, "%s%s", i ? ", " : "", types[i] ? weir_type_name((weir_type)types[i]) : "an unknown type");
    if (n == 0) weir_text_add(t, "nothing");
}

static void tell_inputs(struct weir__saved_state *s, const struct weir_state_owner *o, const uint32_t *inputs, uint32_t n)
{
    struct weir_text was = {0}, is = {0};
    add_types(&was, inputs, n);
    add_types(&is, o->inputs, o->n_inputs);
    tell(s, WEIR_REFUSED,
         weir_format("%s%s%s was kept for input of %s, which is %s now", o->part ? "'" : "", o->part ? o->part : "it",
                     o->part ? "'" : "", weir_text_get(&was), weir_text_get(&is)));
    weir_text_finish(&was);
    weir_text_finish(&is);
}

/* ---- the rules --------------------------------------------------------------------------------------------------- */

static bool widens(weir_type from, weir_type to)
{
    return from == to || (is_whole(from) && is_whole(to)) || (from == WEIR_I32 && (to == WEIR_I64 || to == WEIR_F64)) ||
           (from == WEIR_F32 && to == WEIR_F64);
}

static void find_members(struct weir__saved_fields *saved, const weir_field *fields, uint32_t n)
{
    for (uint32_t i = 0; i < saved->n; i++) {
        saved->all[i].member = WEIR__DROPPED;
        for (uint32_t k = 0; k < n; k++) {
            if (strcmp(fields[k].name, saved->all[i].name) == 0) saved->all[i].member = (int32_t)k;
        }
    }
}

static bool fits(const struct weir__saved_field *f, const weir_field *fields)
{
    return f->member == WEIR__DROPPED || widens(f->type, (weir_type)fields[f->member].type);
}

static void judge_saved(struct weir__saved_state *s, const struct weir__saved_field *f, const weir_field *fields)
{
    if (f->member == WEIR__DROPPED && strcmp(f->name, WEIR_TTL_MEMBER) == 0) {
        tell(s, WEIR_MIGRATED, weir_strdup("it no longer expires"));
        return;
    }
    if (f->member == WEIR__DROPPED) {
        tell(s, WEIR_MIGRATED, weir_format("'%s' is dropped", f->name));
        return;
    }
    weir_type now = (weir_type)fields[f->member].type;
    if (!widens(f->type, now))
        tell(s, WEIR_REFUSED,
             weir_format("'%s' was %s and is now %s", f->name, weir_type_name(f->type), weir_type_name(now)));
    else if (f->type != now)
        tell(s, WEIR_MIGRATED,
             weir_format("'%s' is widened from %s to %s", f->name, weir_type_name(f->type), weir_type_name(now)));
}

static bool is_created(const struct weir__saved_state *s, const char *member)
{
    bool is = false;
    for (uint32_t i = 0; i < s->n_newcomers; i++) is |= name_in(s->newcomers[i], member) != NULL;
    return is;
}

static void judge_new(struct weir__saved_state *s, const weir_field *f)
{
    if (strcmp(f->name, WEIR_TTL_MEMBER) == 0) {
        s->gains_time = true;
        tell(s, WEIR_MIGRATED, weir_strdup("it expires from now on: all of it is as touched now"));
        return;
    }
    bool is_text = weir_type_is_variable((weir_type)f->type);
    if (is_created(s, f->name)) {
        tell(s, WEIR_MIGRATED, weir_format("'%s' is new and starts as the component makes it", f->name));
        return;
    }
    tell(s, WEIR_MIGRATED,
         f->def ? weir_format("'%s' is new and starts %s %s%s%s", f->name, is_text ? "as" : "at", is_text ? "\"" : "",
                              f->def, is_text ? "\"" : "")
                : weir_format("'%s' is new and starts %s", f->name, is_text ? "empty" : "at zero"));
}

static bool is_migrated(const struct weir__saved_state *s, const char *member)
{
    for (uint32_t i = 0; i < s->n_migrants; i++) {
        if (name_in(s->migrants[i].owner, member)) return true;
    }
    return false;
}

static void judge_fields(struct weir__saved_state *s, struct weir__saved_fields *saved, const weir_field *fields, uint32_t n)
{
    for (uint32_t i = 0; i < saved->n; i++) {
        struct weir__saved_field *f = &saved->all[i];
        if (!is_migrated(s, f->name))
            judge_saved(s, f, fields);
        else if (!fits(f, fields))
            f->member = WEIR__DROPPED;
    }
    for (uint32_t k = 0; k < n; k++) {
        bool known = is_migrated(s, fields[k].name);
        for (uint32_t i = 0; i < saved->n; i++) known |= strcmp(saved->all[i].name, fields[k].name) == 0;
        if (!known) judge_new(s, &fields[k]);
    }
}

/* ---- migrants ---------------------------------------------------------------------------------------------------- */

static uint32_t size_of(weir_type type)
{
    if (type == WEIR_BOOL) return sizeof(bool);
    return weir_type_is_variable(type) ? sizeof(weir_str) : weir_type_size(type);
}

static void lay_out_old(struct weir__old_struct *old, const struct weir__saved_fields *saved,
                        const struct weir_state_owner *o)
{
    old->fields = weir_alloc_array(saved->n + 1, sizeof *old->fields);
    old->places = weir_alloc_array(saved->n + 1, sizeof *old->places);
    for (uint32_t i = 0; i < saved->n; i++) {
        const char *name = name_in(o, saved->all[i].name);
        if (!name) continue;
        uint32_t size = size_of(saved->all[i].type), align = size < 8 ? size : 8;
        old->size = (old->size + align - 1) / align * align;
        old->fields[old->n] = (weir_field){.name = name, .type = saved->all[i].type, .offset = old->size, .size = size};
        old->places[old->n++] = i;
        old->size += size;
    }
}

static bool all_fit(const struct weir__saved_fields *saved, const weir_field *fields, const struct weir_state_owner *o)
{
    bool all = true;
    for (uint32_t i = 0; i < saved->n; i++) all &= !name_in(o, saved->all[i].name) || fits(&saved->all[i], fields);
    return all;
}

static bool has_any(const struct weir__saved_fields *saved, const struct weir_state_owner *o)
{
    bool any = false;
    for (uint32_t i = 0; i < saved->n; i++) any |= name_in(o, saved->all[i].name) != NULL;
    return any;
}

static void add_migrant(struct weir__saved_state *s, const struct weir_state_owner *o, uint32_t version, uint32_t *inputs,
                        uint32_t n_inputs)
{
    struct weir__migrant *m = &s->migrants[s->n_migrants++];
    m->owner = o;
    m->inputs = inputs;
    lay_out_old(&m->value, &s->value, o);
    lay_out_old(&m->key, &s->key, o);
    m->told = (weir_migration){.struct_size = sizeof m->told,
                               .state = o->state,
                               .version = version,
                               .kind = s->told.kind,
                               .fields = m->value.fields,
                               .key_fields = m->key.fields,
                               .n_fields = m->value.n,
                               .n_key_fields = m->key.n,
                               .field_stride = sizeof(weir_field),
                               .n_inputs = n_inputs,
                               .inputs = inputs};
}

static void judge_owner(struct weir__saved_state *s, const msgpack_object *saved, const struct weir_state_layout *l,
                        const struct weir_state_owner *o)
{
    const msgpack_object *of = saved_of(saved, o);
    uint32_t n_inputs, version = version_of(of), *inputs = inputs_of(of, &n_inputs);
    bool same = same_inputs(o, inputs, n_inputs);
    bool by_rule = same && version == o->version && all_fit(&s->value, l->fields, o) && all_fit(&s->key, l->key_fields, o);
    bool migrates = o->migrate && !by_rule && (has_any(&s->value, o) || has_any(&s->key, o));
    if (o->create && o->part && !of && !has_any(&s->value, o)) s->newcomers[s->n_newcomers++] = o;
    if (migrates)
        add_migrant(s, o, version, inputs, n_inputs);
    else if (!same)
        tell_inputs(s, o, inputs, n_inputs);
    if (!migrates) weir_free(inputs);
}

/* Can it be done at all? */
static void ask(struct weir__saved_state *s, const struct weir__migrant *m)
{
    struct weir_error error = {0};
    const char *part = m->owner->part;
    if (m->owner->migrate(m->owner->arg, &m->told, &error) >= 0)
        tell(s, WEIR_MIGRATED, weir_format("%s%smigrated by the component", part ? part : "", part ? " is " : ""));
    else
        tell(s, WEIR_REFUSED, weir_format("%s%s%s", part ? part : "", part ? ": " : "", error.text));
}

void weir__evolve(struct weir__saved_state *s, const msgpack_object *saved, const struct weir_state_layout *l)
{
    find_members(&s->value, l->fields, l->n_fields);
    find_members(&s->key, l->key_fields, l->n_key_fields);
    if (l->kind != s->told.kind) {
        tell(s, WEIR_REFUSED,
             weir_format("it was a state of kind %s and is now of kind %s", weir_state_kind_name(s->told.kind),
                         weir_state_kind_name(l->kind)));
        return;
    }
    s->migrants = weir_alloc_array(l->n_owners + 1, sizeof *s->migrants);
    s->newcomers = weir_alloc_array(l->n_owners + 1, sizeof *s->newcomers);
    for (uint32_t i = 0; i < l->n_owners; i++) judge_owner(s, saved, l, &l->owners[i]);
    judge_fields(s, &s->value, l->fields, l->n_fields);
    judge_fields(s, &s->key, l->key_fields, l->n_key_fields);
    for (uint32_t i = 0; i < s->n_migrants; i++) ask(s, &s->migrants[i]);
}

static void finish_fields(struct weir__saved_fields *fields)
{
    for (uint32_t i = 0; i < fields->n; i++) weir_free(fields->all[i].name);
    weir_free(fields->all);
}

void weir__saved_state_finish(struct weir__saved_state *s)
{
    for (uint32_t i = 0; i < s->n_migrants; i++) {
        struct weir__migrant *m = &s->migrants[i];
        weir_free(m->value.fields);
        weir_free(m->value.places);
        weir_free(m->key.fields);
        weir_free(m->key.places);
        weir_free(m->inputs);
    }
    weir_free(s->migrants);
    weir_free(s->newcomers);
    finish_fields(&s->value);
    finish_fields(&s->key);
    weir_free(s->told.name);
    weir_free(s->told.why);
}

/* ---- structs ----------------------------------------------------------------------------------------------------- */

static size_t rounded(uint32_t size)
{
    return (size + (size_t)15) & ~(size_t)15;
}

size_t weir__migration_room(const struct weir__saved_state *s)
{
    size_t most = 0;
    for (uint32_t i = 0; i < s->n_migrants; i++) {
        size_t size = rounded(s->migrants[i].value.size) + rounded(s->migrants[i].key.size);
        if (size > most) most = size;
    }
    return most;
}

/* The places are in any order, and few. */
static bool read_old(weir_str packed, const struct weir__old_struct *old, void *to)
{
    memset(to, 0, old->size);
    for (uint32_t i = 0; i < old->n; i++) {
        struct weir_msgpack in = {(const uint8_t *)packed.p, (const uint8_t *)packed.p + packed.n};
        uint64_t n;
        bool ok = weir_msgpack_get_array_head(&in, &n) && old->places[i] < n;
        for (uint32_t k = 0; ok && k < old->places[i]; k++) ok = weir_msgpack_skip(&in);
        const weir_field *f = &old->fields[i];
        if (!ok || !weir__take_member(&in, (weir_type)f->type, (uint8_t *)to + f->offset)) return false;
    }
    return true;
}

weir_status weir__migrate(const struct weir__saved_state *s, weir_str value, const weir_str *key, void *now, void *now_key,
                          void *room, struct weir_error *error)
{
    weir_status status = WEIR_OK;
    for (uint32_t i = 0; status >= 0 && i < s->n_migrants; i++) {
        const struct weir__migrant *m = &s->migrants[i];
        weir_migration g = m->told;
        uint8_t *old = room, *old_key = old + rounded(m->value.size);
        if (!read_old(value, &m->value, old) || (key && !read_old(*key, &m->key, old_key)))
            return weir_error_set(error, WEIR_E_DATA, "expected the members of a state, found something else");
        g.old = old;
        g.old_key = key ? old_key : NULL;
        g.now = (uint8_t *)now + m->owner->offset;
        g.now_key = now_key;
        status = m->owner->migrate(m->owner->arg, &g, error);
        if (status < 0) weir_error_prefix(error, "state '%s' cannot be restored: ", s->told.name);
    }
    return status < 0 ? status : WEIR_OK;
}

weir_status weir__create_newcomers(const struct weir__saved_state *s, void *value, struct weir_error *error)
{
    weir_status status = WEIR_OK;
    for (uint32_t i = 0; status >= 0 && i < s->n_newcomers; i++) {
        const struct weir_state_owner *o = s->newcomers[i];
        status = o->create(o->creator, (uint8_t *)value + o->offset, error);
        if (status < 0) weir_error_prefix(error, "state '%s' cannot be restored: ", s->told.name);
    }
    return status < 0 ? status : WEIR_OK;
}
