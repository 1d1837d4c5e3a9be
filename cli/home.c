/* home.c - see the header. The record is written beside itself, synced and renamed, so that a reader sees the old one or the
 * new one, and so does whoever comes after a power failure. */
#include "cli/home.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/process.h"
#include "base/text.h"

#define MOST_NAME 200

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* ---- places ------------------------------------------------------------------------------------------------------ */

static char *find_base(void)
{
    const char *home;
    if ((home = variable("WEIR_HOME"))) return weir_strdup(home);
    if (weir_process_user() == 0) return weir_strdup("/var/lib/weir");
    if ((home = variable("XDG_STATE_HOME"))) return weir_path_join(home, "weir");
    return (home = variable("HOME")) ? weir_path_join(home, ".local/state/weir") : NULL;
}

/* A home of one's own has its sockets with it: two homes may hold jobs of one name. */
static char *find_sockets(const char *base)
{
    const char *run;
    if ((run = variable("WEIR_RUN"))) return weir_strdup(run);
    if (variable("WEIR_HOME")) return weir_path_join(base, "run");
    if (weir_process_user() == 0) return weir_strdup("/run/weir");
    return (run = variable("XDG_RUNTIME_DIR")) ? weir_path_join(run, "weir") : weir_path_join(base, "run");
}

weir_status weir_home_find(struct weir_home *home, struct weir_error *error)
{
    char *base = find_base();
    *home = (struct weir_home){0};
    if (!base || *base != '/') {
        weir_free(base);
        return weir_error_set(error, WEIR_E_CONFIG,
                              "it is not known where jobs keep their state: expected an absolute path in WEIR_HOME, or "
                              "HOME, found neither");
    }
    home->jobs = weir_path_join(base, "jobs");
    home->sockets = find_sockets(base);
    weir_free(base);
    return WEIR_OK;
}

void weir_home_finish(struct weir_home *home)
{
    weir_free(home->jobs);
    weir_free(home->sockets);
    *home = (struct weir_home){0};
}

weir_status weir_job_home_init(struct weir_job_home *to, const struct weir_home *home, const char *name,
                               struct weir_error *error)
{
    *to = (struct weir_job_home){.lock = -1};
    if (!*name || *name == '.' || strchr(name, '/') || strlen(name) > MOST_NAME)
        return weir_error_set(error, WEIR_E_CONFIG,
                              "expected the name of a job, of at most %d bytes, without '/' and no '.' in front, found '%s'",
                              MOST_NAME, name);
    to->name = weir_strdup(name);
    to->path = weir_path_join(home->jobs, name);
    to->socket = weir_path_join(home->sockets, name);
    return WEIR_OK;
}

void weir_job_home_finish(struct weir_job_home *home)
{
    if (home->lock >= 0) close(home->lock);
    weir_free(home->name);
    weir_free(home->path);
    weir_free(home->socket);
    *home = (struct weir_job_home){.lock = -1};
}

bool weir_job_home_exists(const struct weir_job_home *home)
{
    struct stat info;
    return stat(home->path, &info) == 0 && S_ISDIR(info.st_mode);
}

char *weir_job_home_path(const struct weir_job_home *home, const char *name)
{
    return weir_path_join(home->path, name);
}

/* ---- the lock ---------------------------------------------------------------------------------------------------- */

static weir_status failed(struct weir_error *error, const char *path, const char *what)
{
    return weir_error_set(error, WEIR_E_IO, "%s: %s: %s", path, what, strerror(errno));
}

