/* bucket.h - which folder below the sink's a row goes to: "user=ann/" by a field, "date=2026-11-21/hour=09/" by a time. */
#ifndef SINK_FILE_BUCKET_H
#define SINK_FILE_BUCKET_H

#include <weir/host.h>

#define BUCKET_MAX 1024 /* bytes of a folder's name, with its NUL */

struct bucketer {
    int32_t field, time; /* columns of the batches; -1: none, and the wall clock */
    const char *pattern; /* NULL: no time in it */
    const char *field_name;
    int64_t second;    /* that `by_time` is of */
    char by_time[320]; /* 30 years of 9 digits */
};

/* Options of the sink; fails with a message about the one that is wrong. */
weir_status bucketer_init(struct bucketer *, weir_ctx *, int32_t field, const char *pattern, int32_t time);
static inline bool bucketer_is_on(const struct bucketer *b)
{
    return b->field >= 0 || b->pattern;
}
uint32_t bucketer_depth(const struct bucketer *); /* folders below the sink's */

/* The folder of a row: empty or with a '/' at its end. */
weir_status bucket_of(struct bucketer *, weir_ctx *, const weir_batch *, int64_t row, int64_t now_ms, char to[BUCKET_MAX]);

#endif
