/* unread.c - see the header. */
#include "data/unread.h"

static const uint64_t zeros[WEIR_UNREAD_ROWS + 1]; /* offsets are one more than rows */

weir_column weir_column_unread(weir_type type)
{
    weir_column c = {.type = type, .data = zeros};
    if (weir_type_is_variable(type)) c.offsets = (const int32_t *)(const void *)zeros;
    return c;
}

bool weir_column_is_unread(const weir_column *c)
{
    return c->data == zeros;
}
