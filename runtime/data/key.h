/* data/key.h - keys: Java's hash codes, Flink's key groups, and the bytes that state tables compare.
 *
 * Key group = murmur(java hash) % max_parallelism and subtask = key group * parallelism / max_parallelism, so that state
 * can be rescaled and the same job on Flink puts the same key in the same place. The Java hash chooses the key group
 * only; state tables use weir_key_hash64 (of the key bytes, XXH3 at heart) and compare whole keys.
 *
 * Key bytes: the key's fields one after the other: bool 1 byte; i32, f32 4 and i64, f64, timestamp 8 bytes little-endian,
 * with every NaN stored as the canonical NaN (so equality is Java's: NaN equals NaN, -0.0 differs from 0.0); string as a
 * 4-byte little-endian length and its bytes. Two keys are equal iff their bytes are.
 */
#ifndef WEIR_DATA_KEY_H
#define WEIR_DATA_KEY_H

#include <weir/data.h>

#include "base/error.h"
#include "data/rows.h"

#define WEIR_MAX_PARALLELISM 32768

int32_t weir_java_hash_i64(int64_t v);
int32_t weir_java_hash_bool(bool v);
int32_t weir_java_hash_f32(float v);
int32_t weir_java_hash_f64(double v);
int32_t weir_java_hash_string(const char *utf8,
                              size_t n); /* over UTF-16 units; invalid UTF-8 counts as U+FFFD, as Java decodes it */
int32_t weir_murmur(int32_t hash);       /* Flink MathUtils.murmurHash */

uint32_t weir_default_max_parallelism(uint32_t parallelism);
uint32_t weir_key_group_of(int32_t java_hash, uint32_t max_parallelism);
uint32_t weir_key_group_subtask(uint32_t key_group, uint32_t parallelism, uint32_t max_parallelism);
void weir_key_group_range(uint32_t subtask, uint32_t parallelism, uint32_t max_parallelism, uint32_t *first,
                          uint32_t *last); /* inclusive */

/* Growing key bytes; zeroed is empty. */
struct weir_key_bytes {
    uint8_t *p;
    size_t n, capacity;
};
void weir_key_bytes_finish(struct weir_key_bytes *);
WEIR_CHECKED bool weir_key_bytes_add(struct weir_key_bytes *, const void *bytes, size_t n); /* false: no memory */
WEIR_CHECKED bool weir_key_bytes_grow(struct weir_key_bytes *, size_t more);
/* The place behind the bytes, with room for more; NULL: no memory. Who writes there adds to n. */
static inline uint8_t *weir_key_bytes_room(struct weir_key_bytes *b, size_t more)
{
    return b->capacity - b->n >= more || weir_key_bytes_grow(b, more) ? b->p + b->n : NULL;
}
/* Appends the key of row `row`: columns fields[0..n_fields) of the batch. WEIR_E_DATA when one is null, naming nothing:
 * the caller knows. */
WEIR_CHECKED weir_status weir_key_encode(struct weir_key_bytes *, const weir_batch *, const uint32_t *fields,
                                         uint32_t n_fields, int64_t row);
/* Key bytes back to one row per key in a builder whose written columns are the key's fields, in order; ends the row, with
 * WEIR_NO_TIME. WEIR_E_DATA: not a key of these fields. */
struct weir_builder;
WEIR_CHECKED weir_status weir_key_decode(const uint8_t *key, size_t n, struct weir_builder *);
/* The same into columns first .. first + n_columns - 1 of those that the builder writes, at out.length, which stays. */
WEIR_CHECKED weir_status weir_key_put(const uint8_t *key, size_t n, struct weir_builder *, uint32_t first,
                                      uint32_t n_columns);

/* n == 4 and n == 8: splitmix64's finaliser of the little-endian number; n < 4: XXH3; else XXH3 of all but the first four
 * bytes, seeded with those, so that the key of a string, whose first four bytes are its length, is hashed where it lies. */
uint64_t weir_key_hash64(const void *key, size_t n);

/* Hash and key group of every row, into rows->keys; the caller holds the only reference. On a null key: WEIR_E_DATA;
 * *bad_row (the first such row that the selection, if any, shows) and *bad_field (index in fields) are set. */
WEIR_CHECKED weir_status weir_key_rows(struct weir_pool *, struct weir_rows *rows, const uint32_t *fields, uint32_t n_fields,
                                       uint32_t max_parallelism, int64_t *bad_row, uint32_t *bad_field);

#endif
