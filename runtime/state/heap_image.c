/* heap_image.c - images of a heap set (image.h has the protocol): made and kept up by the set's thread, read by another.
 *
 * Fields of an image say whose they are. What the set's thread frees while the reader may still need it goes through
 * `retired`, what the reader has done with goes back through `returned`; both are stacks that one pushes and the other
 * takes whole. Who is last to let go frees the image.
 */
#include "base/platform.h"
#include "state/heap_internal.h"
#include "state/image.h"
#include "state/pack.h"

#define COPIES_SHARE  8 /* of what the set holds */
#define BY_ENTRY      UINT32_MAX
#define LOOKS         200
#define WAIT_NS       20000
#define RUN_LENGTH    256  /* copies that are given back together */
#define COMPACT_AFTER 4096 /* ids given beyond twice those of the cut */

enum mark { LIVE = 0, HELD, KEPT, DONE };

struct piece { /* of a unit that was kept. Without a copy: what its entries are packed, which may be nothing */
    struct heap_copy *copy;
    struct weir_key_bytes packed;
};
struct image_table {
    const struct heap_state *s; /* of it only what never changes */
    uint32_t state, group;
    int64_t ns;
    uint32_t used;        /* ids */
    uint32_t end;         /* the place beyond them */
    uint32_t unit_shift;  /* log2 of a unit's places; BY_ENTRY: a unit is one entry, by id */
    size_t first_page;    /* in the image's pages */
    size_t first_unit;    /* in the image's marks */
    struct piece *pieces; /* by unit; made by the set's thread when it keeps the first, freed by the reader at the end */
    uint64_t n_packed;    /* entries in them that are packed; set's thread, and the reader's once all units are DONE */
    bool all_kept;        /* set's thread */
};
struct heap_image {
    struct weir_state_image image; /* first member */
    uint64_t number;
    const struct weir_schema *key;
    int64_t now_ms;             /* what has expired by then is left out */
    struct image_table *tables; /* by key group, state, namespace */
    size_t n_tables, n_units;
    uint8_t **pages;
    _Atomic uint8_t *marks;               /* enum mark, by unit */
    size_t next;                          /* reader: the first table that is not read */
    void *unit;                           /* reader: a copy of the unit at hand */
    struct heap ledger;                   /* reader: bytes that it freed, until the set's thread counts them */
    size_t most_copies;                   /* set's thread */
    struct heap_copy *run;                /* reader: copies that it has done with */
    uint32_t run_length;                  /* reader */
    _Atomic(struct heap_copy *) returned; /* from the reader: runs */
    _Atomic(struct heap_table *) retired; /* from the set's thread */
    _Atomic uint32_t is_done, n_holders;  /* is_done: the reader has left */
};

/* ---- units ------------------------------------------------------------------------------------------------------- */

static bool owns_memory(const struct heap_state *s)
{
    return s->texts.n > 0 || weir_layout_shape(s->layout) != WEIR_SHAPE_VALUE;
}

/* Of a state whose values are whole in their entries: log2 of the places of a unit. */
static uint32_t unit_shift(const struct heap_state *s)
{
    uint32_t shift = s->page_shift;
    while (shift > 0 && (size_t)s->entry_size << shift > WEIR__HEAP_COPY_BYTES) shift--;
    return shift;
}

static uint32_t unit_at(const struct image_table *t, uint32_t place)
{
    return t->unit_shift == BY_ENTRY ? weir__heap_id(t->s, place) : place >> t->unit_shift;
}

static size_t count_units(const struct image_table *t)
{
    return (size_t)unit_at(t, weir__heap_place(t->s, t->used - 1)) + 1;
}

static const uint8_t *at_place(const struct heap_image *image, const struct image_table *t, uint32_t place)
{
    const uint8_t *page = image->pages[t->first_page + (place >> t->s->page_shift)];
    return page + (size_t)(place & t->s->page_mask) * t->s->entry_size;
}

