/* saved_look.c - see the header. */
#include "checkpoint/saved_look.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/process.h"
#include "base/text.h"
#include "checkpoint/saved_internal.h"

#define MOST_LEVELS 4
#define HALF        ".tmp"
#define CHECKPOINT  WEIR__CHECKPOINT
#define SAVEPOINT   "-savepoint-"

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* "chk-7", "shop-savepoint-7", "shop-savepoint-7-2", each with ".tmp" or without. */
static bool read_name(const char *path, enum weir_saved_kind *kind, int64_t *number)
{
    const char *name = weir_path_basename(path), *digits = NULL;
    if (strncmp(name, CHECKPOINT, strlen(CHECKPOINT)) == 0) {
        *kind = WEIR_SAVED_CHECKPOINT;
        digits = name + strlen(CHECKPOINT);
    } else if ((digits = strstr(name, SAVEPOINT))) {
        *kind = WEIR_SAVED_SAVEPOINT;
        digits += strlen(SAVEPOINT);
    }
    if (!digits || !isdigit((unsigned char)*digits)) return false;
    char *rest;
    *number = strtoll(digits, &rest, 10);
    if (*rest == '-' && *kind == WEIR_SAVED_SAVEPOINT) strtoll(rest + 1, &rest, 10);
    return *rest == 0 || strcmp(rest, HALF) == 0;
}

static int64_t size_of_file(const struct weir_platform *p, const char *directory, const char *name)
{
    struct weir_error ignored;
    struct weir_file_info info;
    char *path = weir_path_join(directory, name);
    bool is_file = p->info(p->self, path, &info, &ignored) == WEIR_OK && info.is_regular;
    weir_free(path);
    return is_file ? info.size_bytes : -1;
}

/* ---- one --------------------------------------------------------------------------------------------------------- */

static void call_damaged(struct weir_saved_look *look, char *why)
{
    if (look->state == WEIR_SAVED_COMPLETE) look->state = WEIR_SAVED_DAMAGED;
    if (look->why || look->state == WEIR_SAVED_HALF)
        weir_free(why);
    else
        look->why = why;
}

static void look_at_part(const struct weir_platform *p, const struct weir_saved_part *part, struct weir_saved_look *look)
{
    int64_t size = size_of_file(p, look->path, part->file);
    if (size >= 0) look->bytes += (uint64_t)size;
    if (size < 0)
        call_damaged(look, weir_format("%s is missing", part->file));
    else if ((uint64_t)size != part->length)
        call_damaged(look, weir_format("%s has %lld bytes, expected %llu", part->file, (long long)size,
                                       (unsigned long long)part->length));
    for (size_t i = 0; i < part->n_earlier; i++) look_at_part(p, &part->earlier[i], look);
}

static void look_at_files(const struct weir_platform *p, const struct weir_saved_index *index, struct weir_saved_look *look)
{
    look->bytes = index->length;
    for (size_t i = 0; i < index->n; i++) {
        for (size_t k = 0; k < index->nodes[i].n; k++) look_at_part(p, &index->nodes[i].parts[k], look);
    }
}

static struct weir_saved_look look_at(const struct weir_platform *p, const char *path)
{
    struct weir_saved_look look = {.path = weir_strdup(path)};
    struct weir_saved_index index = {0};
    struct weir_error error;
    if (weir_path_has_suffix(path, HALF)) look.state = WEIR_SAVED_HALF;
    if (weir_saved_index_read(p, path, &index, &error) != WEIR_OK) {
        (void)!read_name(path, &look.kind, &look.number);
        call_damaged(&look, weir_strdup(error.text));
        return look;
    }
    look.known = true;
    look.kind = index.kind;
    look.number = index.checkpoint;
    look.taken_ms = index.taken_ms;
    look.n_nodes = index.n;
    look.job = weir_strdup(index.job);
    look_at_files(p, &index, &look);
    weir_saved_index_finish(&index);
    return look;
}

