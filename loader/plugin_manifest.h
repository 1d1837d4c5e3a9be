/* loader/plugin_manifest.h - the YAML file X.weir.yaml beside X.so: everything a host knows of a plugin without opening it.
 *
 * Floor 3. Any thread. Written by `weir inspect --manifest`, at build time, never by hand. It holds what struct
 * weir_plugin_info holds but for the path, and the file's build-id, so that a manifest of another build is found out.
 * docs/formats/plugin-manifest.md describes it key by key.
 */
#ifndef WEIR_LOADER_PLUGIN_MANIFEST_H
#define WEIR_LOADER_PLUGIN_MANIFEST_H

#include "base/text.h"
#include "loader/registry.h"

#define WEIR_PLUGIN_MANIFEST_MAX_BYTES ((size_t)8 << 20)

char *weir_plugin_manifest_path(const char *so_path); /* "X.so" -> "X.weir.yaml"; the caller frees */

void weir_plugin_manifest_write(const struct weir_plugin_info *, struct weir_text *);
void weir_plugin_manifest_write_json(const struct weir_plugin_info *, struct weir_text *); /* the same tree, in one line */

/* Reads and checks (loader/plugin_info.h). name: of the manifest, in messages; so_path: the file it describes, NULL if none.
 * info is the caller's to finish, also on failure. */
WEIR_CHECKED weir_status weir_plugin_manifest_read(const char *text, size_t n, const char *name, const char *so_path,
                                                   struct weir_plugin_info *, struct weir_error *);

#endif
