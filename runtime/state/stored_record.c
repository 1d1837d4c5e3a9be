/* stored_record.c - entries as records of a store, and back. One thread.
 *
 * Before a key stand the set (1 byte), the key group (2), the state (1; from 255 on 255 and 2) and the namespace: a byte of
 * 128 and as many bytes as it takes, big-endian; of a negative one 128 less as many bytes as its complement takes. No prefix
 * begins another one, and bytes compare as the numbers do. Behind it come the key's own bytes.
 *
 * The bytes never leave the process's scratch store, so they are of this machine: first the order, as a length; then a
 * struct is its declared members in order, numbers as in memory, texts as a length and their bytes; a length is 7 bits a
 * byte, least first, the upper bit set on all but the last. A list is its length and its items, a map its length and its
 * pairs, key before value, in order of insertion.
 * Packing them for a snapshot is the business of its reader: any one thread.
 */
#include "state/stored_internal.h"

#include "state/pack.h"

/* ---- keys -------------------------------------------------------------------------------------------------------- */

static void put_big(uint8_t *to, uint64_t number, int bytes)
{
    for (int i = bytes; i-- > 0; number >>= 8) to[i] = (uint8_t)number;
}

static int bytes_of(uint64_t number)
{
    return number ? (71 - __builtin_clzll(number)) / 8 : 0;
}

static size_t put_namespace(uint8_t *to, int64_t ns)
{
    int n = bytes_of(ns < 0 ? ~(uint64_t)ns | 1 : (uint64_t)ns);
    to[0] = (uint8_t)(ns < 0 ? 128 - n : 128 + n);
    put_big(to + 1, (uint64_t)ns, n);
    return 1 + (size_t)n;
}

bool weir__stored_prefix(const struct stored *d, struct weir_key_bytes *to, uint32_t state, uint32_t group, int64_t ns)
{
    uint8_t prefix[WEIR__STORED_PREFIX];
    size_t n = WEIR__STORED_GROUP_PREFIX;
    weir__stored_group_prefix(d->number, group, prefix);
    prefix[n++] = (uint8_t)(state < 255 ? state : 255);
    if (state >= 255) {
        put_big(prefix + n, state, 2);
        n += 2;
    }
    n += put_namespace(prefix + n, ns);
    return weir_key_bytes_add(to, prefix, n);
}

void weir__stored_group_prefix(uint32_t set, uint32_t group, uint8_t prefix[WEIR__STORED_GROUP_PREFIX])
{
    prefix[0] = (uint8_t)set;
    put_big(prefix + 1, group, 2);
}

/* The first byte is no 255: there are few sets. */
void weir__stored_until(uint8_t prefix[], size_t n)
{
    while (n-- > 0 && ++prefix[n] == 0) continue;
}

uint32_t weir__stored_group_of(weir_str key)
{
    return (uint32_t)(uint8_t)key.p[1] << 8 | (uint8_t)key.p[2];
}

static const uint8_t *after_group(weir_str key)
{
    return (const uint8_t *)key.p + WEIR__STORED_GROUP_PREFIX;
}

static const uint8_t *after_state(weir_str key)
{
    const uint8_t *p = after_group(key);
    return p + (*p == 255 ? 3 : 1);
}

uint32_t weir__stored_state_of(weir_str key)
{
    const uint8_t *p = after_group(key);
    return *p == 255 ? (uint32_t)p[1] << 8 | p[2] : *p;
}

static int namespace_bytes(const uint8_t *p)
{
    return *p < 128 ? 128 - *p : *p - 128;
}

int64_t weir__stored_ns(weir_str key)
{
    const uint8_t *p = after_state(key);
    uint64_t number = *p < 128 ? UINT64_MAX : 0;
    for (int i = 1; i <= namespace_bytes(p); i++) number = number << 8 | p[i];
    return (int64_t)number;
}

size_t weir__stored_prefix_size(weir_str key)
{
    const uint8_t *p = after_state(key);
    return (size_t)(p + 1 + namespace_bytes(p) - (const uint8_t *)key.p);
}

