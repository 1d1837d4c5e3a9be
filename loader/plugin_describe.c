/* loader/plugin_describe.c - from the constant structs of an open plugin to a struct weir_plugin_info. Any thread.
 *
 * Whatever a pointer in those structs points at is read as the ABI says it is: a wrong pointer crashes, which is why this
 * runs in a helper for a file that nobody has described yet. Sizes are checked before what they cover is read. A size larger
 * than ours is fine: a plugin may be compiled with newer headers than it needs.
 */
#include <string.h>
#include <weir/aggregate.h>
#include <weir/async.h>
#include <weir/backend.h>
#include <weir/format.h>
#include <weir/join.h>
#include <weir/operator.h>
#include <weir/partitioner.h>
#include <weir/sink.h>
#include <weir/source.h>
#include <weir/storage.h>
#include <weir/watermark.h>
#include <weir/window.h>

#include "base/alloc.h"
#include "loader/plugin_info.h"
#include "loader/plugin_internal.h"
#include "loader/plugin_open.h"

/* No struct of the ABI is near this size: a larger one is not a size at all. */
enum { MAX_STRUCT = 65536 };

static weir_status check_size(const char *what, uint32_t found, size_t least, struct weir_error *error)
{
    if (found >= least && found <= MAX_STRUCT) return WEIR_OK;
    return weir__refuse(
        error,
        "expected a struct_size of at least %zu in its %s, found %u; set .struct_size = sizeof(%s) and rebuild the plugin",
        least, what, found, what);
}

/* ---- vtables ----------------------------------------------------------------------------------------------------- */

/* Callbacks a kind cannot do without. Function pointers all have one size, so a pointer is looked at by its offset. */
struct callback {
    const char *name;
    size_t offset;
};
#define CALLBACK(T, member)          \
    {                                \
#member, offsetof(T, member) \
    }
static const struct vtable_rule {
    weir_kind kind;
    const char *name;
    size_t size;               /* as of ABI 1.0 */
    struct callback needs[13]; /* the last one NULL */
} vtables[] = {
    {WEIR_SOURCE,
     "weir_source",
     offsetof(weir_source, snapshot),
     {CALLBACK(weir_source, discover), CALLBACK(weir_source, add_split), CALLBACK(weir_source, poll)}},
    {WEIR_OPERATOR, "weir_operator", sizeof(weir_operator), {{NULL, 0}}},
    {WEIR_REDUCER, "weir_reducer", sizeof(weir_reducer), {CALLBACK(weir_reducer, reduce)}},
    {WEIR_AGGREGATE,
     "weir_aggregate",
     sizeof(weir_aggregate),
     {CALLBACK(weir_aggregate, add), CALLBACK(weir_aggregate, result)}},
    {WEIR_WATERMARK_GENERATOR,
     "weir_watermark_generator",
     sizeof(weir_watermark_generator),
     {CALLBACK(weir_watermark_generator, on_rows)}},
    {WEIR_PARTITIONER, "weir_partitioner", sizeof(weir_partitioner), {CALLBACK(weir_partitioner, partition)}},
    {WEIR_DECODER, "weir_decoder", sizeof(weir_decoder), {CALLBACK(weir_decoder, begin), CALLBACK(weir_decoder, decode)}},
    {WEIR_ENCODER, "weir_encoder", sizeof(weir_encoder), {CALLBACK(weir_encoder, encode)}},
    {WEIR_SINK, "weir_sink", sizeof(weir_sink), {CALLBACK(weir_sink, write)}},
    {WEIR_WINDOW_ASSIGNER, "weir_window_assigner", sizeof(weir_window_assigner), {CALLBACK(weir_window_assigner, assign)}},
    {WEIR_TRIGGER,
     "weir_trigger",
     offsetof(weir_trigger, every),
     {CALLBACK(weir_trigger, on_row), CALLBACK(weir_trigger, on_timer)}},
    {WEIR_EVICTOR, "weir_evictor", sizeof(weir_evictor), {{NULL, 0}}},
    {WEIR_WINDOW_FUNCTION, "weir_window_function", sizeof(weir_window_function), {CALLBACK(weir_window_function, process)}},
    {WEIR_JOIN_FUNCTION, "weir_join_function", sizeof(weir_join_function), {CALLBACK(weir_join_function, join)}},
    {WEIR_COGROUP_FUNCTION,
     "weir_cogroup_function",
     sizeof(weir_cogroup_function),
     {CALLBACK(weir_cogroup_function, process)}},
    {WEIR_ASYNC, "weir_async", sizeof(weir_async), {CALLBACK(weir_async, start), CALLBACK(weir_async, result)}},
    {WEIR_STATE_BACKEND,
     "weir_backend",
     offsetof(weir_backend, get_beside),
     {CALLBACK(weir_backend, open), CALLBACK(weir_backend, close), CALLBACK(weir_backend, get),
      CALLBACK(weir_backend, write), CALLBACK(weir_backend, remove), CALLBACK(weir_backend, scan),
      CALLBACK(weir_backend, view), CALLBACK(weir_backend, release)}},
    {WEIR_CHECKPOINT_STORAGE,
     "weir_checkpoint_storage",
     sizeof(weir_checkpoint_storage),
     {CALLBACK(weir_checkpoint_storage, open), CALLBACK(weir_checkpoint_storage, close),
      CALLBACK(weir_checkpoint_storage, begin), CALLBACK(weir_checkpoint_storage, create),
      CALLBACK(weir_checkpoint_storage, write), CALLBACK(weir_checkpoint_storage, finish),
      CALLBACK(weir_checkpoint_storage, publish), CALLBACK(weir_checkpoint_storage, abandon),
      CALLBACK(weir_checkpoint_storage, list), CALLBACK(weir_checkpoint_storage, objects),
      CALLBACK(weir_checkpoint_storage, read), CALLBACK(weir_checkpoint_storage, remove)}},
};
struct vtable_head { /* every vtable begins like this */
    uint32_t struct_size, flags;
};

