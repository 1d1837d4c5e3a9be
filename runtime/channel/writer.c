/* writer.c - growing batches, parking, marks. Which row goes where is partition.c's.
 *
 * Producer's thread. Invariants: (1) a channel's elements reach its ring in the order put: while something is parked for it,
 * all that follows is parked behind it; (2) a mark is put only after the channel's growing batch; (3) n_parked and n_partial
 * are the sums over the channels, so that asking costs nothing.
 */
#include "channel/writer.h"

#include <string.h>

#include "base/alloc.h"
#include "channel/writer_internal.h"
#include "data/gather.h"
#include "data/unread.h"

static weir_status no_memory(const struct weir_writer *w, struct weir_error *error)
{
    return weir_error_set(error, WEIR_E_MEMORY, "%s: no memory for an output batch", w->o.where);
}

/* ---- elements ---------------------------------------------------------------------------------------------------- */

static bool push(struct weir_writer *w, uint32_t channel, struct weir_element e)
{
    if (!weir_ring_push(w->channels[channel].ring, e)) return false;
    if (w->o.pushed) w->o.pushed(w->o.pushed_arg, channel);
    return true;
}

static bool park(struct weir_writer *w, struct weir__writer_channel *c, struct weir_element e)
{
    if (c->first_parked > 0 && c->first_parked + c->n_parked == c->parked_capacity) {
        memmove(c->parked, c->parked + c->first_parked, c->n_parked * sizeof *c->parked);
        c->first_parked = 0;
    }
    if (c->n_parked == c->parked_capacity) {
        uint32_t capacity = c->parked_capacity ? c->parked_capacity * 2 : 4;
        struct weir_element *parked = weir_try_realloc(c->parked, capacity * sizeof *parked);
        if (!parked) return false;
        c->parked = parked;
        c->parked_capacity = capacity;
    }
    c->parked[c->first_parked + c->n_parked++] = e;
    w->n_parked++;
    return true;
}

/* Takes the element's reference, also on failure. */
static weir_status send(struct weir_writer *w, uint32_t channel, struct weir_element e, struct weir_error *error)
{
    struct weir__writer_channel *c = &w->channels[channel];
    if (c->n_parked == 0 && push(w, channel, e)) return WEIR_OK;
    if (park(w, c, e)) return WEIR_OK;
    if (e.kind == WEIR_ELEMENT_ROWS) weir_rows_release(e.rows);
    return no_memory(w, error);
}

static weir_status send_rows(struct weir_writer *w, uint32_t channel, struct weir_rows *rows, struct weir_error *error)
{
    return send(w, channel, (struct weir_element){.kind = WEIR_ELEMENT_ROWS, .rows = rows}, error);
}

bool weir_writer_accepts(struct weir_writer *w)
{
    return w->n_parked == 0;
}

static void drain_channel(struct weir_writer *w, uint32_t channel)
{
    struct weir__writer_channel *c = &w->channels[channel];
    while (c->n_parked > 0 && push(w, channel, c->parked[c->first_parked])) {
        c->first_parked = --c->n_parked > 0 ? c->first_parked + 1 : 0;
        w->n_parked--;
    }
}

bool weir_writer_drain(struct weir_writer *w)
{
    for (uint32_t i = 0; i < w->n && w->n_parked > 0; i++) drain_channel(w, i);
    return w->n_parked == 0;
}

/* ---- growing batches --------------------------------------------------------------------------------------------- */

static void leave_out(const struct weir_writer *w, struct weir_rows *rows)
{
    for (uint32_t i = 0; i < rows->view.n_columns; i++) {
        if (w->o.unread[i]) rows->columns[i] = weir_column_unread((weir_type)weir_schema_field_at(w->o.schema, i)->type);
    }
}

/* The growing batch goes on its way. */
static weir_status seal(struct weir_writer *w, uint32_t channel, struct weir_error *error)
{
    struct weir__writer_channel *c = &w->channels[channel];
    int32_t forgotten;
    if (c->growing.out.length == 0) return WEIR_OK;
    struct weir_rows *rows = weir_builder_take(&c->growing, 0, NULL, &forgotten);
    if (!rows) return no_memory(w, error);
    w->n_partial--;
    if (w->o.unread) leave_out(w, rows);
    if (c->keys) rows->keys = (struct weir_row_keys){.hash = c->hash, .key_group = c->key_group, .buffer = c->keys};
    c->keys = NULL;
    return send_rows(w, channel, rows, error);
}

