/* host_memory.c - memory, errors and log lines of the host table, and the scratch arena. [any] but for scratch and blobs. */
#include <string.h>

#include "base/alloc.h"
#include "base/plugin_host.h"
#include "operator/instance_internal.h"

#define SCRATCH_BLOCK ((size_t)64 * 1024)

struct weir_scratch_block {
    struct weir_scratch_block *next;
    size_t size;
    _Alignas(16) uint8_t bytes[];
};

void *weir__scratch_take(struct weir_scratch *s, size_t size)
{
    if (size > SIZE_MAX / 2) return NULL;
    size = (size + 15) & ~(size_t)15;
    if (!s->blocks || s->blocks->size - s->used < size) {
        size_t block_size = size > SCRATCH_BLOCK ? size : SCRATCH_BLOCK;
        struct weir_scratch_block *b = weir_try_alloc(sizeof *b + block_size);
        if (!b) return NULL;
        b->size = block_size;
        b->next = s->blocks;
        s->blocks = b;
        s->used = 0;
    }
    void *p = s->blocks->bytes + s->used;
    s->used += size;
    return p;
}

/* Keeps one block of the usual size, so that the common case allocates nothing. */
void weir__scratch_reset(struct weir_scratch *s)
{
    if (s->used == 0) return;
    while (s->blocks && (s->blocks->next || s->blocks->size > SCRATCH_BLOCK)) {
        struct weir_scratch_block *next = s->blocks->next;
        weir_free(s->blocks);
        s->blocks = next;
    }
    s->used = 0;
}

void weir__scratch_finish(struct weir_scratch *s)
{
    while (s->blocks) {
        struct weir_scratch_block *next = s->blocks->next;
        weir_free(s->blocks);
        s->blocks = next;
    }
}

static void *host_scratch(weir_ctx *cx, size_t size)
{
    return weir__scratch_take(&weir_instance_of(cx)->scratch, size);
}

static weir_status host_blob_reserve(weir_ctx *cx, weir_blob *b, size_t more)
{
    if (b->capacity - b->length >= more) return WEIR_OK;
    size_t capacity = b->capacity ? b->capacity : 4096;
    while (capacity - b->length < more) {
        if (capacity > SIZE_MAX / 2)
            return weir_op_fail(weir_instance_of(cx)->op, WEIR_E_MEMORY, "a blob of more than %zu bytes", capacity);
        capacity *= 2;
    }
    uint8_t *data = weir_try_realloc(b->data, capacity);
    if (!data) return weir_op_fail(weir_instance_of(cx)->op, WEIR_E_MEMORY, "no memory for %zu bytes of output", capacity);
    b->data = data;
    b->capacity = capacity;
    return WEIR_OK;
}

static weir_status host_fail(weir_ctx *cx, weir_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    weir_error_vset(&weir_instance_of(cx)->op->error, status, format, args);
    va_end(args);
    return status;
}

static void host_log(weir_ctx *cx, int level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    weir_plugin_log(weir_instance_of(cx)->op->where, level, format, args);
    va_end(args);
}

static const weir_info *host_info(weir_ctx *cx)
{
    return &weir_instance_of(cx)->info;
}
static const weir_schema_view *host_input_schema(weir_ctx *cx, uint32_t port)
{
    struct weir_instance *in = weir_instance_of(cx);
    return port < in->n_inputs ? weir_schema_view_of(in->inputs[port].schema) : NULL;
}
static const weir_schema_view *host_output_schema(weir_ctx *cx, uint32_t port)
{
    struct weir_instance *in = weir_instance_of(cx);
    return port < in->n_ports ? weir_schema_view_of(in->ports[port].written) : NULL;
}
static const void *host_extension(weir_ctx *cx, const char *id)
{
    if (strcmp(id, WEIR_ASYNC_ID) == 0) return weir_instance_of(cx)->async ? weir__host_async() : NULL;
    if (strcmp(id, WEIR_IO) == 0) return weir_plugin_io_table();
    return strcmp(id, WEIR_METRICS) == 0 ? weir__host_metrics(weir_instance_of(cx)->op->env) : NULL;
}

void weir__host_memory(weir_host *h)
{
    weir_plugin_host_memory(h);
    h->scratch = host_scratch;
    h->blob_reserve = host_blob_reserve;
    h->fail = host_fail;
    h->log = host_log;
    h->info = host_info;
    h->input_schema = host_input_schema;
    h->output_schema = host_output_schema;
    h->extension = host_extension;
}
