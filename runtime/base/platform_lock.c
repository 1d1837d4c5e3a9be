/* base/platform_lock.c - base/lock.h on POSIX threads. A lock that cannot be taken is a programmer's error, never a state.
 */
#include "base/lock.h"

#include "base/error.h"

void weir_lock_take(struct weir_lock *lock)
{
    int failed = pthread_mutex_lock(&lock->mutex);
    WEIR_ASSERT(failed == 0);
}

void weir_lock_leave(struct weir_lock *lock)
{
    int failed = pthread_mutex_unlock(&lock->mutex);
    WEIR_ASSERT(failed == 0);
}