static weir_status make_folders(const char *path, struct weir_error *error)
{
    char *copy = weir_strdup(path);
    bool ok = true;
    for (char *slash = copy + 1; ok && (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        ok = mkdir(copy, 0700) == 0 || errno == EEXIST;
        if (!ok) (void)failed(error, copy, "cannot be made");
    }
    if (ok && mkdir(copy, 0700) != 0 && errno != EEXIST) {
        (void)failed(error, copy, "cannot be made");
        ok = false;
    }
    weir_free(copy);
    return ok ? WEIR_OK : WEIR_E_IO;
}

static weir_status held_by_another(const struct weir_job_home *home, int fd, struct weir_error *error)
{
    char pid[32] = "";
    ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
    pid[n > 0 ? n : 0] = '\0';
    return weir_error_set(error, WEIR_E_CONFIG,
                          "job '%s' is running already%s%s (`weir status %s`); stop it first (`weir stop %s`), or give this "
                          "one another name or home (WEIR_HOME)",
                          home->name, *pid ? ": process " : "", pid, home->name, home->name);
}

static weir_status sign(struct weir_job_home *home, int fd, struct weir_error *error)
{
    char pid[32];
    int n = snprintf(pid, sizeof pid, "%ld", (long)getpid());
    if (ftruncate(fd, 0) == 0 && pwrite(fd, pid, (size_t)n, 0) == n) return WEIR_OK;
    return failed(error, home->path, "its lock cannot be written");
}

weir_status weir_job_home_adopt(struct weir_job_home *home, int lock, struct weir_error *error)
{
    home->lock = lock;
    return sign(home, lock, error);
}

weir_status weir_job_home_lock(struct weir_job_home *home, struct weir_error *error)
{
    weir_status s = make_folders(home->path, error);
    if (s != WEIR_OK) return s;
    char *path = weir_job_home_path(home, "lock");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        s = failed(error, path, "cannot be opened");
    } else if (fcntl(fd, F_OFD_SETLK, &(struct flock){.l_type = F_WRLCK}) != 0) {
        s = errno == EAGAIN || errno == EACCES ? held_by_another(home, fd, error) : failed(error, path, "cannot be locked");
    } else {
        s = sign(home, fd, error);
    }
    weir_free(path);
    if (s == WEIR_OK)
        home->lock = fd;
    else if (fd >= 0)
        close(fd);
    return s;
}

bool weir_job_home_is_locked(const struct weir_job_home *home)
{
    char *path = weir_job_home_path(home, "lock");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    weir_free(path);
    struct flock held = {.l_type = F_WRLCK}; /* only looked at: who takes it, even for a moment, is in the way of a start */
    bool locked = fd >= 0 && fcntl(fd, F_OFD_GETLK, &held) == 0 && held.l_type != F_UNLCK;
    if (fd >= 0) close(fd);
    return locked;
}

/* ---- the record -------------------------------------------------------------------------------------------------- */

void weir_job_record_finish(struct weir_job_record *r)
{
    weir_free(r->state);
    weir_free(r->manifest);
    weir_free(r->reason);
    weir_free(r->savepoint);
    *r = (struct weir_job_record){0};
}

static weir_status write_durably(const char *path, const char *text, size_t n, struct weir_error *error)
{
    char *beside = weir_format("%s.tmp", path);
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    weir_status s = WEIR_OK;
    if (fd < 0 || write(fd, text, n) != (ssize_t)n || fsync(fd) != 0) s = failed(error, beside, "cannot be written");
    if (fd >= 0) close(fd);
    if (s == WEIR_OK && rename(beside, path) != 0) s = failed(error, path, "cannot be replaced");
    weir_free(beside);
    return s;
}

weir_status weir_job_record_write(const struct weir_job_home *home, const struct weir_job_record *r,
                                  struct weir_error *error)
{
    char *path = weir_job_home_path(home, "state");
    json_t *object =
        json_pack("{s:s, s:s*, s:s*, s:s*, s:I, s:I, s:I, s:I}", "state", r->state, "manifest", r->manifest, "reason",
                  r->reason, "savepoint", r->savepoint, "pid", (json_int_t)r->pid, "started_ms", (json_int_t)r->started_ms,
                  "changed_ms", (json_int_t)r->changed_ms, "attempt", (json_int_t)r->attempt);
    char *text = object ? json_dumps(object, JSON_INDENT(2)) : NULL;
    weir_status s = text ? write_durably(path, text, strlen(text), error)
                         : weir_error_set(error, WEIR_E_IO, "%s: what is to be written is not UTF-8", path);
    free(text);
    json_decref(object);
    weir_free(path);
    return s;
}

