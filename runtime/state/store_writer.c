/* store_writer.c - see the header.
 *
 * The caller's thread makes batches, looks into them, and frees them once the writer's thread is done with them: it counts
 * those in n_done, in their order, and touches a batch no more afterwards. In between nobody changes a batch.
 *
 * Waiting: the caller sets is_waiting, looks at n_done once more, and parks; the writer moves n_done, then clears
 * is_waiting. Both touch it by a read-modify-write, so either the caller sees the new n_done or the writer finds it waiting.
 */
#include "state/store_writer.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/work_pool.h"
#include "data/key.h"

#define MOST_BATCHES 64
#define FREE         UINT32_MAX

/* Held by who reads the view and by the queue; the last one lets go of the view. */
struct weir_store_pledge {
    struct weir_store_writer_self *w;
    _Atomic uint32_t holders;
    _Atomic uint32_t is_kept; /* set by the writer, after: */
    weir_store_view *view;    /* NULL: there is none, and why */
    weir_status status;
    weir_io_error why;
    _Atomic uint32_t is_waiting; /* as below */
    struct weir_parker parker;
};

struct batch {
    weir_store_change *changes; /* bytes behind the slots; n 0: a pledge */
    size_t n, bytes;
    struct weir_store_pledge *pledge; /* the writer clears it when it is kept */
    bool is_of_cut;
    uint32_t *slots; /* by hash of the key: the last change of it; FREE */
    uint64_t mask;
};

struct weir_store_writer_self {
    struct weir_store_writer_options o;
    struct weir_work_pool *pool;
    /* Caller's: */
    struct batch *batches[MOST_BATCHES]; /* ring, by number: n_freed .. n_made - 1 */
    uint64_t n_made, n_freed;
    size_t bytes;    /* but for those of cuts */
    bool is_cut;     /* what is written now is of one */
    weir_str *asked; /* scratch of get: keys of no batch, and which they were */
    size_t *which, capacity;
    struct weir_parker parker;
    /* Shared: */
    _Atomic uint64_t n_done;
    _Atomic uint32_t is_waiting;
    _Atomic uint32_t has_failed; /* set by the writer, after: */
    weir_status status;
    weir_io_error failure;
};

/* ---- pledges ----------------------------------------------------------------------------------------------------- */

void weir_store_pledge_drop(struct weir_store_pledge *p)
{
    if (!p || atomic_fetch_sub_explicit(&p->holders, 1, memory_order_acq_rel) > 1) return;
    if (p->view) p->w->o.backend->release(p->w->o.self, p->view);
    weir_free(p);
}

weir_status weir_store_pledge_view(struct weir_store_pledge *p, weir_store_view **view, weir_io_error *error)
{
    const struct weir_platform *os = p->w->o.platform;
    while (!atomic_load_explicit(&p->is_kept, memory_order_acquire)) {
        atomic_exchange_explicit(&p->is_waiting, 1, memory_order_acq_rel);
        if (!atomic_load_explicit(&p->is_kept, memory_order_acquire)) os->park(os->self, &p->parker, INT64_MAX);
    }
    *view = p->view;
    if (p->status < 0) *error = p->why;
    return p->status;
}

/* Nobody holds it but the queue: nobody wants the view. */
static void keep_pledge(struct weir_store_writer_self *w, struct weir_store_pledge *p)
{
    const struct weir_platform *os = w->o.platform;
    if (atomic_load_explicit(&w->has_failed, memory_order_relaxed)) {
        p->status = w->status;
        p->why = w->failure;
    } else if (atomic_load_explicit(&p->holders, memory_order_acquire) > 1) {
        p->status = w->o.backend->view_beside(w->o.self, &p->view, &p->why);
        if (p->status < 0) p->view = NULL;
    }
    atomic_store_explicit(&p->is_kept, 1, memory_order_release);
    if (atomic_exchange_explicit(&p->is_waiting, 0, memory_order_acq_rel)) os->unpark(os->self, &p->parker);
    weir_store_pledge_drop(p);
}

/* ---- the writer's thread ----------------------------------------------------------------------------------------- */

