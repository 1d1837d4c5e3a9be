/* saved_look.c - see the header. */
#include "checkpoint/saved_look.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/text.h"
#include "checkpoint/saved_internal.h"

#define MOST_LEVELS 4
#define HALF        ".tmp"
#define CHECKPOINT  WEIR__CHECKPOINT
#define SAVEPOINT   "-savepoint-"

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* "chk-7", "shop-savepoint-7", "shop-savepoint-7-2", each with ".tmp" or without. */
static bool read_name(const char *name, enum weir_saved_kind *kind, int64_t *number)
{
    const char *digits = NULL;
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

/* ---- one --------------------------------------------------------------------------------------------------------- */

static void call_damaged(struct weir_saved_look *look, char *why)
{
    if (look->state == WEIR_SAVED_COMPLETE) look->state = WEIR_SAVED_DAMAGED;
    if (look->why || look->state == WEIR_SAVED_HALF)
        weir_free(why);
    else
        look->why = why;
}

static void look_at_part(const struct weir_saved_part *part, struct weir_saved_look *look)
{
    if (part->found >= 0) look->bytes += (uint64_t)part->found;
    if (part->found < 0)
        call_damaged(look, weir_format("%s is missing", part->file));
    else if ((uint64_t)part->found != part->length)
        call_damaged(look, weir_format("%s has %lld bytes, expected %llu", part->file, (long long)part->found,
                                       (unsigned long long)part->length));
    for (size_t i = 0; i < part->n_earlier; i++) look_at_part(&part->earlier[i], look);
}

static void look_at_files(const struct weir_saved_index *index, struct weir_saved_look *look)
{
    look->bytes = index->length;
    for (size_t i = 0; i < index->n; i++) {
        for (size_t k = 0; k < index->nodes[i].n; k++) look_at_part(&index->nodes[i].parts[k], look);
    }
}

static struct weir_saved_look look_at(struct weir_storage *storage, const char *name, bool published)
{
    struct weir_saved_look look = {.path = weir_storage_address(storage, name),
                                   .state = published ? WEIR_SAVED_COMPLETE : WEIR_SAVED_HALF};
    struct weir_saved_index index = {0};
    struct weir_error error;
    if (weir_saved_index_read(storage, name, &index, &error) != WEIR_OK) {
        (void)!read_name(name, &look.kind, &look.number);
        call_damaged(&look, weir_strdup(error.text));
        return look;
    }
    look.known = true;
    look.kind = index.kind;
    look.number = index.checkpoint;
    look.taken_ms = index.taken_ms;
    look.n_nodes = index.n;
    look.job = weir_strdup(index.job);
    look_at_files(&index, &look);
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

/* The names of a storage. */
struct names {
    struct name {
        char *text;
        bool published;
    } * all;
    size_t n, capacity;
};

static weir_status add_name(void *to, const char *name, bool published)
{
    struct names *names = to;
    WEIR_GROW(names->all, names->capacity, names->n + 1);
    names->all[names->n++] = (struct name){weir_strdup(name), published};
    return WEIR_OK;
}

static void finish_names(struct names *names)
{
    for (size_t i = 0; i < names->n; i++) weir_free(names->all[i].text);
    weir_free(names->all);
    *names = (struct names){0};
}

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

static weir_status read_names(struct weir_storage *storage, struct names *names, struct weir_error *error)
{
    weir_status status = weir_storage_list(storage, add_name, names, error);
    if (names->n > 1) qsort(names->all, names->n, sizeof *names->all, by_text);
    return status;
}

/* *published false: it is not there, or half. */
static bool is_listed(struct weir_storage *storage, const char *name, bool *published)
{
    struct names names = {0};
    struct weir_error ignored;
    bool found = false;
    *published = false;
    if (read_names(storage, &names, &ignored) != WEIR_OK) finish_names(&names);
    for (size_t i = 0; i < names.n; i++) {
        if (strcmp(names.all[i].text, name) != 0) continue;
        found = true;
        *published |= names.all[i].published;
    }
    finish_names(&names);
    return found;
}

static bool has_metadata(struct weir_storage *storage, const char *name)
{
    struct weir__inventory there = {0};
    struct weir_error ignored;
    if (weir__inventory_read(storage, name, &there, &ignored) != WEIR_OK) return false;
    bool has = weir__inventory_size(&there, WEIR__METADATA) >= 0;
    weir__inventory_finish(&there);
    return has;
}

static bool is_saved(struct weir_storage *storage, const char *name)
{
    enum weir_saved_kind kind;
    int64_t number;
    return read_name(name, &kind, &number) || has_metadata(storage, name);
}

/* A job may remove or publish what was there a moment ago. */
static void add_look(struct weir_saved_looks *to, struct weir_storage *storage, const char *name, bool published)
{
    struct weir_saved_look look = look_at(storage, name, published);
    bool ignored;
    if (!look.known && !is_listed(storage, name, &ignored)) {
        finish_look(&look);
        return;
    }
    WEIR_GROW(to->all, to->capacity, to->n + 1);
    to->all[to->n++] = look;
}

/* Those that are none are left, to be looked into: their folders. */
static weir_status add_looks(struct weir_storage *storage, struct weir_saved_looks *to, struct names *left,
                             struct weir_error *error)
{
    struct names names = {0};
    weir_status status = read_names(storage, &names, error);
    for (size_t i = 0; status == WEIR_OK && i < names.n; i++) {
        const struct name *name = &names.all[i];
        if (!name->published || is_saved(storage, name->text))
            add_look(to, storage, name->text, name->published);
        else if (left)
            (void)!add_name(left, name->text, true);
    }
    finish_names(&names);
    return status;
}

static weir_status search_in(const struct weir_saved_opener *o, const char *directory, int levels,
                             struct weir_saved_looks *to, struct weir_error *error)
{
    struct weir_storage *storage;
    struct names folders = {0};
    weir_status status = o->open(o->arg, directory, &storage, error);
    if (status != WEIR_OK) return status;
    status = add_looks(storage, to, levels > 0 ? &folders : NULL, error);
    o->close(o->arg, storage);
    for (size_t i = 0; status == WEIR_OK && i < folders.n; i++) {
        char *path = weir_path_join(directory, folders.all[i].text);
        status = search_in(o, path, levels - 1, to, error);
        weir_free(path);
    }
    finish_names(&folders);
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

static void sort(struct weir_saved_looks *to)
{
    if (to->n > 1) qsort(to->all, to->n, sizeof *to->all, by_number);
    mark_newest(to);
}

weir_status weir_saved_list(struct weir_storage *storage, struct weir_saved_looks *to, struct weir_error *error)
{
    weir_status status = add_looks(storage, to, NULL, error);
    sort(to);
    return status;
}

static weir_status look_at_one(const struct weir_saved_opener *o, const char *directory, struct weir_saved_looks *to,
                               bool *is_one, struct weir_error *error)
{
    struct weir_storage *storage;
    char *clean = weir_address_clean(directory), *above = weir_path_dirname(clean);
    const char *name = weir_path_basename(clean);
    weir_status status = o->open(o->arg, above, &storage, error);
    *is_one = status == WEIR_OK && *name && has_metadata(storage, name);
    if (*is_one) add_look(to, storage, name, !weir_path_has_suffix(name, HALF));
    if (status == WEIR_OK) o->close(o->arg, storage);
    weir_free(above);
    weir_free(clean);
    return status;
}

weir_status weir_saved_find_all(const struct weir_saved_opener *o, const char *directory, struct weir_saved_looks *to,
                                struct weir_error *error)
{
    struct weir_file_info info;
    bool is_one = false;
    weir_status status = o->platform->info(o->platform->self, directory, &info, error);
    if (status == WEIR_OK && !info.is_directory)
        status = weir_error_set(error, WEIR_E_CONFIG, "%s: expected a directory, found a file", directory);
    if (status == WEIR_OK) status = look_at_one(o, directory, to, &is_one, error);
    if (status == WEIR_OK && !is_one) status = search_in(o, directory, MOST_LEVELS - 1, to, error);
    sort(to);
    return status;
}

void weir_saved_looks_finish(struct weir_saved_looks *looks)
{
    for (size_t i = 0; i < looks->n; i++) finish_look(&looks->all[i]);
    weir_free(looks->all);
    *looks = (struct weir_saved_looks){0};
}

void weir_saved_looks_drop(struct weir_saved_looks *looks, size_t at)
{
    finish_look(&looks->all[at]);
    memmove(looks->all + at, looks->all + at + 1, (--looks->n - at) * sizeof *looks->all);
}

/* ---- removing one ------------------------------------------------------------------------------------------------ */

static bool is_part_of(const struct weir_saved_index *index, const char *name)
{
    if (index) return weir__saved_has_file(index, name);
    return strcmp(name, WEIR__METADATA) == 0 || strcmp(name, WEIR__METADATA HALF) == 0 ||
           weir_path_has_suffix(name, ".state");
}

/* The first object that is not part of it; the caller frees; NULL: there is none. */
static char *find_foreign(const struct weir_storage *storage, const char *checkpoint, const struct weir_saved_index *index,
                          const struct weir__inventory *there)
{
    for (size_t i = 0; i < there->n; i++) {
        if (!is_part_of(index, there->all[i].name)) return weir__object_path(storage, checkpoint, there->all[i].name);
    }
    return NULL;
}

/* The newest complete checkpoint beside it, itself included, has this name. */
static bool is_newest(struct weir_storage *storage, const char *checkpoint)
{
    struct weir_saved_looks looks = {0};
    struct weir_error ignored;
    bool newest = false;
    if (weir_saved_list(storage, &looks, &ignored) != WEIR_OK) weir_saved_looks_finish(&looks);
    for (size_t i = 0; i < looks.n; i++)
        newest |= strcmp(weir_path_basename(looks.all[i].path), checkpoint) == 0 && looks.all[i].newest;
    weir_saved_looks_finish(&looks);
    return newest;
}

static weir_status check_content(struct weir_storage *storage, const char *checkpoint, const char *address,
                                 const struct weir_saved_index *index, struct weir_error *error)
{
    struct weir__inventory there = {0};
    weir_status status = weir__inventory_read(storage, checkpoint, &there, error);
    if (status != WEIR_OK) return status;
    char *foreign = find_foreign(storage, checkpoint, index, &there);
    if (!index && !is_saved(storage, checkpoint))
        status =
            weir_error_set(error, WEIR_E_CONFIG, "%s is no checkpoint or savepoint: it has no " WEIR__METADATA, address);
    else if (foreign)
        status = weir_error_set(error, WEIR_E_CONFIG,
                                index ? "%s is not part of the checkpoint or savepoint that it lies in; move it away first"
                                      : "no checkpoint or savepoint is removed: %s is no part of one",
                                foreign);
    weir_free(foreign);
    weir__inventory_finish(&there);
    return status;
}

static weir_status check_removal(struct weir_storage *storage, const char *checkpoint, const char *address, bool force,
                                 struct weir_error *error)
{
    struct weir_saved_index index = {0};
    struct weir_error damage;
    bool known = weir_saved_index_read(storage, checkpoint, &index, &damage) == WEIR_OK, published;
    weir_status status = check_content(storage, checkpoint, address, known ? &index : NULL, error);
    if (status == WEIR_OK && !force && is_listed(storage, checkpoint, &published) && !published)
        status =
            weir_error_set(error, WEIR_E_CONFIG,
                           "%s is half written: a job may be at work on it; if none is, remove it with --force", address);
    else if (status == WEIR_OK && !force && !known)
        status = weir_error_set(error, WEIR_E_CONFIG, "%s\n  To remove it all the same: --force", damage.text);
    else if (status == WEIR_OK && !force && index.kind == WEIR_SAVED_CHECKPOINT && is_newest(storage, checkpoint))
        status = weir_error_set(error, WEIR_E_CONFIG,
                                "%s is the newest checkpoint of job '%s': without it there is nothing to go on from; to "
                                "remove it all the same: --force",
                                address, index.job);
    weir_saved_index_finish(&index);
    return status;
}

weir_status weir_saved_discard(struct weir_storage *storage, const char *checkpoint, bool force, struct weir_error *error)
{
    char *address = weir_storage_address(storage, checkpoint);
    weir_status status = check_removal(storage, checkpoint, address, force, error);
    if (status == WEIR_OK) status = weir_storage_remove(storage, checkpoint, error);
    weir_free(address);
    return status;
}
