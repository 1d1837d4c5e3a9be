/* base/platform_internal.h - the parts of the operating system's platform, one file each; put together in platform_os.c. */
#ifndef WEIR_BASE_PLATFORM_INTERNAL_H
#define WEIR_BASE_PLATFORM_INTERNAL_H

#include "base/platform.h"

/* "cannot <what> '<path>': <why>" with the words of errno value `number`; WEIR_E_MEMORY for ENOMEM, else WEIR_E_IO. */
weir_status weir__os_failed(struct weir_error *error, int number, const char *what, const char *path);
const char *weir__os_why(int number, char *buffer, size_t n); /* strerror's words */

/* platform_file.c */
weir_status weir__os_open(void *, const char *, enum weir_file_mode, struct weir_platform_file **, struct weir_error *);
weir_status weir__os_size(void *, struct weir_platform_file *, int64_t *, struct weir_error *);
weir_status weir__os_read(void *, struct weir_platform_file *, int64_t, void *, size_t, size_t *, struct weir_error *);
weir_status weir__os_write(void *, struct weir_platform_file *, const void *, size_t, struct weir_error *);
weir_status weir__os_sync(void *, struct weir_platform_file *, struct weir_error *);
weir_status weir__os_close(void *, struct weir_platform_file *, struct weir_error *);
weir_status weir__os_rename(void *, const char *, const char *, struct weir_error *);
weir_status weir__os_link(void *, const char *, const char *, struct weir_error *);
weir_status weir__os_hold(void *, const char *, struct weir_platform_file **, struct weir_error *);
weir_status weir__os_sync_directory(void *, const char *, struct weir_error *);
weir_status weir__os_remove(void *, const char *, struct weir_error *);
weir_status weir__os_exists(void *, const char *, int64_t *, struct weir_error *);
weir_status weir__os_truncate(void *, const char *, int64_t, struct weir_error *);
weir_status weir__os_print(void *, int, const void *, size_t, struct weir_error *);

/* platform_directory.c */
weir_status weir__os_make_directory(void *, const char *, struct weir_error *);
weir_status weir__os_info(void *, const char *, struct weir_file_info *, struct weir_error *);
weir_status weir__os_list(void *, const char *, weir_status (*add)(void *, const char *, bool, int64_t), void *,
                          struct weir_error *);

/* platform_socket.c */
weir_status weir__os_connect(void *, const char *, uint16_t, int64_t, const _Atomic uint32_t *,
                             struct weir_platform_socket **, struct weir_error *);
weir_status weir__os_receive(void *, struct weir_platform_socket *, void *, size_t, int64_t, const _Atomic uint32_t *,
                             size_t *, struct weir_error *);
weir_status weir__os_close_socket(void *, struct weir_platform_socket *, struct weir_error *);
void weir__os_wake_waits(void *, const _Atomic uint32_t *);

/* platform_thread.c */
weir_status weir__os_start_thread(void *, const char *, void (*)(void *), void *, struct weir_thread **,
                                  struct weir_error *);
void weir__os_join_thread(void *, struct weir_thread *);
void weir__os_park(void *, struct weir_parker *, int64_t);
void weir__os_unpark(void *, struct weir_parker *);
uint32_t weir__os_cores(void *);

int64_t weir__os_monotonic_ns(void *);

#endif
