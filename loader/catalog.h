/* loader/catalog.h - what there is to name in a job: the components of a registry, as text for people or JSON. */
#ifndef WEIR_LOADER_CATALOG_H
#define WEIR_LOADER_CATALOG_H

#include "base/text.h"
#include "loader/registry.h"

/* kind NULL: all of them; else a name that weir_kind_name gives. Refused plugin files are listed too, with the reason. */
WEIR_CHECKED weir_status weir_catalog_print(const struct weir_registry *, const char *kind, bool json, struct weir_text *,
                                            struct weir_error *);
/* The reference of the built-in components, with their options, inputs and outputs, as Markdown. */
void weir_catalog_print_reference(const struct weir_registry *, struct weir_text *);

#endif
