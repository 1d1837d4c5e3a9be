/* base/plugin_host.h - what the host table does for components wherever they run: memory, and lines for the log.
 *
 * Floor 1. For whoever fills in a weir_host: operator/host_memory.c, checkpoint/storage.c.
 */
#ifndef WEIR_BASE_PLUGIN_HOST_H
#define WEIR_BASE_PLUGIN_HOST_H

#include <stdarg.h>
#include <weir/host.h>

void weir_plugin_host_memory(weir_host *); /* alloc, resize, release */
/* "where: the line", when its level is logged. [any] */
void weir_plugin_log(const char *where, int level, const char *format, va_list);

#endif
