/* path.c - file paths as text. ".." stays, since what it means depends on symbolic links; a trailing "/" stays, since it
 * says "directory". */
#include "base/path.h"

#include <string.h>

#include "base/alloc.h"

/* Removes "." parts and repeated slashes, in place. */
static void clean(char *path)
{
    char *from = path, *to = path;
    while (*from) {
        bool at_start = to == path || to[-1] == '/';
        if (at_start && from[0] == '.' && (from[1] == '/' || from[1] == 0)) {
            from += from[1] ? 2 : 1;
            if (to == path) while (*from == '/') from++; /* "./" + "/x" must not become absolute */
        } else if (*from == '/' && at_start && to != path) {
            from++;
        } else {
            *to++ = *from++;
        }
    }
    if (to == path) *to++ = '.';
    *to = 0;
}

char *weir_path_join(const char *dir, const char *path)
{
    bool alone = !dir || !*dir || *path == '/';
    char *joined = alone ? weir_format("%s.", path) : weir_format("%s/%s.", dir, path);
    joined[strlen(joined) - 1] = 0; /* the dot made room for clean()'s own, when nothing is left */
    clean(joined);
    return joined;
}

char *weir_path_dirname(const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') n--;
    while (n > 0 && path[n - 1] != '/') n--;
    if (n == 0) return weir_strdup(".");
    while (n > 1 && path[n - 1] == '/') n--;
    return weir_strndup(path, n);
}

const char *weir_path_basename(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool weir_path_has_suffix(const char *path, const char *suffix)
{
    size_t n = strlen(path), m = strlen(suffix);
    return n >= m && strcmp(path + n - m, suffix) == 0;
}
