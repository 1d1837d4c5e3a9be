/* bench/peers/hash.h - the hash of a record, value by value; that of many records is the sum of theirs. flink/.../Hash.java
 * is the same in Java. */
#ifndef WEIR_PEERS_HASH_H
#define WEIR_PEERS_HASH_H

#include <stdint.h>
#include <string.h>

static inline uint64_t peers_hash(uint64_t hash, uint64_t value)
{
    uint64_t h = (hash ^ value) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 32;
}
/* Its length, then its bytes by eights (little endian), the last ones filled up with zeros. */
static inline uint64_t peers_hash_text(uint64_t hash, const char *p, size_t n)
{
    uint64_t h = peers_hash(hash, n), word = 0;
    size_t whole = n & ~(sizeof word - 1), rest = n - whole;
    for (const char *end = p + whole; p < end; p += sizeof word) {
        memcpy(&word, p, sizeof word);
        h = peers_hash(h, word);
    }
    if (rest == 0) return h;
    if (whole) { /* the last eight bytes, without those that were taken: a copy of so many bytes would be a call */
        memcpy(&word, p + rest - sizeof word, sizeof word);
        word >>= 8 * (sizeof word - rest);
    } else {
        memcpy(&word, p, rest);
    }
    return peers_hash(h, word);
}

#endif
