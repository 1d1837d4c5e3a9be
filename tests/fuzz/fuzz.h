/* fuzz.h - what fuzz targets share. A target is one function that takes any bytes and must come back: libFuzzer calls it
 * with bytes of its own (scripts/fuzz), replay.c with those of a corpus (ctest -L fuzz). */
#ifndef WEIR_TESTS_FUZZ_H
#define WEIR_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What holds for all bytes. A failure is a crash, which libFuzzer keeps the bytes of. */
#define FUZZ_CHECK(condition)                                                              \
    do {                                                                                   \
        if (!(condition)) {                                                                \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                       \
        }                                                                                  \
    } while (0)

#endif
