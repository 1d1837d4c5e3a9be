/* loader/registry.c - finds plugin files, believes or makes their manifests, and answers for components by name.
 *
 * Built by the coordinator, then only read; weir_registry_open may be called from any thread and takes the lock of the file
 * it opens. Invariants: entries never move (infos point at their plugin, part specs at infos); `plugins` is sorted by plugin
 * id; no two have one id: the directory that is searched first wins.
 */
#include "loader/registry.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/path.h"
#include "loader/call_library.h"
#include "loader/plugin_file.h"
#include "loader/plugin_info.h"
#include "loader/plugin_internal.h"
#include "loader/plugin_manifest.h"
#include "loader/plugin_open.h"
#include "loader/probe.h"

struct entry {
    struct weir_plugin_info info;
    const weir_plugin *live; /* NULL: not opened yet; under the lock */
};
struct weir_registry {
    const struct weir_platform *platform;
    char *helper, *installation;
    int64_t probe_timeout_ms;
    char **directories;
    size_t n_directories, directories_capacity;
    const struct weir_plugin_info **plugins;
    size_t n_plugins, plugins_capacity;
    char **refused;     /* messages */
    char **refused_ids; /* beside each: " top_n vat " as far as a stale manifest tells; "" */
    size_t n_refused, refused_capacity, refused_ids_capacity;
    struct weir_lock lock;
};

/* ---- one file ---------------------------------------------------------------------------------------------------- */

static weir_status read_manifest(const struct weir_registry *r, const struct weir_plugin_file *f, const char *path,
                                 struct weir_plugin_info *info, struct weir_error *error)
{
    char *text;
    size_t n;
    weir_status s = weir_plugin_file_trust(r->platform, path, r->installation, error);
    if (s != WEIR_OK) return s;
    s = weir_read_file(r->platform, path, WEIR_PLUGIN_MANIFEST_MAX_BYTES, &text, &n, error);
    if (s == WEIR_OK) {
        s = weir_plugin_manifest_read(text, n, path, f->path, info, error);
        weir_free(text);
    }
    if (s == WEIR_OK) return WEIR_OK;
    if (error) weir__refuse(error, "%s; run `weir inspect --manifest --write %s`", error->text, f->path);
    return WEIR_E_PLUGIN;
}

static weir_status check_fresh(const struct weir_plugin_file *f, const char *path, const struct weir_plugin_info *info,
                               struct weir_error *error)
{
    if (strcmp(info->build_id, f->build_id) == 0 && strcmp(info->id, f->id) == 0) return WEIR_OK;
    return weir__refuse(
        error, "%s: stale manifest: expected the build-id of %s (%s), found %s; run `weir inspect --manifest --write %s`",
        path, f->path, f->build_id, info->build_id, f->path);
}

static weir_status describe(const struct weir_registry *r, const struct weir_plugin_file *f, struct weir_plugin_info *info,
                            struct weir_error *error)
{
    struct weir_file_info there;
    char *path = weir_plugin_manifest_path(f->path);
    weir_status s;
    if (r->platform->info(r->platform->self, path, &there, NULL) == WEIR_OK) {
        s = read_manifest(r, f, path, info, error);
        if (s == WEIR_OK) s = check_fresh(f, path, info, error);
    } else if (r->helper) {
        s = weir_probe(r->helper, f, r->probe_timeout_ms, info, error);
    } else {
        s = weir__refuse(error, "%s: expected its manifest %s, found none; run `weir inspect --manifest --write %s`",
                         f->path, path, f->path);
    }
    weir_free(path);
    return s;
}

static struct entry *entry_of(const struct weir_plugin_info *info)
{
    return (struct entry *)(uintptr_t)info; /* its first member */
}

static void drop_entry(struct entry *e)
{
    weir_plugin_info_finish(&e->info);
    weir_free(e);
}

/* Where id stands in `plugins` or would; *found says which. */
static size_t place_of(const struct weir_registry *r, const char *id, bool *found)
{
    size_t i = 0;
    while (i < r->n_plugins && strcmp(r->plugins[i]->id, id) < 0) i++;
    *found = i < r->n_plugins && strcmp(r->plugins[i]->id, id) == 0;
    return i;
}

