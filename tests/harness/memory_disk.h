/* harness/memory_disk.h - a struct weir_platform whose files are in memory; clocks and all else are the operating system's.
 *
 * One thread. There are no directories: one is there as long as a file has a name in it. Everything is root's, and only
 * root may write it.
 */
#ifndef WEIR_HARNESS_MEMORY_DISK_H
#define WEIR_HARNESS_MEMORY_DISK_H

#include "base/platform.h"

struct memory_file {
    char *path;
    uint8_t *bytes;
    size_t n;
};
struct memory_disk {
    struct weir_platform platform;
    struct memory_file *files; /* by path */
    size_t n, capacity;
};
void memory_disk_init(struct memory_disk *);
void memory_disk_finish(struct memory_disk *);
void memory_disk_put(struct memory_disk *, const char *path, const void *bytes, size_t n); /* copied */

#endif
