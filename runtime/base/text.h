/* base/text.h - growing strings, "did you mean", and numbers with units as manifests write them. */
#ifndef WEIR_BASE_TEXT_H
#define WEIR_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* A growing, always NUL-terminated string; zeroed is empty. */
struct weir_text {
    char *p; /* NULL while empty: use weir_text_get */
    size_t n, capacity;
};
void weir_text_add(struct weir_text *t, const char *format, ...) WEIR_PRINTF(2, 3);
void weir_text_add_bytes(struct weir_text *t, const void *bytes, size_t n);
void weir_text_add_json(struct weir_text *t, const char *s); /* quoted and escaped */
const char *weir_text_get(const struct weir_text *t);        /* never NULL; valid until the next change */
char *weir_text_take(struct weir_text *t);                   /* the caller frees; t is empty again */
void weir_text_finish(struct weir_text *t);

/* The candidate nearest to `name` by edit distance (with transpositions), if near enough to suggest; else NULL. */
const char *weir_nearest(const char *name, const char *const *candidates, size_t n);

/* "10d", "5s", "200ms", "1h 30min" -> ms; units ms s min h d; 0 alone needs none. "64KiB", "1MB", "4096" -> bytes; B KB MB
 * GB KiB MiB GiB. "12", "-7", "1_000_000" -> i64. "0.5", "1e9" -> f64. Whole text or an error that says what is allowed. */
WEIR_CHECKED weir_status weir_parse_duration(const char *text, int64_t *ms, struct weir_error *error);
WEIR_CHECKED weir_status weir_parse_size(const char *text, int64_t *bytes, struct weir_error *error);
WEIR_CHECKED weir_status weir_parse_i64(const char *text, int64_t *value, struct weir_error *error);
WEIR_CHECKED weir_status weir_parse_f64(const char *text, double *value, struct weir_error *error);
WEIR_CHECKED weir_status weir_parse_bool(const char *text, bool *value, struct weir_error *error); /* true|false only */

void weir_text_add_duration(struct weir_text *t, int64_t ms); /* "1h 30min" */
/* "2026-11-21T06:00:00.000Z"; of a watermark: INT64_MIN "none yet", INT64_MAX "the end". */
void weir_text_add_time(struct weir_text *t, int64_t ms);
void weir_text_add_size(struct weir_text *t, int64_t bytes);  /* "1.5 MiB" */
void weir_text_add_count(struct weir_text *t, uint64_t n);    /* "12,345,678" */

#endif