/* Takes e. The same build found twice is one plugin. */
static weir_status insert(struct weir_registry *r, struct entry *e, const struct weir_plugin_info **info,
                          struct weir_error *error)
{
    bool found;
    weir_status s = WEIR_OK;
    size_t at = place_of(r, e->info.id, &found);
    if (found) {
        *info = r->plugins[at];
        if (strcmp((*info)->build_id, e->info.build_id) != 0)
            s = weir__refuse(error,
                             "%s: expected a plugin id of its own, found '%s', which %s has and which is searched first; "
                             "remove one of the files or give one another "
                             "id",
                             e->info.path, e->info.id, (*info)->path);
        drop_entry(e);
        return s;
    }
    WEIR_GROW(r->plugins, r->plugins_capacity, r->n_plugins + 1);
    memmove(&r->plugins[at + 1], &r->plugins[at], (r->n_plugins - at) * sizeof *r->plugins);
    r->plugins[at] = *info = &e->info;
    r->n_plugins++;
    return WEIR_OK;
}

static char *ids_of(const struct weir_plugin_info *info)
{
    struct weir_text t = {0};
    weir_text_add(&t, " ");
    for (uint32_t i = 0; i < info->n_components; i++)
        weir_text_add(&t, "%s ", info->components[i].id ? info->components[i].id : "");
    return weir_text_take(&t);
}

/* ids (may be NULL): the component ids of a file that is refused all the same, as its manifest has them; the caller frees.
 */
static weir_status learn(struct weir_registry *r, const char *path, const struct weir_plugin_info **info, char **ids,
                         struct weir_error *error)
{
    struct weir_plugin_file f;
    weir_status s = weir_plugin_file_check(r->platform, path, r->installation, &f, error);
    if (s != WEIR_OK) return s;
    struct entry *e = weir_alloc(sizeof *e);
    s = describe(r, &f, &e->info, error);
    weir_plugin_file_finish(&f);
    if (s == WEIR_OK) return insert(r, e, info, error);
    if (ids) *ids = ids_of(&e->info);
    drop_entry(e);
    return s;
}

/* ---- directories ------------------------------------------------------------------------------------------------- */

static void refuse(struct weir_registry *r, const char *message, char *ids)
{
    WEIR_GROW(r->refused, r->refused_capacity, r->n_refused + 1);
    WEIR_GROW(r->refused_ids, r->refused_ids_capacity, r->n_refused + 1);
    r->refused[r->n_refused] = weir_strdup(message);
    r->refused_ids[r->n_refused++] = ids ? ids : weir_strdup("");
    weir_log(WEIR_DEBUG, "loader", "refused: %s", message);
}

static weir_status consider_file(void *to, const char *path, bool is_directory, int64_t size)
{
    struct weir_registry *r = to;
    const struct weir_plugin_info *info;
    struct weir_error error;
    char *ids = NULL;
    (void)size;
    (void)is_directory; /* a directory named X.so is refused with its message, not passed over */
    if (!weir_path_has_suffix(path, ".so")) return WEIR_OK;
    if (learn(r, path, &info, &ids, &error) != WEIR_OK) refuse(r, error.text, ids);
    return WEIR_OK;
}

static void search_directory(struct weir_registry *r, const char *directory)
{
    struct weir_error error;
    WEIR_GROW(r->directories, r->directories_capacity, r->n_directories + 1);
    r->directories[r->n_directories++] = weir_strdup(directory);
    if (r->platform->list(r->platform->self, directory, consider_file, r, &error) == WEIR_OK) return;
    weir_error_prefix(&error, "plugin directory %s cannot be searched: ", directory);
    refuse(r, error.text, NULL);
}

weir_status weir_registry_create(const struct weir_registry_options *options, struct weir_registry **registry,
                                 struct weir_error *error)
{
    (void)error; /* what is wrong with files and directories is kept, and told when a job needs them */
    struct weir_registry *r = *registry = weir_alloc(sizeof *r);
    *r = (struct weir_registry){.platform = options->platform,
                                .helper = weir_strdup(options->helper),
                                .installation = weir_strdup(options->installation),
                                .probe_timeout_ms = options->probe_timeout_ms,
                                .lock = WEIR_LOCK_INIT};
    for (size_t i = 0; options->directories && options->directories[i]; i++) search_directory(r, options->directories[i]);
    return WEIR_OK;
}

