/* store_fetch.c - see the header.
 *
 * The keys are cut into parts, each of them one piece of work. What a part finds is copied into memory of its own; the part
 * that ends last, by the count of those that are left, says that it is done. From the moment at which it has counted, who
 * asked may go on and ask anew: so it reads before that whom to tell, and touches nothing afterwards.
 */
#include "state/store_fetch.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/work_pool.h"
#include "data/key.h"

#define LEAST_KEYS 32 /* of a part: less is not worth another thread */

struct answer { /* in the part's bytes */
    size_t at, n;
    bool is_there;
};
struct part {
    struct weir_store_fetch *fetch;
    size_t first, n;
    struct weir_key_bytes found;
    weir_status status;
    weir_io_error why;
};
struct weir_store_fetch {
    struct weir_store_fetch_options o;
    struct weir_work_pool *pool;
    const weir_str *keys;
    struct answer *answers; /* by key */
    size_t capacity;
    struct part parts[WEIR_STORE_FETCH_PARTS];
    uint32_t n_parts;
    void (*done)(void *arg);
    void *done_arg;
    _Atomic uint32_t n_left;
};

/* ---- the threads ------------------------------------------------------------------------------------------------- */

static weir_status keep(void *to, size_t i, weir_str value)
{
    struct part *part = to;
    struct answer *a = &part->fetch->answers[part->first + i];
    *a = (struct answer){.at = part->found.n, .n = value.n, .is_there = true};
    return value.n == 0 || weir_key_bytes_add(&part->found, value.p, value.n) ? WEIR_OK : WEIR_E_MEMORY;
}

static void run(void *arg, void *piece)
{
    struct weir_store_fetch *f = arg;
    struct part *part = piece;
    part->status = f->o.backend->get_beside(f->o.self, f->keys + part->first, part->n, keep, part, &part->why);
    void (*done)(void *) = f->done;
    void *to = f->done_arg;
    if (atomic_fetch_sub_explicit(&f->n_left, 1, memory_order_acq_rel) == 1) done(to);
}

/* ---- who asks ---------------------------------------------------------------------------------------------------- */

weir_status weir_store_fetch_create(const struct weir_store_fetch_options *o, struct weir_store_fetch **to,
                                    struct weir_error *error)
{
    struct weir_store_fetch *f = weir_alloc(sizeof *f);
    const struct weir_work_pool_options po = {.platform = o->platform,
                                              .name = "state-read",
                                              .threads = WEIR_STORE_FETCH_PARTS,
                                              .capacity = WEIR_STORE_FETCH_PARTS,
                                              .run = run,
                                              .arg = f};
    f->o = *o;
    for (uint32_t i = 0; i < WEIR_STORE_FETCH_PARTS; i++) f->parts[i].fetch = f;
    weir_status s = weir_work_pool_create(&po, &f->pool, error);
    *to = s == WEIR_OK ? f : NULL;
    if (s != WEIR_OK) weir_free(f);
    return s;
}

void weir_store_fetch_destroy(struct weir_store_fetch *f)
{
    if (!f) return;
    weir_work_pool_destroy(f->pool);
    for (uint32_t i = 0; i < WEIR_STORE_FETCH_PARTS; i++) weir_key_bytes_finish(&f->parts[i].found);
    weir_free(f->answers);
    weir_free(f);
}

/* What finds no thread is read here. */
bool weir_store_fetch_begin(struct weir_store_fetch *f, const weir_str *keys, size_t n, void (*done)(void *arg), void *arg)
{
    struct weir_error why;
    if (!WEIR_TRY_GROW(f->answers, f->capacity, n)) return false;
    size_t n_parts = n / LEAST_KEYS;
    n_parts = n_parts < 1 ? 1 : n_parts > WEIR_STORE_FETCH_PARTS ? WEIR_STORE_FETCH_PARTS : n_parts;
    for (size_t i = 0; i < n; i++) f->answers[i] = (struct answer){0};
    f->keys = keys;
    f->done = done;
    f->done_arg = arg;
    f->n_parts = (uint32_t)n_parts;
    atomic_store_explicit(&f->n_left, f->n_parts, memory_order_relaxed);
    for (size_t i = 0; i < n_parts; i++) {
        struct part *part = &f->parts[i];
        part->first = n * i / n_parts;
        part->n = n * (i + 1) / n_parts - part->first;
        part->found.n = 0;
        part->why = (weir_io_error){0};
        if (weir_work_pool_submit(f->pool, part, &why) != WEIR_OK) run(f, part);
    }
    return true;
}

bool weir_store_fetch_is_done(struct weir_store_fetch *f)
{
    return atomic_load_explicit(&f->n_left, memory_order_acquire) == 0;
}

static weir_status take_part(const struct part *part, weir_store_found *found, void *to)
{
    static const char nothing[] = "";
    weir_status s = WEIR_OK;
    for (size_t i = part->first; s == WEIR_OK && i < part->first + part->n; i++) {
        const struct answer *a = &part->fetch->answers[i];
        const char *p = a->n > 0 ? (const char *)part->found.p + a->at : nothing;
        s = found(to, i, a->is_there ? (weir_str){p, a->n} : (weir_str){NULL, 0});
    }
    return s;
}

weir_status weir_store_fetch_take(struct weir_store_fetch *f, weir_store_found *found, void *to, weir_io_error *error)
{
    weir_status s = WEIR_OK;
    for (uint32_t i = 0; s == WEIR_OK && i < f->n_parts; i++) {
        s = f->parts[i].status;
        if (s < 0)
            *error = f->parts[i].why;
        else
            s = take_part(&f->parts[i], found, to);
    }
    return s;
}
