/* keep.c - see the header. */
#include "mock_host/keep.h"

#include <stdlib.h>

struct kind { /* of structs */
    const weir_field *fields;
    uint32_t n, stride, size;
};
struct pair {
    void *key, *value;
};
struct entry {
    char *identity; /* "" of broadcast states */
    struct cell *cells;
    uint32_t n_cells;
    void *value;        /* values */
    void **items;       /* lists */
    struct pair *pairs; /* maps */
    size_t n;           /* of items or pairs */
};
struct table {
    weir_state state;
    struct kind value, key;
    struct entry **all;
    size_t n;
};
struct loan {
    void *copy;
    const struct kind *kind;
    uint32_t state;
    void **kept; /* what it is a copy of, where it may be changed; else NULL */
};
struct keep {
    struct table *tables;
    uint32_t n;
    const char *identity;    /* current key's; NULL: none */
    char *owned, *in_window; /* in_window: the identity of states of the window; NULL: none is current */
    const struct cell *cells;
    uint32_t n_cells;
    struct loan *loans;
    size_t n_loans;
    int64_t now;
};

/* ---- structs ----------------------------------------------------------------------------------------------------- */

static const weir_field *field_at(const struct kind *k, uint32_t i)
{
    return (const weir_field *)(const void *)((const char *)k->fields + (size_t)i * k->stride);
}

static weir_str *text_at(const struct kind *k, uint32_t i, const void *of)
{
    const weir_field *f = field_at(k, i);
    bool is_text = f->type == WEIR_STRING || f->type == WEIR_BYTES || f->type == WEIR_ANY;
    return is_text ? (weir_str *)(void *)((char *)(uintptr_t)of + f->offset) : NULL;
}

static char *bytes_of(weir_str text)
{
    if (text.n == 0) return NULL;
    char *p = malloc(text.n);
    memcpy(p, text.p, text.n);
    return p;
}

/* In front of each struct is when it was touched, which a component does not see. */
enum { AHEAD = 16 };

static int64_t *touched(void *p)
{
    return (int64_t *)(void *)((char *)p - AHEAD);
}

static void *struct_new(const struct kind *k)
{
    return (char *)calloc(1, AHEAD + k->size) + AHEAD;
}

/* Touched never. */
static void *struct_copy(const struct kind *k, const void *from)
{
    char *to = struct_new(k);
    for (uint32_t i = 0; i < k->n; i++) {
        const weir_field *f = field_at(k, i);
        weir_str *text = text_at(k, i, to);
        memcpy(to + f->offset, (const char *)from + f->offset, f->size);
        if (text) text->p = bytes_of(*text);
    }
    return to;
}

static void struct_free(const struct kind *k, void *p)
{
    if (!p) return;
    for (uint32_t i = 0; i < k->n; i++) {
        weir_str *text = text_at(k, i, p);
        if (text) poison_free((char *)(uintptr_t)text->p, text->n);
    }
    poison_free((char *)p - AHEAD, AHEAD + k->size);
}

static bool struct_equal(const struct kind *k, const void *a, const void *b)
{
    for (uint32_t i = 0; i < k->n; i++) {
        const weir_field *f = field_at(k, i);
        const weir_str *x = text_at(k, i, a), *y = text_at(k, i, b);
        if (x ? x->n != y->n || (x->n > 0 && memcmp(x->p, y->p, x->n) != 0)
              : memcmp((const char *)a + f->offset, (const char *)b + f->offset, f->size) != 0)
            return false;
    }
    return true;
}

/* ---- tables ------------------------------------------------------------------------------------------------------ */

/* Of bytes that the component knows, and nobody else. */
static const weir_field raw_member = {.name = "bytes", .type = WEIR_BYTES, .size = sizeof(weir_str)};

struct keep *keep_create(const weir_component *c)
{
    struct keep *k = calloc(1, sizeof *k);
    k->n = c->n_states;
    k->tables = calloc(k->n + 1, sizeof *k->tables);
    for (uint32_t i = 0; i < k->n; i++) {
        struct table *t = &k->tables[i];
        size_t stride = c->state_stride;
        memcpy(&t->state, (const char *)c->states + i * stride, stride < sizeof t->state ? stride : sizeof t->state);
        t->value = (struct kind){t->state.fields, t->state.n_fields, t->state.field_stride, t->state.size};
        t->key = (struct kind){t->state.key_fields, t->state.n_key_fields, t->state.field_stride, t->state.key_size};
        if (t->state.kind == WEIR_RAW) t->value = (struct kind){&raw_member, 1, sizeof raw_member, sizeof(weir_str)};
    }
    return k;
}