void weir_registry_destroy(struct weir_registry *r)
{
    if (!r) return;
    for (size_t i = 0; i < r->n_plugins; i++) drop_entry(entry_of(r->plugins[i]));
    for (size_t i = 0; i < r->n_directories; i++) weir_free(r->directories[i]);
    for (size_t i = 0; i < r->n_refused; i++) {
        weir_free(r->refused[i]);
        weir_free(r->refused_ids[i]);
    }
    weir_free(r->plugins);
    weir_free(r->directories);
    weir_free(r->refused);
    weir_free(r->refused_ids);
    weir_free(r->helper);
    weir_free(r->installation);
    weir_free(r);
}

/* "rank", "rank.so" or "librank.so" in the directories; the caller frees. */
static const char *suffix_of(const char *name)
{
    return weir_path_has_suffix(name, ".so") ? "" : ".so";
}

static char *search_name(const struct weir_registry *r, const char *name)
{
    static const char *const prefixes[] = {"", "lib"};
    const char *suffix = suffix_of(name);
    struct weir_file_info info;
    for (size_t i = 0; i < r->n_directories; i++) {
        for (size_t k = 0; k < WEIR_LEN(prefixes); k++) {
            struct weir_text t = {0};
            weir_text_add(&t, "%s/%s%s%s", r->directories[i], prefixes[k], name, suffix);
            if (r->platform->info(r->platform->self, weir_text_get(&t), &info, NULL) == WEIR_OK) return weir_text_take(&t);
            weir_text_finish(&t);
        }
    }
    return NULL;
}

static weir_status count_plugin(void *to, const char *path, bool is_directory, int64_t size)
{
    (void)is_directory, (void)size;
    *(size_t *)to += weir_path_has_suffix(path, ".so");
    return WEIR_OK;
}

/* A folder that is named in person: it must be one, with plugins in it. What is wrong with single files is told when a job
 * needs them, as for any directory. */
static weir_status add_directory(struct weir_registry *r, const char *path, struct weir_error *error)
{
    size_t n = 0;
    weir_status s = r->platform->list(r->platform->self, path, count_plugin, &n, error);
    if (s != WEIR_OK) return s;
    if (n == 0) return weir__refuse(error, "%s: expected plugin files (X.so) in the directory, found none", path);
    search_directory(r, path);
    return WEIR_OK;
}

static bool is_directory_of_plugins(const struct weir_registry *r, const char *path)
{
    struct weir_file_info info;
    return !weir_path_has_suffix(path, ".so") && r->platform->info(r->platform->self, path, &info, NULL) == WEIR_OK &&
           info.is_directory;
}

weir_status weir_registry_add(struct weir_registry *r, const char *path_or_name, const struct weir_plugin_info **info,
                              struct weir_error *error)
{
    *info = NULL;
    if (strchr(path_or_name, '/') && is_directory_of_plugins(r, path_or_name)) return add_directory(r, path_or_name, error);
    if (strchr(path_or_name, '/')) return learn(r, path_or_name, info, NULL, error);
    char *path = search_name(r, path_or_name);
    if (path) {
        weir_status s = learn(r, path, info, NULL, error);
        weir_free(path);
        return s;
    }
    struct weir_text where = {0};
    for (size_t i = 0; i < r->n_directories; i++) weir_text_add(&where, "%s%s", i ? ", " : "", r->directories[i]);
    weir__refuse(error,
                 "plugin '%s': expected %s%s in one of the plugin directories (%s), found none; name its directory with "
                 "--plugins, or write its path with a '/'",
                 path_or_name, path_or_name, suffix_of(path_or_name),
                 r->n_directories ? weir_text_get(&where) : "there are none");
    weir_text_finish(&where);
    return WEIR_E_PLUGIN;
}

/* ---- finding components ------------------------------------------------------------------------------------------ */

struct search {
    const char *plugin; /* "acme.rank" of "acme.rank/top_n"; n_plugin bytes; 0: any */
    size_t n_plugin;
    const char *id;
    const struct weir_component_info *right, *second, *other_kind;
};