static void finish_look(struct weir_saved_look *look)
{
    weir_free(look->path);
    weir_free(look->job);
    weir_free(look->why);
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

struct search {
    const struct weir_platform *platform;
    struct weir_saved_looks *to;
    struct weir_error *error;
    int level;
};

static weir_status search_in(struct search *, const char *directory);

static bool is_saved(const struct weir_platform *p, const char *path)
{
    enum weir_saved_kind kind;
    int64_t number;
    return size_of_file(p, path, WEIR__METADATA) >= 0 || read_name(path, &kind, &number);
}

/* A job may remove or rename what was there a moment ago. */
static void add_look(struct search *s, const char *path)
{
    struct weir_saved_look look = look_at(s->platform, path);
    struct weir_file_info info;
    struct weir_error ignored;
    if (s->platform->info(s->platform->self, path, &info, &ignored) != WEIR_OK) {
        finish_look(&look);
        return;
    }
    WEIR_GROW(s->to->all, s->to->capacity, s->to->n + 1);
    s->to->all[s->to->n++] = look;
}

static weir_status look_into(void *to, const char *path, bool is_directory, int64_t size)
{
    struct search *s = to;
    (void)size;
    if (!is_directory) return WEIR_OK;
    if (is_saved(s->platform, path)) return add_look(s, path), WEIR_OK;
    return s->level < MOST_LEVELS ? search_in(s, path) : WEIR_OK;
}

static weir_status search_in(struct search *s, const char *directory)
{
    s->level++;
    weir_status status = s->platform->list(s->platform->self, directory, look_into, s, s->error);
    s->level--;
    return status;
}

static size_t folder_length(const struct weir_saved_look *look)
{
    return (size_t)(weir_path_basename(look->path) - look->path);
}

static int by_folder(const struct weir_saved_look *a, const struct weir_saved_look *b)
{
    size_t n = folder_length(a), m = folder_length(b);
    int order = memcmp(a->path, b->path, n < m ? n : m);
    return order ? order : (n > m) - (n < m);
}

static int by_number(const void *a, const void *b)
{
    const struct weir_saved_look *x = a, *y = b;
    int order = by_folder(x, y);
    if (!order) order = (x->number > y->number) - (x->number < y->number);
    return order ? order : strcmp(x->path, y->path);
}

static void mark_newest(struct weir_saved_looks *looks)
{
    const struct weir_saved_look *later = NULL;
    for (size_t i = looks->n; i-- > 0;) {
        struct weir_saved_look *look = &looks->all[i];
        if (look->kind != WEIR_SAVED_CHECKPOINT || look->state != WEIR_SAVED_COMPLETE) continue;
        look->newest = !later || by_folder(later, look) != 0;
        later = look;
    }
}

weir_status weir_saved_find_all(const struct weir_platform *p, const char *directory, struct weir_saved_looks *to,
                                struct weir_error *error)
{
    struct search s = {.platform = p, .to = to, .error = error};
    struct weir_file_info info;
    weir_status status = p->info(p->self, directory, &info, error);
    if (status == WEIR_OK && !info.is_directory)
        status = weir_error_set(error, WEIR_E_CONFIG, "%s: expected a directory, found a file", directory);
    if (status == WEIR_OK && size_of_file(p, directory, WEIR__METADATA) >= 0)
        add_look(&s, directory);
    else if (status == WEIR_OK)
        status = search_in(&s, directory);
    if (to->n > 1) qsort(to->all, to->n, sizeof *to->all, by_number);
    mark_newest(to);
    return status;
}

void weir_saved_looks_finish(struct weir_saved_looks *looks)
{
    for (size_t i = 0; i < looks->n; i++) finish_look(&looks->all[i]);
    weir_free(looks->all);
    *looks = (struct weir_saved_looks){0};
}

/* ---- removing one ------------------------------------------------------------------------------------------------ */

struct inventory {
    const struct weir_saved_index *index; /* NULL: not known */
    char *foreign;                        /* the first file that is not part of it */
};

static bool is_part_of(const struct weir_saved_index *index, const char *name)
{
    if (index) return weir__saved_has_file(index, name);
    return strcmp(name, WEIR__METADATA) == 0 || strcmp(name, WEIR__METADATA HALF) == 0 ||
           weir_path_has_suffix(name, ".state");
}

static weir_status take_inventory(void *to, const char *path, bool is_directory, int64_t size)
{
    struct inventory *i = to;
    (void)size;
    if (!i->foreign && (is_directory || !is_part_of(i->index, weir_path_basename(path)))) i->foreign = weir_strdup(path);
    return WEIR_OK;
}

/* The newest complete checkpoint beside it, itself included, has this name. */
static bool is_newest(const struct weir_platform *p, const char *directory)
{
    struct weir_saved_looks looks = {0};
    struct search s = {.platform = p, .to = &looks, .level = MOST_LEVELS};
    struct weir_error ignored;
    char *above = weir_path_dirname(directory);
    bool newest = false;
    s.error = &ignored;
    if (search_in(&s, above) == WEIR_OK && looks.n > 1) qsort(looks.all, looks.n, sizeof *looks.all, by_number);
    mark_newest(&looks);
    for (size_t i = 0; i < looks.n; i++) {
        bool same = strcmp(weir_path_basename(looks.all[i].path), weir_path_basename(directory)) == 0;
        newest |= same && looks.all[i].newest;
    }
    weir_free(above);
    weir_saved_looks_finish(&looks);
    return newest;
}

static weir_status check_content(const struct weir_platform *p, const char *path, const struct weir_saved_index *index,
                                 struct weir_error *error)
{
    struct inventory found = {.index = index};
    weir_status status = p->list(p->self, path, take_inventory, &found, error);
    if (status == WEIR_OK && !index && !is_saved(p, path))
        status = weir_error_set(error, WEIR_E_CONFIG, "%s is no checkpoint or savepoint: it has no " WEIR__METADATA, path);
    else if (status == WEIR_OK && found.foreign)
        status = weir_error_set(error, WEIR_E_CONFIG,
                                index ? "%s is not part of the checkpoint or savepoint that it lies in; move it away first"
                                      : "no checkpoint or savepoint is removed: %s is no part of one",
                                found.foreign);
    weir_free(found.foreign);
    return status;
}

static weir_status check_removal(const struct weir_platform *p, const char *path, bool force, struct weir_error *error)
{
    struct weir_saved_index index = {0};
    struct weir_error damage;
    bool known = weir_saved_index_read(p, path, &index, &damage) == WEIR_OK;
    weir_status status = check_content(p, path, known ? &index : NULL, error);
    if (status == WEIR_OK && !force && weir_path_has_suffix(path, HALF))
        status = weir_error_set(error, WEIR_E_CONFIG,
                                "%s is half written: a job may be at work on it; if none is, remove it with --force", path);
    else if (status == WEIR_OK && !force && !known)
        status = weir_error_set(error, WEIR_E_CONFIG, "%s\n  To remove it all the same: --force", damage.text);
    else if (status == WEIR_OK && !force && index.kind == WEIR_SAVED_CHECKPOINT && is_newest(p, path))
        status = weir_error_set(error, WEIR_E_CONFIG,
                                "%s is the newest checkpoint of job '%s': without it there is nothing to go on from; to "
                                "remove it all the same: --force",
                                path, index.job);
    weir_saved_index_finish(&index);
    return status;
}

weir_status weir_saved_discard(const struct weir_platform *p, const char *directory, bool force, struct weir_error *error)
{
    struct weir_file_info info;
    char *path;
    weir_status status = weir_path_resolve(directory, &path, error);
    if (status != WEIR_OK) return status;
    status = p->info(p->self, path, &info, error);
    if (status == WEIR_OK && !info.is_directory)
        status = weir_error_set(error, WEIR_E_CONFIG, "%s: expected a directory, found a file", path);
    if (status == WEIR_OK) status = check_removal(p, path, force, error);
    if (status == WEIR_OK) status = weir_saved_remove(p, path, error);
    weir_free(path);
    return status;
}
