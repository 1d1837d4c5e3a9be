/* dump_internal.h - between choosing the lines of a dump and writing them. */
#ifndef WEIR_CHECKPOINT_DUMP_INTERNAL_H
#define WEIR_CHECKPOINT_DUMP_INTERNAL_H

#include <msgpack.h>

#include "base/text.h"
#include "checkpoint/saved_index.h"
#include "checkpoint/saved_states.h"

/* What a line is of. Their order is that of a dump. */
enum weir__dump_class { WEIR__DUMP_STATE = 1, WEIR__DUMP_EVENT_TIMER, WEIR__DUMP_PROCESSING_TIMER, WEIR__DUMP_LIST };

/* Lines that look alike: those of one state, clock or list of a node. */
struct weir__dump_state {
    const char *node, *name;
    enum weir__dump_class class;
    const struct weir_saved_fields *key;       /* NULL: belongs to no key */
    const struct weir_saved_state_info *state; /* WEIR__DUMP_STATE; _LIST: NULL: items of the operator's own */
    enum weir_deal deal;                       /* WEIR__DUMP_LIST */
};

/* The line that says what those of this state look like. */
void weir__dump_header(struct weir_text *, const struct weir__dump_state *, bool csv);
/* One entry, an array of five, or one item. False: it is not what its header says. */
WEIR_CHECKED bool weir__dump_line(struct weir_text *, const struct weir__dump_state *, const msgpack_object *, bool csv);

/* Appends bytes that sort as the values do: numbers by size, texts and bytes by their bytes. False: no memory. */
WEIR_CHECKED bool weir__order_value(struct weir_key_bytes *, const msgpack_object *);
WEIR_CHECKED bool weir__order_number(struct weir_key_bytes *, uint64_t); /* eight bytes */
WEIR_CHECKED bool weir__order_text(struct weir_key_bytes *, const void *bytes, size_t n);

#endif
