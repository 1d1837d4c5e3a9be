/* heap_pages.c - full pages of tables: cut from chunks, in huge pages of the machine, and used again.
 *
 * The set's thread, but weir__heap_give_page for an image's ledger. Windows come and go, each with tables of its own: pages
 * that went back to the system would be cleared and mapped anew for each. So what a table had stays at hand, until entries
 * are removed one by one: then chunks that are all spare go back. Chunks double up to CHUNK_BYTES, so that little state
 * holds little memory. Under sanitizers a chunk is a page and goes back at once, so that they see what is used too long.
 *
 * Invariants: (1) the chunks of a state are sorted by address; (2) none before first_free has a spare page.
 */
#include "state/heap_internal.h"

#define CHUNK_BYTES ((size_t)4 << 20)

struct heap_page { /* a spare one */
    struct heap_page *next;
    struct heap_state *state; /* among those that a ledger was given */
};
struct heap_chunk {
    uint8_t *pages;
    struct heap_page *spares;
    uint32_t n, n_spare;
};

static size_t page_size(const struct heap_state *s)
{
    return (((size_t)s->entry_size << s->page_shift) + 63) / 64 * 64;
}

/* Where the chunk of a page is, or where it would be. */
static uint32_t place_of(const struct heap_state *s, const void *page)
{
    uint32_t low = 0, high = s->n_chunks;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct heap_chunk *c = &s->chunks[middle];
        if ((uintptr_t)c->pages + c->n * page_size(s) <= (uintptr_t)page)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void spare(struct heap *h, struct heap_state *s, struct heap_chunk *c, struct heap_page *page)
{
    page->next = c->spares;
    c->spares = page;
    c->n_spare++;
    h->spare_bytes += page_size(s);
}

static void free_chunk(struct heap *h, struct heap_state *s, struct heap_chunk *c)
{
    h->spare_bytes -= c->n_spare * page_size(s);
    weir_free(c->pages);
}

/* ---- taking ------------------------------------------------------------------------------------------------------ */

static size_t most_pages(size_t size)
{
#ifdef WEIR_SANITIZED
    return size > 0;
#else
    return CHUNK_BYTES / size;
#endif
}

static bool add_chunk(struct heap *h, struct heap_state *s)
{
    size_t size = page_size(s), n = most_pages(size);
    if (s->n_chunks < 8 && n > (size_t)1 << s->n_chunks) n = (size_t)1 << s->n_chunks;
    uint8_t *pages = weir_try_alloc_table(n * size);
    if (!pages) return false;
    WEIR_GROW(s->chunks, s->chunks_capacity, s->n_chunks + 1);
    uint32_t at = place_of(s, pages);
    memmove(&s->chunks[at + 1], &s->chunks[at], (s->n_chunks - at) * sizeof *s->chunks);
    s->n_chunks++;
    s->chunks[at] = (struct heap_chunk){.pages = pages, .n = (uint32_t)n};
    for (size_t i = n; i-- > 0;) spare(h, s, &s->chunks[at], (struct heap_page *)(void *)(pages + i * size));
    s->first_free = at; /* there was none before it, nor behind */
    return true;
}

void *weir__heap_take_page(struct heap *h, struct heap_state *s)
{
    while (s->first_free < s->n_chunks && s->chunks[s->first_free].n_spare == 0) s->first_free++;
    if (s->first_free == s->n_chunks && !add_chunk(h, s)) return NULL;
    struct heap_chunk *c = &s->chunks[s->first_free];
    struct heap_page *page = c->spares;
    c->spares = page->next;
    c->n_spare--;
    h->spare_bytes -= page_size(s);
    return page;
}

/* ---- giving ------------------------------------------------------------------------------------------------------ */

static void give(struct heap *h, struct heap_state *s, struct heap_page *page)
{
    uint32_t at = place_of(s, page);
    spare(h, s, &s->chunks[at], page);
    if (at < s->first_free) s->first_free = at;
#ifdef WEIR_SANITIZED
    weir__heap_free_spare_chunks(h, s);
#endif
}

void weir__heap_give_page(struct heap *h, struct heap_state *s, void *p)
{
    struct heap_page *page = p;
    if (h->states) {
        give(h, s, page);
    } else {
        page->state = s;
        page->next = h->given;
        h->given = page;
    }
}

void weir__heap_take_back(struct heap *h, struct heap_page *given)
{
    for (struct heap_page *next; given; given = next) {
        next = given->next;
        give(h, given->state, given);
    }
}

void weir__heap_free_spare_chunks(struct heap *h, struct heap_state *s)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->n_chunks; i++) {
        if (s->chunks[i].n_spare == s->chunks[i].n)
            free_chunk(h, s, &s->chunks[i]);
        else
            s->chunks[kept++] = s->chunks[i];
    }
    s->n_chunks = kept;
    s->first_free = 0;
}

void weir__heap_free_chunks(struct heap *h, struct heap_state *s)
{
    for (uint32_t i = 0; i < s->n_chunks; i++) free_chunk(h, s, &s->chunks[i]);
    weir_free(s->chunks);
}