/* The entries of the cut in a unit of several places; the first pages are not full. */
static uint32_t count_in_unit(const struct image_table *t, uint32_t unit)
{
    uint32_t first = unit << t->unit_shift, page = first >> t->s->page_shift, in_page = first & t->s->page_mask;
    uint32_t first_id = weir__heap_id(t->s, page << t->s->page_shift);
    uint32_t end_id = weir__heap_id(t->s, (page + 1) << t->s->page_shift);
    uint32_t on_page = (end_id < t->used ? end_id : t->used) - first_id;
    if (on_page <= in_page) return 0;
    return on_page - in_page < 1u << t->unit_shift ? on_page - in_page : 1u << t->unit_shift;
}

static size_t bytes_in_unit(const struct image_table *t, uint32_t unit)
{
    return (size_t)count_in_unit(t, unit) * t->s->entry_size;
}

/* LIVE to HELD. Where the other thread holds it, waits until it does not: the wait is short, and rare. False: KEPT or
 * DONE. */
static bool hold(_Atomic uint8_t *mark)
{
    const struct weir_platform *p = weir_platform_os();
    struct weir_parker parker = {0};
    for (uint32_t looks = 0;; looks++) {
        uint8_t found = LIVE;
        if (atomic_compare_exchange_strong_explicit(mark, &found, HELD, memory_order_acquire, memory_order_acquire))
            return true;
        if (found != HELD) return false;
        if (looks >= LOOKS) p->park(p->self, &parker, p->monotonic_ns(p->self) + WAIT_NS);
    }
}

static void set_mark(_Atomic uint8_t *mark, enum mark to)
{
    atomic_store_explicit(mark, (uint8_t)to, memory_order_release);
}

/* ---- packing ----------------------------------------------------------------------------------------------------- */

static bool pack_list(struct weir_key_bytes *to, const struct weir_state_layout *l, const struct heap_list *list,
                      uint64_t living, int64_t now_ms)
{
    bool ok = weir__pack_array(to, living);
    for (size_t i = 0; ok && i < list->n; i++) {
        const void *item = list->items + i * l->size;
        if (weir_layout_lives(l, item, now_ms)) ok = weir__pack_struct(to, l->fields, l->n_fields, item);
    }
    return ok;
}

static bool pack_map(struct weir_key_bytes *to, const struct heap_state *s, const struct heap_map *map, uint64_t living,
                     int64_t now_ms)
{
    weir_cursor at = {0};
    const void *key, *value;
    bool ok = weir__pack_array(to, living);
    while (ok && weir__heap_map_step(s, map, &at, &key, &value)) {
        if (weir_layout_lives(s->layout, value, now_ms)) ok = weir__pack_pair(to, s->layout, key, value);
    }
    return ok;
}

/* Of a value, the items of a list or the pairs of a map: how many have not expired. */
static uint64_t count_living(const struct heap_state *s, const void *value, int64_t now_ms)
{
    const struct weir_state_layout *l = s->layout;
    const struct heap_list *list = value;
    const struct heap_map *map = value;
    weir_cursor at = {0};
    const void *k, *v;
    uint64_t n = 0;
    switch (weir_layout_shape(l)) {
    case WEIR_SHAPE_VALUE: return weir_layout_lives(l, value, now_ms);
    case WEIR_SHAPE_LIST:
        if (!l->is_timed) return list->n;
        for (size_t i = 0; i < list->n; i++) n += weir_layout_lives(l, list->items + i * l->size, now_ms);
        return n;
    case WEIR_SHAPE_MAP:
        if (!l->is_timed) return map->live;
        while (weir__heap_map_step(s, map, &at, &k, &v)) n += weir_layout_lives(l, v, now_ms);
        return n;
    }
    return n;
}

static bool pack_value(const struct heap_image *image, const struct heap_state *s, const void *value, uint64_t living,
                       struct weir_key_bytes *to)
{
    const struct weir_state_layout *l = s->layout;
    switch (weir_layout_shape(l)) {
    case WEIR_SHAPE_VALUE: break;
    case WEIR_SHAPE_LIST: return pack_list(to, l, value, living, image->now_ms);
    case WEIR_SHAPE_MAP: return pack_map(to, s, value, living, image->now_ms);
    }
    return weir__pack_struct(to, l->fields, l->n_fields, value);
}

