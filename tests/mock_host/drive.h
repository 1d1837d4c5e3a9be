/* mock_host/drive.h - the kinds of components that the mock host runs, each by its vtable. */
#ifndef MOCK_HOST_DRIVE_H
#define MOCK_HOST_DRIVE_H

#include "mock_host/host.h"

/* What a callback came to; also when it went on after fail(). */
bool call_failed(struct host *, weir_status);
/* At most `cut` rows of a step at a time. */
struct batch *drive_batch(struct host *, uint32_t port, const struct rows *, size_t from, size_t n);
/* The call about it, NULL for none, is over: its rows leave, and no key is current. False: it failed. */
bool drive_end(struct host *, struct batch *, weir_status);

/* drive.c: operators */
bool operator_rows(struct host *, uint32_t port, const struct rows *, size_t from, size_t n);
bool operator_watermark(struct host *, int64_t at);
bool operator_clock(struct host *, int64_t now);
bool operator_end(struct host *);
bool operator_checkpoint(struct host *);
/* fold.c: reducers, and aggregates in tumbling windows of event time */
struct folded {
    int64_t window;
    char *identity;
    struct cell *key, *row; /* row: of reducers */
    void *acc;              /* of aggregates */
};
struct folds {
    struct folded *all;
    size_t n;
};
bool reducer_rows(struct host *, struct folds *, const struct rows *, size_t from, size_t n);
bool aggregate_rows(struct host *, struct folds *, const struct rows *, size_t from, size_t n);
bool aggregate_watermark(struct host *, struct folds *, int64_t at);
void folds_free(struct host *, struct folds *);
int64_t window_start(int64_t time, int64_t every);                            /* the last one that is not after it */
bool aggregate_once(struct host *, const struct rows *, struct cell *result); /* of all the rows */
/* windows.c: window functions */
struct pane;
struct windows {
    struct input rows; /* what comes in: the function sees the same, or what aggregates make of it */
    struct pane *all;
    size_t n;
    struct plugin_case *cases; /* of aggregates, whose */
    struct host *aggregates;   /* hosts these are */
    size_t n_aggregates;
};
void windows_init(struct windows *, const struct plugin_case *, const weir_component *const *aggregates, int64_t capacity);
void windows_finish(struct host *, struct windows *);
bool windows_rows(struct host *, struct windows *, const struct rows *, size_t from, size_t n);
bool windows_watermark(struct host *, struct windows *, int64_t at);

#endif
