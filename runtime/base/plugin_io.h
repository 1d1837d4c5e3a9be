/* base/plugin_io.h - the host extension weir.io/1 on a platform: how components reach files, sockets and clocks.
 *
 * Floor 1. Whoever makes a context for a component (operator/instance.c, checkpoint/storage.c) points its host_data to a
 * struct weir_plugin_io, and gives the component the table.
 */
#ifndef WEIR_BASE_PLUGIN_IO_H
#define WEIR_BASE_PLUGIN_IO_H

#include <stdatomic.h>
#include <weir/io.h>

#include "base/platform.h"

struct weir_plugin_io {
    const struct weir_platform *platform;
    _Atomic uint64_t *bytes;       /* counts what is read and written; NULL: nobody does. Written by the caller's thread. */
    const _Atomic uint32_t *woken; /* ends waits for sockets (base/platform.h); NULL: nobody does */
};

const weir_io *weir_plugin_io_table(void);

#endif