/* False: no memory. *n grows by one, if there is anything to pack. */
static bool pack_entry(const struct heap_image *image, const struct image_table *t, const struct heap_key *entry,
                       struct weir_key_bytes *to, uint64_t *n)
{
    const void *value = entry + 1;
    if (entry->n == WEIR__HEAP_DEAD) return true;
    uint64_t living = count_living(t->s, value, image->now_ms);
    if (t->s->layout->is_timed && living == 0) return true;
    struct weir_key_ref key = {.p = weir__heap_key_bytes(entry), .n = entry->n, .group = t->group};
    ++*n;
    return weir__pack_entry_head(to, image->key, t->state, t->ns, &key) && pack_value(image, t->s, value, living, to);
}

static bool pack_entries(const struct heap_image *image, const struct image_table *t, uint32_t count, const void *entries,
                         struct weir_key_bytes *to, uint64_t *n)
{
    bool ok = true;
    for (uint32_t i = 0; ok && i < count; i++)
        ok = pack_entry(image, t, (const void *)((const uint8_t *)entries + (size_t)i * t->s->entry_size), to, n);
    return ok;
}

static bool pack_unit(const struct heap_image *image, const struct image_table *t, uint32_t unit, struct weir_key_bytes *to,
                      uint64_t *n)
{
    if (t->unit_shift == BY_ENTRY) return pack_entries(image, t, 1, at_place(image, t, weir__heap_place(t->s, unit)), to, n);
    uint32_t count = count_in_unit(t, unit);
    return count == 0 || pack_entries(image, t, count, at_place(image, t, unit << t->unit_shift), to, n);
}

/* ---- set's thread: keeping --------------------------------------------------------------------------------------- */

/* NULL: there is none at hand. */
static struct heap_copy *pop_copy(struct heap *h)
{
    if (!h->copies && h->runs) {
        h->copies = h->runs;
        h->runs = h->runs->next_run;
    }
    struct heap_copy *copy = h->copies;
    if (copy) h->copies = copy->next;
    return copy;
}

/* NULL: the pool is spent. */
static struct heap_copy *take_copy(struct heap *h)
{
    if (!h->copies && !h->runs) h->runs = atomic_exchange_explicit(&h->image->returned, NULL, memory_order_acquire);
    struct heap_copy *copy = pop_copy(h);
    if (copy) return copy;
    if (h->n_copies < h->image->most_copies) copy = weir_try_alloc_aligned(64, WEIR__HEAP_COPY_BYTES);
    h->n_copies += copy != NULL;
    return copy;
}

/* False: no memory. */
static bool make_piece(struct heap *h, struct image_table *t, uint32_t unit)
{
    struct heap_image *image = h->image;
    if (!t->pieces) t->pieces = weir_try_alloc(count_units(t) * sizeof *t->pieces);
    if (!t->pieces) return false;
    struct piece *piece = &t->pieces[unit];
    size_t bytes = t->unit_shift == BY_ENTRY ? SIZE_MAX : bytes_in_unit(t, unit);
    if (bytes <= WEIR__HEAP_COPY_BYTES) piece->copy = take_copy(h);
    if (!piece->copy) return pack_unit(image, t, unit, &piece->packed, &t->n_packed);
    memcpy(piece->copy, at_place(image, t, unit << t->unit_shift), bytes);
    return true;
}

/* A piece that there was no memory for is DONE, so that the reader, who has not done it, learns of it. */
static void keep_unit(struct heap *h, struct image_table *t, uint32_t unit)
{
    _Atomic uint8_t *mark = &h->image->marks[t->first_unit + unit];
    if (atomic_load_explicit(mark, memory_order_acquire) > HELD || !hold(mark)) return;
    set_mark(mark, make_piece(h, t, unit) ? KEPT : DONE);
}

bool weir__heap_is_in_image(const struct heap *h, const struct heap_table *t)
{
    return h->image && t->image == h->image->number;
}

void weir__heap_keep_entry(struct heap *h, const struct heap_table *t, uint32_t place)
{
    if (!weir__heap_is_in_image(h, t)) return;
    struct image_table *it = &h->image->tables[t->in_image];
    if (place < it->end) keep_unit(h, it, unit_at(it, place));
}

