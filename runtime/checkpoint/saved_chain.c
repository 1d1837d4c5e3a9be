/* saved_chain.c - a part that holds only what changed, put together with the files that it changes. Any one thread.
 *
 * One key group at a time: its entries of all files, in order, into a table by state, namespace and key, where a later entry
 * takes the place of an earlier one; what is left, sorted as a whole part is, is what a whole part would have. An entry
 * that went and came back is a new one, behind the others: so the order of keys is that of the state that was cut.
 *
 * Timers are whole in every file; those of the last one count.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/alloc.h"
#include "checkpoint/saved_internal.h"
#include "data/msgpack_get.h"

#define NIL 0xc0

/* ---- a file ------------------------------------------------------------------------------------------------------ */

weir_status weir__part_file_open(struct weir__part_file *f, struct weir_storage *storage, const char *checkpoint,
                                 const struct weir_saved_part *part, struct weir_error *error)
{
    *f = (struct weir__part_file){.storage = storage,
                                  .checkpoint = checkpoint,
                                  .part = part,
                                  .path = weir__object_path(storage, checkpoint, part->file),
                                  .block = UINT64_MAX};
    weir_status status = weir__check_found(part, f->path, error);
    if (status != WEIR_OK) weir__part_file_close(f);
    return status;
}

void weir__part_file_rest(struct weir__part_file *f)
{
    weir_free(f->bytes);
    f->bytes = NULL;
    f->block = UINT64_MAX;
}

void weir__part_file_close(struct weir__part_file *f)
{
    weir_free(f->bytes);
    weir_free(f->path);
    *f = (struct weir__part_file){0};
}

static weir_status load_block(struct weir__part_file *f, uint64_t block, struct weir_error *error)
{
    uint64_t offset = block * WEIR__SAVED_BLOCK, left = f->part->length - offset;
    size_t n = left < WEIR__SAVED_BLOCK ? (size_t)left : WEIR__SAVED_BLOCK, got;
    if (f->block == block) return WEIR_OK;
    if (!f->bytes) f->bytes = weir_alloc(WEIR__SAVED_BLOCK);
    f->block = UINT64_MAX;
    weir_status status = weir_storage_read(f->storage, f->checkpoint, f->part->file, offset, f->bytes, n, &got, error);
    if (status == WEIR_OK && got < n) status = weir__check_length(f->path, offset + got, f->part->length, error);
    if (status == WEIR_OK) status = weir__check_block(f->path, offset, f->bytes, n, f->part->hashes[block], error);
    if (status == WEIR_OK) f->block = block;
    return status;
}

weir_status weir__part_file_read(struct weir__part_file *f, uint64_t offset, uint64_t n, struct weir_key_bytes *to,
                                 struct weir_error *error)
{
    weir_status status = WEIR_OK;
    while (status == WEIR_OK && n > 0) {
        uint64_t in_block = offset % WEIR__SAVED_BLOCK, room = WEIR__SAVED_BLOCK - in_block, take = n < room ? n : room;
        status = load_block(f, offset / WEIR__SAVED_BLOCK, error);
        if (status == WEIR_OK && !weir_key_bytes_add(to, f->bytes + in_block, (size_t)take))
            status = weir_error_set(error, WEIR_E_MEMORY, "%s: no memory for its state", f->path);
        offset += take;
        n -= take;
    }
    return status;
}

