/* base/lock.h - a lock for what is rare and may wait: opening plugin files. Nothing that runs per record or in a slot takes
 * one.
 *
 * Floor 1. Any thread. Static locks need no making: static struct weir_lock lock = WEIR_LOCK_INIT.
 */
#ifndef WEIR_BASE_LOCK_H
#define WEIR_BASE_LOCK_H

#include <pthread.h>

struct weir_lock {
    pthread_mutex_t mutex;
};
#define WEIR_LOCK_INIT                                                                                                      \
    {                                                                                                                       \
        PTHREAD_MUTEX_INITIALIZER                                                                                           \
    }

void weir_lock_take(struct weir_lock *); /* not recursive */
void weir_lock_leave(struct weir_lock *);

#endif
