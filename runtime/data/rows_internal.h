/* data/rows_internal.h - what rows.c and its neighbours share. */
#ifndef WEIR_DATA_ROWS_INTERNAL_H
#define WEIR_DATA_ROWS_INTERNAL_H

#include "data/rows.h"

/* From the pool, or plain memory when there is none. NULL: no memory. */
static inline struct weir_buffer *weir__buffer_take(struct weir_pool *pool, size_t at_least)
{
    return pool ? weir_pool_take(pool, at_least) : weir_buffer_create(at_least);
}

/* Copies the header: time, keys, selection, split; keeps `from`. spare: buffers that may be owned. */
struct weir_rows *weir__rows_share(struct weir_pool *pool, struct weir_rows *from, uint32_t n_columns, uint32_t spare);

#endif
