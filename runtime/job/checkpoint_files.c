/* checkpoint_files.c - see the header. */
#include "job/checkpoint_files.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/path.h"
#include "base/process.h"
#include "base/text.h"
#include "checkpoint/saved.h"
#include "job/checkpoints.h"

#define PREFIX         "chk-"
#define SAVEPOINT      "-savepoint-"
#define SUSPENDED      "_suspended"
#define MOST_SUSPENDED 65536
#define HELD           "_held" /* by the job whose name is in it, while it runs */
#define MOST_HELD      4096
#define CHECKSUM_LINE  17 /* 16 digits and a newline */

/* ---- the list ---------------------------------------------------------------------------------------------------- */

void weir__kept_finish(struct weir_kept_list *list)
{
    for (size_t i = 0; i < list->n; i++) weir_free(list->all[i].path);
    weir_free(list->all);
    *list = (struct weir_kept_list){0};
}

void weir__kept_add(struct weir_kept_list *list, size_t at, int64_t number, char *path)
{
    WEIR_GROW(list->all, list->capacity, list->n + 1);
    memmove(list->all + at + 1, list->all + at, (list->n++ - at) * sizeof *list->all);
    list->all[at] = (struct weir_kept){number, path};
}

static void drop_kept(struct weir_kept_list *list, size_t at)
{
    weir_free(list->all[at].path);
    memmove(list->all + at, list->all + at + 1, (--list->n - at) * sizeof *list->all);
}

static char *real_path(const char *path)
{
    struct weir_error ignored;
    char *real;
    return weir_path_resolve(path, &real, &ignored) == WEIR_OK ? real : weir_strdup(path);
}

bool weir__kept_forget(struct weir_kept_list *list, const char *path)
{
    char *real = real_path(path);
    bool found = false;
    for (size_t i = list->n; i-- > 0;) {
        char *other = real_path(list->all[i].path);
        if (strcmp(real, other) == 0) {
            drop_kept(list, i);
            found = true;
        }
        weir_free(other);
    }
    weir_free(real);
    return found;
}

static void remove_one(struct weir_storages *storages, const char *path)
{
    struct weir_saved_place place;
    struct weir_error error;
    weir_status s = weir_storages_find(storages, path, &place, &error);
    if (s == WEIR_OK) s = weir_storage_remove(place.storage, place.name, &error);
    weir_saved_place_finish(&place);
    if (s != WEIR_OK) weir_log(WEIR_WARN, "checkpoint", "%s stays: %s", path, error.text);
}

/* The oldest first: what a crash leaves of several is the newest. */
void weir__kept_trim(struct weir_storages *storages, struct weir_kept_list *list, size_t keep, int64_t needed)
{
    while (list->n > keep && list->all[0].number < needed) {
        remove_one(storages, list->all[0].path);
        drop_kept(list, 0);
    }
}

/* ---- looking ----------------------------------------------------------------------------------------------------- */

/* What cannot be looked for is not taken for missing: a job would begin again, or go on from an older checkpoint. */
static weir_status exists(const struct weir_platform *p, const char *path, bool *there, struct weir_error *error)
{
    int64_t bytes;
    weir_status s = p->exists(p->self, path, &bytes, error);
    *there = s == WEIR_OK && bytes >= 0;
    return s;
}

/* N of "chk-N"; 0: another name. */
static int64_t number_of(const char *name)
{
    char *end;
    if (strncmp(name, PREFIX, strlen(PREFIX)) != 0) return 0;
    int64_t number = strtoll(name + strlen(PREFIX), &end, 10);
    return *end || number < 0 ? 0 : number;
}

struct search {
    struct weir_storage *storage;
    struct weir_kept_list *list;
};

static weir_status look(void *to, const char *name, bool published)
{
    struct search *s = to;
    int64_t number = number_of(name);
    if (!published || number == 0) return WEIR_OK;
    size_t at = s->list->n;
    while (at > 0 && s->list->all[at - 1].number > number) at--;
    weir__kept_add(s->list, at, number, weir_storage_address(s->storage, name));
    return WEIR_OK;
}

