/* loader/plugin_internal.h - shared by the plugin files of this folder: the words that manifests use for the ABI's numbers,
 * and names. */
#ifndef WEIR_LOADER_PLUGIN_INTERNAL_H
#define WEIR_LOADER_PLUGIN_INTERNAL_H

#include "base/text.h"
#include "loader/registry.h"

struct weir__word { /* tables end with a NULL name */
    uint32_t value;
    const char *name;
};
extern const struct weir__word weir__kinds[], weir__option_types[], weir__state_kinds[];
extern const struct weir__word weir__component_flags[], weir__option_flags[], weir__state_flags[];

const char *weir__word_name(const struct weir__word *, uint32_t value); /* NULL: no such value */
bool weir__word_value(const struct weir__word *, const char *name, uint32_t *value);
uint32_t weir__word_bits(const struct weir__word *);                                      /* all flags of a table */
void weir__add_words(struct weir_text *, const struct weir__word *, const char *between); /* "source, operator, ..." */

bool weir__is_name(const char *);      /* [a-z_][a-z0-9_]*: components, options, states, members; NULL is none */
bool weir__is_plugin_id(const char *); /* [a-z0-9._-]+ */
bool weir__is_line(const char *);      /* UTF-8 of at most 1,000 bytes without control characters: NULL is none */
void weir__make_printable(char *text); /* '?' for control characters: text from a file that nobody has checked yet */

/* How the host stores an option of this type in the instance. */
struct weir__storage {
    uint32_t size, alignment;
    const char *c_type;
};
const struct weir__storage *weir__option_storage(weir_option_type type); /* NULL: no such type */
bool weir__option_has_range(weir_option_type type);
WEIR_CHECKED weir_status weir__option_table_check(const struct weir_component_info *, struct weir_error *);
/* A refusal: WEIR_E_PLUGIN with that message. */
weir_status weir__refuse(struct weir_error *, const char *format, ...) WEIR_PRINTF(2, 3);

#define WEIR__MAX_INSTANCE   (16u << 20)
#define WEIR__MAX_OPTIONS    1000u
#define WEIR__MAX_STATES     250u
#define WEIR__MAX_FIELDS     1000u
#define WEIR__MAX_COMPONENTS 10000u

#endif
