/* harness/memory_store.h - a state backend in a sorted array: obvious, for tests of what stands above backends.
 *
 * It copies what it is given and gives copies that are gone after the call, fails when it is told to, and fails a test that
 * breaks the contract of weir/backend.h (a call before open, a view not released, an empty key).
 */
#ifndef WEIR_TESTS_MEMORY_STORE_H
#define WEIR_TESTS_MEMORY_STORE_H

#include <pthread.h>
#include <stdatomic.h>
#include <weir/backend.h>

struct memory_record {
    char *bytes; /* key, then value */
    size_t n_key, n;
};
struct memory_store {
    pthread_mutex_t lock;          /* get and write may come from two threads */
    struct memory_record *records; /* by key */
    size_t n, capacity;
    bool is_open;
    size_t gets, writes, changes; /* calls; what they wrote */
    _Atomic size_t views, scans;
    size_t calls_left;          /* 0: never fails; 1: the next call of get, write, remove or scan fails, and all after it */
    bool has_no_views;          /* view fails */
    _Atomic size_t visits_left; /* scans of views: 0: never fail; 1: the next record fails them, and all after it */
};

extern const weir_backend memory_store_backend; /* self: a zeroed struct memory_store */

#endif