weir_status weir__part_file_check(struct weir__part_file *f, struct weir_error *error)
{
    weir_status status = WEIR_OK;
    for (uint64_t i = 0; status == WEIR_OK && i < f->part->n_hashes; i++) status = load_block(f, i, error);
    return status;
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

/* [group, state, namespace, key, value], in a key group of a file. */
struct entry {
    const uint8_t *bytes, *id; /* id: state, namespace, key */
    size_t n, n_id;
    int64_t state, ns;
    size_t order; /* of insertion */
    bool has_key, has_value, gone;
};

/* An integer of msgpack; NULL: it is none. Behind it. */
static const uint8_t *take_integer(const uint8_t *p, int64_t *v)
{
    static const uint8_t sizes[] = {1, 2, 4, 8};
    uint8_t tag = *p++;
    uint64_t number = 0;
    if (tag < 0x80 || tag >= 0xe0) {
        *v = (int8_t)tag;
        return p;
    }
    if (tag < 0xcc || tag > 0xd3) return NULL;
    int size = sizes[(tag - 0xcc) & 3];
    for (int i = 0; i < size; i++) number = number << 8 | *p++;
    if (tag >= 0xd0 && size < 8 && number >> (size * 8 - 1)) number |= UINT64_MAX << (size * 8);
    *v = (int64_t)number;
    return p;
}

/* The entry at the beginning of n bytes; false: there is none. Its values are whole, so none ends beyond it. */
static bool read_entry(const uint8_t *bytes, size_t n, uint32_t group, struct entry *e)
{
    size_t size = weir_msgpack_size(bytes, n);
    const uint8_t *end = bytes + size, *p;
    int64_t in_group;
    *e = (struct entry){.bytes = bytes, .n = size};
    if (size == 0 || bytes[0] != 0x95) return false;
    if (!(p = take_integer(bytes + 1, &in_group)) || in_group != group) return false;
    e->id = p;
    if (!(p = take_integer(p, &e->state)) || !(p = take_integer(p, &e->ns))) return false;
    e->has_key = *p != NIL;
    p += weir_msgpack_size(p, (size_t)(end - p));
    e->n_id = (size_t)(p - e->id);
    e->has_value = *p != NIL;
    return e->has_key || !e->has_value;
}

/* ---- one key group ----------------------------------------------------------------------------------------------- */

struct weir__chain {
    const struct weir_saved_part *part;
    const struct weir_saved_visitor *visitor;
    void *arg;
    struct weir_error *error;
    struct weir__part_file *files; /* earlier ones first */
    struct weir_key_bytes *bytes;  /* of the group, by file */
    size_t *next;                  /* group to be read, by file */
    uint64_t *at;                  /* its place in the file */
    size_t n;
    struct entry *entries;
    size_t n_entries, capacity;
    uint32_t *slots; /* 1 + index of an entry; 0: free; a power of two */
    size_t n_slots;
};

static const struct weir_saved_part *part_of(const struct weir__chain *m, size_t i)
{
    return i < m->part->n_earlier ? &m->part->earlier[i] : m->part;
}

static size_t slot_of(const struct weir__chain *m, const struct entry *e)
{
    size_t at = (size_t)XXH3_64bits(e->id, e->n_id) & (m->n_slots - 1);
    while (m->slots[at]) {
        const struct entry *other = &m->entries[m->slots[at] - 1];
        if (other->n_id == e->n_id && memcmp(other->id, e->id, e->n_id) == 0) break;
        at = (at + 1) & (m->n_slots - 1);
    }
    return at;
}

static bool grow_slots(struct weir__chain *m)
{
    size_t n = m->n_slots ? m->n_slots * 2 : 256;
    uint32_t *slots = weir_try_alloc(n * sizeof *slots);
    if (!slots) return false;
    memset(slots, 0, n * sizeof *slots);
    weir_free(m->slots);
    m->slots = slots;
    m->n_slots = n;
    for (size_t i = 0; i < m->n_entries; i++) { /* the newest of an id stands for it */
        if (m->entries[i].state >= 0) m->slots[slot_of(m, &m->entries[i])] = (uint32_t)i + 1;
    }
    return true;
}

static bool add_entry(struct weir__chain *m, const struct entry *e)
{
    if (!WEIR_TRY_GROW(m->entries, m->capacity, m->n_entries + 1)) return false;
    m->entries[m->n_entries] = *e;
    m->entries[m->n_entries].order = m->n_entries;
    m->n_entries++;
    return true;
}

static void drop_namespace(struct weir__chain *m, const struct entry *e)
{
    for (size_t i = 0; i < m->n_entries; i++)
        m->entries[i].gone |= m->entries[i].state == e->state && m->entries[i].ns == e->ns;
}

/* False: no memory. */
static bool apply(struct weir__chain *m, const struct entry *e)
{
    if (!e->has_key) {
        drop_namespace(m, e);
        return true;
    }
    if (m->n_entries * 2 >= m->n_slots && !grow_slots(m)) return false;
    size_t slot = slot_of(m, e);
    struct entry *there = m->slots[slot] ? &m->entries[m->slots[slot] - 1] : NULL;
    if (there && !e->has_value) {
        there->gone = true;
    } else if (there && !there->gone) {
        there->bytes = e->bytes;
        there->n = e->n;
        there->id = e->id;
    } else if (e->has_value) {
        m->slots[slot] = (uint32_t)m->n_entries + 1;
        return add_entry(m, e);
    }
    return true;
}

static weir_status apply_file(struct weir__chain *m, size_t i, uint32_t group)
{
    const struct weir_key_bytes *bytes = &m->bytes[i];
    struct entry e;
    for (size_t at = 0; at < bytes->n; at += e.n) {
        if (!read_entry(bytes->p + at, bytes->n - at, group, &e))
            return weir_error_set(m->error, WEIR_E_DATA,
                                  "%s: byte %" PRIu64 ": expected an entry of key group %u, found something else; it was "
                                  "not written by weir, or by another version of it",
                                  m->files[i].path, m->at[i] - bytes->n + at, group);
        bool is_timer = e.state < 0, counts = !is_timer || i + 1 == m->n;
        if (counts && !(is_timer ? add_entry(m, &e) : apply(m, &e)))
            return weir_error_set(m->error, WEIR_E_MEMORY, "%s: no memory for key group %u", m->files[i].path, group);
    }
    return WEIR_OK;
}

/* By state, then by namespace, then as the keys came; timers last, as they came. */
static int by_place(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if ((x->state < 0) != (y->state < 0)) return x->state < 0 ? 1 : -1;
    if (x->state >= 0 && x->state != y->state) return x->state < y->state ? -1 : 1;
    if (x->state >= 0 && x->ns != y->ns) return x->ns < y->ns ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

/* To the group, or where it would be. */
static void seek(struct weir__chain *m, size_t i, uint32_t group)
{
    const struct weir_saved_part *part = part_of(m, i);
    if (m->next[i] > 0 && part->groups[m->next[i] - 1].group >= group) {
        m->next[i] = 0;
        m->at[i] = part->header;
    }
    while (m->next[i] < part->n_groups && part->groups[m->next[i]].group < group)
        m->at[i] += part->groups[m->next[i]++].length;
}

static weir_status merge_group(struct weir__chain *m, uint32_t group)
{
    weir_status status = WEIR_OK;
    m->n_entries = 0;
    if (m->slots) memset(m->slots, 0, m->n_slots * sizeof *m->slots);
    for (size_t i = 0; status == WEIR_OK && i < m->n; i++) {
        const struct weir_saved_part *part = part_of(m, i);
        m->bytes[i].n = 0;
        seek(m, i, group);
        if (m->next[i] == part->n_groups || part->groups[m->next[i]].group != group) continue;
        uint64_t length = part->groups[m->next[i]++].length;
        status = weir__part_file_read(&m->files[i], m->at[i], length, &m->bytes[i], m->error);
        m->at[i] += length;
        if (status == WEIR_OK) status = apply_file(m, i, group);
    }
    if (m->n_entries > 1) qsort(m->entries, m->n_entries, sizeof *m->entries, by_place);
    for (size_t i = 0; status == WEIR_OK && i < m->n_entries; i++) {
        const struct entry *e = &m->entries[i];
        if (e->gone || !m->visitor->entry) continue;
        status = m->visitor->entry(m->arg, group, e->bytes, e->n, m->error);
        if (status < 0) weir_error_prefix(m->error, "%s: key group %u: ", m->files[m->n - 1].path, group);
    }
    return status;
}

/* ---- the whole part ---------------------------------------------------------------------------------------------- */

/* The least key group that a file has and that was not merged yet; false: there is none. */
static bool next_group(const struct weir__chain *m, uint32_t *group)
{
    bool any = false;
    for (size_t i = 0; i < m->n; i++) {
        const struct weir_saved_part *part = part_of(m, i);
        if (m->next[i] == part->n_groups || (any && part->groups[m->next[i]].group >= *group)) continue;
        *group = part->groups[m->next[i]].group;
        any = true;
    }
    return any;
}

/* All files were cut of the same states: else the numbers in their entries would mean others. */
static weir_status read_headers(struct weir__chain *m)
{
    struct weir_key_bytes first = {0}, header = {0};
    weir_status status = WEIR_OK;
    for (size_t i = 0; status == WEIR_OK && i < m->n; i++) {
        struct weir_key_bytes *to = i == 0 ? &first : &header;
        header.n = 0;
        status = weir__part_file_read(&m->files[i], 0, part_of(m, i)->header, to, m->error);
        if (status == WEIR_OK && (to->n != first.n || memcmp(to->p, first.p, to->n) != 0))
            status = weir_error_set(m->error, WEIR_E_DATA, "%s: byte 0: expected the header of %s, found another one",
                                    m->files[i].path, m->files[0].path);
    }
    if (status == WEIR_OK && m->visitor->header) {
        status = m->visitor->header(m->arg, first.p, first.n, m->error);
        if (status < 0) weir_error_prefix(m->error, "%s: byte 0: ", m->files[m->n - 1].path);
    }
    weir_key_bytes_finish(&first);
    weir_key_bytes_finish(&header);
    return status;
}

/* Those of the last file. */
static weir_status read_list(struct weir__chain *m, const struct weir_saved_list *list, uint64_t offset)
{
    struct weir_key_bytes bytes = {0};
    struct weir__part_file *file = &m->files[m->n - 1];
    weir_status status = weir__part_file_read(file, offset, list->length, &bytes, m->error);
    uint64_t items = 0;
    for (size_t at = 0, size; status == WEIR_OK && at < bytes.n; at += size, items++) {
        size = weir_msgpack_size(bytes.p + at, bytes.n - at);
        if (size == 0) break;
        if (m->visitor->item) status = m->visitor->item(m->arg, list, bytes.p + at, size, m->error);
        if (status < 0) weir_error_prefix(m->error, "%s: byte %" PRIu64 ": ", file->path, offset + at);
    }
    weir_key_bytes_finish(&bytes);
    if (status == WEIR_OK && items != list->items)
        status = weir_error_set(m->error, WEIR_E_DATA,
                                "%s: byte %" PRIu64 ": expected a list of %" PRIu64 " items, found something else",
                                file->path, offset, list->items);
    return status;
}

static weir_status merge_all(struct weir__chain *m)
{
    weir_status status = read_headers(m);
    for (uint32_t group = 0; status == WEIR_OK && next_group(m, &group);) status = merge_group(m, group);
    uint64_t offset = m->at[m->n - 1];
    for (size_t i = 0; status == WEIR_OK && i < m->part->n_lists; i++) {
        status = read_list(m, &m->part->lists[i], offset);
        offset += m->part->lists[i].length;
    }
    return status;
}

weir_status weir__chain_open(struct weir_storage *storage, const char *checkpoint, const struct weir_saved_part *part,
                             struct weir__chain **to, struct weir_error *error)
{
    struct weir__chain *m = weir_alloc(sizeof *m);
    weir_status status = WEIR_OK;
    *m = (struct weir__chain){.part = part, .n = part->n_earlier + 1};
    m->files = weir_alloc_array(m->n, sizeof *m->files);
    m->bytes = weir_alloc_array(m->n, sizeof *m->bytes);
    m->next = weir_alloc_array(m->n, sizeof *m->next);
    m->at = weir_alloc_array(m->n, sizeof *m->at);
    for (size_t i = 0; status == WEIR_OK && i < m->n; i++) {
        m->at[i] = part_of(m, i)->header;
        status = weir__part_file_open(&m->files[i], storage, checkpoint, part_of(m, i), error);
    }
    *to = m;
    if (status == WEIR_OK) return WEIR_OK;
    weir__chain_close(m);
    *to = NULL;
    return status;
}

void weir__chain_close(struct weir__chain *m)
{
    if (!m) return;
    for (size_t i = 0; i < m->n; i++) {
        weir__part_file_close(&m->files[i]);
        weir_key_bytes_finish(&m->bytes[i]);
    }
    weir_free(m->files);
    weir_free(m->bytes);
    weir_free(m->next);
    weir_free(m->at);
    weir_free(m->entries);
    weir_free(m->slots);
    weir_free(m);
}

static void tell_to(struct weir__chain *m, const struct weir_saved_visitor *visitor, void *arg, struct weir_error *error)
{
    m->visitor = visitor;
    m->arg = arg;
    m->error = error;
}

weir_status weir__chain_read(struct weir__chain *m, uint32_t group, const struct weir_saved_visitor *visitor, void *arg,
                             struct weir_error *error)
{
    tell_to(m, visitor, arg, error);
    return merge_group(m, group);
}

weir_status weir__saved_scan_chain(struct weir_storage *storage, const char *checkpoint, const struct weir_saved_part *part,
                                   const struct weir_saved_visitor *visitor, void *arg, struct weir_error *error)
{
    struct weir__chain *m;
    weir_status status = weir__chain_open(storage, checkpoint, part, &m, error);
    if (status != WEIR_OK) return status;
    tell_to(m, visitor, arg, error);
    status = merge_all(m);
    weir__chain_close(m);
    return status;
}