static void keep_all(struct heap *h, struct image_table *t)
{
    for (uint32_t i = 0, n = (uint32_t)count_units(t); i < n; i++) {
        if (t->unit_shift == BY_ENTRY || count_in_unit(t, i) > 0) keep_unit(h, t, i);
    }
    t->all_kept = true;
}

bool weir__heap_may_compact(struct heap *h, struct heap_table *t)
{
    struct image_table *it = &h->image->tables[t->in_image];
    if (it->all_kept) return true;
    if (t->used < (uint64_t)it->used * 2 + COMPACT_AFTER) return false;
    keep_all(h, it);
    return true;
}

#define TABLE_BYTES (4 * WEIR__HEAP_COPY_BYTES) /* as much more a table costs: its first pages are copies of their own */

/* A small image, of whole values, is copied in the order in which it lies, in a millisecond or two: less than to keep what
 * rows change one by one, soon after the cut and in their order. False: it is not so. */
static bool copy_at_once(struct heap *h, struct heap_image *image)
{
    size_t bytes = 0;
    for (size_t i = 0; i < image->n_tables && bytes <= h->at_once; i++) {
        const struct image_table *t = &image->tables[i];
        bytes += t->unit_shift == BY_ENTRY ? h->at_once + 1 : (size_t)t->used * t->s->entry_size + TABLE_BYTES;
    }
    if (bytes > h->at_once) return false;
    for (size_t i = 0; i < image->n_tables; i++) keep_all(h, &image->tables[i]);
    return true;
}

static void retire(struct heap_image *image, struct heap_table *t)
{
    t->next_retired = atomic_load_explicit(&image->retired, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&image->retired, &t->next_retired, t, memory_order_release,
                                                  memory_order_relaxed)) {
    }
}

void weir__heap_retire_table(struct heap *h, struct heap_state *s, struct heap_table *t)
{
    s->n_entries -= t->live;
    weir__heap_void_index(s, t->ns);
    t->state = s;
    if (weir__heap_is_in_image(h, t))
        retire(h->image, t);
    else
        weir__heap_free_table(h, s, t);
}

/* As a table that has nothing else. */
void weir__heap_retire_keys(struct heap *h, struct heap_key_block *blocks)
{
    struct heap_table *t = weir_alloc(sizeof *t);
    h->bytes += sizeof *t;
    t->keys = blocks;
    t->state = h->states;
    retire(h->image, t);
}

static void free_retired(struct heap *counts, struct heap_image *image)
{
    struct heap_table *next, *t = atomic_exchange_explicit(&image->retired, NULL, memory_order_acquire);
    for (; t; t = next) {
        next = t->next_retired;
        weir__heap_free_table(counts, t->state, t);
    }
}

/* ---- set's thread: the image ------------------------------------------------------------------------------------- */

static void let_go(struct heap_image *image)
{
    if (atomic_fetch_sub_explicit(&image->n_holders, 1, memory_order_acq_rel) > 1) return;
    weir_free(image->tables);
    weir_free(image->pages);
    weir_free((void *)image->marks);
    weir_free(image->unit);
    weir_free(image);
}

static void free_copies(struct heap *h, size_t most)
{
    struct heap_copy *copy;
    while (h->n_copies > most && (copy = pop_copy(h))) {
        h->n_copies--;
        weir_free(copy);
    }
}

void weir__heap_thaw(struct heap *h)
{
    struct heap_image *image = h->image;
    if (!atomic_load_explicit(&image->is_done, memory_order_acquire)) return;
    struct heap_copy *next, *run = atomic_exchange_explicit(&image->returned, NULL, memory_order_acquire);
    for (; run; run = next) {
        next = run->next_run;
        run->next_run = h->runs;
        h->runs = run;
    }
    free_retired(h, image);
    h->bytes += image->ledger.bytes; /* wraps: it is what was freed, below zero */
    weir__heap_take_back(h, image->ledger.given);
    h->image = NULL;
    h->must_keep = false;
    let_go(image);
}

