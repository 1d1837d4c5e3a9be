/* timer_records.c - records of timers in chunks, and thinning: see timers_internal.h. One thread, but for
 * weir__timer_chunk_release.
 *
 * A list begins with a small chunk, and each further one is twice as large up to a page or two, so that a bucket of three
 * timers is small and one of a million is a few thousand chunks. Lists come and go with the wheel, so chunks are kept for
 * the next one, as far as there are not many more of them than are used.
 */
#include "base/alloc.h"
#include "time/timers_internal.h"

#define LEAST_BYTES 256 /* a chunk with its head; each size is twice the one before */
#define HEAD        offsetof(struct weir__timer_chunk, bytes)
#define KEPT_BYTES  ((size_t)1 << 20)
#define FEW         4096 /* records that are thinned by one table */

/* ---- chunks ------------------------------------------------------------------------------------------------------ */

static uint32_t size_class(size_t bytes) /* WEIR__TIMER_SIZES: of none */
{
    uint32_t class = 0;
    while (class < WEIR__TIMER_SIZES && (size_t)LEAST_BYTES << class < bytes) class ++;
    return class;
}

static struct weir__timer_chunk *take_chunk(struct weir__timer_memory *m, size_t wanted, size_t least)
{
    uint32_t class = size_class(wanted);
    if (class == WEIR__TIMER_SIZES) class --;
    size_t bytes = (size_t)LEAST_BYTES << class;
    struct weir__timer_chunk *c = bytes >= least ? m->spare[class] : NULL;
    if (c) {
        m->spare[class] = c->next;
        m->spare_bytes -= bytes;
    } else {
        if (bytes < least) bytes = least; /* one of its own for a long key */
        if (bytes > UINT32_MAX || !(c = weir_try_realloc(NULL, bytes))) return NULL;
        c->capacity = (uint32_t)(bytes - HEAD);
    }
    c->used = 0;
    atomic_store_explicit(&c->users, 1, memory_order_relaxed);
    m->used_bytes += bytes;
    return c;
}

void weir__timer_chunk_release(struct weir__timer_chunk *c)
{
    if (atomic_fetch_sub_explicit(&c->users, 1, memory_order_acq_rel) == 1) weir_free(c);
}

static void free_chunk(struct weir__timer_memory *m, struct weir__timer_chunk *c)
{
    size_t bytes = HEAD + c->capacity;
    uint32_t class = size_class(bytes);
    m->used_bytes -= bytes;
    bool is_own = atomic_load_explicit(&c->users, memory_order_acquire) == 1;
    if (!is_own || class == WEIR__TIMER_SIZES || m->spare_bytes > KEPT_BYTES + m->used_bytes / 2) {
        weir__timer_chunk_release(c);
        return;
    }
    c->next = m->spare[class];
    m->spare[class] = c;
    m->spare_bytes += bytes;
}

void weir__timer_memory_finish(struct weir__timer_memory *m)
{
    for (uint32_t class = 0; class < WEIR__TIMER_SIZES; class ++) {
        for (struct weir__timer_chunk *c = m->spare[class], *next; c; c = next) {
            next = c->next;
            weir_free(c);
        }
        m->spare[class] = NULL;
    }
    m->spare_bytes = 0;
}

/* ---- lists ------------------------------------------------------------------------------------------------------- */

static struct weir__timer *add_room(struct weir__timer_memory *m, struct weir__timer_list *list, size_t size)
{
    struct weir__timer_chunk *last = list->last;
    if (!last || last->capacity - last->used < size) {
        struct weir__timer_chunk *c = take_chunk(m, last ? 2 * (HEAD + last->capacity) : 0, HEAD + size);
        if (!c) return NULL;
        c->next = last ? last->next : c;
        if (last) last->next = c;
        list->last = last = c;
    }
    struct weir__timer *t = (void *)(last->bytes + last->used);
    last->used += (uint32_t)size;
    list->n++;
    return t;
}

struct weir__timer *weir__timer_add(struct weir__timer_memory *m, struct weir__timer_list *list,
                                    const struct weir_key_ref *key, uint64_t ns, int64_t at, bool is_drop)
{
    size_t size = weir__timer_size(key->n);
    struct weir__timer *t = key->n <= INT32_MAX ? add_room(m, list, size) : NULL;
    if (!t) return NULL;
    t->at = at;
    t->ns = ns;
    t->hash = key->hash;
    t->group = key->group;
    t->is_drop = is_drop;
    t->n = key->n & INT32_MAX;
    if (key->n == 8) {
        memcpy(t->key, key->p, 8); /* a store and no call */
        return t;
    }
    memset((uint8_t *)t + size - 8, 0, 8);
    if (key->n > 0) memcpy(t->key, key->p, key->n);
    return t;
}