static void run(void *arg, void *piece)
{
    struct weir_store_writer_self *w = arg;
    struct batch *b = piece;
    const struct weir_platform *p = w->o.platform;
    weir_io_error why = {0};
    if (b->pledge) {
        keep_pledge(w, b->pledge);
        b->pledge = NULL;
    } else if (!atomic_load_explicit(&w->has_failed, memory_order_relaxed)) {
        weir_status s = w->o.backend->write(w->o.self, b->changes, b->n, &why);
        if (s < 0) {
            w->status = s;
            w->failure = why;
            atomic_store_explicit(&w->has_failed, 1, memory_order_release);
        }
    }
    atomic_fetch_add_explicit(&w->n_done, 1, memory_order_acq_rel);
    if (atomic_exchange_explicit(&w->is_waiting, 0, memory_order_acq_rel)) p->unpark(p->self, &w->parker);
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

static uint64_t done(struct weir_store_writer_self *w)
{
    return atomic_load_explicit(&w->n_done, memory_order_acquire);
}

static void free_done(struct weir_store_writer_self *w)
{
    for (uint64_t n = done(w); w->n_freed < n; w->n_freed++) {
        struct batch **b = &w->batches[w->n_freed % MOST_BATCHES];
        if (!(*b)->is_of_cut) w->bytes -= (*b)->bytes;
        weir_free(*b);
        *b = NULL;
    }
}

static void wait_for(struct weir_store_writer_self *w, uint64_t n)
{
    const struct weir_platform *p = w->o.platform;
    while (done(w) < n) {
        atomic_exchange_explicit(&w->is_waiting, 1, memory_order_acq_rel);
        if (done(w) < n) p->park(p->self, &w->parker, INT64_MAX);
    }
    atomic_exchange_explicit(&w->is_waiting, 0, memory_order_acq_rel);
    free_done(w);
}

static weir_status failed(struct weir_store_writer_self *w, weir_io_error *error)
{
    if (!atomic_load_explicit(&w->has_failed, memory_order_acquire)) return WEIR_OK;
    *error = w->failure;
    return w->status;
}

static weir_status wait_for_all(struct weir_store_writer_self *w, weir_io_error *error)
{
    wait_for(w, w->n_made);
    return failed(w, error);
}

/* ---- batches ----------------------------------------------------------------------------------------------------- */

static bool is_key(const weir_store_change *c, weir_str key)
{
    return c->key.n == key.n && memcmp(c->key.p, key.p, key.n) == 0;
}

/* The change of a key in a batch; or the slot where it would be. */
static uint32_t *find_slot(const struct batch *b, weir_str key)
{
    uint64_t at = weir_key_hash64(key.p, key.n) & b->mask;
    while (b->slots[at] != FREE && !is_key(&b->changes[b->slots[at]], key)) at = (at + 1) & b->mask;
    return &b->slots[at];
}

static const weir_store_change *find(const struct weir_store_writer_self *w, weir_str key)
{
    for (uint64_t i = w->n_made; i > w->n_freed; i--) {
        const struct batch *b = w->batches[(i - 1) % MOST_BATCHES];
        const uint32_t *slot = find_slot(b, key);
        if (*slot != FREE) return &b->changes[*slot];
    }
    return NULL;
}

bool weir_store_writer_has(struct weir_store_writer_self *w, weir_str key)
{
    free_done(w);
    return find(w, key) != NULL;
}

static weir_str copy(char **at, weir_str from)
{
    weir_str to = {*at, from.n};
    if (from.n > 0) memcpy(*at, from.p, from.n);
    *at += from.n;
    return to;
}

/* A value that is there and empty has an address. NULL: no memory. */
static struct batch *make_batch(const weir_store_change *changes, size_t n)
{
    size_t slots = 2, text = 1;
    while (slots < n * 2) slots *= 2;
    for (size_t i = 0; i < n; i++) text += changes[i].key.n + (changes[i].value.p ? changes[i].value.n : 0);
    size_t bytes = sizeof(struct batch) + n * sizeof *changes + slots * sizeof(uint32_t) + text;
    struct batch *b = n < FREE ? weir_try_alloc(bytes) : NULL;
    if (!b) return NULL;
    *b = (struct batch){.changes = (void *)(b + 1), .n = n, .bytes = bytes, .mask = slots - 1};
    b->slots = (void *)(b->changes + n);
    memset(b->slots, 0xff, slots * sizeof *b->slots);
    char *at = (void *)(b->slots + slots);
    for (size_t i = 0; i < n; i++) {
        b->changes[i] = (weir_store_change){.key = copy(&at, changes[i].key)};
        if (changes[i].value.p) b->changes[i].value = copy(&at, changes[i].value);
        *find_slot(b, b->changes[i].key) = (uint32_t)i;
    }
    return b;
}

static weir_status no_memory(weir_io_error *error)
{
    const char text[] = "no memory for changes that are to be written";
    memcpy(error->message, text, sizeof text);
    return error->status = WEIR_E_MEMORY;
}

/* One that is larger than the limit goes alone. */
static bool has_room(const struct weir_store_writer_self *w, size_t bytes)
{
    if (w->n_made - w->n_freed == MOST_BATCHES) return false;
    return w->is_cut || w->bytes == 0 || w->bytes + bytes <= w->o.limit_bytes;
}

static weir_status submit(struct weir_store_writer_self *w, struct batch *b, weir_io_error *error)
{
    struct weir_error why;
    free_done(w);
    while (!has_room(w, b->bytes)) wait_for(w, w->n_freed + 1);
    weir_status s = failed(w, error);
    if (s < 0) return s;
    s = weir_work_pool_submit(w->pool, b, &why);
    if (s < 0) {
        snprintf(error->message, sizeof error->message, "%.*s", (int)sizeof error->message - 1, why.text);
        return error->status = s;
    }
    b->is_of_cut = w->is_cut;
    w->batches[w->n_made++ % MOST_BATCHES] = b;
    if (!w->is_cut) w->bytes += b->bytes;
    return WEIR_OK;
}

static weir_status write_changes(void *self, const weir_store_change *changes, size_t n, weir_io_error *error)
{
    struct weir_store_writer_self *w = self;
    struct batch *b = n > 0 ? make_batch(changes, n) : NULL;
    if (n == 0) return failed(w, error);
    if (!b) return no_memory(error);
    weir_status s = submit(w, b, error);
    if (s < 0) weir_free(b);
    return s;
}

bool weir_store_writer_has_pledges(const struct weir_store_writer_self *w)
{
    return WEIR_HAS(weir_backend, w->o.backend, view_beside) && w->o.backend->view_beside;
}

void weir_store_writer_cut(struct weir_store_writer_self *w, bool is_cut)
{
    w->is_cut = is_cut;
}

weir_status weir_store_writer_pledge(struct weir_store_writer_self *w, struct weir_store_pledge **to, weir_io_error *error)
{
    struct batch *b = make_batch(NULL, 0);
    struct weir_store_pledge *p = b ? weir_try_alloc(sizeof *p) : NULL;
    weir_status s = p ? WEIR_OK : no_memory(error);
    if (p) {
        *p = (struct weir_store_pledge){.w = w, .holders = 2};
        b->pledge = p;
        s = submit(w, b, error);
    }
    *to = s >= 0 ? p : NULL;
    if (s >= 0) return WEIR_OK;
    weir_free(p);
    weir_free(b);
    return s;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

struct asking {
    const struct weir_store_writer_self *w;
    weir_store_found *found;
    void *to;
};

static weir_status found_in_backend(void *arg, size_t i, weir_str value)
{
    const struct asking *a = arg;
    return a->found(a->to, a->w->which[i], value);
}

static bool has_scratch(struct weir_store_writer_self *w, size_t n)
{
    if (n <= w->capacity) return true;
    if (!WEIR_TRY_RESIZE(w->asked, n) || !WEIR_TRY_RESIZE(w->which, n)) return false;
    w->capacity = n;
    return true;
}

static weir_status get(void *self, const weir_str *keys, size_t n, weir_store_found *found, void *to, weir_io_error *error)
{
    struct weir_store_writer_self *w = self;
    const struct asking asking = {w, found, to};
    size_t n_asked = 0;
    free_done(w);
    weir_status s = failed(w, error);
    if (s < 0) return s;
    if (w->n_made == w->n_freed) return w->o.backend->get(w->o.self, keys, n, found, to, error);
    if (!has_scratch(w, n)) return no_memory(error);
    for (size_t i = 0; s >= 0 && i < n; i++) {
        const weir_store_change *c = find(w, keys[i]);
        if (c && c->value.p) s = found(to, i, c->value);
        if (c) continue;
        w->which[n_asked] = i;
        w->asked[n_asked++] = keys[i];
    }
    if (s < 0 || n_asked == 0) return s;
    return w->o.backend->get(w->o.self, w->asked, n_asked, found_in_backend, (void *)(uintptr_t)&asking, error);
}

static weir_status remove_range(void *self, weir_str from, weir_str until, size_t *removed, weir_io_error *error)
{
    struct weir_store_writer_self *w = self;
    weir_status s = wait_for_all(w, error);
    return s < 0 ? s : w->o.backend->remove(w->o.self, from, until, removed, error);
}

static weir_status scan(void *self, weir_store_view *view, weir_str from, weir_str until, weir_store_visit *visit, void *to,
                        weir_io_error *error)
{
    struct weir_store_writer_self *w = self;
    weir_status s = view ? WEIR_OK : wait_for_all(w, error);
    return s < 0 ? s : w->o.backend->scan(w->o.self, view, from, until, visit, to, error);
}

static weir_status make_view(void *self, weir_store_view **view, weir_io_error *error)
{
    struct weir_store_writer_self *w = self;
    weir_status s = wait_for_all(w, error);
    return s < 0 ? s : w->o.backend->view(w->o.self, view, error);
}

static void release(void *self, weir_store_view *view)
{
    struct weir_store_writer_self *w = self;
    w->o.backend->release(w->o.self, view);
}

static weir_status flush(void *self, weir_io_error *error)
{
    struct weir_store_writer_self *w = self;
    weir_status s = wait_for_all(w, error);
    return s < 0 || !w->o.backend->flush ? s : w->o.backend->flush(w->o.self, error);
}

static void stats(void *self, weir_store_stats *to)
{
    struct weir_store_writer_self *w = self;
    if (w->o.backend->stats) w->o.backend->stats(w->o.self, to);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static weir_status open_store(void *self, const char *directory, weir_io_error *error)
{
    struct weir_store_writer_self *w = self;
    return w->o.backend->open(w->o.self, directory, error);
}

/* What is not written is scratch. */
static void close_store(void *self)
{
    struct weir_store_writer_self *w = self;
    weir_work_pool_close(w->pool);
    w->o.backend->close(w->o.self);
}

const weir_backend weir_store_writer = {.struct_size = sizeof(weir_backend),
                                        .open = open_store,
                                        .close = close_store,
                                        .get = get,
                                        .write = write_changes,
                                        .remove = remove_range,
                                        .scan = scan,
                                        .view = make_view,
                                        .release = release,
                                        .flush = flush,
                                        .stats = stats};

weir_status weir_store_writer_create(const struct weir_store_writer_options *o, struct weir_store_writer_self **to,
                                     struct weir_error *error)
{
    struct weir_store_writer_self *w = weir_alloc(sizeof *w);
    const struct weir_work_pool_options po = {
        .platform = o->platform, .name = "state", .threads = 1, .capacity = MOST_BATCHES, .run = run, .arg = w};
    WEIR_ASSERT(!o->platform->run_later);
    w->o = *o;
    weir_status s = weir_work_pool_create(&po, &w->pool, error);
    *to = s == WEIR_OK ? w : NULL;
    if (s != WEIR_OK) weir_free(w);
    return s;
}

void weir_store_writer_destroy(struct weir_store_writer_self *w)
{
    if (!w) return;
    weir_work_pool_destroy(w->pool);
    for (; w->n_freed < w->n_made; w->n_freed++) {
        struct batch *b = w->batches[w->n_freed % MOST_BATCHES];
        weir_store_pledge_drop(b->pledge);
        weir_free(b);
    }
    weir_free(w->asked);
    weir_free(w->which);
    weir_free(w);
}