static void look_through(const struct weir_plugin_info *p, weir_kind kind, struct search *s)
{
    if (s->n_plugin && (strncmp(p->id, s->plugin, s->n_plugin) != 0 || p->id[s->n_plugin])) return;
    for (uint32_t i = 0; i < p->n_components; i++) {
        const struct weir_component_info *c = &p->components[i];
        if (strcmp(c->id, s->id) != 0) continue;
        if (c->kind != kind) {
            s->other_kind = c;
        } else if (s->right) {
            s->second = c;
        } else {
            s->right = c;
        }
    }
}

static const char *nearest(const struct weir_registry *r, weir_kind kind, const char *id)
{
    const char **names = NULL, *near;
    size_t n = 0, capacity = 0;
    for (size_t i = 0; i < r->n_plugins; i++) {
        for (uint32_t k = 0; k < r->plugins[i]->n_components; k++) {
            if (r->plugins[i]->components[k].kind != kind) continue;
            WEIR_GROW(names, capacity, n + 1);
            names[n++] = r->plugins[i]->components[k].id;
        }
    }
    near = n ? weir_nearest(id, names, n) : NULL;
    weir_free(names);
    return near;
}

/* The file that has it but was refused; else, when nothing is near, the first few refusals. */
static void add_refusals(const struct weir_registry *r, const char *id, bool near, struct weir_text *t)
{
    char *word = weir_format(" %s ", id);
    enum { SHOWN = 3 };
    for (size_t i = 0; i < r->n_refused; i++) {
        if (!strstr(r->refused_ids[i], word)) continue;
        weir_text_add(t, "; it is in a file that was refused: %s", r->refused[i]);
        near = true;
        break;
    }
    weir_free(word);
    if (near || r->n_refused == 0) return;
    weir_text_add(t, "; it may be in one of %zu plugin files that were refused:", r->n_refused);
    for (size_t i = 0; i < r->n_refused && i < SHOWN; i++) weir_text_add(t, "\n  %s", r->refused[i]);
    if (r->n_refused > SHOWN) weir_text_add(t, "\n  and %zu more: see `weir list components`", r->n_refused - SHOWN);
}

static void say_unknown(const struct weir_registry *r, weir_kind kind, const struct search *s, struct weir_error *error)
{
    struct weir_text t = {0};
    const char *near = nearest(r, kind, s->id), *kind_name = weir_kind_name(kind);
    if (s->n_plugin) weir_text_add(&t, " in plugin '%.*s'", (int)s->n_plugin, s->plugin);
    if (s->other_kind)
        weir_text_add(&t, "; '%s' of %s is a component of kind %s", s->id, s->other_kind->plugin->id,
                      weir_kind_name(s->other_kind->kind));
    if (near && strcmp(near, s->id) != 0) weir_text_add(&t, "; did you mean '%s'?", near);
    add_refusals(r, s->id, near || s->other_kind, &t);
    weir__refuse(error, "no %s '%s'%s", kind_name, s->id, weir_text_get(&t));
    weir_text_finish(&t);
}

const struct weir_component_info *weir_registry_find(const struct weir_registry *r, weir_kind kind, const char *name,
                                                     struct weir_error *error)
{
    const char *slash = strrchr(name, '/');
    struct search s = {.plugin = name, .n_plugin = slash ? (size_t)(slash - name) : 0, .id = slash ? slash + 1 : name};
    for (size_t i = 0; i < r->n_plugins; i++) look_through(r->plugins[i], kind, &s);
    if (s.right && !s.second) return s.right;
    if (s.second) {
        weir__refuse(error, "%s '%s' is in plugins %s and %s; write %s/%s or %s/%s", weir_kind_name(kind), s.id,
                     s.right->plugin->id, s.second->plugin->id, s.right->plugin->id, s.id, s.second->plugin->id, s.id);
    } else {
        say_unknown(r, kind, &s, error);
    }
    return NULL;
}

size_t weir_registry_plugins(const struct weir_registry *r, const struct weir_plugin_info *const **plugins)
{
    *plugins = r->plugins;
    return r->n_plugins;
}