weir_status weir__kept_find(struct weir_storage *storage, struct weir_kept_list *list, struct weir_error *error)
{
    struct search s = {storage, list};
    return weir_storage_list(storage, look, &s, error);
}

weir_status weir__kept_check(struct weir_storage *storage, const struct weir_kept_list *list, const char *job,
                             struct weir_error *error)
{
    struct weir_saved_index index = {0};
    struct weir_error unread;
    if (list->n == 0) return WEIR_OK;
    const struct weir_kept *newest = &list->all[list->n - 1];
    char *name = weir__checkpoint_name(newest->number);
    weir_status s = weir_saved_index_read(storage, name, &index, &unread);
    if (s != WEIR_OK) { /* one that is damaged is no reason to begin without it */
        weir_log(WEIR_WARN, "checkpoint", "whose checkpoints %s holds is not known: %s", weir_storage_place(storage),
                 unread.text);
        s = WEIR_OK;
    } else if (index.job && strcmp(index.job, job) != 0) {
        s = weir_error_set(error, WEIR_E_CONFIG,
                           "%s holds checkpoints of job '%s', and this one is '%s'; each job needs a directory of its own"
                           "\n  to go on from the newest, with another directory: weir run MANIFEST --from %s",
                           weir_storage_place(storage), index.job, job, newest->path);
    }
    weir_saved_index_finish(&index);
    weir_free(name);
    return s;
}

weir_status weir__refuse_left(const struct weir_storage *storage, int64_t newest, int64_t suspended, const char *savepoint,
                              const char *manifest, struct weir_error *error)
{
    static const char what_to_do[] = "\n  to go on from it: weir run %s --resume\n  to begin again: weir run %s --fresh";
    if (!manifest) manifest = "MANIFEST";
    if (newest == 0 && suspended == 0) return WEIR_OK;
    char *help = weir_format(what_to_do, manifest, manifest);
    weir_status s =
        suspended > newest
            ? weir_error_set(error, WEIR_E_CONFIG, "the job was suspended with the savepoint %s%s", savepoint, help)
            : weir_error_set(error, WEIR_E_CONFIG, "%s holds checkpoint %" PRId64 " of an earlier run%s",
                             weir_storage_place(storage), newest, help);
    weir_free(help);
    return s;
}

/* ---- holding ----------------------------------------------------------------------------------------------------- */

static weir_status held_by_another(const struct weir_platform *p, const char *directory, const char *path,
                                   struct weir_error *error)
{
    struct weir_error ignored;
    char *job = NULL;
    size_t n = 0;
    weir_status s = weir_read_file(p, path, MOST_HELD, &job, &n, &ignored);
    (void)weir_error_set(error, WEIR_E_CONFIG,
                         "%s is in use: job '%s' is running with it; each job needs a directory of its own", directory,
                         s == WEIR_OK && n > 0 ? job : "(unknown)");
    weir_free(job);
    return WEIR_E_CONFIG;
}

weir_status weir_checkpoints_hold(const struct weir_platform *p, const char *directory, const char *job,
                                  struct weir_platform_file **held, struct weir_error *error)
{
    struct weir_error unsaid;
    *held = NULL;
    weir_status s = p->make_directory(p->self, directory, error);
    if (s != WEIR_OK || !p->hold) return s;
    char *path = weir_path_join(directory, HELD);
    s = p->hold(p->self, path, held, error);
    if (s == WEIR_MORE) s = held_by_another(p, directory, path, error);
    if (s == WEIR_OK && p->truncate(p->self, path, 0, &unsaid) == WEIR_OK)
        (void)!p->write(p->self, *held, job, strlen(job), &unsaid); /* a disk that is full holds all the same */
    weir_free(path);
    return s;
}

void weir_checkpoints_let_go(const struct weir_platform *p, const char *directory, struct weir_platform_file *held)
{
    struct weir_error error;
    if (!held) return;
    char *path = weir_path_join(directory, HELD);
    weir_status s = p->remove(p->self, path, &error), closed = p->close(p->self, held, &error);
    if (s != WEIR_OK || closed != WEIR_OK) weir_log(WEIR_WARN, "checkpoint", "%s", error.text);
    weir_free(path);
}

