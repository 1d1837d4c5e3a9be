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

#define PREFIX         "chk-"
#define SAVEPOINT      "-savepoint-"
#define SUSPENDED      "_suspended"
#define MOST_SUSPENDED 65536
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

static void remove_one(const struct weir_platform *p, const char *path)
{
    struct weir_error error;
    if (weir_saved_remove(p, path, &error) != WEIR_OK) weir_log(WEIR_WARN, "checkpoint", "%s stays: %s", path, error.text);
}

/* The oldest first: what a crash leaves of several is the newest. */
void weir__kept_trim(const struct weir_platform *p, struct weir_kept_list *list, size_t keep, int64_t needed)
{
    while (list->n > keep && list->all[0].number < needed) {
        remove_one(p, list->all[0].path);
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

static weir_status look(void *to, const char *path, bool is_directory, int64_t size)
{
    struct weir_kept_list *list = to;
    const char *name = weir_path_basename(path);
    char *end;
    (void)size;
    if (!is_directory || strncmp(name, PREFIX, strlen(PREFIX)) != 0) return WEIR_OK;
    int64_t number = strtoll(name + strlen(PREFIX), &end, 10);
    if (*end || number <= 0) return WEIR_OK;
    size_t at = list->n;
    while (at > 0 && list->all[at - 1].number > number) at--;
    weir__kept_add(list, at, number, weir_strdup(path));
    return WEIR_OK;
}

weir_status weir__kept_find(const struct weir_platform *p, const char *directory, struct weir_kept_list *list,
                            struct weir_error *error)
{
    bool there;
    weir_status s = exists(p, directory, &there, error);
    return there ? p->list(p->self, directory, look, list, error) : s;
}

char *weir__checkpoint_path(const char *directory, int64_t number)
{
    char *name = weir_format(PREFIX "%" PRId64, number), *path = weir_path_join(directory, name);
    weir_free(name);
    return path;
}

char *weir__savepoint_path(const struct weir_platform *p, const char *directory, const char *job, int64_t number)
{
    char *name = weir_format("%s" SAVEPOINT "%" PRId64, job, number), *path = weir_path_join(directory, name);
    struct weir_error ignored; /* a directory that is there all the same is not written over */
    bool there;
    for (int again = 2; exists(p, path, &there, &ignored) == WEIR_OK && there; again++) {
        char *other = weir_format("%s-%d", name, again);
        weir_free(path);
        path = weir_path_join(directory, other);
        weir_free(other);
    }
    weir_free(name);
    return path;
}

/* ---- sweeping ---------------------------------------------------------------------------------------------------- */

struct sweep {
    char *savepoints; /* what names of this job's savepoints begin with */
    struct weir_kept_list found;
};

static weir_status look_for_rest(void *to, const char *path, bool is_directory, int64_t size)
{
    struct sweep *s = to;
    const char *name = weir_path_basename(path);
    bool ours = strncmp(name, PREFIX, strlen(PREFIX)) == 0 || strncmp(name, s->savepoints, strlen(s->savepoints)) == 0;
    (void)size;
    if (is_directory && ours && weir_path_has_suffix(name, ".tmp")) weir__kept_add(&s->found, 0, 0, weir_strdup(path));
    return WEIR_OK;
}

void weir__checkpoints_sweep(const struct weir_platform *p, const char *directory, const char *job)
{
    struct weir_error error;
    struct sweep s = {.savepoints = weir_format("%s" SAVEPOINT, job)};
    bool there;
    weir_status status = exists(p, directory, &there, &error);
    if (there) status = p->list(p->self, directory, look_for_rest, &s, &error);
    if (status != WEIR_OK) weir_log(WEIR_WARN, "checkpoint", "%s is not swept: %s", directory, error.text);
    weir__kept_trim(p, &s.found, 0, INT64_MAX);
    weir__kept_finish(&s.found);
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
                               "found something else; the file is damaged; say where to go on from: --from DIRECTORY",
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
