/* Sinks and encoders under a mock host, and their checkpoints: see mock_host.h. */
#include <CUnit/CUnit.h>
#include <string.h>

#include "harness/mock_host.h"

weir_status mock_write(struct mock_host *h, const char *text)
{
    const weir_sink *sink = mock_vtable(h);
    weir_status s = mock_open(h);
    if (s != WEIR_OK) return s;
    struct weir_rows *rows = mock_batch(h, text);
    int64_t row = 0;
    do s = sink->write(mock_self(h), &h->cx, &rows->view, &row);
    while (s == WEIR_MORE);
    if (s == WEIR_OK) CU_ASSERT_EQUAL(row, rows->view.length);
    weir_rows_release(rows);
    mock_settle(h);
    return s;
}

weir_status mock_flush(struct mock_host *h)
{
    const weir_sink *sink = mock_vtable(h);
    weir_status s = sink->flush ? sink->flush(mock_self(h), &h->cx) : WEIR_OK;
    mock_settle(h);
    return s;
}

weir_status mock_finish(struct mock_host *h)
{
    const weir_sink *sink = mock_vtable(h);
    weir_status s;
    do s = sink->finish ? sink->finish(mock_self(h), &h->cx) : WEIR_OK;
    while (s == WEIR_MORE);
    mock_settle(h);
    return s;
}

const char *mock_encode(struct mock_host *h, const char *text)
{
    const weir_encoder *encoder = mock_vtable(h);
    weir_blob blob = {0};
    if (mock_open(h) != WEIR_OK) return NULL;
    struct weir_rows *rows = mock_batch(h, text);
    weir_status s = encoder->begin(mock_self(h), &h->cx, &blob);
    if (s == WEIR_OK) s = encoder->encode(mock_self(h), &h->cx, &rows->view, 0, rows->view.length, &blob);
    if (s == WEIR_OK && encoder->end) s = encoder->end(mock_self(h), &h->cx, &blob);
    weir_rows_release(rows);
    mock_settle(h);
    weir_text_finish(&h->encoded);
    weir_text_add_bytes(&h->encoded, blob.data, blob.length);
    h->cx.host->release(&h->cx, blob.data);
    return s == WEIR_OK ? weir_text_get(&h->encoded) : NULL;
}

/* ---- checkpoints ------------------------------------------------------------------------------------------------- */

static weir_status add_transaction(void *to, const void *bytes, size_t n)
{
    struct mock_saved *saved = to;
    CU_ASSERT_FATAL(saved->n < MOCK_MOST_SAVED && n < sizeof saved->items[0]);
    memcpy(saved->items[saved->n], bytes, n);
    saved->items[saved->n][n] = 0;
    saved->subtasks[saved->n++] = saved->subtask;
    return WEIR_OK;
}

weir_status mock_snapshot(struct mock_host *h, int64_t checkpoint, struct mock_saved *to)
{
    const weir_sink *sink = mock_vtable(h);
    weir_status s = mock_open(h);
    to->subtask = h->info.subtask;
    if (s == WEIR_OK) s = sink->snapshot(mock_self(h), &h->cx, checkpoint, add_transaction, to);
    mock_settle(h);
    return s;
}

weir_status mock_committed(struct mock_host *h, int64_t checkpoint)
{
    const weir_sink *sink = mock_vtable(h);
    weir_status s = sink->committed(mock_self(h), &h->cx, checkpoint);
    mock_settle(h);
    return s;
}

weir_status mock_restore(struct mock_host *h, int64_t checkpoint, const struct mock_saved *saved,
                         bool (*own)(uint32_t subtask, size_t item, uint32_t mine))
{
    const weir_sink *sink = mock_vtable(h);
    h->info.flags |= WEIR_JOB_RESTORED;
    weir_status s = mock_open(h);
    for (size_t i = 0; s == WEIR_OK && i < saved->n; i++) {
        bool mine = own ? own(saved->subtasks[i], i, h->info.subtask) : saved->subtasks[i] == h->info.subtask;
        weir_transaction t = {.struct_size = sizeof t,
                              .own = mine,
                              .subtask = saved->subtasks[i],
                              .checkpoint = checkpoint,
                              .bytes = saved->items[i],
                              .n = strlen(saved->items[i])};
        s = sink->restore(mock_self(h), &h->cx, &t);
        mock_settle(h);
    }
    return s;
}

weir_status mock_persist(struct mock_host *h, const struct mock_saved *saved)
{
    const weir_sink *sink = mock_vtable(h);
    weir_str texts[MOCK_MOST_SAVED];
    mock_start(h);
    for (size_t i = 0; i < saved->n; i++) texts[i] = (weir_str){saved->items[i], strlen(saved->items[i])};
    weir_status s = sink->persist(mock_self(h), &h->cx, texts, saved->n);
    mock_settle(h);
    return s;
}