/* ---- folders ----------------------------------------------------------------------------------------------------- */

static weir_status look_at_folder(void *to, const char *path, bool is_directory, int64_t size)
{
    int64_t *newest = to, number = is_directory ? number_of(weir_path_basename(path)) : 0;
    (void)size;
    if (number > *newest) *newest = number;
    return WEIR_OK;
}

int64_t weir_checkpoints_newest_folder(const struct weir_platform *p, const char *directory)
{
    struct weir_error ignored;
    int64_t newest = 0;
    return p->list(p->self, directory, look_at_folder, &newest, &ignored) == WEIR_OK ? newest : 0;
}

char *weir__checkpoint_name(int64_t number)
{
    return weir_format(PREFIX "%" PRId64, number);
}

struct wanted {
    const char *name;
    bool taken;
};

static weir_status compare_name(void *to, const char *name, bool published)
{
    struct wanted *wanted = to;
    (void)published;
    wanted->taken |= strcmp(name, wanted->name) == 0;
    return WEIR_OK;
}

/* What is there all the same is not written over: publishing fails. */
static bool is_taken(struct weir_storage *storage, const char *name)
{
    struct wanted wanted = {.name = name};
    struct weir_error ignored;
    return weir_storage_list(storage, compare_name, &wanted, &ignored) == WEIR_OK && wanted.taken;
}

char *weir__savepoint_name(struct weir_storage *storage, const char *job, int64_t number)
{
    char *name = weir_format("%s" SAVEPOINT "%" PRId64, job, number);
    for (int again = 2; is_taken(storage, name); again++) {
        weir_free(name);
        name = weir_format("%s" SAVEPOINT "%" PRId64 "-%d", job, number, again);
    }
    return name;
}

/* ---- sweeping ---------------------------------------------------------------------------------------------------- */

struct sweep {
    char *savepoints; /* what names of this job's savepoints begin with */
    char **names;
    size_t n, capacity;
};

/* The name of what is not published is the storage's own; where it is a folder, others may be beside it. */
static weir_status look_for_rest(void *to, const char *name, bool published)
{
    struct sweep *s = to;
    bool ours = strncmp(name, PREFIX, strlen(PREFIX)) == 0 || strncmp(name, s->savepoints, strlen(s->savepoints)) == 0;
    if (published || !ours) return WEIR_OK;
    WEIR_GROW(s->names, s->capacity, s->n + 1);
    s->names[s->n++] = weir_strdup(name);
    return WEIR_OK;
}

static void sweep_one(struct weir_storage *storage, const char *name)
{
    struct weir_error error;
    if (weir_storage_remove(storage, name, &error) == WEIR_OK) return;
    char *address = weir_storage_address(storage, name);
    weir_log(WEIR_WARN, "checkpoint", "%s stays: %s", address, error.text);
    weir_free(address);
}

void weir__checkpoints_sweep(struct weir_storage *storage, const char *job)
{
    struct weir_error error;
    struct sweep s = {.savepoints = weir_format("%s" SAVEPOINT, job)};
    if (weir_storage_list(storage, look_for_rest, &s, &error) != WEIR_OK)
        weir_log(WEIR_WARN, "checkpoint", "%s is not swept: %s", weir_storage_place(storage), error.text);
    for (size_t i = 0; i < s.n; i++) {
        sweep_one(storage, s.names[i]);
        weir_free(s.names[i]);
    }
    weir_free(s.names);
    weir_free(s.savepoints);
}

/* ---- where it was suspended -------------------------------------------------------------------------------------- */

/* The checksum of what is before it, and a newline. */
static char *last_line(const char *text, size_t n)
{
    return weir_format("%016" PRIx64 "\n", (uint64_t)XXH3_64bits(text, n));
}

/* The text without its last line, when that is its checksum; 0: it is damaged. */
static size_t check_lines(const char *text, size_t n)
{
    if (n <= CHECKSUM_LINE) return 0;
    char *expected = last_line(text, n - CHECKSUM_LINE);
    bool right = memcmp(text + n - CHECKSUM_LINE, expected, CHECKSUM_LINE) == 0;
    weir_free(expected);
    return right ? n - CHECKSUM_LINE : 0;
}

