/* data/gather.h - values of fixed width by the numbers of their rows: to[i] = from[rows[i]] for i < n.
 *
 * Any thread; no state. `to` overlaps nothing. Eight or sixteen at a time where the machine has AVX-512. No value but those
 * asked for is read, and nothing behind to[n - 1] is written.
 */
#ifndef WEIR_DATA_GATHER_H
#define WEIR_DATA_GATHER_H

#include <stdint.h>

void weir_gather_2(uint16_t *restrict to, const uint16_t *restrict from, const uint32_t *restrict rows, int64_t n);
void weir_gather_4(uint32_t *restrict to, const uint32_t *restrict from, const uint32_t *restrict rows, int64_t n);
void weir_gather_8(uint64_t *restrict to, const uint64_t *restrict from, const uint32_t *restrict rows, int64_t n);

#endif
