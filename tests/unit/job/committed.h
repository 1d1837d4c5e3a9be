/* committed.h - the lines that a job's sink_file has committed. */
#ifndef WEIR_TEST_COMMITTED_H
#define WEIR_TEST_COMMITTED_H

#include "base/path.h"
#include "base/platform.h"
#include "harness/lines.h"
#include "harness/suite.h"

struct committed {
    struct weir_lines lines;
    size_t hidden; /* files that are not finished */
};

static inline weir_status read_committed(void *to, const char *path, bool is_directory, int64_t size)
{
    struct committed *c = to;
    struct weir_error error;
    char *bytes;
    size_t n;
    (void)size;
    if (is_directory) return weir_platform_os()->list(NULL, path, read_committed, to, &error);
    c->hidden += strstr(path, ".inprogress") != NULL;
    if (!weir_path_has_suffix(path, ".csv")) return WEIR_OK;
    CU_ASSERT_EQUAL_FATAL(weir_read_file(weir_platform_os(), path, 1 << 20, &bytes, &n, &error), WEIR_OK);
    weir_lines_add_text(&c->lines, bytes);
    weir_free(bytes);
    return WEIR_OK;
}

/* Sorted. */
static inline char *committed_in(const char *folder, size_t *hidden)
{
    struct committed c = {0};
    struct weir_error ignored;
    (void)weir_platform_os()->list(NULL, folder, read_committed, &c, &ignored); /* it need not be there */
    *hidden = c.hidden;
    return weir_lines_take(&c.lines, false);
}

#endif