static bool begin_keys(struct weir_writer *w, struct weir__writer_channel *c)
{
    size_t capacity = (size_t)c->growing.out.capacity;
    c->keys = weir_pool_take(w->o.pool, capacity * (sizeof *c->hash + sizeof *c->key_group));
    if (!c->keys) return false;
    c->hash = (uint64_t *)(void *)c->keys->bytes;
    c->key_group = (uint16_t *)(void *)(c->hash + capacity);
    return true;
}

/* Appends what fits; returns how many rows, < 0: no memory. */
static int64_t append_some(struct weir_writer *w, struct weir__writer_channel *c, const struct weir_rows *rows,
                           const uint32_t *picks, int64_t n)
{
    int64_t at = c->growing.out.length;
    if (w->o.partition == WEIR_PARTITION_KEY && !c->keys && !begin_keys(w, c)) return -1;
    int64_t taken = weir_builder_append(&c->growing, &rows->view, picks, n);
    if (c->keys && taken > 0) {
        weir_gather_8(c->hash + at, rows->keys.hash, picks, taken);
        weir_gather_2(c->key_group + at, rows->keys.key_group, picks, taken);
    }
    if (at == 0 && taken > 0) w->n_partial++;
    return taken;
}

static weir_status append(struct weir_writer *w, uint32_t channel, const struct weir_rows *rows, const uint32_t *picks,
                          int64_t n, struct weir_error *error)
{
    struct weir__writer_channel *c = &w->channels[channel];
    while (n > 0) {
        int64_t taken = append_some(w, c, rows, picks, n);
        /* Offsets are 32 bits wide: with long strings a batch is full before its rows are. */
        if (taken < 0 && c->growing.out.length == 0) return no_memory(w, error);
        if (taken < 0) taken = 0;
        if (taken == 0 || c->growing.out.length == c->growing.out.capacity) {
            weir_status s = seal(w, channel, error);
            if (s != WEIR_OK) return s;
        }
        picks += taken;
        n -= taken;
    }
    return WEIR_OK;
}

weir_status weir_writer_flush(struct weir_writer *w, bool idle_only, struct weir_error *error)
{
    for (uint32_t i = 0; i < w->n && w->n_partial > 0; i++) {
        const struct weir__writer_channel *c = &w->channels[i];
        if (idle_only && (c->n_parked > 0 || weir_ring_length(c->ring) > 0)) continue;
        weir_status s = seal(w, i, error);
        if (s != WEIR_OK) return s;
    }
    return WEIR_OK;
}

bool weir_writer_has_partial(const struct weir_writer *w)
{
    return w->n_partial > 0;
}

/* ---- putting ----------------------------------------------------------------------------------------------------- */

static weir_status put_dealt(struct weir_writer *w, struct weir_rows *rows, struct weir_error *error)
{
    weir_status s = weir__partition_deal(w, rows, error);
    for (uint32_t i = 0, begin = 0; i < w->n && s == WEIR_OK; begin = w->ends[i++]) {
        s = append(w, i, rows, w->picks + begin, w->ends[i] - begin, error);
    }
    return s;
}

/* To the one channel, or to all of them. A custom partitioner is asked even so: its answers must be right. */
static weir_status put_whole(struct weir_writer *w, struct weir_rows *rows, struct weir_error *error)
{
    weir_status s = w->o.partition == WEIR_PARTITION_CUSTOM ? weir__partition_deal(w, rows, error) : WEIR_OK;
    uint32_t n = w->o.partition == WEIR_PARTITION_BROADCAST ? w->n : 1;
    for (uint32_t i = 0; i < n && s == WEIR_OK; i++) s = send_rows(w, i, weir_rows_retain(rows), error);
    return s;
}

weir_status weir_writer_put_rows(struct weir_writer *w, struct weir_rows *borrowed, struct weir_error *error)
{
    struct weir_rows *rows = weir_rows_compact(w->o.pool, borrowed), *keyed = NULL;
    if (!rows) return no_memory(w, error);
    weir_status s = WEIR_OK;
    if (rows->view.length > 0 && w->o.partition == WEIR_PARTITION_KEY) {
        s = weir__partition_keyed(w, rows, &keyed, error);
        weir_rows_release(rows);
        rows = keyed;
    }
    if (s == WEIR_OK && rows->view.length > 0) s = w->deals ? put_dealt(w, rows, error) : put_whole(w, rows, error);
    weir_rows_release(rows);
    return s;
}

