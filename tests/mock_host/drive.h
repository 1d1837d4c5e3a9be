/* mock_host/drive.h - the kinds of components that the mock host runs, each by its vtable. */
#ifndef MOCK_HOST_DRIVE_H
#define MOCK_HOST_DRIVE_H

#include "mock_host/host.h"

/* What a callback came to; also when it went on after fail(). */
bool call_failed(struct host *, weir_status);
/* At most `cut` rows of a step at a time. */
struct batch *drive_batch(struct host *, uint32_t port, const struct rows *, size_t from, size_t n);

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

#endif
