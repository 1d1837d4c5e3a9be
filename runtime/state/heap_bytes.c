/* heap_bytes.c - the memory of the heap backend, counted; and the bytes of weir_str members.
 *
 * One thread. A weir_str member that the state owns points behind a struct text_head, which knows how many bytes there are
 * room for: freeing and growing do not depend on the member's length, which the component can write.
 *
 * Entries with short texts come and go with their keys, so the blocks of those that are gone are kept for the next ones, by
 * size, up to a quarter of all; they count as nobody's memory. Under sanitizers they go at once, so that they see what is
 * used too long.
 */
#include "state/heap_internal.h"

#define KEPT_BYTES ((size_t)1 << 18) /* of spare blocks, besides a quarter of what is used */
#define MOST_FREED 8                 /* blocks at a time: more than come, as a set may shrink by a large table at once */
#define STEP       16                /* bytes; blocks have a multiple of it */

void *weir__heap_alloc(struct heap *h, size_t size)
{
    void *p = weir_try_alloc(size);
    if (p) h->bytes += size;
    return p;
}

void *weir__heap_resize(struct heap *h, void *p, size_t old_size, size_t size)
{
    void *grown = weir_try_realloc(p, size);
    if (grown) h->bytes += size - old_size;
    return grown;
}

void weir__heap_free(struct heap *h, void *p, size_t size)
{
    if (!p) return;
    h->bytes -= size;
    weir_free(p);
}

/* ---- blocks of texts --------------------------------------------------------------------------------------------- */

struct heap_block { /* a spare one */
    struct heap_block *next;
};

/* Not zeroed. */
static void *take_block(struct heap *h, size_t size)
{
    size_t steps = (size - 1) / STEP, bytes = (steps + 1) * STEP;
    bool is_small = steps < WEIR__HEAP_BLOCK_SIZES;
    struct heap_block *block = is_small ? h->spare_blocks[steps] : NULL;
    if (block) {
        h->spare_blocks[steps] = block->next;
        h->spare_block_bytes -= bytes;
        __builtin_prefetch(block->next, 1); /* it was given back a while ago */
    } else {
        block = weir_try_realloc(NULL, is_small ? bytes : size);
    }
    if (block) h->bytes += size;
    return block;
}

static bool has_too_many(const struct heap *h)
{
#ifdef WEIR_SANITIZED
    return h->spare_block_bytes > 0;
#else
    return h->spare_block_bytes > KEPT_BYTES + h->bytes / 4;
#endif
}

/* The reader of an image gives back what its tables held, on a thread of its own, with a heap that does nothing but count:
 * it keeps no blocks; neither does a set that is to keep to a number of bytes. */
static void give_block(struct heap *h, void *p, size_t size)
{
    size_t steps = (size - 1) / STEP, bytes = (steps + 1) * STEP;
    h->bytes -= size;
    if (!h->states || h->has_no_index || steps >= WEIR__HEAP_BLOCK_SIZES) {
        weir_free(p);
        return;
    }
    struct heap_block *block = p, **list = &h->spare_blocks[steps];
    block->next = *list;
    *list = block;
    h->spare_block_bytes += bytes;
    for (int i = 0; i < MOST_FREED && *list && has_too_many(h); i++) {
        block = *list;
        *list = block->next;
        h->spare_block_bytes -= bytes;
        weir_free(block);
    }
}

void weir__heap_free_spare_blocks(struct heap *h)
{
    for (uint32_t i = 0; i < WEIR__HEAP_BLOCK_SIZES; i++) {
        for (struct heap_block *block = h->spare_blocks[i], *next; block; block = next) {
            next = block->next;
            weir_free(block);
        }
        h->spare_blocks[i] = NULL;
    }
    h->spare_block_bytes = 0;
}

/* ---- texts ------------------------------------------------------------------------------------------------------- */

struct text_head {
    size_t capacity, reserved; /* reserved: the bytes are aligned as malloc's are */
};

static struct text_head *head_of(const weir_str *member)
{
    return (struct text_head *)(void *)(uintptr_t)member->p - 1;
}

static char *make_text(struct heap *h, size_t capacity)
{
    struct text_head *head = capacity < SIZE_MAX - sizeof *head ? take_block(h, sizeof *head + capacity) : NULL;
    if (!head) return NULL;
    *head = (struct text_head){.capacity = capacity};
    return (char *)(head + 1);
}

static void free_text(struct heap *h, weir_str *member)
{
    if (member->p) give_block(h, head_of(member), sizeof(struct text_head) + head_of(member)->capacity);
    *member = (weir_str){0};
}

static weir_str *text_at(void *value, uint32_t offset)
{
    return (weir_str *)(void *)((char *)value + offset);
}

bool weir__heap_own_texts(struct heap *h, const struct heap_texts *texts, void *value)
{
    for (uint32_t i = 0; i < texts->n; i++) {
        weir_str *member = text_at(value, texts->offsets[i]);
        weir_str borrowed = *member;
        *member = (weir_str){0};
        if (borrowed.n > 0) member->p = make_text(h, borrowed.n);
        if (borrowed.n > 0 && !member->p) {
            for (uint32_t rest = i + 1; rest < texts->n; rest++) *text_at(value, texts->offsets[rest]) = (weir_str){0};
            weir__heap_free_texts(h, texts, value);
            return false;
        }
        if (borrowed.n > 0) memcpy((char *)(uintptr_t)member->p, borrowed.p, borrowed.n);
        member->n = borrowed.n;
    }
    return true;
}

void weir__heap_free_texts(struct heap *h, const struct heap_texts *texts, void *value)
{
    for (uint32_t i = 0; i < texts->n; i++) free_text(h, text_at(value, texts->offsets[i]));
}

weir_status weir__heap_assign(struct weir_state_set *set, uint32_t state, weir_str *member, weir_str bytes)
{
    (void)state;
    struct heap *h = weir__heap_of(set);
    if (bytes.n == 0) {
        free_text(h, member);
        return WEIR_OK;
    }
    size_t capacity = member->p ? head_of(member)->capacity : 0;
    if (capacity >= bytes.n && capacity / 2 <= bytes.n) {
        memmove((char *)(uintptr_t)member->p, bytes.p, bytes.n);
        member->n = bytes.n;
        return WEIR_OK;
    }
    char *copy = make_text(h, bytes.n);
    if (!copy) return WEIR_E_MEMORY;
    memcpy(copy, bytes.p, bytes.n); /* before the old ones go: bytes may be part of them */
    free_text(h, member);
    *member = (weir_str){copy, bytes.n};
    return WEIR_OK;
}

/* Grows by half, so that a member that grows byte by byte is not copied each time. A size of 0 gives a place too: NULL means
 * no memory. */
void *weir__heap_resize_bytes(struct weir_state_set *set, uint32_t state, weir_str *member, size_t size)
{
    (void)state;
    struct heap *h = weir__heap_of(set);
    size_t capacity = member->p ? head_of(member)->capacity : 0, kept = member->n < capacity ? member->n : capacity;
    if (!member->p || size > capacity) {
        size_t wanted = capacity + capacity / 2;
        char *grown = make_text(h, size > wanted ? size : wanted);
        if (!grown) return NULL;
        if (kept > 0) memcpy(grown, member->p, kept);
        free_text(h, member);
        member->p = grown;
    }
    char *bytes = (char *)(uintptr_t)member->p;
    if (size > kept) memset(bytes + kept, 0, size - kept);
    member->n = size;
    return bytes;
}