weir_status weir_writer_put_mark(struct weir_writer *w, enum weir_element_kind kind, int64_t value, struct weir_error *error)
{
    weir_status s = weir_writer_flush(w, false, error);
    for (uint32_t i = 0; i < w->n && s == WEIR_OK; i++) {
        s = send(w, i, (struct weir_element){.kind = kind, .port = WEIR_ALL_PORTS, .value = value}, error);
    }
    return s;
}

/* ---- lifecycle --------------------------------------------------------------------------------------------------- */

static bool deals(const struct weir_writer_options *o)
{
    if (o->n_rings == 1) return false;
    return o->partition != WEIR_PARTITION_FORWARD && o->partition != WEIR_PARTITION_STRAIGHT &&
           o->partition != WEIR_PARTITION_GLOBAL && o->partition != WEIR_PARTITION_BROADCAST;
}

static void *copy_of(const void *from, size_t n, size_t size)
{
    void *to = weir_alloc_array(n ? n : 1, size);
    if (n) memcpy(to, from, n * size);
    return to;
}

/* The fields that travel are those that growing batches have columns for. */
static weir_status make_growing(struct weir_writer *w, struct weir_error *error)
{
    const struct weir_writer_options *o = &w->o;
    uint32_t n_fields = weir_schema_count(o->schema), n = 0;
    uint32_t *read = weir_alloc_array(n_fields ? n_fields : 1, sizeof *read);
    for (uint32_t i = 0; i < n_fields; i++) {
        if (!o->unread || !o->unread[i]) read[n++] = i;
    }
    weir_status s = WEIR_OK;
    for (uint32_t i = 0; i < w->n && s == WEIR_OK; i++)
        s = weir_builder_init(&w->channels[i].growing, o->pool, o->schema, read, n, o->batch_rows, true, false, error);
    weir_free(read);
    return s;
}

weir_status weir_writer_create(const struct weir_writer_options *o, struct weir_writer **writer, struct weir_error *error)
{
    WEIR_ASSERT(o->n_rings > 0 && o->batch_rows > 0 && o->n_rings <= UINT16_MAX + 1u);
    struct weir_writer *w = weir_alloc(sizeof *w);
    *w = (struct weir_writer){.o = *o, .n = o->n_rings, .deals = deals(o)};
    w->channels = weir_alloc_array(w->n, sizeof *w->channels);
    w->o.rings = NULL; /* the channels have them */
    w->o.key_fields = copy_of(o->key_fields, o->n_key_fields, sizeof *o->key_fields);
    bool leaves_out = o->unread && w->deals && o->batch_rows <= WEIR_UNREAD_ROWS;
    w->o.unread = leaves_out ? copy_of(o->unread, weir_schema_count(o->schema), sizeof *o->unread) : NULL;
    for (uint32_t i = 0; i < w->n; i++) w->channels[i].ring = o->rings[i];
    weir__partition_init(w);
    weir_status s = w->deals ? make_growing(w, error) : WEIR_OK;
    if (s != WEIR_OK) {
        weir_writer_destroy(w);
        w = NULL;
    }
    *writer = w;
    return s;
}

weir_status weir_writer_open(struct weir_writer *w, struct weir_error *error)
{
    return w->o.custom_open ? w->o.custom_open(w->o.custom_arg, error) : WEIR_OK;
}

void weir_writer_close(struct weir_writer *w)
{
    if (w->o.custom_close) w->o.custom_close(w->o.custom_arg);
}

static void finish_channel(struct weir__writer_channel *c)
{
    for (uint32_t i = c->first_parked; c->n_parked > 0; i++, c->n_parked--) {
        if (c->parked[i].kind == WEIR_ELEMENT_ROWS) weir_rows_release(c->parked[i].rows);
    }
    weir_free(c->parked);
    weir_buffer_release(c->keys);
    weir_builder_finish(&c->growing);
}

void weir_writer_destroy(struct weir_writer *w)
{
    if (!w) return;
    for (uint32_t i = 0; i < w->n; i++) finish_channel(&w->channels[i]);
    weir__partition_finish(w);
    weir_free((uint32_t *)(uintptr_t)w->o.key_fields);
    weir_free((bool *)(uintptr_t)w->o.unread);
    weir_free(w->channels);
    weir_free(w);
}