size_t weir_registry_refused(const struct weir_registry *r, const char *const **messages)
{
    *messages = (const char *const *)r->refused;
    return r->n_refused;
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

/* The first line in which two manifests differ, without its indentation. */
static void first_difference(const char *a, const char *b, char line_a[80], char line_b[80])
{
    for (;;) {
        size_t n = strcspn(a, "\n"), m = strcspn(b, "\n");
        if (n != m || memcmp(a, b, n) != 0 || !a[n] || !b[m]) {
            snprintf(line_a, 80, "%.*s", (int)n, a);
            snprintf(line_b, 80, "%.*s", (int)m, b);
            return;
        }
        a += n + 1;
        b += m + 1;
    }
}

/* A manifest that differs from the file in anything is not believed in anything: offsets in it would be written through. */
static weir_status compare(const struct weir_plugin_info *known, const struct weir_plugin_info *live,
                           struct weir_error *error)
{
    struct weir_text a = {0}, b = {0};
    char said[80], is[80];
    weir_status s = WEIR_OK;
    weir_plugin_manifest_write(known, &a);
    weir_plugin_manifest_write(live, &b);
    if (strcmp(weir_text_get(&a), weir_text_get(&b)) != 0) {
        first_difference(weir_text_get(&a), weir_text_get(&b), said, is);
        s = weir__refuse(error,
                         "%s: expected what its manifest says (\"%s\"), found another declaration in the file (\"%s\"); run "
                         "`weir inspect --manifest --write %s`",
                         known->path, said + strspn(said, " -"), is + strspn(is, " -"), known->path);
    }
    weir_text_finish(&a);
    weir_text_finish(&b);
    return s;
}

static weir_status open_live(const struct weir_registry *r, struct entry *e, struct weir_error *error)
{
    struct weir_plugin_file f;
    struct weir_plugin_info live = {0};
    weir_status s = weir_plugin_file_check(r->platform, e->info.path, r->installation, &f, error);
    if (s != WEIR_OK) return s;
    if (strcmp(f.build_id, e->info.build_id) != 0)
        s = weir__refuse(error,
                         "%s: expected build-id %s, found %s: the file was replaced since the job was checked; start again",
                         f.path, e->info.build_id, f.build_id);
    if (s == WEIR_OK) s = weir_plugin_open(&f, &e->live, error);
    if (s == WEIR_OK) s = weir_plugin_describe(e->live, &f, &live, error);
    if (s == WEIR_OK) s = compare(&e->info, &live, error);
    if (s != WEIR_OK) e->live = NULL;
    weir_plugin_info_finish(&live);
    weir_plugin_file_finish(&f);
    return s;
}

weir_status weir_registry_open(struct weir_registry *r, const struct weir_component_info *c,
                               const weir_component **component, struct weir_error *error)
{
    struct entry *e = entry_of(c->plugin);
    weir_lock_take(&r->lock);
    weir_status s = e->live ? WEIR_OK : open_live(r, e, error);
    *component = s == WEIR_OK ? e->live->components[c - e->info.components] : NULL;
    weir_lock_leave(&r->lock);
    return s;
}

const struct weir_plugin_info *weir_registry_next_open(struct weir_registry *r, const struct weir_plugin_info *after)
{
    const struct weir_plugin_info *next = NULL;
    size_t i = 0;
    weir_lock_take(&r->lock);
    while (after && i < r->n_plugins && r->plugins[i++] != after) {
    }
    for (; !next && i < r->n_plugins; i++) {
        if (entry_of(r->plugins[i])->live) next = r->plugins[i];
    }
    weir_lock_leave(&r->lock);
    return next;
}

/* ---- plain C functions ------------------------------------------------------------------------------------------- */

weir_status weir_registry_check_function(const struct weir_registry *r, const char *library, const char *function,
                                         const char *release, struct weir_error *error)
{
    weir_status s = weir_call_library_check(r->platform, r->installation, library, error);
    if (s != WEIR_OK || !r->helper) return s;
    return weir_probe_function(r->helper, library, function, release, r->probe_timeout_ms, error);
}

weir_status weir_registry_open_function(const struct weir_registry *r, const char *library, const char *function,
                                        void (**opened)(void), struct weir_error *error)
{
    return weir_call_library_open(r->platform, r->installation, library, function, opened, error);
}
