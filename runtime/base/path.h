/* base/path.h - joining and cleaning file paths as text; no file is touched. */
#ifndef WEIR_BASE_PATH_H
#define WEIR_BASE_PATH_H

#include <stdbool.h>

char *weir_path_join(const char *dir, const char *path); /* path alone when absolute; the caller frees; no "./" runs left */
char *weir_path_dirname(const char *path);               /* "." when there is none; the caller frees */
const char *weir_path_basename(const char *path);        /* points into path */
bool weir_path_has_suffix(const char *path, const char *suffix);

#endif