void weir__heap_finish_images(struct heap *h)
{
    if (h->image) weir__heap_thaw(h);
    WEIR_ASSERT(!h->image); /* a snapshot of the set is finished before the set is destroyed */
    free_copies(h, 0);
}

static void count_tables(const struct heap *h, size_t *tables, size_t *pages)
{
    uint32_t n_groups = h->set.last_group - h->set.first_group + 1;
    for (uint32_t s = 0; s < h->set.n_states; s++) {
        for (uint32_t g = 0; g < n_groups; g++) {
            const struct heap_group *group = &h->states[s].groups[g];
            for (uint32_t i = 0; i < group->n; i++) {
                if (group->tables[i]->live == 0) continue;
                *tables += 1;
                *pages += group->tables[i]->n_pages;
            }
        }
    }
}

static void add_group(struct heap *h, struct heap_image *image, uint32_t state, uint32_t g, size_t *n_pages)
{
    const struct heap_state *s = &h->states[state];
    const struct heap_group *group = &s->groups[g];
    uint32_t shift = owns_memory(s) ? BY_ENTRY : unit_shift(s);
    for (uint32_t i = 0; i < group->n; i++) {
        struct heap_table *t = group->tables[i];
        struct image_table *it = &image->tables[image->n_tables];
        if (t->live == 0) continue;
        *it = (struct image_table){
            .s = s,
            .state = state,
            .group = h->set.first_group + g,
            .ns = t->ns,
            .used = t->used,
            .end = weir__heap_place(s, t->used),
            .unit_shift = shift,
            .first_page = *n_pages,
            .first_unit = image->n_units,
        };
        memcpy(image->pages + *n_pages, t->pages, t->n_pages * sizeof *t->pages);
        *n_pages += t->n_pages;
        image->n_units += count_units(it);
        t->image = image->number;
        t->in_image = (uint32_t)image->n_tables++;
    }
}

static weir_status read_group(struct weir_state_image *, uint32_t group, struct weir_key_bytes *to, uint64_t *n,
                              struct weir_error *);
static void release(struct weir_state_image *);
static void rewind_image(struct weir_state_image *);
static const struct weir_state_image_ops heap_image_ops = {.read = read_group, .release = release, .rewind = rewind_image};

struct weir_state_image *weir__heap_freeze(struct weir_state_set *set, const struct weir_schema *key)
{
    struct heap *h = weir__heap_of(set);
    size_t tables = 0, pages = 0, n_pages = 0;
    if (h->image) weir__heap_thaw(h);
    if (h->image) return NULL;
    count_tables(h, &tables, &pages);
    if (tables > UINT32_MAX) return NULL;
    struct heap_image *image = weir_alloc(sizeof *image);
    image->tables = weir_try_alloc((tables + 1) * sizeof *image->tables);
    image->pages = weir_try_alloc((pages + 1) * sizeof *image->pages);
    image->unit = weir_try_alloc_aligned(64, WEIR__HEAP_COPY_BYTES);
    image->image.ops = &heap_image_ops;
    image->number = ++h->n_images;
    image->key = key;
    image->now_ms = set->now_ms;
    size_t most = h->bytes / COPIES_SHARE / WEIR__HEAP_COPY_BYTES;
    image->most_copies = most > h->least_copies ? most : h->least_copies;
    free_copies(h, image->most_copies);
    atomic_init(&image->n_holders, 2);
    bool ok = image->tables && image->pages && image->unit;
    for (uint32_t g = 0; ok && g <= set->last_group - set->first_group; g++) {
        for (uint32_t s = 0; s < set->n_states; s++) add_group(h, image, s, g, &n_pages);
    }
    image->marks = ok ? weir_try_alloc(image->n_units + 1) : NULL;
    for (uint32_t i = 0; i < set->n_states; i++) weir__heap_cut_indexes(&h->states[i]);
    if (image->marks) {
        h->image = image;
        h->must_keep = !copy_at_once(h, image);
        return &image->image;
    }
    atomic_init(&image->n_holders, 1);
    let_go(image);
    return NULL;
}

/* ---- reader ------------------------------------------------------------------------------------------------------ */

