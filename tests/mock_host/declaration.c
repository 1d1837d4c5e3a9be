/* declaration.c - schema texts, options and instances: what a host makes of a component's declaration. */
#include <stdio.h>
#include <stdlib.h>

#include "mock_host/host.h"

/* ---- schema text ------------------------------------------------------------------------------------------------- */

/* The text between "(" and ")" of the i-th named part, or all of it where nothing is named. NULL: there is none. */
static char *part_of(const char *text, uint32_t i)
{
    const char *open = text ? strchr(text, '(') : NULL;
    if (!open) return i == 0 && text ? strdup(text) : NULL;
    for (; i > 0 && open; i--) open = strchr(open + 1, '(');
    return open ? strndup(open + 1, strcspn(open + 1, ")")) : NULL;
}

/* Fields of the stream that an input binds, by name, but for the first where `first` says which; "*": all. */
static void bind_input(struct input *in, const char *text, const char *first)
{
    in->seen = (struct schema){.view = {.struct_size = sizeof in->seen.view, .field_stride = sizeof(weir_schema_field)}};
    in->args = calloc(in->stream.n + CASE_MOST, sizeof *in->args);
    in->must = calloc(in->stream.n + CASE_MOST, sizeof *in->must);
    char *copy = strdup(text ? text : ""), *rest = copy;
    for (char *item; (item = strsep(&rest, ","));) {
        while (*item == ' ') item++;
        char *type = strchr(item, ':');
        if (type) *type++ = '\0';
        bool all = strcmp(item, "*") == 0;
        const char *field = first && in->seen.n == 0 ? first : item;
        for (uint32_t f = 0; f < in->stream.n; f++) {
            const weir_schema_field *of = &in->stream.fields[f];
            if (!all && strcmp(field, of->name) != 0) continue;
            in->args[in->seen.n] = f;
            in->must[in->seen.n] = !all && type && type[strlen(type) - 1] != '?';
            schema_add(&in->seen, all ? of->name : item, of->type, of->nullable);
        }
    }
    free(copy);
}

static void find_key(struct input *in, const char *names)
{
    char *copy = strdup(names ? names : ""), *rest = copy;
    for (char *name; (name = strsep(&rest, ", "));) {
        if (!*name) continue;
        int32_t at = schema_find(&in->stream, name);
        if (at < 0) give_up("no field of the key", name);
        in->key = realloc(in->key, (in->n_key + 1) * sizeof *in->key);
        in->key[in->n_key++] = (uint32_t)at;
    }
    free(copy);
}

void input_init(struct input *in, const char *stream, const char *binds, const char *first, const char *key)
{
    schema_init(&in->stream, stream);
    bind_input(in, binds, first);
    find_key(in, key);
}

void input_finish(struct input *in)
{
    schema_finish(&in->stream);
    schema_finish(&in->seen);
    free(in->args);
    free(in->must);
    free(in->key);
}

/* ---- outputs ----------------------------------------------------------------------------------------------------- */

static void write_field(struct out_port *o, uint32_t *next)
{
    const weir_schema_field *f = &o->rows.fields[*next];
    o->port.to[o->port.written.n] = (*next)++;
    schema_add(&o->port.written, f->name, f->type, f->nullable);
}

static void lay_out_port(struct host *h, struct out_port *o, const char *text)
{
    uint32_t next = 0;
    char *copy = strdup(text ? text : "*"), *rest = copy;
    o->port.written =
        (struct schema){.view = {.struct_size = sizeof(weir_schema_view), .field_stride = sizeof(weir_schema_field)}};
    o->port.to = calloc(o->rows.n + 1, sizeof *o->port.to);
    for (char *item; (item = strsep(&rest, ","));) {
        while (*item == ' ') item++;
        if (strcmp(item, "*") == 0) {
            o->has_pass = true;
            o->first_pass = next;
            next += h->in[0].stream.n;
        } else if (strcmp(item, "@key") == 0) {
            o->has_key = true;
            o->first_key = next;
            next += h->key.n;
        } else {
            uint32_t n = strcmp(item, "@in") == 0 ? h->in[0].stream.n : 1;
            while (n-- > 0 && next < o->rows.n) write_field(o, &next);
        }
    }
    free(copy);
    if (next != o->rows.n) give_up("the case has other fields than the component says", text);
}

static void set_up_outputs(struct host *h)
{
    const weir_component *c = h->component;
    bool one_to_one = c->kind == WEIR_OPERATOR && c->flags & WEIR_ONE_TO_ONE;
    h->n_outs = (uint32_t)h->c->n_outs;
    for (uint32_t i = 0; i < h->n_outs; i++) {
        struct out_port *o = &h->outs[i];
        char *text = i == 0 ? strdup(c->kind == WEIR_AGGREGATE ? "@key, result" : c->out) : part_of(c->sides, i - 1);
        schema_init(&o->rows, h->c->outs[i]);
        lay_out_port(h, o, text);
        free(text);
        port_init(&o->port, h->capacity, one_to_one);
        o->keys = calloc((size_t)h->capacity, sizeof(struct cell *));
        h->out[i] = &o->port.out;
    }
}