static weir_status check_operator(const weir_component *c, struct weir_component_info *info, struct weir_error *error)
{
    const weir_operator *v = c->vtable;
    if (!v->process == !v->filter)
        return weir__refuse(error, "expected either process or filter in its weir_operator, found %s; set one of them",
                            v->process ? "both" : "neither");
    if (v->filter && (c->flags & WEIR_ONE_TO_ONE))
        return weir__refuse(
            error, "expected a filter without WEIR_ONE_TO_ONE, found one with it; a map has process instead of filter");
    info->has_timers = v->on_timer != NULL;
    info->is_filter = v->filter != NULL;
    return WEIR_OK;
}

static weir_status check_aggregate(const weir_component *c, struct weir_error *error)
{
    const weir_aggregate *v = c->vtable;
    if ((c->flags & WEIR_MERGEABLE) && !v->merge)
        return weir__refuse(
            error,
            "expected merge in its weir_aggregate, as WEIR_MERGEABLE promises, found NULL; write it or take the flag away");
    if ((c->flags & WEIR_MERGEABLE_BUT_FLOATS) && !v->merge)
        return weir__refuse(error, "expected merge in its weir_aggregate, as WEIR_MERGEABLE_BUT_FLOATS promises, found "
                                   "NULL; write it or take the flag away");
    if ((c->flags & WEIR_INVERTIBLE) && !v->subtract)
        return weir__refuse(error, "expected subtract in its weir_aggregate, as WEIR_INVERTIBLE promises, found NULL; write "
                                   "it or take the flag away");
    return WEIR_OK;
}

static weir_status check_decoder(const weir_component *c, struct weir_component_info *info, struct weir_error *error)
{
    const weir_decoder *v = c->vtable;
    if (v->splittable && !v->boundary)
        return weir__refuse(
            error, "expected boundary beside splittable in its weir_decoder, found NULL; write it or take splittable away");
    info->is_splittable = v->splittable != NULL;
    return WEIR_OK;
}

static weir_status check_trigger(const weir_component *c, struct weir_error *error)
{
    const weir_trigger *v = c->vtable;
    if ((c->flags & WEIR_MERGEABLE) && c->n_states > 0 && !v->merge_value)
        return weir__refuse(error, "expected merge_value in its weir_trigger, as WEIR_MERGEABLE and its states promise, "
                                   "found NULL; write it or take the flag away");
    return WEIR_OK;
}

static weir_status check_assigner(const weir_component *c, struct weir_error *error)
{
    const weir_window_assigner *v = c->vtable;
    if ((c->flags & WEIR_PERIODIC) && !v->periodic)
        return weir__refuse(error, "expected periodic in its weir_window_assigner, as WEIR_PERIODIC promises, found NULL; "
                                   "write it or take the flag away");
    if (v->periodic && !(c->flags & WEIR_PERIODIC))
        return weir__refuse(error, "expected WEIR_PERIODIC beside periodic in its weir_window_assigner, found no such flag; "
                                   "without it periodic is never called");
    return WEIR_OK;
}

