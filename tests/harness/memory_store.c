/* memory_store.c - see the header. */
#include "harness/memory_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/suite.h"

static weir_status full(weir_io_error *error)
{
    snprintf(error->message, sizeof error->message, "the disk is full");
    return error->status = WEIR_E_IO;
}

static bool fails(struct memory_store *m, weir_io_error *error)
{
    if (!m->is_open) CU_FAIL_FATAL("it is not open"); /* CUnit counts what it asserts, on one thread only */
    if (m->calls_left == 0 || --m->calls_left > 0) return false;
    m->calls_left = 1;
    (void)full(error);
    return true;
}

static weir_status open_store(void *self, const char *directory, weir_io_error *error)
{
    struct memory_store *m = self;
    (void)error;
    CU_ASSERT(directory && *directory && !m->is_open);
    m->is_open = true;
    return WEIR_OK;
}

static void free_records(struct memory_record *records, size_t n)
{
    for (size_t i = 0; i < n; i++) free(records[i].bytes);
}

static void close_store(void *self)
{
    struct memory_store *m = self;
    CU_ASSERT_EQUAL(m->views, 0);
    free_records(m->records, m->n);
    free(m->records);
    m->records = NULL;
    m->n = m->capacity = 0;
    m->is_open = false;
}

static int compare(weir_str a, const struct memory_record *b)
{
    int order = memcmp(a.p, b->bytes, a.n < b->n_key ? a.n : b->n_key);
    return order ? order : (a.n > b->n_key) - (a.n < b->n_key);
}

