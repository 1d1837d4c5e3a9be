/* platform_directory.c - directories, file information, globs. Lists are sorted by bytes, whatever the locale. */
#include "base/platform_internal.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/path.h"

static weir_status make_one(const char *path, struct weir_error *error)
{
    struct stat st;
    if (mkdir(path, 0777) == 0) return WEIR_OK;
    int why = errno;
    if (why == EEXIST) { /* somebody else may have made it meanwhile */
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return WEIR_OK;
        why = ENOTDIR;
    }
    return weir__os_failed(error, why, "make the directory", path);
}

weir_status weir__os_make_directory(void *self, const char *path, struct weir_error *error)
{
    struct stat st;
    (void)self;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return WEIR_OK;
    char *part = weir_strdup(path);
    weir_status s = WEIR_OK;
    for (char *slash = strchr(part + (*part == '/'), '/'); slash && s == WEIR_OK; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        s = make_one(part, error);
        *slash = '/';
    }
    weir_free(part);
    return s == WEIR_OK ? make_one(path, error) : s;
}

weir_status weir__os_info(void *self, const char *path, struct weir_file_info *info, struct weir_error *error)
{
    struct stat st;
    (void)self;
    if (stat(path, &st) != 0) return weir__os_failed(error, errno, "open", path);
    *info = (struct weir_file_info){
        .is_directory = S_ISDIR(st.st_mode),
        .is_regular = S_ISREG(st.st_mode),
        .size_bytes = st.st_size,
        .modified_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
        .owner = st.st_uid,
        .mode = st.st_mode,
        .device = st.st_dev,
        .inode = st.st_ino,
    };
    return WEIR_OK;
}

/* ---- lists ------------------------------------------------------------------------------------------------------- */

struct names {
    char **items;
    size_t n, capacity;
};

static void add_name(struct names *names, char *name)
{
    WEIR_GROW(names->items, names->capacity, names->n + 1);
    names->items[names->n++] = name;
}

static void finish_names(struct names *names)
{
    for (size_t i = 0; i < names->n; i++) weir_free(names->items[i]);
    weir_free(names->items);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static weir_status read_directory(const char *path, struct names *names, struct weir_error *error)
{
    DIR *dir = opendir(path);
    if (!dir) return weir__os_failed(error, errno, "open the directory", path);
    struct dirent *entry;
    for (errno = 0; (entry = readdir(dir)); errno = 0) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            add_name(names, weir_path_join(path, entry->d_name));
        }
    }
    int why = errno;
    closedir(dir);
    return why ? weir__os_failed(error, why, "read the directory", path) : WEIR_OK;
}

static weir_status read_glob(const char *pattern, struct names *names, struct weir_error *error)
{
    glob_t found = {0};
    int r = glob(pattern, GLOB_NOSORT | GLOB_ERR, NULL, &found);
    int why = errno;
    for (size_t i = 0; r == 0 && i < found.gl_pathc; i++) add_name(names, weir_strdup(found.gl_pathv[i]));
    globfree(&found);
    if (r == GLOB_NOSPACE) return weir__os_failed(error, ENOMEM, "find the files of", pattern);
    if (r == GLOB_ABORTED) return weir__os_failed(error, why, "read a directory of", pattern);
    return WEIR_OK;
}

static weir_status report(const struct names *names, weir_status (*add)(void *, const char *, bool, int64_t), void *to)
{
    struct stat st;
    for (size_t i = 0; i < names->n; i++) {
        const char *path = names->items[i];
        bool there = stat(path, &st) == 0;
        if (!there && lstat(path, &st) != 0) continue; /* gone since it was listed */
        /* A dangling link is reported like a file, so that opening it says what is wrong. */
        weir_status s =
            there ? add(to, path, S_ISDIR(st.st_mode), S_ISDIR(st.st_mode) ? 0 : st.st_size) : add(to, path, false, 0);
        if (s != WEIR_OK) return s;
    }
    return WEIR_OK;
}

weir_status weir__os_list(void *self, const char *path, weir_status (*add)(void *, const char *, bool, int64_t), void *to,
                          struct weir_error *error)
{
    struct names names = {0};
    struct stat st;
    weir_status s = WEIR_OK;
    (void)self;
    if (stat(path, &st) == 0) { /* a file whose name looks like a glob is that file */
        if (S_ISDIR(st.st_mode)) s = read_directory(path, &names, error);
        else add_name(&names, weir_strdup(path));
    } else if (strpbrk(path, "*?[")) {
        s = read_glob(path, &names, error);
    } else {
        s = weir__os_failed(error, errno, "open", path);
    }
    if (s == WEIR_OK && names.n > 0) {
        qsort(names.items, names.n, sizeof *names.items, by_bytes);
        s = report(&names, add, to);
    }
    finish_names(&names);
    return s;
}
