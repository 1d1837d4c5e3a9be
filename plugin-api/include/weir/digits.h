/* weir/digits.h - eight digits at a time, for weir/text.h: read from a text and written into one.
 *
 * Static inline, libc only, C11 and C++17 clean; not part of the binary contract.
 */
#ifndef WEIR_DIGITS_H
#define WEIR_DIGITS_H

#include <string.h>
#include <weir/abi.h>

#if defined __BYTE_ORDER__ && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define WEIR_TEXT_BY_EIGHT_ 1

/* Up to eight characters right-aligned in eight bytes, the last in the topmost, with '0' before them: the form in which
 * eight digits are read at once. 1 <= n <= 8. */
static inline uint64_t weir_text_eight_(const char *p, size_t n)
{
    uint64_t v = 0;
    if (n == 8) {
        memcpy(&v, p, 8);
        return v;
    }
    if (n >= 4) { /* two loads that overlap: the bytes that both have are the same */
        uint32_t first, last;
        memcpy(&first, p, 4);
        memcpy(&last, p + n - 4, 4);
        v = (uint64_t)last << 32 | (uint64_t)first << (64 - 8 * n);
    } else {
        v = (uint64_t)(unsigned char)p[n - 1] << 56;
        if (n > 1) v |= (uint64_t)(unsigned char)p[n - 2] << 48;
        if (n > 2) v |= (uint64_t)(unsigned char)p[0] << 40;
    }
    return v | 0x3030303030303030u >> 8 * n;
}
static inline bool weir_text_are_digits_(uint64_t eight)
{
    const uint64_t high = 0xF0F0F0F0F0F0F0F0u;
    return ((eight & high) | ((eight + 0x0606060606060606u) & high) >> 4) == 0x3333333333333333u;
}
/* Pairs, then fours, then the whole: three multiplications. */
static inline uint64_t weir_text_digits_value_(uint64_t eight)
{
    uint64_t v = eight - 0x3030303030303030u;
    v = v * 10 + (v >> 8);
    return ((v & 0x000000FF000000FFu) * 0x000F424000000064u + (v >> 16 & 0x000000FF000000FFu) * 0x0000271000000001u) >> 32;
}

/* The eight digits of a number below 10^8, the first in the lowest byte: two fours, four pairs, then all are told apart side
 * by side. 10486 / 2^20 is near enough to 1 / 100, and 103 / 2^10 to 1 / 10. */
static inline uint64_t weir_text_eight_digits_(uint64_t v)
{
    uint64_t fours = v / 10000 | v % 10000 << 32;
    uint64_t upper = fours * 10486 >> 20 & 0x0000007F0000007Fu;
    uint64_t pairs = upper | (fours - upper * 100) << 16;
    upper = pairs * 103 >> 10 & 0x000F000F000F000Fu;
    return upper | (pairs - upper * 10) << 8;
}
static inline char *weir_text_put_eight_(char *to, uint64_t v)
{
    uint64_t text = weir_text_eight_digits_(v) + 0x3030303030303030u;
    memcpy(to, &text, 8);
    return to + 8;
}
/* The same without the zeros in front; eight bytes are written all the same. */
static inline char *weir_text_put_upto_eight_(char *to, uint64_t v)
{
    uint64_t digits = weir_text_eight_digits_(v);
    unsigned zeros = (unsigned)__builtin_ctzll(digits | (uint64_t)1 << 56) / 8;
    digits = (digits >> 8 * zeros) + 0x3030303030303030u;
    memcpy(to, &digits, 8);
    return to + 8 - zeros;
}
/* Up to seven bytes more than it returns may be written. */
static inline size_t weir_text_from_u64_(char *to, uint64_t v)
{
    const uint64_t eight = 100000000;
    char *p = to;
    if (v < eight) return (size_t)(weir_text_put_upto_eight_(p, v) - to);
    if (v < eight * eight) {
        p = weir_text_put_upto_eight_(p, v / eight);
    } else {
        p = weir_text_put_upto_eight_(p, v / eight / eight);
        p = weir_text_put_eight_(p, v / eight % eight);
    }
    return (size_t)(weir_text_put_eight_(p, v % eight) - to);
}

#else
#define WEIR_TEXT_BY_EIGHT_ 0

static inline size_t weir_text_from_u64_(char *to, uint64_t v)
{
    char digits[20];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    for (size_t i = 0; i < n; i++) to[i] = digits[n - 1 - i];
    return n;
}
#endif

#endif
