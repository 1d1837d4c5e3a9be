/* base/work_pool.h - threads for work that waits, so that who asks for it does not.
 *
 * Floor 1. One thread creates, submits, closes and destroys; the pool's threads run the work, in the order submitted. They
 * start with the first submission. Submitting takes no lock, and makes a system call only when a thread of the pool sleeps.
 * On a platform with run_later (that of a deterministic test) there are no threads: it runs the work.
 */
#ifndef WEIR_BASE_WORK_POOL_H
#define WEIR_BASE_WORK_POOL_H

#include "base/platform.h"

struct weir_work_pool;
struct weir_work_pool_options {
    const struct weir_platform *platform;
    const char *name;                    /* of the threads: at most 15 bytes are shown */
    uint32_t threads;                    /* > 0 */
    uint32_t capacity;                   /* most pieces that wait at a time; the submitter sees to it */
    void (*run)(void *arg, void *piece); /* pool's threads, several at a time */
    void *arg;
};
WEIR_CHECKED weir_status weir_work_pool_create(const struct weir_work_pool_options *, struct weir_work_pool **,
                                               struct weir_error *);
WEIR_CHECKED weir_status weir_work_pool_submit(struct weir_work_pool *, void *piece, struct weir_error *); /* not NULL */
/* Forgets what waits, waits for what runs, ends the threads. Nothing is submitted afterwards. */
void weir_work_pool_close(struct weir_work_pool *);
void weir_work_pool_destroy(struct weir_work_pool *); /* closes first; NULL is fine */

#endif
