/* heap_bytes.c - the memory of the heap backend, counted; and the bytes of weir_str members.
 *
 * One thread. A weir_str member that the state owns points behind a struct text_head, which knows how many bytes there are
 * room for: freeing and growing do not depend on the member's length, which the component can write.
 */
#include "state/heap_internal.h"

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

/* ---- texts -------------------------------------------------------------------------------------------------------------
 */

struct text_head {
    size_t capacity, reserved; /* reserved: the bytes are aligned as malloc's are */
};

static struct text_head *head_of(const weir_str *member)
{
    return (struct text_head *)(void *)(uintptr_t)member->p - 1;
}

static char *make_text(struct heap *h, size_t capacity)
{
    struct text_head *head = capacity < SIZE_MAX - sizeof *head ? weir__heap_alloc(h, sizeof *head + capacity) : NULL;
    if (!head) return NULL;
    head->capacity = capacity;
    return (char *)(head + 1);
}

static void free_text(struct heap *h, weir_str *member)
{
    if (member->p) weir__heap_free(h, head_of(member), sizeof(struct text_head) + head_of(member)->capacity);
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
