/* loader/registry.h - every component the host can name, known from plugin manifests, and opened only when a job needs it.
 *
 * Floor 3. A registry is built by one thread (the coordinator) and then only read; opening is serialised inside.
 *
 * Search: explicit directories only, in order: the installation's plugin directory, `plugins:` of the configuration file,
 * WEIR_PLUGIN_PATH,
 * --plugins DIR, the manifest's own `plugins:` list. The current directory and LD_LIBRARY_PATH are never searched for a
 * name; a name with '/' is a path. For each X.so the manifest X.weir.yaml beside it says what it holds; it is believed when
 * its build-id is the file's. A file without one is described by a spawned helper process (see loader/probe.h), never in
 * this one.
 */
#ifndef WEIR_LOADER_REGISTRY_H
#define WEIR_LOADER_REGISTRY_H

#include <weir/component.h>

#include "base/error.h"
#include "base/platform.h"
#include "state/state.h"

struct weir_registry;

/* An option as a manifest declares it; strings owned by the info. */
struct weir_option_info {
    char *name, *doc, *def, *min, *max; /* def, min, max may be NULL */
    char **choices;                     /* NULL-terminated or NULL */
    weir_option_type type;
    uint32_t flags;
    uint32_t offset, size;
    weir_kind accepts;
};

/* What is known of a component without running its code. Immutable; lives as long as the registry. */
struct weir_component_info {
    char *id, *doc;
    weir_kind kind;
    char *in, *out, *sides; /* schema text; NULL where absent */
    uint32_t flags, instance_size;
    struct weir_option_info *options;
    uint32_t n_options;
    struct weir_state_layout *states;
    uint32_t n_states;
    bool has_timers, is_filter, is_splittable; /* facts about the vtable, recorded by `weir inspect` */
    const struct weir_plugin_info *plugin;
};
bool weir_component_has_two_inputs(const struct weir_component_info *); /* by its .in */
bool weir_component_broadcasts(const struct weir_component_info *);     /* has a broadcast state: its second input is one */
struct weir_plugin_info {
    char *id, *version, *license, *path, *build_id; /* path: absolute, canonical */
    uint16_t abi_major, abi_minor;
    struct weir_component_info *components;
    uint32_t n_components;
};

struct weir_registry_options {
    const struct weir_platform *platform;
    const char *const *directories; /* NULL-terminated, searched in this order */
    const char *helper;       /* the program that describes unknown files: the weir CLI; NULL: unknown files are refused */
    int64_t probe_timeout_ms; /* how long the helper may take over one file; 0: 10 s */
    const char *installation; /* a file whose owner is accepted as owner of plugins besides root and the effective user; may
                                 be NULL */
};
/* Files and directories that cannot be used are no failure: they are collected (weir_registry_refused) and told when a job
 * needs them. */
WEIR_CHECKED weir_status weir_registry_create(const struct weir_registry_options *, struct weir_registry **,
                                              struct weir_error *);
void weir_registry_destroy(struct weir_registry *); /* opened files stay mapped; NULL is fine */

/* Makes a file known (path with '/', or a name searched in the directories), or the files of a directory (path with '/';
 * *info is NULL then). Checked as loader/plugin_file.h says. */
WEIR_CHECKED weir_status weir_registry_add(struct weir_registry *, const char *path_or_name,
                                           const struct weir_plugin_info **, struct weir_error *);

/* name: "top_n" or, when two plugins have one, "acme.rank/top_n". NULL: unknown, or another kind, or ambiguous: then error
 * says which, and what is near. */
const struct weir_component_info *weir_registry_find(const struct weir_registry *, weir_kind kind, const char *name,
                                                     struct weir_error *);
/* For listing; in a fixed order (plugin id, component order). */
size_t weir_registry_plugins(const struct weir_registry *, const struct weir_plugin_info *const **);
/* The next opened one behind `after` in that order (NULL: the first one); NULL: there is none. Any thread. */
const struct weir_plugin_info *weir_registry_next_open(struct weir_registry *, const struct weir_plugin_info *after);
/* Files in the directories that could not be used, each with its message. */
size_t weir_registry_refused(const struct weir_registry *, const char *const **messages);

/* Opens the file if it is not open yet, checks that it still is what its manifest says, and gives the component. Any thread.
 */
WEIR_CHECKED weir_status weir_registry_open(struct weir_registry *, const struct weir_component_info *,
                                            const weir_component **, struct weir_error *);

/* A plain C function of a library (`call:`), and the one that frees what it returns (NULL: none). library: a path with '/',
 * whose file is checked like a plugin's (regular, owner, mode, ELF); else a name that the system's loader resolves. check
 * lets the helper process open it; without a helper only the file is checked. open is for the process that calls. Any
 * thread. */
WEIR_CHECKED weir_status weir_registry_check_function(const struct weir_registry *, const char *library,
                                                      const char *function, const char *release, struct weir_error *);
WEIR_CHECKED weir_status weir_registry_open_function(const struct weir_registry *, const char *library, const char *function,
                                                     void (**)(void), struct weir_error *);

const char *weir_kind_name(weir_kind kind);               /* "source", "operator", ... */
const char *weir_option_type_name(weir_option_type type); /* "bool", "duration", ... */

#endif
