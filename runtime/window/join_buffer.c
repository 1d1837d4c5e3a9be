/* join_buffer.c - the rows of one key and input that wait for rows of the other input. Subtask's thread.
 *
 * An index sorted by time over packed rows that lie as they came. Rows come nearly in order and go from the front, so adding
 * is mostly an append and dropping moves a number; what is dead is squeezed out when it is more than half.
 */
#include <string.h>

#include "base/alloc.h"
#include "window/join_internal.h"

#define MEMBER(m, t)                                                              \
    {                                                                             \
        .name = #m, .type = (t), .offset = offsetof(struct weir__join_buffer, m), \
        .size = sizeof(((struct weir__join_buffer *)0)->m)                        \
    }

weir_status weir__join_buffer_layout(struct weir_state_layout *layout, const char *name, struct weir_error *error)
{
    static const weir_field fields[] = {MEMBER(first, WEIR_I64), MEMBER(n, WEIR_I64),     MEMBER(used, WEIR_I64),
                                        MEMBER(dead, WEIR_I64),  MEMBER(timer, WEIR_I64), MEMBER(index, WEIR_BYTES),
                                        MEMBER(rows, WEIR_BYTES)};
    const weir_state state = {.name = name,
                              .kind = WEIR_VALUE,
                              .version = 1,
                              .size = sizeof(struct weir__join_buffer),
                              .fields = fields,
                              .n_fields = WEIR_LEN(fields),
                              .field_stride = sizeof(weir_field)};
    return weir_state_layout_init(layout, &state, error);
}

static struct weir__waiting_row *rows_of(const struct weir__join_buffer *b)
{
    return (struct weir__waiting_row *)(void *)(uintptr_t)b->index.p;
}

/* Live rows to the front, when that frees half of the index; else a larger one. */
static weir_status make_index_room(struct weir__join_buffer *b, struct weir_state_set *set, uint32_t state)
{
    size_t capacity = b->index.n / sizeof(struct weir__waiting_row);
    if ((size_t)(b->first + b->n) < capacity) return WEIR_OK;
    if (b->first > b->n) {
        memmove(rows_of(b), rows_of(b) + b->first, (size_t)b->n * sizeof(struct weir__waiting_row));
        b->first = 0;
        return WEIR_OK;
    }
    size_t bytes = (capacity ? 2 * capacity : 2) * sizeof(struct weir__waiting_row);
    return set->ops->resize_bytes(set, state, &b->index, bytes) ? WEIR_OK : WEIR_E_MEMORY;
}

/* Live rows together at the front of `rows`, in order of the index. */
static weir_status squeeze(struct weir__join_buffer *b)
{
    size_t live = (size_t)(b->used - b->dead), at = 0;
    char *to = (char *)(uintptr_t)b->rows.p, *copy = weir_try_alloc(live + 1);
    if (!copy) return WEIR_E_MEMORY;
    for (int64_t i = b->first; i < b->first + b->n; i++) {
        struct weir__waiting_row *row = rows_of(b) + i;
        memcpy(copy + at, b->rows.p + row->at, row->n);
        row->at = at;
        at += row->n;
    }
    WEIR_ASSERT(at == live);
    if (live) memcpy(to, copy, live);
    weir_free(copy);
    b->used = (int64_t)live;
    b->dead = 0;
    return WEIR_OK;
}

static weir_status make_row_room(struct weir__join_buffer *b, struct weir_state_set *set, uint32_t state, size_t more)
{
    if (b->rows.n - (size_t)b->used >= more) return WEIR_OK;
    if (b->dead > b->used / 2 && squeeze(b) != WEIR_OK) return WEIR_E_MEMORY;
    size_t wanted = (size_t)b->used + more;
    if (b->rows.n >= wanted) return WEIR_OK;
    if (b->used > 0 && wanted < 2 * b->rows.n) wanted = 2 * b->rows.n;
    return set->ops->resize_bytes(set, state, &b->rows, wanted) ? WEIR_OK : WEIR_E_MEMORY;
}

int64_t weir__join_buffer_find(const struct weir__join_buffer *b, int64_t time)
{
    int64_t from = b->first, to = b->first + b->n;
    while (from < to) {
        int64_t middle = from + (to - from) / 2;
        if (weir__join_buffer_row(b, middle)->time < time)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

weir_status weir__join_buffer_add(struct weir__join_buffer *b, struct weir_state_set *set, uint32_t state, int64_t time,
                                  weir_str row)
{
    if (make_index_room(b, set, state) != WEIR_OK || make_row_room(b, set, state, row.n) != WEIR_OK) return WEIR_E_MEMORY;
    int64_t end = b->first + b->n, at = end;
    if (b->n > 0 && rows_of(b)[end - 1].time > time) at = weir__join_buffer_find(b, time + 1); /* behind those of its time */
    struct weir__waiting_row *place = rows_of(b) + at;
    memmove(place + 1, place, (size_t)(end - at) * sizeof *place);
    *place = (struct weir__waiting_row){time, (uint64_t)b->used, row.n};
    memcpy((char *)(uintptr_t)b->rows.p + b->used, row.p, row.n);
    b->used += (int64_t)row.n;
    b->n++;
    return WEIR_OK;
}

void weir__join_buffer_drop(struct weir__join_buffer *b, int64_t until)
{
    for (int64_t i = b->first; i < until; i++) b->dead += (int64_t)rows_of(b)[i].n;
    b->n -= until - b->first;
    b->first = until;
}