const weir_state *keep_state(const struct keep *k, uint32_t state)
{
    return state < k->n ? &k->tables[state].state : NULL;
}

static void empty(struct table *t, struct entry *e)
{
    struct_free(&t->value, e->value);
    for (size_t i = 0; e->items && i < e->n; i++) struct_free(&t->value, e->items[i]);
    for (size_t i = 0; e->pairs && i < e->n; i++) {
        struct_free(&t->key, e->pairs[i].key);
        struct_free(&t->value, e->pairs[i].value);
    }
    free(e->items);
    free(e->pairs);
    e->value = NULL;
    e->items = NULL;
    e->pairs = NULL;
    e->n = 0;
}

static void remove_entry(struct table *t, struct entry *e)
{
    size_t i = 0;
    while (t->all[i] != e) i++;
    memmove(&t->all[i], &t->all[i + 1], (t->n - i - 1) * sizeof(struct entry *));
    t->n--;
    empty(t, e);
    cells_free(e->cells, e->n_cells);
    free(e->identity);
    free(e);
}

bool keep_is_unkeyed(const weir_state *s)
{
    return s->kind == WEIR_BROADCAST || s->kind == WEIR_SPLIT_LIST || s->kind == WEIR_UNION_LIST || s->kind == WEIR_RAW;
}

static struct entry *entry_of(struct keep *k, uint32_t state, bool make)
{
    struct table *t = &k->tables[state];
    bool unkeyed = keep_is_unkeyed(&t->state);
    const char *identity = unkeyed ? "" : t->state.flags & WEIR_PER_WINDOW ? k->in_window : k->identity;
    for (size_t i = 0; i < t->n; i++) {
        if (strcmp(t->all[i]->identity, identity) == 0) return t->all[i];
    }
    if (!make) return NULL;
    struct entry *e = calloc(1, sizeof *e);
    e->identity = strdup(identity);
    e->n_cells = unkeyed ? 0 : k->n_cells;
    e->cells = cells_copy(k->cells, e->n_cells);
    t->all = realloc(t->all, (t->n + 1) * sizeof(struct entry *));
    t->all[t->n++] = e;
    return e;
}

/* ---- loans ------------------------------------------------------------------------------------------------------- */

static void *lend(struct keep *k, uint32_t state, const struct kind *kind, void **kept, const void *from)
{
    k->loans = realloc(k->loans, (k->n_loans + 1) * sizeof *k->loans);
    struct loan *l = &k->loans[k->n_loans++];
    *l = (struct loan){struct_copy(kind, from), kind, state, kept};
    return l->copy;
}

/* What was changed so far is kept. */
static void settle(struct keep *k)
{
    for (size_t i = 0; i < k->n_loans; i++) {
        const struct loan *l = &k->loans[i];
        if (!l->kept) continue;
        int64_t at = *touched(*l->kept);
        struct_free(l->kind, *l->kept);
        *l->kept = struct_copy(l->kind, l->copy);
        *touched(*l->kept) = at;
    }
}

static void end_loans_of(struct keep *k, uint32_t state)
{
    settle(k);
    size_t left = 0;
    for (size_t i = 0; i < k->n_loans; i++) {
        if (state == UINT32_MAX || k->loans[i].state == state)
            struct_free(k->loans[i].kind, k->loans[i].copy);
        else
            k->loans[left++] = k->loans[i];
    }
    k->n_loans = left;
}

void keep_end_loans(struct keep *k)
{
    end_loans_of(k, UINT32_MAX);
}

void keep_use_key(struct keep *k, const char *identity, const struct cell *cells, uint32_t n_cells)
{
    keep_end_loans(k);
    free(k->owned);
    free(k->in_window);
    k->in_window = NULL;
    k->identity = k->owned = identity ? strdup(identity) : NULL;
    k->cells = cells;
    k->n_cells = n_cells;
}

void keep_use_window(struct keep *k, int64_t start)
{
    struct lines identity = {0};
    lines_add(&identity, "%lld %s", (long long)start, k->identity);
    free(k->in_window);
    k->in_window = identity.text;
}

void keep_clear_window(struct keep *k)
{
    for (uint32_t i = 0; i < k->n; i++) {
        if (k->tables[i].state.flags & WEIR_PER_WINDOW) keep_clear(k, i);
    }
}

void keep_set_clock(struct keep *k, int64_t now)
{
    k->now = now;
}

void keep_destroy(struct keep *k)
{
    keep_end_loans(k);
    for (uint32_t i = 0; i < k->n; i++) {
        while (k->tables[i].n > 0) remove_entry(&k->tables[i], k->tables[i].all[0]);
        free(k->tables[i].all);
    }
    free(k->tables);
    free(k->loans);
    free(k->owned);
    free(k->in_window);
    free(k);
}

