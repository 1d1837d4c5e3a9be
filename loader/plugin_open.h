/* loader/plugin_open.h - opening a plugin file in this process, and describing what its entry gives.
 *
 * Floor 3. This runs the file's code (constructors, the entry function), which can end the process: a file that is not yet
 * known is opened in a helper (loader/probe.h) first. Opening is serialised; each file is opened once and never closed.
 */
#ifndef WEIR_LOADER_PLUGIN_OPEN_H
#define WEIR_LOADER_PLUGIN_OPEN_H

#include "loader/plugin_file.h"
#include "loader/registry.h"

/* Opens a checked file, or finds it open. The plugin's structs are sound: sizes, pointers, vtables, as weir_plugin_describe
 * says. Any thread. */
WEIR_CHECKED weir_status weir_plugin_open(const struct weir_plugin_file *, const weir_plugin **, struct weir_error *);

/* Checks the structs of an open plugin (sizes, ABI, the same id, version and ABI as the file's note, strings, vtables with
 * the callbacks their kind needs) and copies what they declare, which weir_plugin_info_check finds sound. info is the
 * caller's to finish, also on failure. */
WEIR_CHECKED weir_status weir_plugin_describe(const weir_plugin *, const struct weir_plugin_file *,
                                              struct weir_plugin_info *, struct weir_error *);

#endif
