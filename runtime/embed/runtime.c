/* runtime.c - the handle that knows the components and the configuration. One thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/running.h"
#include "embed/embed_internal.h"
#include "loader/catalog.h"

#ifndef WEIR_VERSION
#error "the build defines WEIR_VERSION and WEIR_PLUGIN_DIR"
#endif

const char *weir_version(void)
{
    return WEIR_VERSION;
}

void weir_text_free(char *text)
{
    weir_free(text);
}

const char *weir_running_now(void)
{
    const struct weir_running_place *place = atomic_load_explicit(&weir_running_here()->place, memory_order_relaxed);
    return place ? place->where : NULL;
}

void weir_running_what(struct weir_running_call *to)
{
    const struct weir_running_place *place = atomic_load_explicit(&weir_running_here()->place, memory_order_relaxed);
    *to = (struct weir_running_call){.struct_size = sizeof *to, .why = atomic_load(&weir_running_why)};
    if (!place) return;
    to->where = place->where;
    to->subtask = place->subtask;
    for (; to->n_parts < place->n_parts; to->n_parts++) {
        const struct weir_running_component *from = &place->parts[to->n_parts];
        to->parts[to->n_parts] = (struct weir_running_part){from->plugin, from->component, from->path};
    }
    if (place->row && *place->row != UINT32_MAX) to->record = (int64_t)(place->before + *place->row) + 1;
}

weir_status weir__report(weir_status status, const struct weir_error *error, struct weir_error_text *to)
{
    if (to) {
        to->status = status;
        snprintf(to->text, sizeof to->text, "%s", status < 0 ? error->text : "");
    }
    return status;
}

weir_status weir__report_problems(const struct weir_problems *problems, bool json, weir_status status,
                                  struct weir_error_text *to)
{
    struct weir_text text = {0};
    if (json)
        weir_problems_print_json(problems, &text);
    else
        weir_problems_print(problems, &text);
    if (to) {
        to->status = status;
        snprintf(to->text, sizeof to->text, "%s", weir_text_get(&text));
        if (text.n >= sizeof to->text) strcpy(to->text + sizeof to->text - 5, "...\n");
    }
    weir_text_finish(&text);
    return status;
}

/* ---- creation ---------------------------------------------------------------------------------------------------- */

struct directories {
    const char **list; /* NULL-terminated */
    char **parts;      /* of WEIR_PLUGIN_PATH; owned */
    size_t n, n_parts;
};

static void add_directory(struct directories *d, const char *directory)
{
    if (directory && *directory) d->list[d->n++] = directory;
}

static size_t count_parts(const char *path)
{
    size_t n = 1;
    for (; path && *path; path++) n += *path == ':';
    return n;
}

/* Search order: built-ins, configuration file, WEIR_PLUGIN_PATH, the caller's. */
static void collect_directories(struct directories *d, const struct weir_runtime_options *o,
                                const struct weir_config *config)
{
    const char *path = getenv("WEIR_PLUGIN_PATH"), *builtin = getenv("WEIR_PLUGINS");
    size_t given = 0;
    while (o && o->plugins && o->plugins[given]) given++;
    d->list = weir_alloc_array(config->n_plugins + count_parts(path) + given + 2, sizeof *d->list);
    d->parts = weir_alloc_array(count_parts(path), sizeof *d->parts);
    if (o && o->builtin) builtin = o->builtin;
    add_directory(d, builtin && *builtin ? builtin : WEIR_PLUGIN_DIR);
    for (size_t i = 0; i < config->n_plugins; i++) add_directory(d, config->plugins[i]);
    while (path && *path) {
        size_t n = strcspn(path, ":");
        add_directory(d, d->parts[d->n_parts++] = weir_strndup(path, n));
        path += n + (path[n] == ':');
    }
    for (size_t i = 0; i < given; i++) add_directory(d, o->plugins[i]);
}

static void directories_finish(struct directories *d)
{
    for (size_t i = 0; i < d->n_parts; i++) weir_free(d->parts[i]);
    weir_free(d->parts);
    weir_free(d->list);
}

static weir_status create(struct weir_runtime *r, const struct weir_runtime_options *o, struct weir_error *error)
{
    r->platform = weir_platform_os();
    weir_status s = weir_log_configure(o && o->log ? o->log : getenv("WEIR_LOG"), error);
    if (s == WEIR_OK) s = weir_config_read(r->platform, o ? o->config : NULL, &r->config, error);
    if (s != WEIR_OK) return s;
    struct directories directories = {0};
    collect_directories(&directories, o, &r->config);
    const char *helper = o ? o->helper : NULL;
    struct weir_registry_options registry = {
        .platform = r->platform, .directories = directories.list, .helper = helper, .installation = helper};
    s = weir_registry_create(&registry, &r->registry, error);
    directories_finish(&directories);
    return s;
}

weir_status weir_runtime_create(const struct weir_runtime_options *o, struct weir_runtime **runtime,
                                struct weir_error_text *error)
{
    static const struct weir__options_shape shape = {"weir_runtime_options", sizeof *o, 48};
    struct weir_error e = {0};
    struct weir_runtime_options own;
    struct weir_runtime *r = weir_alloc(sizeof *r);
    *runtime = NULL;
    weir_status s = weir__options_read(&own, &shape, o, &e);
    if (s == WEIR_OK) s = create(r, &own, &e);
    if (s == WEIR_OK)
        *runtime = r;
    else
        weir_runtime_destroy(r);
    return weir__report(s, &e, error);
}

void weir_runtime_destroy(struct weir_runtime *r)
{
    if (!r) return;
    weir_registry_destroy(r->registry);
    weir_config_finish(&r->config);
    weir_free(r);
}

weir_status weir_runtime_list(struct weir_runtime *r, const char *kind, bool json, char **text,
                              struct weir_error_text *error)
{
    struct weir_error e = {0};
    struct weir_text t = {0};
    weir_status s = weir_catalog_print(r->registry, kind, json, &t, &e);
    *text = s == WEIR_OK ? weir_text_take(&t) : NULL;
    weir_text_finish(&t);
    return weir__report(s, &e, error);
}

weir_status weir_runtime_reference(struct weir_runtime *r, char **text, struct weir_error_text *error)
{
    struct weir_text t = {0};
    weir_catalog_print_reference(r->registry, &t);
    *text = weir_text_take(&t);
    return weir__report(WEIR_OK, NULL, error);
}

void weir_runtime_opened(struct weir_runtime *r, weir_opened_plugin_visit *visit, void *arg)
{
    const struct weir_plugin_info *p = NULL;
    while ((p = weir_registry_next_open(r->registry, p))) {
        const struct weir_opened_plugin opened = {
            .struct_size = sizeof opened, .id = p->id, .version = p->version, .path = p->path};
        visit(arg, &opened);
    }
}
