/* loader/plugin_file.h - is this file a plugin for this host? Answered from its bytes alone: nothing of it is mapped or run.
 *
 * Floor 3. Any thread. What is checked, in this order: it is a regular file; its owner is root, the effective user or the
 * owner of the installation; only the owner may write it; no folder above it is a stranger's or writable by everybody
 * (unless sticky); it is a whole ELF shared object for this machine; its `.weir.plugin` note names an ABI that this host
 * runs, an id and a version; it exports the entry symbol; it has a GNU build-id.
 */
#ifndef WEIR_LOADER_PLUGIN_FILE_H
#define WEIR_LOADER_PLUGIN_FILE_H

#include "base/error.h"
#include "base/platform.h"

struct weir_plugin_file { /* zeroed is empty */
    char *path;           /* absolute, canonical */
    char *id, *version;   /* from the note */
    char *build_id;       /* lower-case hex */
    uint16_t abi_major, abi_minor;
};

/* installation: a file whose owner is trusted besides root and the effective user; may be NULL. A refusal is "FILE: expected
 * ..., found ...; what to do". */
WEIR_CHECKED weir_status weir_plugin_file_check(const struct weir_platform *, const char *path, const char *installation,
                                                struct weir_plugin_file *, struct weir_error *);
void weir_plugin_file_finish(struct weir_plugin_file *);

/* The first part of it, for files that are not ELF: regular, owner, mode, folders. */
WEIR_CHECKED weir_status weir_plugin_file_trust(const struct weir_platform *, const char *path, const char *installation,
                                                struct weir_error *);

#endif
