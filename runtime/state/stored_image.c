/* stored_image.c - images of a set in a store (image.h): a view of the store, read by another thread.
 *
 * [set's thread] freeze begins a cut: what is changed in the cache is written in steps (stored_write.c), so that the store
 * has everything, and then the view is taken; where a thread of the store writes, that is done by it later, and whoever
 * reads the image waits for it.
 * [reader] the rest, from then on. It knows the layouts and the store's calls, and nothing that the set changes: the set
 * goes on, and may be destroyed; the store stays until the image is released.
 *
 * A key group is one range of the store, by state and namespace. The records of each namespace are collected, sorted by
 * order, and packed straight from their bytes: what a cut at once would have made of them.
 */
#include "state/image.h"

#include "base/alloc.h"
#include "state/pack.h"
#include "state/stored_internal.h"

struct stored_image {
    struct weir_state_image image; /* first member */
    struct stored *set;            /* that has something to write yet; NULL: it is complete */
    struct weir_state_store *store;
    struct weir_store_pledge *pledge; /* of the view; NULL: it is there already */
    weir_store_view *view;            /* NULL: it could not be had, see failure */
    struct weir_error failure;
    const struct weir_state_layout *layouts;
    const struct weir_schema *key;
    uint32_t number, n_states; /* number: of the set */
    int64_t now_ms;
    struct stored_run run; /* reader: the records of one namespace */
    void *room;            /* reader: for one value, then one map key */
    size_t room_half;
};

/* ---- set's thread ------------------------------------------------------------------------------------------------ */

static size_t largest_struct(const struct weir_state_layout *layouts, uint32_t n)
{
    size_t most = 8;
    for (uint32_t i = 0; i < n; i++) {
        if (layouts[i].size > most) most = layouts[i].size;
        if (layouts[i].key_size > most) most = layouts[i].key_size;
    }
    return (most + 15) / 16 * 16;
}

static void fail(struct stored_image *image, struct weir_error *error, weir_status s, const char *why)
{
    weir_error_set(error, s, "keyed state in %s could not be read for a snapshot: %s", image->store->directory, why);
}

static void take_view(struct stored_image *image)
{
    struct weir_state_store *store = image->store;
    weir_io_error why = {0};
    weir_status s;
    if (store->writer && weir_store_writer_has_pledges(store->writer)) {
        s = weir_store_writer_pledge(store->writer, &image->pledge, &why);
    } else {
        s = store->backend->view(store->self, &image->view, &why);
    }
    if (s >= 0) return;
    image->view = NULL;
    fail(image, &image->failure, s, why.message);
}

void weir__stored_complete(struct stored_image *image, const struct weir_error *failure)
{
    image->set = NULL;
    if (failure)
        image->failure = *failure;
    else
        take_view(image);
}

static bool write_on(struct weir_state_image *of)
{
    struct stored_image *image = (struct stored_image *)(void *)of;
    return image->set && weir__stored_cut_on(image->set);
}

static weir_status read_group(struct weir_state_image *, uint32_t group, struct weir_key_bytes *to, uint64_t *n,
                              struct weir_error *);
static void release(struct weir_state_image *);
static void rewind_image(struct weir_state_image *);
static const struct weir_state_image_ops stored_image_ops = {
    .write = write_on, .read = read_group, .release = release, .rewind = rewind_image};

struct weir_state_image *weir__stored_freeze(struct weir_state_set *set, const struct weir_schema *key)
{
    struct stored *d = weir__stored_of(set);
    if (!weir__stored_begin_to_cut(d)) return NULL;
    struct stored_image *image = weir_alloc(sizeof *image);
    *image = (struct stored_image){.image = {&stored_image_ops},
                                   .set = d,
                                   .store = d->store,
                                   .layouts = set->layouts,
                                   .key = key,
                                   .number = d->number,
                                   .n_states = set->n_states,
                                   .now_ms = set->now_ms,
                                   .room_half = largest_struct(set->layouts, set->n_states)};
    image->room = weir_alloc(image->room_half * 2);
    atomic_fetch_add_explicit(&d->store->n_images, 1, memory_order_relaxed);
    d->cut.image = image;
    return &image->image;
}

/* ---- reader ------------------------------------------------------------------------------------------------------ */

struct reading {
    struct stored_image *image;
    uint32_t group;
    struct weir_key_bytes *to;
    uint64_t *n;
};

