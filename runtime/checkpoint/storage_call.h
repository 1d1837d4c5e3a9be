/* checkpoint/storage_call.h - the call of a storage that is under way, for other threads to see; and until when a checkpoint
 * may ask for more.
 *
 * Floor 4. The storages of a job share one. The thread that calls them begins, ends and limits; any thread looks.
 */
#ifndef WEIR_CHECKPOINT_STORAGE_CALL_H
#define WEIR_CHECKPOINT_STORAGE_CALL_H

#include "base/lock.h"
#include "base/platform.h"
#include "base/text.h"

enum { WEIR_STORAGE_CALL_TEXT = 640 };

struct weir_storage_call {
    bool runs;
    char what[WEIR_STORAGE_CALL_TEXT]; /* "checkpoint storage 'bucket': finish of chk-7/counts-0.state" */
    int64_t since_ns, took_ns;         /* monotonic; took_ns: once it has returned, or until it was looked at */
};

struct weir_storage_calls {
    const struct weir_platform *platform;
    int64_t timeout_ms; /* of a checkpoint, for messages */
    struct weir_lock lock;
    /* Behind the lock: */
    struct weir_storage_call now, slowest; /* slowest: since the limit was set */
    int64_t until_ns;                      /* INT64_MAX: no limit */
    bool told; /* of `now`, that it does not return: whoever watches says so (job/storage_watch.h) */
};

void weir_storage_calls_init(struct weir_storage_calls *, const struct weir_platform *, int64_t timeout_ms);
/* False: the limit has passed, and the call is not to be made. checkpoint, object: may be NULL. */
bool weir_storage_calls_begin(struct weir_storage_calls *, bool limited, const char *storage, const char *call,
                              const char *checkpoint, const char *object);
void weir_storage_calls_end(struct weir_storage_calls *);

/* What a checkpoint asks of its storage once this has passed fails. INT64_MAX: the checkpoint is over. */
void weir_storage_calls_limit(struct weir_storage_calls *, int64_t until_ns);
bool weir_storage_calls_are_late(struct weir_storage_calls *);
/* WEIR_E_IO, in words. */
weir_status weir_storage_calls_say_late(struct weir_storage_calls *, struct weir_error *);

#endif