/* ---- time to live ------------------------------------------------------------------------------------------------ */

static bool is_expired(const struct keep *k, const struct table *t, void *p)
{
    return t->state.ttl_ms > 0 && *touched(p) + t->state.ttl_ms <= k->now;
}

static void read_touches(const struct keep *k, const struct table *t, void *p)
{
    if (t->state.ttl_flags & WEIR_TTL_ON_READ) *touched(p) = k->now;
}

/* The current key's entry without what has expired, which is never shown; NULL: nothing is left. A map still counts it
 * until somebody looks. */
static struct entry *fresh_of(struct keep *k, uint32_t state)
{
    struct table *t = &k->tables[state];
    struct entry *e = entry_of(k, state, false);
    size_t left = 0;
    if (!e || t->state.ttl_ms == 0) return e;
    if (e->value && is_expired(k, t, e->value)) return remove_entry(t, e), NULL;
    for (size_t i = 0; i < e->n; i++) {
        void *p = e->items ? e->items[i] : e->pairs[i].value;
        bool gone = is_expired(k, t, p);
        if (gone) struct_free(&t->value, p);
        if (gone && e->pairs) struct_free(&t->key, e->pairs[i].key);
        if (gone) continue;
        if (e->items)
            e->items[left++] = p;
        else
            e->pairs[left++] = e->pairs[i];
    }
    e->n = left;
    if (e->value || left > 0) return e;
    return remove_entry(t, e), NULL;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

const void *keep_value_get(struct keep *k, uint32_t state)
{
    settle(k);
    const struct entry *e = fresh_of(k, state);
    if (e) read_touches(k, &k->tables[state], e->value);
    return e ? lend(k, state, &k->tables[state].value, NULL, e->value) : NULL;
}

void *keep_value_edit(struct keep *k, uint32_t state, bool *created)
{
    end_loans_of(k, state);
    struct table *t = &k->tables[state];
    struct entry *e = fresh_of(k, state);
    if (!e) e = entry_of(k, state, true);
    *created = e->value == NULL;
    if (!e->value) e->value = struct_new(&t->value);
    *touched(e->value) = k->now;
    return lend(k, state, &t->value, &e->value, e->value);
}

void keep_clear(struct keep *k, uint32_t state)
{
    end_loans_of(k, state);
    struct entry *e = entry_of(k, state, false);
    if (e) remove_entry(&k->tables[state], e);
}

void *keep_lend(struct keep *k, void **kept)
{
    const struct kind *kind = &k->tables[0].value;
    if (!*kept) *kept = struct_new(kind);
    return lend(k, 0, kind, kept, *kept);
}

void keep_drop(struct keep *k, void *kept)
{
    struct_free(&k->tables[0].value, kept);
}

/* ---- lists ------------------------------------------------------------------------------------------------------- */

static void add_item(const struct keep *k, struct table *t, struct entry *e, const void *item)
{
    e->items = realloc(e->items, (e->n + 1) * sizeof(void *));
    e->items[e->n] = struct_copy(&t->value, item);
    *touched(e->items[e->n++]) = k->now;
}

void keep_list_add(struct keep *k, uint32_t state, const void *item)
{
    struct entry *e = entry_of(k, state, true);
    add_item(k, &k->tables[state], e, item); /* may be a copy that was lent */
    end_loans_of(k, state);
}

void keep_clear_raw(struct keep *k)
{
    for (uint32_t i = 0; i < k->n; i++) {
        if (k->tables[i].state.kind == WEIR_RAW) keep_clear(k, i);
    }
}

size_t keep_list_size(struct keep *k, uint32_t state)
{
    const struct entry *e = fresh_of(k, state);
    return e ? e->n : 0;
}

const void *keep_list_at(struct keep *k, uint32_t state, size_t i)
{
    const struct entry *e = fresh_of(k, state);
    if (e && i < e->n) read_touches(k, &k->tables[state], e->items[i]);
    return e && i < e->n ? lend(k, state, &k->tables[state].value, NULL, e->items[i]) : NULL;
}

void keep_list_update(struct keep *k, uint32_t state, const void *items, size_t n)
{
    struct table *t = &k->tables[state];
    struct entry *e = entry_of(k, state, true), old = *e;
    e->items = NULL;
    e->n = 0;
    for (size_t i = 0; i < n; i++) add_item(k, t, e, (const char *)items + i * t->value.size);
    old.value = NULL;
    empty(t, &old);
    end_loans_of(k, state);
    if (n == 0) remove_entry(t, e);
}

/* ---- maps -------------------------------------------------------------------------------------------------------- */

static struct pair *pair_of(const struct table *t, const struct entry *e, const void *key)
{
    for (size_t i = 0; e && i < e->n; i++) {
        if (struct_equal(&t->key, e->pairs[i].key, key)) return &e->pairs[i];
    }
    return NULL;
}

const void *keep_map_get(struct keep *k, uint32_t state, const void *key)
{
    settle(k);
    const struct table *t = &k->tables[state];
    const struct pair *p = pair_of(t, fresh_of(k, state), key);
    if (p) read_touches(k, t, p->value);
    return p ? lend(k, state, &t->value, NULL, p->value) : NULL;
}

void *keep_map_edit(struct keep *k, uint32_t state, const void *key)
{
    struct table *t = &k->tables[state];
    struct entry *e = fresh_of(k, state);
    if (!e) e = entry_of(k, state, true);
    if (!pair_of(t, e, key)) {
        struct pair fresh = {struct_copy(&t->key, key), struct_new(&t->value)};
        end_loans_of(k, state); /* they point into the array that moves */
        e->pairs = realloc(e->pairs, (e->n + 1) * sizeof *e->pairs);
        *touched(fresh.value) = k->now;
        e->pairs[e->n++] = fresh;
        return lend(k, state, &t->value, &e->pairs[e->n - 1].value, e->pairs[e->n - 1].value);
    }
    struct pair *p = pair_of(t, e, key);
    end_loans_of(k, state);
    *touched(p->value) = k->now;
    return lend(k, state, &t->value, &p->value, p->value);
}

void keep_map_remove(struct keep *k, uint32_t state, const void *key)
{
    struct table *t = &k->tables[state];
    struct entry *e = entry_of(k, state, false);
    const struct pair *p = pair_of(t, e, key);
    size_t i = p ? (size_t)(p - e->pairs) : 0;
    end_loans_of(k, state);
    if (!p) return;
    struct_free(&t->key, e->pairs[i].key);
    struct_free(&t->value, e->pairs[i].value);
    memmove(&e->pairs[i], &e->pairs[i + 1], (e->n - i - 1) * sizeof *e->pairs);
    if (--e->n == 0) remove_entry(t, e);
}

size_t keep_map_size(struct keep *k, uint32_t state)
{
    const struct entry *e = entry_of(k, state, false);
    return e ? e->n : 0;
}

bool keep_map_next(struct keep *k, uint32_t state, weir_cursor *at, const void **key, const void **value)
{
    settle(k);
    const struct table *t = &k->tables[state];
    const struct entry *e = fresh_of(k, state);
    if (!e || at->at >= e->n) return false;
    const struct pair *p = &e->pairs[at->at++];
    read_touches(k, t, p->value);
    *key = lend(k, state, &t->key, NULL, p->key);
    *value = lend(k, state, &t->value, NULL, p->value);
    return true;
}

/* ---- texts ------------------------------------------------------------------------------------------------------- */

static bool may_change(const struct keep *k, const weir_str *member)
{
    for (size_t i = 0; i < k->n_loans; i++) {
        const struct loan *l = &k->loans[i];
        for (uint32_t f = 0; l->kept && f < l->kind->n; f++) {
            if (text_at(l->kind, f, l->copy) == member) return true;
        }
    }
    return false;
}

bool keep_assign(struct keep *k, weir_str *member, weir_str bytes)
{
    if (!may_change(k, member)) return false;
    char *copy = bytes_of(bytes); /* they may be the member's own */
    poison_free((char *)(uintptr_t)member->p, member->n);
    *member = (weir_str){copy, bytes.n};
    return true;
}

void *keep_resize(struct keep *k, weir_str *member, size_t size)
{
    if (!may_change(k, member)) return NULL;
    char *p = calloc(1, size ? size : 1);
    size_t both = member->n < size ? member->n : size;
    if (both > 0) memcpy(p, member->p, both);
    poison_free((char *)(uintptr_t)member->p, member->n);
    *member = (weir_str){p, size};
    return p;
}

/* ---- every key --------------------------------------------------------------------------------------------------- */

size_t keep_keys(const struct keep *k, uint32_t state, struct cell ***cells, char ***identities)
{
    const struct table *t = &k->tables[state];
    *cells = calloc(t->n + 1, sizeof(struct cell *));
    *identities = calloc(t->n + 1, sizeof(char *));
    for (size_t i = 0; i < t->n; i++) {
        (*cells)[i] = cells_copy(t->all[i]->cells, t->all[i]->n_cells);
        (*identities)[i] = strdup(t->all[i]->identity);
    }
    return t->n;
}