static weir_status check_evictor(const weir_component *c, struct weir_error *error)
{
    const weir_evictor *v = c->vtable;
    if (v->before || v->after) return WEIR_OK;
    return weir__refuse(error, "expected before or after in its weir_evictor, found neither; set one of them");
}

static weir_status check_vtable_of(const struct vtable_rule *rule, const weir_component *c, struct weir_component_info *info,
                                   struct weir_error *error)
{
    const struct vtable_head *head = c->vtable;
    weir_status s = check_size(rule->name, head->struct_size, rule->size, error);
    if (s != WEIR_OK) return s;
    if (head->flags)
        return weir__refuse(error, "expected flags 0 in its %s, found 0x%x; set .flags = 0", rule->name, head->flags);
    for (const struct callback *cb = rule->needs; cb->name; cb++) {
        void (*function)(void);
        memcpy(&function, (const char *)c->vtable + cb->offset, sizeof function);
        if (!function)
            return weir__refuse(error, "expected %s in its %s, found NULL; a component of kind %s needs it", cb->name,
                                rule->name, weir_kind_name(rule->kind));
    }
    if (rule->kind == WEIR_OPERATOR) return check_operator(c, info, error);
    if (rule->kind == WEIR_AGGREGATE) return check_aggregate(c, error);
    if (rule->kind == WEIR_TRIGGER) return check_trigger(c, error);
    if (rule->kind == WEIR_WINDOW_ASSIGNER) return check_assigner(c, error);
    if (rule->kind == WEIR_EVICTOR) return check_evictor(c, error);
    return rule->kind == WEIR_DECODER ? check_decoder(c, info, error) : WEIR_OK;
}

static weir_status check_vtable(const weir_component *c, struct weir_component_info *info, struct weir_error *error)
{
    for (size_t i = 0; i < WEIR_LEN(vtables); i++) {
        if (vtables[i].kind != (weir_kind)c->kind) continue;
        if (!c->vtable) return weir__refuse(error, "expected a vtable (%s), found NULL; set .vtable", vtables[i].name);
        return check_vtable_of(&vtables[i], c, info, error);
    }
    struct weir_text known = {0};
    weir__add_words(&known, weir__kinds, ", ");
    weir__refuse(
        error,
        "expected a component kind that this weir knows (%s), found kind %u; use enum weir_kind of <weir/component.h>",
        weir_text_get(&known), c->kind);
    weir_text_finish(&known);
    return WEIR_E_PLUGIN;
}

/* ---- options and states ------------------------------------------------------------------------------------------ */

static weir_status check_array(const char *what, const void *array, uint32_t n, uint32_t most, uint32_t stride, size_t least,
                               struct weir_error *error)
{
    if (n == 0) return WEIR_OK;
    if (!array)
        return weir__refuse(error, "expected an array of %u %ss, found NULL; declare it with WEIR_OPTIONS or WEIR_STATES", n,
                            what);
    if (n > most)
        return weir__refuse(error, "expected at most %u %ss, found %u; set the count with WEIR_LEN", most, what, n);
    if (stride < least || stride > MAX_STRUCT || stride % 8)
        return weir__refuse(error, "expected a stride of at least %zu for its %ss, found %u; set it to sizeof(weir_%s)",
                            least, what, stride, what);
    return WEIR_OK;
}

static char **copy_choices(const char *const *choices)
{
    size_t n = 0, capacity = 0;
    char **copy = NULL;
    if (!choices) return NULL;
    for (; choices[n] && n < 1000; n++) {
        WEIR_GROW(copy, capacity, n + 2);
        copy[n] = weir_strdup(choices[n]);
    }
    if (!copy) copy = weir_alloc(sizeof *copy);
    return copy;
}

static weir_status describe_options(const weir_component *c, struct weir_component_info *info, struct weir_error *error)
{
    weir_status s =
        check_array("option", c->options, c->n_options, WEIR__MAX_OPTIONS, c->option_stride, sizeof(weir_option), error);
    if (s != WEIR_OK) return s;
    info->options = weir_alloc_array(c->n_options, sizeof *info->options);
    for (uint32_t i = 0; i < c->n_options; i++) {
        const weir_option *o = (const void *)((const char *)c->options + (size_t)i * c->option_stride);
        info->options[info->n_options++] = (struct weir_option_info){.name = weir_strdup(o->name),
                                                                     .doc = weir_strdup(o->doc ? o->doc : ""),
                                                                     .def = weir_strdup(o->def),
                                                                     .min = weir_strdup(o->min),
                                                                     .max = weir_strdup(o->max),
                                                                     .choices = copy_choices(o->choices),
                                                                     .type = (weir_option_type)o->type,
                                                                     .flags = o->flags,
                                                                     .offset = o->offset,
                                                                     .size = o->size,
                                                                     .accepts = (weir_kind)o->accepts};
    }
    return WEIR_OK;
}

