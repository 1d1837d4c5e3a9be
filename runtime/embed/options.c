/* options.c - options as a caller of another version of weir.h built them, in the shape that this one knows.
 *
 * As Linux does it for structs with a size (clone3, openat2): what a caller's struct is too short for is zero, and what it
 * has beyond ours must be zero, since what it asks for would not be done. A size of 0 is a zeroed struct of the first
 * version. */
#include <stdio.h>
#include <string.h>

#include "embed/embed_internal.h"

weir_status weir__options_read(void *to, const struct weir__options_shape *shape, const void *from, struct weir_error *error)
{
    uint32_t size;
    memset(to, 0, shape->size);
    if (!from) return WEIR_OK;
    memcpy(&size, from, sizeof size); /* the first member */
    if (size == 0) size = shape->first_size;
    if (size < shape->first_size)
        return weir_error_set(error, WEIR_E_CONFIG,
                              "%s.struct_size is %u, but that struct never had less than %u bytes; set it to the struct's "
                              "sizeof",
                              shape->name, size, shape->first_size);
    memcpy(to, from, size < shape->size ? size : shape->size);
    for (uint32_t i = shape->size; i < size; i++) {
        if (((const unsigned char *)from)[i])
            return weir_error_set(
                error, WEIR_E_CONFIG,
                "%s.struct_size is %u, and something is set beyond the %u bytes that libweir %s knows; use "
                "a newer libweir, or leave that option alone",
                shape->name, size, shape->size, weir_version());
    }
    return WEIR_OK;
}