struct weir__timer *weir__timer_add_copy(struct weir__timer_memory *m, struct weir__timer_list *list,
                                         const struct weir__timer *from)
{
    size_t size = weir__timer_size(from->n);
    struct weir__timer *t = add_room(m, list, size);
    if (!t) return NULL;
    if (size == sizeof *t + 8)
        memcpy(t, from, sizeof *t + 8);
    else
        memcpy(t, from, size);
    return t;
}

void weir__timer_list_free(struct weir__timer_memory *m, struct weir__timer_list *list)
{
    struct weir__timer_chunk *c = list->last ? list->last->next : NULL, *last = list->last;
    while (c) {
        struct weir__timer_chunk *next = c == last ? NULL : c->next;
        free_chunk(m, c);
        c = next;
    }
    *list = (struct weir__timer_list){0};
}

bool weir__timer_list_shift(struct weir__timer_list *list, struct weir__timer_list *part)
{
    struct weir__timer_chunk *last = list->last, *first = last ? last->next : NULL;
    *part = (struct weir__timer_list){.last = first};
    if (!last) return false;
    last->next = first->next;
    if (first == last) *list = (struct weir__timer_list){0};
    first->next = first;
    return true;
}

void weir__timer_list_join(struct weir__timer_list *list, struct weir__timer_list *more)
{
    if (list->last && more->last) {
        struct weir__timer_chunk *first = list->last->next;
        list->last->next = more->last->next;
        more->last->next = first;
    }
    if (more->last) list->last = more->last;
    list->n += more->n;
    *more = (struct weir__timer_list){0};
}

/* ---- thinning ---------------------------------------------------------------------------------------------------- */

static uint64_t hash_of(const struct weir__timer *t)
{
    return weir__timer_hash(t->hash, t->ns, t->at);
}

static bool is_same(const struct weir__timer *a, const struct weir__timer *b)
{
    return a->at == b->at && a->ns == b->ns && a->n == b->n && memcmp(a->key, b->key, a->n) == 0;
}

/* The last record of each timer, in a table of twice as many places. */
static bool thin_few(struct weir__timer_memory *m, struct weir__timer_list *list)
{
    size_t n_slots = 16, mask;
    while (n_slots < list->n * 2) n_slots *= 2;
    mask = n_slots - 1;
    const struct weir__timer **slots = weir_try_alloc(n_slots * sizeof *slots);
    struct weir__timer_list kept = {0};
    bool ok = slots != NULL;
    struct weir__timer_walk walk = weir__timer_walk(list);
    for (const struct weir__timer *t; ok && (t = weir__timer_next(&walk));) {
        size_t i = hash_of(t) & mask;
        while (slots[i] && !is_same(slots[i], t)) i = (i + 1) & mask;
        slots[i] = t;
    }
    for (size_t i = 0; ok && i < n_slots; i++) {
        if (slots[i] && !slots[i]->is_drop) ok = weir__timer_add_copy(m, &kept, slots[i]) != NULL;
    }
    weir_free(slots);
    weir__timer_list_free(m, ok ? list : &kept);
    if (ok) *list = kept;
    return ok;
}

/* Those of one timer come into the same part, so that no table is larger than the cache. */
static bool thin_many(struct weir__timer_memory *m, struct weir__timer_list *list)
{
    enum { PARTS = 64 };
    struct weir__timer_list parts[PARTS] = {{0}}, kept = {0};
    bool ok = true;
    struct weir__timer_walk walk = weir__timer_walk(list);
    for (const struct weir__timer *t; ok && (t = weir__timer_next(&walk));)
        ok = weir__timer_add_copy(m, &parts[hash_of(t) >> 58], t) != NULL;
    for (uint32_t i = 0; i < PARTS; i++) {
        ok = ok && thin_few(m, &parts[i]);
        weir__timer_list_join(&kept, &parts[i]);
    }
    weir__timer_list_free(m, ok ? list : &kept);
    if (ok) *list = kept;
    return ok;
}

bool weir__timer_thin(struct weir__timer_memory *m, struct weir__timer_list *list)
{
    return list->n <= FEW ? thin_few(m, list) : thin_many(m, list);
}
