/* platform_os.c - the operating system's platform: Linux and POSIX. Clocks and randomness live here; files, directories,
 * sockets and threads in the files of their names. Stateless but for the list of socket waits, so `self` is NULL. */
#include "base/platform.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/platform_internal.h"

int64_t weir__os_monotonic_ns(void *self)
{
    struct timespec t;
    (void)self;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t wall_ms(void *self)
{
    struct timespec t;
    (void)self;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static uint64_t random_u64(void *self)
{
    uint64_t v = 0;
    (void)self;
    while (getrandom(&v, sizeof v, 0) != sizeof v) {
        WEIR_ASSERT(errno == EINTR); /* before the pool is seeded it may be interrupted */
    }
    return v;
}

const char *weir__os_why(int number, char *buffer, size_t n)
{
    return strerror_r(number, buffer, n); /* GNU's: does not depend on other threads */
}

weir_status weir__os_failed(struct weir_error *error, int number, const char *what, const char *path)
{
    char words[128];
    return weir_error_set(error, number == ENOMEM ? WEIR_E_MEMORY : WEIR_E_IO, "cannot %s '%s': %s", what, path,
                          weir__os_why(number, words, sizeof words));
}

const struct weir_platform *weir_platform_os(void)
{
    static const struct weir_platform os = {
        .monotonic_ns = weir__os_monotonic_ns,
        .wall_ms = wall_ms,
        .random = random_u64,
        .open = weir__os_open,
        .size = weir__os_size,
        .read = weir__os_read,
        .write = weir__os_write,
        .sync = weir__os_sync,
        .close = weir__os_close,
        .rename = weir__os_rename,
        .link = weir__os_link,
        .hold = weir__os_hold,
        .sync_directory = weir__os_sync_directory,
        .remove = weir__os_remove,
        .make_directory = weir__os_make_directory,
        .info = weir__os_info,
        .exists = weir__os_exists,
        .truncate = weir__os_truncate,
        .list = weir__os_list,
        .print = weir__os_print,
        .connect = weir__os_connect,
        .receive = weir__os_receive,
        .close_socket = weir__os_close_socket,
        .wake_waits = weir__os_wake_waits,
        .start_thread = weir__os_start_thread,
        .join_thread = weir__os_join_thread,
        .park = weir__os_park,
        .unpark = weir__os_unpark,
        .cores = weir__os_cores,
    };
    return &os;
}