static weir_status pack_item(struct reading *r, const struct stored_packing *p, const struct stored_item *item)
{
    const struct stored_run *run = &r->image->run;
    const struct weir_key_ref key = {.p = run->bytes.p + item->key, .n = (uint32_t)item->n_key, .group = r->group};
    weir_str record = {(const char *)run->bytes.p + item->value, item->n_value};
    uint64_t living;
    weir_status s = weir__stored_count(p, record, &living);
    if (s != WEIR_OK || living == 0) return s;
    ++*r->n;
    if (!weir__pack_entry_head(r->to, r->image->key, run->state, run->ns, &key)) return WEIR_E_MEMORY;
    return weir__stored_pack(p, record, living);
}

/* The records at hand; then there are none. */
static weir_status pack_run(struct reading *r)
{
    struct stored_run *run = &r->image->run;
    weir_status s = WEIR_OK;
    if (run->n == 0) return WEIR_OK;
    const struct stored_packing p = {.layout = &r->image->layouts[run->state],
                                     .to = r->to,
                                     .value = r->image->room,
                                     .key = (char *)r->image->room + r->image->room_half,
                                     .now_ms = r->image->now_ms};
    weir__stored_run_sort(run);
    for (size_t i = 0; s == WEIR_OK && i < run->n; i++) s = pack_item(r, &p, &run->items[i]);
    run->n = run->bytes.n = 0;
    return s;
}

static weir_status add_record(void *arg, weir_str key, weir_str record)
{
    struct reading *r = arg;
    struct stored_run *run = &r->image->run;
    if (weir__stored_state_of(key) >= r->image->n_states) return WEIR_E_DATA;
    uint32_t state = weir__stored_state_of(key);
    int64_t ns = weir__stored_ns(key);
    weir_status s = state != run->state || ns != run->ns ? pack_run(r) : WEIR_OK;
    if (s != WEIR_OK) return s;
    run->state = state;
    run->ns = ns;
    weir_str own = weir__stored_key_of(key);
    bool ok = weir__stored_run_add(run, weir__stored_order(record), own.p, own.n, record);
    return ok ? WEIR_OK : WEIR_E_MEMORY;
}

static weir_status scan(struct reading *r, weir_io_error *why)
{
    const struct weir_state_store *store = r->image->store;
    uint8_t from[WEIR__STORED_GROUP_PREFIX], until[WEIR__STORED_GROUP_PREFIX];
    weir__stored_group_prefix(r->image->number, r->group, from);
    weir__stored_group_prefix(r->image->number, r->group, until);
    weir__stored_until(until, sizeof until);
    weir_status s = store->backend->scan(store->self, r->image->view, (weir_str){(const char *)from, sizeof from},
                                         (weir_str){(const char *)until, sizeof until}, add_record, r, why);
    return s < 0 ? s : pack_run(r);
}

static weir_status read_group(struct weir_state_image *of, uint32_t group, struct weir_key_bytes *to, uint64_t *n,
                              struct weir_error *error)
{
    struct stored_image *image = (struct stored_image *)(void *)of;
    struct reading r = {.image = image, .group = group, .to = to, .n = n};
    weir_io_error why = {0};
    WEIR_ASSERT(!image->set);
    if (!image->view && image->pledge) {
        weir_status had = weir_store_pledge_view(image->pledge, &image->view, &why);
        if (had < 0) fail(image, &image->failure, had, why.message);
    }
    if (!image->view) return weir_error_set(error, image->failure.status, "%s", image->failure.text);
    weir_status s = scan(&r, &why);
    if (s == WEIR_OK) return WEIR_OK;
    const char *reason = why.message[0] ? why.message : s == WEIR_E_MEMORY ? "no memory" : "a record is damaged";
    fail(image, error, s, reason);
    return s;
}

/* The view is what it was, and nothing else is kept from one key group to the next. */
static void rewind_image(struct weir_state_image *of)
{
    (void)of;
}

static void release(struct weir_state_image *of)
{
    struct stored_image *image = (struct stored_image *)(void *)of;
    struct weir_state_store *store = image->store;
    if (image->set) image->set->cut.image = NULL; /* whose changes are written all the same, for the next one */
    if (image->pledge)
        weir_store_pledge_drop(image->pledge);
    else if (image->view)
        store->backend->release(store->self, image->view);
    weir_free(image->run.items);
    weir_key_bytes_finish(&image->run.bytes);
    weir_free(image->room);
    weir_free(image);
    atomic_fetch_sub_explicit(&store->n_images, 1, memory_order_release);
}
