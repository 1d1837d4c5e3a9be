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
/* What word `i` of a text adds: one does not wait for another, so that it is the job that is measured and not its check. */
static inline uint64_t peers_hash_word(uint64_t i, uint64_t word)
{
    return peers_hash((i + 1) * 0xc2b2ae3d27d4eb4fu, word);
}
/* Its length, then the sum of what its bytes by eights (little endian) add, the last ones filled up with zeros. */
static inline uint64_t peers_hash_text(uint64_t hash, const char *p, size_t n)
{
    size_t whole = n / sizeof(uint64_t), rest = n % sizeof(uint64_t);
    uint64_t sum = 0, word = 0;
    for (size_t i = 0; i < whole; i++) {
        memcpy(&word, p + i * sizeof word, sizeof word);
        sum += peers_hash_word(i, word);
    }
    if (rest && whole) { /* the last eight bytes, without those that were taken: a copy of so many bytes would be a call */
        memcpy(&word, p + n - sizeof word, sizeof word);
        sum += peers_hash_word(whole, word >> 8 * (sizeof word - rest));
    } else if (rest) {
        memcpy(&word, p, rest);
        sum += peers_hash_word(whole, word);
    }
    return peers_hash(peers_hash(hash, n), sum);
}

#endif
