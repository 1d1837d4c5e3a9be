/* key_numbers.c - keys are numbered in the order in which they come, so that what belongs to them may lie in arrays.
 *
 * Subtask's thread. Open addressing with linear probing at a load of at most one half, over the low half of the key's hash.
 * A slot names the number, and the bytes of the keys lie one behind the other. Nothing is ever removed but all of it.
 */
#include <string.h>

#include "base/alloc.h"
#include "window/window_internal.h"

#define FIRST_SLOTS 16
#define MOST        (UINT32_MAX / 2)

static void put(struct weir__number_slot *slots, uint32_t n_slots, struct weir__number_slot slot)
{
    uint32_t at = slot.tag & (n_slots - 1);
    while (slots[at].next) at = (at + 1) & (n_slots - 1);
    slots[at] = slot;
}

static bool grow_slots(struct weir__key_numbers *k)
{
    uint32_t n = k->n_slots ? k->n_slots * 2 : FIRST_SLOTS;
    struct weir__number_slot *slots = weir_try_alloc((size_t)n * sizeof *slots);
    uint32_t *ends = slots ? weir_try_realloc(k->ends, (size_t)(n / 2) * sizeof *ends) : NULL;
    if (!ends) {
        weir_free(slots);
        return false;
    }
    for (uint32_t i = 0; i < k->n_slots; i++) {
        if (k->slots[i].next) put(slots, n, k->slots[i]);
    }
    weir_free(k->slots);
    k->slots = slots;
    k->n_slots = n;
    k->ends = ends;
    return true;
}

static bool add_bytes(struct weir__key_numbers *k, const struct weir_key_ref *key)
{
    size_t used = k->n > 0 ? k->ends[k->n - 1] : 0, need = used + key->n;
    if (need > UINT32_MAX) return false;
    if (need > k->capacity) {
        size_t capacity = need > k->capacity * 2 ? need + 64 : k->capacity * 2;
        uint8_t *bytes = weir_try_realloc(k->bytes, capacity);
        if (!bytes) return false;
        k->bytes = bytes;
        k->capacity = capacity;
    }
    if (key->n > 0) memcpy(k->bytes + used, key->p, key->n);
    k->ends[k->n] = (uint32_t)need;
    return true;
}

static bool is_key(const struct weir__key_numbers *k, uint32_t number, const struct weir_key_ref *key)
{
    weir_str bytes = weir__numbered_key(k, number);
    if (bytes.n != key->n) return false;
    return key->n == 8 ? memcmp(bytes.p, key->p, 8) == 0 : memcmp(bytes.p, key->p, key->n) == 0;
}

uint32_t weir__key_number(struct weir__key_numbers *k, const struct weir_key_ref *key)
{
    uint32_t tag = (uint32_t)key->hash, mask = k->n_slots - 1;
    for (uint32_t at = tag & mask; k->n_slots > 0 && k->slots[at].next; at = (at + 1) & mask) {
        if (k->slots[at].tag == tag && is_key(k, k->slots[at].next - 1, key)) return k->slots[at].next - 1;
    }
    if (k->n == MOST || (k->n == k->n_slots / 2 && !grow_slots(k)) || !add_bytes(k, key)) return WEIR__NO_NUMBER;
    put(k->slots, k->n_slots, (struct weir__number_slot){tag, k->n + 1});
    return k->n++;
}

void weir__key_numbers_empty(struct weir__key_numbers *k)
{
    if (k->n < k->n_slots / 8) {
        weir__key_numbers_finish(k);
        return;
    }
    if (k->n > 0) memset(k->slots, 0, (size_t)k->n_slots * sizeof *k->slots);
    k->n = 0;
}

void weir__key_numbers_finish(struct weir__key_numbers *k)
{
    weir_free(k->slots);
    weir_free(k->ends);
    weir_free(k->bytes);
    *k = (struct weir__key_numbers){0};
}
