/* loader/plugin_open.c - dlopen for its message and its early binding, then libltdl, which keeps the file for good.
 *
 * Any thread; everything under one lock, since libltdl has none. Invariants: a file is opened once per path; what is open
 * stays open (code with live batches, thread-locals or exit handlers cannot be taken away), so the table of open files only
 * grows and lives as long as the process.
 *
 * Why twice: libltdl says "file not found" when a dependency is missing and binds lazily. dlopen(RTLD_NOW | RTLD_LOCAL)
 * binds everything and says which symbol or library it lacked; lt_dlopenadvise then takes the same mapping, local and
 * resident.
 */
#include "loader/plugin_open.h"

#include <dlfcn.h>
#include <ltdl.h>
#include <string.h>

#include "base/alloc.h"
#include "base/lock.h"
#include "loader/plugin_info.h"
#include "loader/plugin_internal.h"

struct open_file {
    char *path, *build_id;
    const weir_plugin *plugin;
};
static struct weir_lock lock = WEIR_LOCK_INIT;
static struct open_file *open_files; /* under the lock */
static size_t n_open_files, open_files_capacity;
static bool ltdl_started;

static weir_status bind_now(const char *path, struct weir_error *error)
{
    if (dlopen(path, RTLD_NOW | RTLD_LOCAL)) return WEIR_OK; /* the handle is kept open by never closing it */
    const char *reason = dlerror();
    return weir__refuse(
        error,
        "expected a file that can be linked into this process, found: %s; install what is missing, or link the plugin with "
        "-Wl,-z,defs to see it at build time",
        reason ? reason : "no reason given");
}

static lt_dlhandle open_resident(const char *path)
{
    lt_dladvise advise;
    lt_dlhandle handle = NULL;
    if (!ltdl_started && lt_dlinit() != 0) return NULL;
    ltdl_started = true;
    if (lt_dladvise_init(&advise) != 0) return NULL;
    if (lt_dladvise_local(&advise) == 0 && lt_dladvise_resident(&advise) == 0) handle = lt_dlopenadvise(path, advise);
    lt_dladvise_destroy(&advise);
    return handle;
}

static weir_status call_entry(lt_dlhandle handle, const weir_plugin **plugin, struct weir_error *error)
{
    void *symbol = lt_dlsym(handle, WEIR_ENTRY_SYMBOL);
    weir_plugin_entry *entry;
    memcpy(&entry, &symbol, sizeof entry); /* POSIX lets a symbol be a function; ISO C has no cast for it */
    *plugin = symbol ? entry() : NULL;
    if (*plugin) return WEIR_OK;
    return weir__refuse(error,
                        "expected " WEIR_ENTRY_SYMBOL " to return a weir_plugin, found NULL; write it with WEIR_PLUGIN");
}

static weir_status open_and_check(const struct weir_plugin_file *f, const weir_plugin **plugin, struct weir_error *error)
{
    struct weir_plugin_info info = {0};
    weir_status s = bind_now(f->path, error);
    if (s != WEIR_OK) return weir_error_prefix(error, "%s: ", f->path);
    lt_dlhandle handle = open_resident(f->path);
    if (!handle)
        return weir__refuse(error, "%s: expected libltdl to open what the system's loader opened, found: %s; report this",
                            f->path, lt_dlerror());
    s = call_entry(handle, plugin, error);
    if (s != WEIR_OK) return weir_error_prefix(error, "%s: ", f->path);
    s = weir_plugin_describe(*plugin, f, &info, error);
    weir_plugin_info_finish(&info);
    return s;
}

static const struct open_file *find_open(const char *path)
{
    for (size_t i = 0; i < n_open_files; i++) {
        if (strcmp(open_files[i].path, path) == 0) return &open_files[i];
    }
    return NULL;
}

static weir_status open_locked(const struct weir_plugin_file *f, const weir_plugin **plugin, struct weir_error *error)
{
    const struct open_file *o = find_open(f->path);
    if (o && strcmp(o->build_id, f->build_id) != 0)
        return weir__refuse(error,
                            "%s: expected the file that is open (build-id %s), found another in its place (build-id %s); "
                            "code in use cannot be exchanged: put the "
                            "new version under a new path, or start weir again",
                            f->path, o->build_id, f->build_id);
    if (o) {
        *plugin = o->plugin;
        return WEIR_OK;
    }
    weir_status s = open_and_check(f, plugin, error);
    if (s != WEIR_OK) return s;
    WEIR_GROW(open_files, open_files_capacity, n_open_files + 1);
    open_files[n_open_files++] = (struct open_file){weir_strdup(f->path), weir_strdup(f->build_id), *plugin};
    return WEIR_OK;
}

weir_status weir_plugin_open(const struct weir_plugin_file *f, const weir_plugin **plugin, struct weir_error *error)
{
    *plugin = NULL;
    weir_lock_take(&lock);
    weir_status s = open_locked(f, plugin, error);
    weir_lock_leave(&lock);
    if (s != WEIR_OK) *plugin = NULL;
    return s;
}
