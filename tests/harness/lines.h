/* harness/lines.h - lines in the order of their bytes, where the order in which they came is nobody's business. */
#ifndef WEIR_HARNESS_LINES_H
#define WEIR_HARNESS_LINES_H

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

struct weir_lines {
    char **all;
    size_t n, capacity;
};
static inline void weir_lines_add(struct weir_lines *l, const char *line)
{
    WEIR_GROW(l->all, l->capacity, l->n + 1);
    l->all[l->n++] = weir_strdup(line);
}
/* But the empty ones. */
static inline void weir_lines_add_text(struct weir_lines *l, const char *text)
{
    char *copy = weir_strdup(text), *rest = copy;
    for (char *line; (line = strsep(&rest, "\n"));) {
        if (*line) weir_lines_add(l, line);
    }
    weir_free(copy);
}

static inline int weir_lines_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}
/* Sorted, each with a newline; with `once` none twice. Afterwards there are none. */
static inline char *weir_lines_take(struct weir_lines *l, bool once)
{
    struct weir_text t = {0};
    if (l->n > 0) qsort(l->all, l->n, sizeof *l->all, weir_lines_compare);
    for (size_t i = 0; i < l->n; i++) {
        if (!once || i == 0 || strcmp(l->all[i], l->all[i - 1]) != 0) weir_text_add(&t, "%s\n", l->all[i]);
    }
    for (size_t i = 0; i < l->n; i++) weir_free(l->all[i]);
    weir_free(l->all);
    *l = (struct weir_lines){0};
    return weir_text_take(&t);
}

static inline char *weir_sorted_lines(const char *text)
{
    struct weir_lines l = {0};
    weir_lines_add_text(&l, text);
    return weir_lines_take(&l, false);
}

#endif
