/* loader/plugin_info.h - what is known of a plugin (struct weir_plugin_info): is it sound, and freeing it.
 *
 * Floor 3. Any thread. The same checks serve a live plugin's description and a manifest that was read from a file, so
 * neither can bring in an option that is stored outside its instance or a schema that cannot be read.
 */
#ifndef WEIR_LOADER_PLUGIN_INFO_H
#define WEIR_LOADER_PLUGIN_INFO_H

#include "loader/registry.h"

/* Ids, duplicates, option tables, schema texts, states, flags by kind. The message starts with the component: "component
 * 'vat': option 'rate': ...". */
WEIR_CHECKED weir_status weir_plugin_info_check(const struct weir_plugin_info *, struct weir_error *);
/* Frees what it holds; zeroed and half filled are fine. */
void weir_plugin_info_finish(struct weir_plugin_info *);

#endif