weir_str weir__stored_key_of(weir_str key)
{
    size_t n = weir__stored_prefix_size(key);
    return (weir_str){key.p + n, key.n - n};
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static bool put_length(struct weir_key_bytes *to, uint64_t n)
{
    uint8_t bytes[10];
    size_t used = 0;
    for (; n >= 128; n >>= 7) bytes[used++] = (uint8_t)(n | 128);
    bytes[used++] = (uint8_t)n;
    return weir_key_bytes_add(to, bytes, used);
}

static bool put_struct(struct weir_key_bytes *to, const weir_field *fields, uint32_t n, const void *value)
{
    bool ok = true;
    for (uint32_t i = 0; ok && i < n; i++) {
        const uint8_t *member = (const uint8_t *)value + fields[i].offset;
        if (!weir_type_is_variable((weir_type)fields[i].type)) {
            ok = weir_key_bytes_add(to, member, fields[i].size);
            continue;
        }
        const weir_str *text = (const weir_str *)(const void *)member;
        ok = put_length(to, text->n) && (text->n == 0 || weir_key_bytes_add(to, text->p, text->n));
    }
    return ok;
}

static bool put_list(struct weir_key_bytes *to, const struct weir_state_layout *l, const struct heap_list *list)
{
    bool ok = put_length(to, list->n);
    for (size_t i = 0; ok && i < list->n; i++) ok = put_struct(to, l->fields, l->n_fields, list->items + i * l->size);
    return ok;
}

static bool put_map(struct weir_key_bytes *to, const struct heap_state *s, const struct heap_map *map)
{
    const struct weir_state_layout *l = s->layout;
    const void *key, *value;
    weir_cursor at = {0};
    bool ok = put_length(to, map->live);
    while (ok && weir__heap_map_step(s, map, &at, &key, &value))
        ok = put_struct(to, l->key_fields, l->n_key_fields, key) && put_struct(to, l->fields, l->n_fields, value);
    return ok;
}

bool weir__stored_encode(const struct heap_state *s, uint64_t order, void *value, struct weir_key_bytes *to)
{
    if (!put_length(to, order)) return false;
    switch (weir_layout_shape(s->layout)) {
    case WEIR_SHAPE_VALUE: return put_struct(to, s->layout->fields, s->layout->n_fields, value);
    case WEIR_SHAPE_LIST: return put_list(to, s->layout, value);
    case WEIR_SHAPE_MAP: return put_map(to, s, value);
    }
    return false;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static bool take(weir_str *from, void *to, size_t n)
{
    if (from->n < n) return false;
    memcpy(to, from->p, n);
    from->p += n;
    from->n -= n;
    return true;
}

static bool take_length(weir_str *from, uint64_t *n)
{
    uint8_t byte = 128;
    *n = 0;
    for (uint32_t shift = 0; byte & 128; shift += 7) {
        if (shift > 63 || !take(from, &byte, 1)) return false;
        *n |= (uint64_t)(byte & 127) << shift;
    }
    return true;
}

/* Texts are borrowed from the record. */
static bool take_struct(weir_str *from, const weir_field *fields, uint32_t n, void *value)
{
    bool ok = true;
    for (uint32_t i = 0; ok && i < n; i++) {
        uint8_t *member = (uint8_t *)value + fields[i].offset;
        uint64_t length;
        if (!weir_type_is_variable((weir_type)fields[i].type)) {
            ok = take(from, member, fields[i].size);
            continue;
        }
        ok = take_length(from, &length) && length <= from->n;
        if (!ok) break;
        *(weir_str *)(void *)member = (weir_str){length ? from->p : NULL, (size_t)length};
        from->p += length;
        from->n -= length;
    }
    return ok;
}

static weir_status take_value(struct stored *d, const struct heap_state *s, weir_str *from, void *value)
{
    if (take_struct(from, s->layout->fields, s->layout->n_fields, value))
        return weir__heap_own_texts(d->cache, &s->texts, value) ? WEIR_OK : WEIR_E_MEMORY;
    memset(value, 0, s->value_size);
    return WEIR_E_DATA;
}

static weir_status take_list(struct stored *d, const struct heap_state *s, weir_str *from, struct heap_list *list)
{
    const struct weir_state_layout *l = s->layout;
    uint64_t n;
    bool ok = take_length(from, &n);
    for (uint64_t i = 0; ok && i < n; i++) {
        memset(d->room, 0, l->size);
        ok = take_struct(from, l->fields, l->n_fields, d->room);
        if (ok && !weir__heap_list_append(d->cache, s, list, d->room)) return WEIR_E_MEMORY;
    }
    return ok ? WEIR_OK : WEIR_E_DATA;
}

static weir_status take_map(struct stored *d, const struct heap_state *s, weir_str *from, struct heap_map *map)
{
    const struct weir_state_layout *l = s->layout;
    uint64_t n;
    bool ok = take_length(from, &n);
    for (uint64_t i = 0; ok && i < n; i++) {
        memset(d->room, 0, l->key_size);
        ok = take_struct(from, l->key_fields, l->n_key_fields, d->room);
        void *value = ok ? weir__heap_map_append(d->cache, s, map, d->room) : NULL;
        if (ok && !value) return WEIR_E_MEMORY;
        ok = ok && take_struct(from, l->fields, l->n_fields, value);
        if (!ok && value) memset(value, 0, l->size); /* its texts are nobody's */
        if (ok && !weir__heap_own_texts(d->cache, &s->texts, value)) return WEIR_E_MEMORY;
    }
    return ok ? WEIR_OK : WEIR_E_DATA;
}

uint64_t weir__stored_order(weir_str record)
{
    uint64_t order;
    return take_length(&record, &order) ? order : 0;
}

weir_status weir__stored_decode(struct stored *d, const struct heap_state *s, weir_str record, uint64_t *order, void *value)
{
    weir_status status = WEIR_E_DATA;
    if (!take_length(&record, order)) return status;
    switch (weir_layout_shape(s->layout)) {
    case WEIR_SHAPE_VALUE: status = take_value(d, s, &record, value); break;
    case WEIR_SHAPE_LIST: status = take_list(d, s, &record, value); break;
    case WEIR_SHAPE_MAP: status = take_map(d, s, &record, value); break;
    }
    return status == WEIR_OK && record.n > 0 ? WEIR_E_DATA : status;
}

/* ---- packing ----------------------------------------------------------------------------------------------------- */

static bool skip_order(weir_str *record)
{
    uint64_t order;
    return take_length(record, &order);
}

static bool is_map(const struct weir_state_layout *l)
{
    return weir_layout_shape(l) == WEIR_SHAPE_MAP;
}

/* Into the room for it: the next value, item or pair. */
static bool take_one(const struct stored_packing *p, weir_str *record)
{
    const struct weir_state_layout *l = p->layout;
    return (!is_map(l) || take_struct(record, l->key_fields, l->n_key_fields, p->key)) &&
           take_struct(record, l->fields, l->n_fields, p->value);
}

static bool begin(const struct stored_packing *p, weir_str *record, uint64_t *n)
{
    *n = 1;
    return skip_order(record) && (weir_layout_shape(p->layout) == WEIR_SHAPE_VALUE || take_length(record, n));
}

weir_status weir__stored_count(const struct stored_packing *p, weir_str record, uint64_t *n)
{
    uint64_t all;
    *n = 0;
    if (!begin(p, &record, &all)) return WEIR_E_DATA;
    if (!p->layout->is_timed) *n = all;
    for (uint64_t i = 0; p->layout->is_timed && i < all; i++) {
        if (!take_one(p, &record)) return WEIR_E_DATA;
        *n += weir_layout_lives(p->layout, p->value, p->now_ms);
    }
    return WEIR_OK;
}

weir_status weir__stored_pack(const struct stored_packing *p, weir_str record, uint64_t n)
{
    const struct weir_state_layout *l = p->layout;
    uint64_t all;
    if (!begin(p, &record, &all)) return WEIR_E_DATA;
    bool ok = weir_layout_shape(l) == WEIR_SHAPE_VALUE || weir__pack_array(p->to, n);
    for (uint64_t i = 0; ok && i < all; i++) {
        if (!take_one(p, &record)) return WEIR_E_DATA;
        if (!weir_layout_lives(l, p->value, p->now_ms)) continue;
        ok = is_map(l) ? weir__pack_pair(p->to, l, p->key, p->value)
                       : weir__pack_struct(p->to, l->fields, l->n_fields, p->value);
    }
    if (!ok) return WEIR_E_MEMORY;
    return record.n > 0 ? WEIR_E_DATA : WEIR_OK;
}
