/* base/alloc.h - the two allocators of the house, and the count of what is allocated.
 *
 * weir_alloc and its kin are for small control objects: they abort with a message when there is no memory. weir_try_alloc
 * and its kin are for what input sizes (batches, state, files, network): they return NULL and the caller says so in an
 * error. All memory is zeroed. Any thread.
 */
#ifndef WEIR_BASE_ALLOC_H
#define WEIR_BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *weir_alloc(size_t size) __attribute__((malloc, returns_nonnull));
void *weir_alloc_array(size_t count, size_t size) __attribute__((returns_nonnull)); /* overflow checked */
/* The new part is zeroed. */
void *weir_realloc_array(void *p, size_t old_count, size_t count, size_t size) __attribute__((returns_nonnull));
char *weir_strdup(const char *text);            /* NULL gives NULL */
char *weir_strndup(const char *text, size_t n); /* NUL-terminated */
char *weir_format(const char *format, ...) __attribute__((format(printf, 1, 2))); /* freed with weir_free */

void *weir_try_alloc(size_t size) __attribute__((malloc));
void *weir_try_realloc(void *p, size_t size); /* new part not zeroed; p stays valid on failure */
void *weir_try_alloc_aligned(size_t alignment, size_t size); /* not zeroed; freed with weir_free */
/* Zeroed, for tables that are looked into everywhere: begins a cache line, in huge pages when it fills some. */
void *weir_try_alloc_table(size_t size);

void weir_free(void *p); /* NULL is fine */

/* Grows `array` (of capacity *cap) so that index `need - 1` exists. Control objects only. */
#define WEIR_GROW(array, cap, need)                                                                                   \
    do {                                                                                                              \
        if ((size_t)(need) > (size_t)(cap)) {                                                                         \
            size_t new_cap_ = (size_t)(cap) ? (size_t)(cap) * 2 : 8;                                                  \
            while (new_cap_ < (size_t)(need)) new_cap_ *= 2;                                                          \
            (array) = weir_realloc_array((array), (cap), new_cap_, sizeof *(array));                                  \
            (cap) = new_cap_;                                                                                         \
        }                                                                                                             \
    } while (0)

/* Of what is sized by input. They say false where there is no memory: the array is as it was then. The new part is not
 * zeroed. RESIZE is for arrays that share a capacity, which the caller changes when all of them have grown. */
#define WEIR_TRY_RESIZE(array, count) weir__try_resize(&(array), (count), sizeof *(array))
#define WEIR_TRY_GROW(array, cap, need)                                                                               \
    ((size_t)(need) <= (cap) || weir__try_grow(&(array), &(cap), (need), sizeof *(array)))
bool weir__try_resize(void *array, size_t count, size_t size); /* array: where the pointer is */
bool weir__try_grow(void *array, size_t *cap, size_t need, size_t size);

size_t weir_allocated_blocks(void); /* live blocks from this file; exact: for the leak tests */

#endif
