/* loader/part.c - part specs, and instances made from them.
 *
 * A spec is made by the coordinator and only read afterwards; instances are made by the coordinator. Invariant: an
 * instance's strings and lists point into its spec, which therefore outlives it; so do the parts of an instance into the
 * instance's own `nested`, whose array never moves once it is made.
 */
#include "loader/part.h"

#include <string.h>

#include "base/alloc.h"
#include "loader/plugin_internal.h"

/* ---- specs ------------------------------------------------------------------------------------------------------- */

/* FIELD and COMPONENT defaults need a stream's schema and a registry: the job's compiler resolves them. */
static bool has_plain_default(const struct weir_option_info *o)
{
    return o->def && o->type != WEIR_OPT_FIELD && o->type != WEIR_OPT_COMPONENT;
}

struct weir_part_spec *weir_part_spec_create(const struct weir_component_info *info)
{
    struct weir_part_spec *spec = weir_alloc(sizeof *spec);
    spec->info = info;
    spec->values = weir_alloc_array(info->n_options, sizeof *spec->values);
    for (uint32_t i = 0; i < info->n_options; i++) {
        if (!has_plain_default(&info->options[i])) continue;
        weir_status s = weir_option_parse(&info->options[i], info->options[i].def, &spec->values[i], NULL);
        WEIR_ASSERT(s == WEIR_OK); /* checked when the plugin became known */
    }
    return spec;
}

void weir_part_spec_destroy(struct weir_part_spec *spec)
{
    if (!spec) return;
    for (uint32_t i = 0; i < spec->info->n_options; i++) weir_option_value_finish(&spec->info->options[i], &spec->values[i]);
    weir_free(spec->values);
    weir_free(spec);
}

const struct weir_option_value *weir_part_option(const struct weir_part_spec *spec, const char *option)
{
    for (uint32_t i = 0; i < spec->info->n_options; i++) {
        if (strcmp(spec->info->options[i].name, option) == 0) return &spec->values[i];
    }
    return NULL;
}

/* ---- instances --------------------------------------------------------------------------------------------------- */

static void store(const struct weir_option_info *o, const struct weir_option_value *v,
                  const struct weir_part_instance *nested, void *at)
{
    static const int32_t no_field = -1;
    if (!v->set) { /* the instance is zeroed: NULL, 0, no items */
        if (o->type == WEIR_OPT_FIELD) memcpy(at, &no_field, sizeof no_field);
        return;
    }
    switch (o->type) {
    case WEIR_OPT_BOOL:
        memcpy(at, &v->boolean, sizeof v->boolean);
        break;
    case WEIR_OPT_I64:
    case WEIR_OPT_DURATION:
    case WEIR_OPT_SIZE:
        memcpy(at, &v->i64, sizeof v->i64);
        break;
    case WEIR_OPT_F64:
        memcpy(at, &v->f64, sizeof v->f64);
        break;
    case WEIR_OPT_STRING:
    case WEIR_OPT_SECRET:
        memcpy(at, &v->string, sizeof v->string);
        break;
    case WEIR_OPT_ENUM:
    case WEIR_OPT_FIELD:
        memcpy(at, &v->index, sizeof v->index);
        break;
    case WEIR_OPT_LIST: {
        weir_strings list = {(const char *const *)v->list.items, v->list.n};
        memcpy(at, &list, sizeof list);
        break;
    }
    case WEIR_OPT_COMPONENT: {
        weir_part part = {.component = nested->component, .vtable = nested->vtable, .self = nested->self};
        memcpy(at, &part, sizeof part);
        break;
    }
    }
}

static uint32_t count_nested(const struct weir_part_spec *spec)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < spec->info->n_options; i++)
        n += spec->info->options[i].type == WEIR_OPT_COMPONENT && spec->values[i].set;
    return n;
}

static weir_status make_nested(struct weir_registry *registry, const struct weir_part_spec *spec,
                               struct weir_part_instance *in, struct weir_error *error)
{
    weir_status s = WEIR_OK;
    in->nested = weir_alloc_array(count_nested(spec), sizeof *in->nested);
    for (uint32_t i = 0; s == WEIR_OK && i < spec->info->n_options; i++) {
        const struct weir_option_info *o = &spec->info->options[i];
        if (o->type != WEIR_OPT_COMPONENT || !spec->values[i].set) continue;
        s = weir_part_instantiate(registry, spec->values[i].part, &in->nested[in->n_nested], error);
        if (s == WEIR_OK) in->n_nested++;
    }
    return s;
}

static weir_status make_self(const struct weir_part_spec *spec, struct weir_part_instance *in, struct weir_error *error)
{
    size_t size = spec->info->instance_size ? spec->info->instance_size : 1;
    uint32_t nested = 0;
    in->self = weir_try_alloc_aligned(64, size);
    if (!in->self)
        return weir_error_set(error, WEIR_E_MEMORY, "no memory for an instance of '%s' (%zu bytes)", spec->info->id, size);
    memset(in->self, 0, size);
    for (uint32_t i = 0; i < spec->info->n_options; i++) {
        const struct weir_option_info *o = &spec->info->options[i];
        const struct weir_part_instance *part = NULL;
        if (o->type == WEIR_OPT_COMPONENT && spec->values[i].set) part = &in->nested[nested++];
        store(o, &spec->values[i], part, (char *)in->self + o->offset);
    }
    return WEIR_OK;
}

weir_status weir_part_instantiate(struct weir_registry *registry, const struct weir_part_spec *spec,
                                  struct weir_part_instance *in, struct weir_error *error)
{
    *in = (struct weir_part_instance){.spec = spec};
    weir_status s = weir_registry_open(registry, spec->info, &in->component, error);
    if (s == WEIR_OK) in->vtable = in->component->vtable;
    if (s == WEIR_OK) s = make_nested(registry, spec, in, error);
    if (s == WEIR_OK) s = make_self(spec, in, error);
    if (s != WEIR_OK) weir_part_instance_finish(in);
    return s;
}

void weir_part_instance_finish(struct weir_part_instance *in)
{
    for (uint32_t i = 0; i < in->n_nested; i++) weir_part_instance_finish(&in->nested[i]);
    weir_free(in->nested);
    weir_free(in->self);
    *in = (struct weir_part_instance){0};
}
