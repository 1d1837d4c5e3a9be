/* alloc.c - malloc and its kin behind the house's two promises: abort or NULL. Any thread.
 *
 * The count of live blocks is one relaxed counter: these calls are for control objects and for buffers that pools
 * recycle, not for records, so the shared cache line does not matter.
 */
#include "base/alloc.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define CACHE_LINE 64
#define HUGE_PAGE  ((size_t)2 << 20)

static _Atomic size_t live_blocks;

static void *counted(void *p)
{
    if (p) atomic_fetch_add_explicit(&live_blocks, 1, memory_order_relaxed);
    return p;
}

static _Noreturn void no_memory(size_t size)
{
    fprintf(stderr, "weir: out of memory: %zu bytes for a control object\n", size);
    abort();
}

void *weir_try_alloc(size_t size)
{
    return counted(calloc(1, size ? size : 1));
}

void *weir_alloc(size_t size)
{
    void *p = weir_try_alloc(size);
    if (!p) no_memory(size);
    return p;
}

void *weir_alloc_array(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) no_memory(SIZE_MAX);
    return weir_alloc(bytes);
}

void *weir_realloc_array(void *p, size_t old_count, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) no_memory(SIZE_MAX);
    char *q = weir_try_realloc(p, bytes);
    if (!q) no_memory(bytes);
    if (count > old_count) memset(q + old_count * size, 0, (count - old_count) * size);
    return q;
}

char *weir_strndup(const char *text, size_t n)
{
    char *copy = weir_alloc(n + 1);
    if (n) memcpy(copy, text, n);
    return copy;
}

char *weir_strdup(const char *text)
{
    return text ? weir_strndup(text, strlen(text)) : NULL;
}

char *weir_format(const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = weir_alloc(n < 0 ? 1 : (size_t)n + 1);
    if (n > 0) vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return text;
}

void *weir_try_realloc(void *p, size_t size)
{
    void *q = realloc(p, size ? size : 1);
    return p ? q : counted(q);
}

void *weir_try_alloc_aligned(size_t alignment, size_t size)
{
    void *p = NULL;
    if (posix_memalign(&p, alignment, size ? size : 1) != 0) return NULL;
    return counted(p);
}

/* Pointers to objects all look the same; that they have other types is why they are copied. */
bool weir__try_resize(void *array, size_t count, size_t size)
{
    void *p;
    size_t bytes;
    memcpy(&p, array, sizeof p);
    if (__builtin_mul_overflow(count, size, &bytes) || !(p = weir_try_realloc(p, bytes))) return false;
    memcpy(array, &p, sizeof p);
    return true;
}

bool weir__try_grow(void *array, size_t *cap, size_t need, size_t size)
{
    size_t more = *cap ? *cap : 8;
    if (need > SIZE_MAX / 2) return false;
    while (more < need) more *= 2;
    if (!weir__try_resize(array, more, size)) return false;
    *cap = more;
    return true;
}

/* Told before the pages are touched. Where the system has no huge pages it does nothing. */
void *weir_try_alloc_table(size_t size)
{
    bool is_huge = size >= 2 * HUGE_PAGE;
    void *p = weir_try_alloc_aligned(is_huge ? HUGE_PAGE : CACHE_LINE, size);
    if (!p) return NULL;
#ifdef MADV_HUGEPAGE
    if (is_huge) (void)madvise(p, size / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
#endif
    memset(p, 0, size);
    return p;
}

void weir_free(void *p)
{
    if (!p) return;
    atomic_fetch_sub_explicit(&live_blocks, 1, memory_order_relaxed);
    free(p);
}

size_t weir_allocated_blocks(void)
{
    return atomic_load_explicit(&live_blocks, memory_order_relaxed);
}