static weir_status describe_state(const weir_state *st, struct weir_state_layout *layout, struct weir_error *error)
{
    weir_status s =
        check_array("field", st->fields, st->n_fields, WEIR__MAX_FIELDS, st->field_stride, WEIR_FIRST_FIELD_SIZE, error);
    if (s == WEIR_OK)
        s = check_array("field", st->key_fields, st->n_key_fields, WEIR__MAX_FIELDS, st->field_stride, WEIR_FIRST_FIELD_SIZE,
                        error);
    if (s != WEIR_OK) return weir_error_prefix(error, "state '%s': ", st->name);
    return weir_state_layout_init(layout, st, error);
}

static weir_status check_functions(const weir_state *st, struct weir_error *error)
{
    bool folds = st->kind == WEIR_REDUCING || st->kind == WEIR_AGGREGATING, results = st->kind == WEIR_AGGREGATING;
    if (folds == (st->add != NULL) && results == (st->result != NULL)) return WEIR_OK;
    return weir__refuse(
        error,
        "state '%s': expected add of reducing and aggregating states, result of aggregating ones, and neither "
        "of others, found a state of kind %s %s and %s; declare it with the WEIR_..._STATE macros",
        st->name, weir_state_kind_name((weir_state_kind)st->kind), st->add ? "with add" : "without add",
        st->result ? "with result" : "without result");
}

#define FIRST_COMPONENT_SIZE offsetof(weir_component, migrate)
#define FIRST_STATE_SIZE     offsetof(weir_state, ttl_ms) /* what the first plugins of ABI 1.0 declare */

static weir_state state_of(const weir_component *c, uint32_t i)
{
    weir_state state = {0};
    size_t size = c->state_stride < sizeof state ? c->state_stride : sizeof state;
    memcpy(&state, (const char *)c->states + (size_t)i * c->state_stride, size);
    return state;
}

static weir_status describe_states(const weir_component *c, struct weir_component_info *info, struct weir_error *error)
{
    weir_status s = check_array("state", c->states, c->n_states, WEIR__MAX_STATES, c->state_stride, FIRST_STATE_SIZE, error);
    if (s != WEIR_OK) return s;
    info->states = weir_alloc_array(c->n_states, sizeof *info->states);
    for (uint32_t i = 0; i < c->n_states; i++) {
        const weir_state known = state_of(c, i), *st = &known;
        if (!weir__is_name(st->name))
            return weir__refuse(
                error, "state %u: expected a name such as seen ([a-z_][a-z0-9_]*), found \"%.60s\"; correct its .name",
                i + 1, st->name ? st->name : "");
        s = check_functions(st, error);
        if (s == WEIR_OK) s = describe_state(st, &info->states[i], error);
        if (s != WEIR_OK) return s;
        info->n_states++;
    }
    return WEIR_OK;
}

/* ---- component and plugin ---------------------------------------------------------------------------------------- */

/* Whether the component is told of barriers: it has a snapshot. */
static bool is_told_of_barriers(const weir_component *c)
{
    const weir_source *source = c->vtable;
    if (c->kind == WEIR_OPERATOR) return ((const weir_operator *)c->vtable)->snapshot;
    if (c->kind == WEIR_SINK) return ((const weir_sink *)c->vtable)->snapshot;
    return c->kind == WEIR_SOURCE && WEIR_HAS(weir_source, source, snapshot) && source->snapshot;
}

static weir_status check_raw(const weir_component *c, const struct weir_component_info *info, struct weir_error *error)
{
    for (uint32_t i = 0; i < info->n_states; i++) {
        if (info->states[i].kind == WEIR_RAW && !is_told_of_barriers(c))
            return weir__refuse(error,
                                "state '%s': expected snapshot in the vtable of a component with a raw state, which writes "
                                "it there, found none; write it, or declare a split list",
                                info->states[i].name);
    }
    return WEIR_OK;
}

