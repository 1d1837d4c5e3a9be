/* base/log.h - log lines on standard error: time, level, subsystem, message.
 *
 * WEIR_LOG chooses what is seen: "info" (default), or a list such as "warn,task:debug,loader:info". Subsystems are folder
 * names: base, data, graph, loader, channel, time, state, checkpoint, operator, window, task, job, embed, cli, plugin. Any
 * thread; one write per line.
 */
#ifndef WEIR_BASE_LOG_H
#define WEIR_BASE_LOG_H

#include <stdbool.h>
#include <weir/host.h>

#include "base/error.h"

WEIR_CHECKED weir_status weir_log_configure(const char *spec,
                                            struct weir_error *error); /* NULL: the default. Before threads start. */
bool weir_log_enabled(weir_log_level level, const char *subsystem);
void weir_log(weir_log_level level, const char *subsystem, const char *format, ...) WEIR_PRINTF(3, 4);
/* Where lines go instead of standard error (tests, the CLI's progress display). NULL: standard error again.
 * `line` ends with a newline. While no other thread logs. */
void weir_log_redirect(void (*to)(void *arg, const char *line), void *arg);

#endif