/* The first record whose key is not before this one. */
static size_t place_of(const struct memory_record *records, size_t n, weir_str key)
{
    size_t low = 0, high = n;
    if (key.n == 0) CU_FAIL_FATAL("an empty key");
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (compare(key, &records[middle]) > 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static weir_status get_now(void *self, const weir_str *keys, size_t n, weir_store_found *found, void *to,
                           weir_io_error *error)
{
    struct memory_store *m = self;
    m->gets++;
    if (fails(m, error)) return WEIR_E_IO;
    for (size_t i = 0; i < n; i++) {
        size_t at = place_of(m->records, m->n, keys[i]);
        if (at == m->n || compare(keys[i], &m->records[at]) != 0) continue;
        struct memory_record *r = &m->records[at];
        char *copy = malloc(r->n - r->n_key + 1);
        memcpy(copy, r->bytes + r->n_key, r->n - r->n_key);
        weir_status s = found(to, i, (weir_str){copy, r->n - r->n_key});
        free(copy);
        if (s < 0) return s;
    }
    return WEIR_OK;
}

static weir_status get(void *self, const weir_str *keys, size_t n, weir_store_found *found, void *to, weir_io_error *error)
{
    struct memory_store *m = self;
    pthread_mutex_lock(&m->lock);
    weir_status s = get_now(self, keys, n, found, to, error);
    pthread_mutex_unlock(&m->lock);
    return s;
}

static void put(struct memory_store *m, size_t at, bool is_there, const weir_store_change *change)
{
    if (is_there) {
        free(m->records[at].bytes);
    } else {
        if (m->n == m->capacity) {
            m->capacity = m->capacity ? m->capacity * 2 : 64;
            m->records = realloc(m->records, m->capacity * sizeof *m->records);
        }
        memmove(&m->records[at + 1], &m->records[at], (m->n - at) * sizeof *m->records);
        m->n++;
    }
    struct memory_record *r = &m->records[at];
    r->n_key = change->key.n;
    r->n = r->n_key + change->value.n;
    r->bytes = malloc(r->n);
    memcpy(r->bytes, change->key.p, r->n_key);
    memcpy(r->bytes + r->n_key, change->value.p, change->value.n);
}

static void remove_from(struct memory_store *m, size_t from, size_t until)
{
    if (from == until) return;
    free_records(m->records + from, until - from);
    memmove(&m->records[from], &m->records[until], (m->n - until) * sizeof *m->records);
    m->n -= until - from;
}

static weir_status write_now(void *self, const weir_store_change *changes, size_t n, weir_io_error *error)
{
    struct memory_store *m = self;
    m->writes++;
    m->changes += n;
    if (fails(m, error)) return WEIR_E_IO;
    for (size_t i = 0; i < n; i++) {
        size_t at = place_of(m->records, m->n, changes[i].key);
        bool is_there = at < m->n && compare(changes[i].key, &m->records[at]) == 0;
        if (changes[i].value.p) {
            put(m, at, is_there, &changes[i]);
        } else if (is_there) {
            remove_from(m, at, at + 1);
        }
    }
    return WEIR_OK;
}

static weir_status write_changes(void *self, const weir_store_change *changes, size_t n, weir_io_error *error)
{
    struct memory_store *m = self;
    pthread_mutex_lock(&m->lock);
    weir_status s = write_now(self, changes, n, error);
    pthread_mutex_unlock(&m->lock);
    return s;
}

static weir_status remove_range(void *self, weir_str from, weir_str until, size_t *removed, weir_io_error *error)
{
    struct memory_store *m = self;
    if (fails(m, error)) return WEIR_E_IO;
    size_t first = place_of(m->records, m->n, from), end = place_of(m->records, m->n, until);
    remove_from(m, first, end);
    *removed = end - first;
    return WEIR_OK;
}

/* A copy of all records. */
struct weir_store_view {
    struct memory_record *records;
    size_t n;
};

static weir_status make_view(void *self, weir_store_view **to, weir_io_error *error)
{
    struct memory_store *m = self;
    if (m->has_no_views) return full(error);
    weir_store_view *view = calloc(1, sizeof *view);
    view->records = calloc(m->n + 1, sizeof *view->records);
    for (; view->n < m->n; view->n++) {
        view->records[view->n] = m->records[view->n];
        view->records[view->n].bytes = malloc(m->records[view->n].n);
        memcpy(view->records[view->n].bytes, m->records[view->n].bytes, m->records[view->n].n);
    }
    m->views++;
    *to = view;
    return WEIR_OK;
}

static void release(void *self, weir_store_view *view)
{
    ((struct memory_store *)self)->views--;
    free_records(view->records, view->n);
    free(view->records);
    free(view);
}

static bool visit_fails(struct memory_store *m)
{
    size_t left = atomic_load(&m->visits_left);
    if (left > 1) atomic_store(&m->visits_left, left - 1);
    return left == 1;
}

static weir_status scan(void *self, weir_store_view *view, weir_str from, weir_str until, weir_store_visit *visit, void *to,
                        weir_io_error *error)
{
    struct memory_store *m = self;
    const struct memory_record *records = view ? view->records : m->records;
    size_t n = view ? view->n : m->n;
    m->scans++;
    if (!view && fails(m, error)) return WEIR_E_IO;
    size_t end = place_of(records, n, until);
    for (size_t i = place_of(records, n, from); i < end; i++) {
        if (view && visit_fails(m)) return full(error);
        char *copy = malloc(records[i].n);
        memcpy(copy, records[i].bytes, records[i].n);
        weir_status s = visit(to, (weir_str){copy, records[i].n_key},
                              (weir_str){copy + records[i].n_key, records[i].n - records[i].n_key});
        free(copy);
        if (s != WEIR_OK) return s < 0 ? s : WEIR_OK;
    }
    return WEIR_OK;
}

const weir_backend memory_store_backend = {.struct_size = sizeof(weir_backend),
                                           .open = open_store,
                                           .close = close_store,
                                           .get = get,
                                           .get_beside = get,
                                           .write = write_changes,
                                           .remove = remove_range,
                                           .scan = scan,
                                           .view = make_view,
                                           .view_beside = make_view,
                                           .release = release};