static weir_status describe_component(const weir_component *c, struct weir_component_info *info, struct weir_error *error)
{
    info->id = weir_strdup(c->id);
    info->doc = weir_strdup(c->doc ? c->doc : "");
    info->kind = (weir_kind)c->kind;
    info->in = weir_strdup(c->in);
    info->out = weir_strdup(c->out);
    info->sides = weir_strdup(c->sides);
    info->flags = c->flags;
    info->instance_size = c->instance_size;
    weir_status s = check_vtable(c, info, error);
    if (s == WEIR_OK) s = describe_options(c, info, error);
    if (s == WEIR_OK) s = describe_states(c, info, error);
    if (s == WEIR_OK) s = check_raw(c, info, error);
    if (s != WEIR_OK) weir_error_prefix(error, "component '%s': ", c->id);
    return s;
}

static weir_status describe_components(const weir_plugin *p, struct weir_plugin_info *info, struct weir_error *error)
{
    size_t capacity = 0;
    for (uint32_t i = 0; p->components[i]; i++) {
        const weir_component *c = p->components[i];
        if (i >= WEIR__MAX_COMPONENTS)
            return weir__refuse(error,
                                "expected at most %u components, found more; end the list with NULL, as WEIR_PLUGIN does",
                                WEIR__MAX_COMPONENTS);
        weir_status s = check_size("weir_component", c->struct_size, FIRST_COMPONENT_SIZE, error);
        if (s == WEIR_OK && !c->id)
            s = weir__refuse(error, "expected an id such as top_n ([a-z][a-z0-9_]*), found NULL; set its .id");
        if (s != WEIR_OK) return weir_error_prefix(error, "component %u: ", i + 1);
        WEIR_GROW(info->components, capacity, i + 1);
        info->n_components = i + 1;
        s = describe_component(c, &info->components[i], error);
        if (s != WEIR_OK) return s;
    }
    if (info->n_components > 0) return WEIR_OK;
    return weir__refuse(
        error, "expected at least one component, found none; name them in WEIR_PLUGIN(id, version, &component ...)");
}

static weir_status check_head(const weir_plugin *p, const struct weir_plugin_file *f, struct weir_error *error)
{
    weir_status s = check_size("weir_plugin", p->struct_size, sizeof(weir_plugin), error);
    if (s != WEIR_OK) return s;
    if (p->abi_major != f->abi_major || p->abi_minor != f->abi_minor)
        return weir__refuse(error,
                            "expected ABI %u.%u, as in the file's note, found %u.%u in what " WEIR_ENTRY_SYMBOL
                            " returned; write both with WEIR_PLUGIN",
                            f->abi_major, f->abi_minor, p->abi_major, p->abi_minor);
    if (!p->id || !p->version || strcmp(p->id, f->id) != 0 || strcmp(p->version, f->version) != 0)
        return weir__refuse(error,
                            "expected plugin '%s' version '%s', as in the file's note, found '%.60s' version '%.60s' in "
                            "what " WEIR_ENTRY_SYMBOL " returned; write both with WEIR_PLUGIN",
                            f->id, f->version, p->id ? p->id : "NULL", p->version ? p->version : "NULL");
    if (!p->components)
        return weir__refuse(
            error, "expected a list of components, found NULL; name them in WEIR_PLUGIN(id, version, &component ...)");
    return WEIR_OK;
}

static void connect_components(struct weir_plugin_info *info)
{
    for (uint32_t i = 0; i < info->n_components; i++) info->components[i].plugin = info;
}

weir_status weir_plugin_describe(const weir_plugin *p, const struct weir_plugin_file *f, struct weir_plugin_info *info,
                                 struct weir_error *error)
{
    *info = (struct weir_plugin_info){0};
    weir_status s = check_head(p, f, error);
    if (s == WEIR_OK) {
        info->id = weir_strdup(p->id);
        info->version = weir_strdup(p->version);
        info->license = weir_strdup(p->license ? p->license : "");
        info->path = weir_strdup(f->path);
        info->build_id = weir_strdup(f->build_id);
        info->abi_major = p->abi_major;
        info->abi_minor = p->abi_minor;
        s = describe_components(p, info, error);
    }
    if (s == WEIR_OK) s = weir_plugin_info_check(info, error);
    if (s == WEIR_OK) {
        connect_components(info);
        return WEIR_OK;
    }
    if (error) error->status = WEIR_E_PLUGIN;
    weir_error_prefix(error, "%s: ", f->path);
    return WEIR_E_PLUGIN;
}