void host_set_up(struct host *h, const struct plugin_case *c, const weir_component *component, int64_t capacity)
{
    *h = (struct host){.c = c, .component = component, .watermark = INT64_MIN, .capacity = capacity};
    h->n_in = c->in[1] ? 2 : 1;
    for (uint32_t i = 0; i < h->n_in; i++) {
        char *text = part_of(component->in, i);
        input_init(&h->in[i], i == 0 ? case_seen(c) : c->in[i], text, c->arg, c->key[i]);
        free(text);
    }
    h->key = (struct schema){.view = {.struct_size = sizeof(weir_schema_view), .field_stride = sizeof(weir_schema_field)}};
    for (uint32_t i = 0; i < h->in[0].n_key; i++) {
        const weir_schema_field *f = &h->in[0].stream.fields[h->in[0].key[i]];
        schema_add(&h->key, f->name, f->type, 0);
    }
    set_up_outputs(h);
    h->keep = keep_create(component);
    h->info = (weir_info){.struct_size = sizeof h->info,
                          .parallelism = 1,
                          .max_parallelism = 128,
                          .job = "test",
                          .node = "node",
                          .base_dir = "."};
    host_fill_table(h);
    h->cx = (weir_ctx){.host = &h->table, .out = h->out, .host_data = h};
}

void host_tear_down(struct host *h)
{
    host_use_key(h, NULL, NULL);
    keep_destroy(h->keep);
    for (uint32_t i = 0; i < h->n_in; i++) input_finish(&h->in[i]);
    for (uint32_t i = 0; i < h->n_outs; i++) {
        port_finish(&h->outs[i].port);
        schema_finish(&h->outs[i].rows);
        free(h->outs[i].keys);
    }
    for (size_t i = 0; i < h->n_timers; i++) {
        free(h->timers[i].identity);
        cells_free(h->timers[i].cells, h->key.n);
    }
    free(h->timers);
    schema_finish(&h->key);
    free(h->scratch);
    free(h->scratch_sizes);
    lines_free(&h->found);
}

/* ---- options and instances --------------------------------------------------------------------------------------- */

static const weir_option *option_at(const weir_component *c, uint32_t i)
{
    return (const weir_option *)(const void *)((const char *)c->options + (size_t)i * c->option_stride);
}

static int64_t milliseconds(const char *text)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000}, {"", 1}};
    char *end;
    int64_t n = strtoll(text, &end, 10);
    for (size_t i = 0; i < WEIR_LEN(units); i++) {
        if (strcmp(end, units[i].unit) == 0) return n * units[i].ms;
    }
    give_up("expected a duration", text);
}

static void store_choice(const weir_option *o, const char *text, void *at)
{
    for (int32_t i = 0; o->choices && o->choices[i]; i++) {
        if (strcmp(o->choices[i], text) == 0) *(int32_t *)at = i;
    }
}

static void store(const struct host *h, const weir_option *o, const char *text, void *at)
{
    switch (o->type) {
    case WEIR_OPT_BOOL: *(bool *)at = strcmp(text, "true") == 0; break;
    case WEIR_OPT_I64: *(int64_t *)at = strtoll(text, NULL, 10); break;
    case WEIR_OPT_F64: *(double *)at = strtod(text, NULL); break;
    case WEIR_OPT_STRING: *(const char **)at = text; break;
    case WEIR_OPT_DURATION: *(int64_t *)at = milliseconds(text); break;
    case WEIR_OPT_ENUM: store_choice(o, text, at); break;
    case WEIR_OPT_FIELD: *(int32_t *)at = schema_find(&h->in[0].seen, text); break;
    default: give_up("an option of a type that no case has", o->name);
    }
}

void *host_instance(const struct host *h)
{
    const weir_component *c = h->component;
    char *self = aligned_alloc(64, ((size_t)c->instance_size + 63) / 64 * 64);
    memset(self, 0, c->instance_size);
    for (uint32_t i = 0; i < c->n_options; i++) {
        const weir_option *o = option_at(c, i);
        const char *text = o->def;
        for (size_t k = 0; k < h->c->n_options; k++) {
            if (strcmp(h->c->options[k], o->name) == 0) text = h->c->values[k];
        }
        if (text)
            store(h, o, text, self + o->offset);
        else if (o->type == WEIR_OPT_FIELD)
            *(int32_t *)(void *)(self + o->offset) = -1;
        else if (!(o->flags & WEIR_OPTIONAL))
            give_up("the case lacks an option", o->name);
    }
    return self;
}

void host_free_instance(const struct host *h, void *self)
{
    poison_free(self, h->component->instance_size);
}