static void give_run_back(struct heap_image *image)
{
    struct heap_copy *run = image->run;
    if (!run) return;
    run->next_run = atomic_load_explicit(&image->returned, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&image->returned, &run->next_run, run, memory_order_release,
                                                  memory_order_relaxed)) {
    }
    image->run = NULL;
    image->run_length = 0;
}

static void give_back(struct heap_image *image, struct piece *piece)
{
    weir_key_bytes_finish(&piece->packed);
    struct heap_copy *copy = piece->copy;
    if (!copy) return;
    copy->next = image->run;
    image->run = copy;
    if (++image->run_length == RUN_LENGTH) give_run_back(image);
}

static bool read_live(struct heap_image *image, const struct image_table *t, uint32_t unit, _Atomic uint8_t *mark,
                      struct weir_key_bytes *to, uint64_t *n)
{
    size_t bytes = t->unit_shift == BY_ENTRY ? SIZE_MAX : bytes_in_unit(t, unit);
    if (bytes > WEIR__HEAP_COPY_BYTES) {
        bool ok = pack_unit(image, t, unit, to, n);
        set_mark(mark, DONE);
        return ok;
    }
    memcpy(image->unit, at_place(image, t, unit << t->unit_shift), bytes);
    set_mark(mark, DONE);
    return pack_entries(image, t, count_in_unit(t, unit), image->unit, to, n);
}

/* False: no memory, for this or for what was to be kept. to NULL: it is left out. */
static bool read_unit(struct heap_image *image, const struct image_table *t, uint32_t unit, struct weir_key_bytes *to,
                      uint64_t *n)
{
    _Atomic uint8_t *mark = &image->marks[t->first_unit + unit];
    if (hold(mark)) {
        if (to) return read_live(image, t, unit, mark, to, n);
        set_mark(mark, DONE);
        return true;
    }
    if (atomic_load_explicit(mark, memory_order_acquire) == DONE) return false;
    struct piece *piece = &t->pieces[unit];
    bool ok = true;
    if (to && piece->copy)
        ok = pack_entries(image, t, count_in_unit(t, unit), piece->copy, to, n);
    else if (to && piece->packed.n > 0)
        ok = weir_key_bytes_add(to, piece->packed.p, piece->packed.n);
    give_back(image, piece);
    set_mark(mark, DONE);
    return ok;
}

/* Every unit is DONE then, whatever happens: the set's thread keeps no more of them. */
static bool read_table(struct heap_image *image, struct image_table *t, struct weir_key_bytes *to, uint64_t *n)
{
    bool ok = true;
    for (uint32_t i = 0, end = (uint32_t)count_units(t); i < end; i++) ok &= read_unit(image, t, i, ok ? to : NULL, n);
    *n += t->n_packed;
    weir_free(t->pieces);
    t->pieces = NULL;
    give_run_back(image);
    return ok;
}

static weir_status read_group(struct weir_state_image *of, uint32_t group, struct weir_key_bytes *to, uint64_t *n,
                              struct weir_error *error)
{
    struct heap_image *image = (struct heap_image *)(void *)of;
    bool ok = true;
    while (ok && image->next < image->n_tables && image->tables[image->next].group <= group) {
        struct image_table *t = &image->tables[image->next++];
        ok = read_table(image, t, to, n);
    }
    return ok ? WEIR_OK : weir_error_set(error, WEIR_E_MEMORY, "no memory for a snapshot");
}

/* What was read is still in the set as it was cut. */
static void rewind_image(struct weir_state_image *of)
{
    struct heap_image *image = (struct heap_image *)(void *)of;
    for (size_t i = 0; i < image->n_units; i++) {
        if (atomic_load_explicit(&image->marks[i], memory_order_relaxed) == DONE) set_mark(&image->marks[i], LIVE);
    }
    image->next = 0;
}

static void release(struct weir_state_image *of)
{
    struct heap_image *image = (struct heap_image *)(void *)of;
    uint64_t none = 0;
    while (image->next < image->n_tables) (void)read_table(image, &image->tables[image->next++], NULL, &none);
    free_retired(&image->ledger, image);
    atomic_store_explicit(&image->is_done, 1, memory_order_release);
    let_go(image);
}