weir_status weir__suspended_read(const struct weir_platform *p, const char *directory, int64_t *number, char **path,
                                 struct weir_error *error)
{
    char *file = weir_path_join(directory, SUSPENDED), *bytes = NULL, *rest;
    size_t n = 0;
    bool there;
    *path = NULL;
    *number = 0;
    weir_status s = exists(p, file, &there, error);
    if (there) s = weir_read_file(p, file, MOST_SUSPENDED, &bytes, &n, error);
    if (s == WEIR_OK && bytes) {
        size_t end = check_lines(bytes, n);
        *number = end ? strtoll(bytes, &rest, 10) : 0;
        if (*number > 0 && *rest == '\n' && bytes + end - rest > 2)
            *path = weir_strndup(rest + 1, (size_t)(bytes + end - rest) - 2);
        else
            s = weir_error_set(error, WEIR_E_DATA,
                               "%s: bytes 0 to %zu: expected the number and the path of a savepoint and their checksum, "
                               "found something else; the file is damaged\n"
                               "  to go on from a checkpoint or savepoint that you name: weir run MANIFEST --from DIRECTORY",
                               file, n ? n - 1 : 0);
    }
    weir_free(bytes);
    weir_free(file);
    return s;
}

weir_status weir__suspended_write(const struct weir_platform *p, const char *directory, int64_t number, const char *path,
                                  struct weir_error *error)
{
    char *real = real_path(path), *file = weir_path_join(directory, SUSPENDED);
    char *lines = weir_format("%" PRId64 "\n%s\n", number, real), *checksum = last_line(lines, strlen(lines));
    char *text = weir_format("%s%s", lines, checksum);
    weir_status s = weir_write_file(p, file, text, strlen(text), error);
    weir_free(text);
    weir_free(checksum);
    weir_free(lines);
    weir_free(file);
    weir_free(real);
    return s;
}

void weir__suspended_remove(const struct weir_platform *p, const char *directory)
{
    struct weir_error error;
    char *file = weir_path_join(directory, SUSPENDED);
    bool there;
    weir_status s = exists(p, file, &there, &error);
    if (there) s = p->remove(p->self, file, &error);
    if (s != WEIR_OK) weir_log(WEIR_WARN, "checkpoint", "%s stays: %s", file, error.text);
    weir_free(file);
}

/* ---- what to go on from ------------------------------------------------------------------------------------------ */

weir_status weir_checkpoints_newest(const struct weir_platform *p, struct weir_storage *storage, const char *directory,
                                    char **path, int64_t *checkpoint, bool *own, struct weir_error *error)
{
    struct weir_kept_list found = {0};
    int64_t suspended = 0;
    char *savepoint = NULL;
    weir_status s = weir__kept_find(storage, &found, error);
    if (s == WEIR_OK) s = weir__suspended_read(p, directory, &suspended, &savepoint, error);
    *checkpoint = found.n ? found.all[found.n - 1].number : 0;
    *own = *checkpoint >= suspended;
    *path = found.n && *own ? weir_strdup(found.all[found.n - 1].path) : NULL;
    if (suspended > *checkpoint) {
        *checkpoint = suspended;
        *path = savepoint;
        savepoint = NULL;
    }
    weir_free(savepoint);
    weir__kept_finish(&found);
    return s;
}

char *weir_checkpoints_before(struct weir_storage *storage, const char *damaged)
{
    struct weir_kept_list found = {0};
    struct weir_error ignored; /* of what is damaged as well */
    char *path = NULL;
    if (weir__kept_find(storage, &found, &ignored) != WEIR_OK) found.n = 0;
    size_t n = found.n;
    for (size_t i = 0; i < found.n; i++) {
        if (strcmp(found.all[i].path, damaged) == 0) n = i;
    }
    while (!path && n-- > 0) {
        struct weir_saved saved = {0};
        if (weir_saved_read(storage, weir_path_basename(found.all[n].path), &saved, &ignored) == WEIR_OK)
            path = weir_strdup(found.all[n].path);
        weir_saved_finish(&saved);
    }
    weir__kept_finish(&found);
    return path;
}