/* Of a version that wrote it down as the job named it: most jobs are started beside their manifest. The caller frees. */
static char *found_beside(const char *manifest, const char *savepoint)
{
    if (!savepoint || *savepoint == '/' || !manifest) return weir_strdup(savepoint);
    char *folder = weir_path_dirname(manifest), *path = weir_path_join(folder, savepoint), *real = realpath(path, NULL);
    char *found = weir_strdup(real ? real : savepoint);
    free(real);
    weir_free(path);
    weir_free(folder);
    return found;
}

weir_status weir_job_record_read(const struct weir_job_home *home, struct weir_job_record *r, struct weir_error *error)
{
    char *path = weir_job_home_path(home, "state");
    const char *state = NULL, *manifest = NULL, *reason = NULL, *savepoint = NULL;
    json_int_t pid = 0, started = 0, changed = 0, attempt = 0;
    json_error_t e;
    json_t *object = json_load_file(path, JSON_REJECT_DUPLICATES, &e);
    weir_status s = WEIR_OK;
    if (!object || json_unpack_ex(object, &e, 0, "{s:s, s?s, s?s, s?s, s:I, s:I, s:I, s:I}", "state", &state, "manifest",
                                  &manifest, "reason", &reason, "savepoint", &savepoint, "pid", &pid, "started_ms", &started,
                                  "changed_ms", &changed, "attempt", &attempt) != 0)
        s = weir_error_set(error, WEIR_E_IO, "%s: expected what became of the job, found: %s", path, e.text);
    else
        *r = (struct weir_job_record){.state = weir_strdup(state),
                                      .manifest = weir_strdup(manifest),
                                      .reason = weir_strdup(reason),
                                      .savepoint = found_beside(manifest, savepoint),
                                      .pid = pid,
                                      .started_ms = started,
                                      .changed_ms = changed,
                                      .attempt = attempt};
    json_decref(object);
    weir_free(path);
    return s;
}

const char *weir_job_record_state(const struct weir_job_home *home, const struct weir_job_record *r)
{
    bool says_alive =
        strcmp(r->state, "starting") == 0 || strcmp(r->state, "running") == 0 || strcmp(r->state, "restarting") == 0;
    return says_alive && !weir_job_home_is_locked(home) ? "died" : r->state;
}

/* ---- all jobs ---------------------------------------------------------------------------------------------------- */

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

weir_status weir_home_each(const struct weir_home *home, bool (*visit)(void *arg, struct weir_job_home *), void *arg,
                           struct weir_error *error)
{
    struct dirent **entries;
    struct weir_error ignored; /* of names that no job has */
    int n = scandir(home->jobs, &entries, is_visible, alphasort);
    bool more = true;
    if (n < 0) return errno == ENOENT ? WEIR_OK : failed(error, home->jobs, "cannot be listed");
    for (int i = 0; i < n; i++) {
        struct weir_job_home job;
        if (more && weir_job_home_init(&job, home, entries[i]->d_name, &ignored) == WEIR_OK) {
            if (weir_job_home_exists(&job)) more = visit(arg, &job);
            weir_job_home_finish(&job);
        }
        free(entries[i]);
    }
    free(entries);
    return WEIR_OK;
}

struct names {
    char **names;
    size_t n, capacity;
};

static bool add_name(void *arg, struct weir_job_home *home)
{
    struct names *all = arg;
    WEIR_GROW(all->names, all->capacity, all->n + 1);
    all->names[all->n++] = weir_strdup(home->name);
    return true;
}

weir_status weir_job_home_missing(const struct weir_job_home *job, struct weir_error *error)
{
    struct names all = {0};
    struct weir_error ignored;
    struct weir_home home;
    weir_status found = weir_home_find(&home, &ignored);
    if (found == WEIR_OK) {
        (void)!weir_home_each(&home, add_name, &all, &ignored);
        weir_home_finish(&home);
    }
    const char *near = weir_nearest(job->name, (const char *const *)all.names, all.n);
    weir_status s =
        weir_error_set(error, WEIR_E_CONFIG, "there is no job '%s' here; %s%s%s", job->name,
                       near ? "did you mean '" : "`weir list` shows those there are", near ? near : "", near ? "'?" : "");
    for (size_t i = 0; i < all.n; i++) weir_free(all.names[i]);
    weir_free(all.names);
    return s;
}
