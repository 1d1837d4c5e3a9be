/* harness/leveldb_store.h - a LevelDB of a test's own, in a directory that is gone when it is closed; with its smallest
 * sizes, so that little state is many files. For executables that link weir_test_leveldb.
 */
#ifndef WEIR_TESTS_LEVELDB_STORE_H
#define WEIR_TESTS_LEVELDB_STORE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weir/backend.h>
#include <weir/plugin.h>

#include "base/alloc.h"
#include "harness/suite.h"

struct leveldb_store {
    const weir_backend *backend;
    void *self;
    char directory[256];
};

extern const weir_plugin *weir_plugin_v1(void); /* the LevelDB backend's: linked in */

/* folder: WEIR_TEST_FOLDER, beside which the directory is. */
static inline void leveldb_store_begin(struct leveldb_store *l, const char *folder)
{
    static const char *const names[] = {"write_buffer", "block_cache", "block_size", "bloom_bits", "max_open_files"};
    static const int64_t values[] = {65536, 65536, 1024, 10, 20};
    const weir_component *c = weir_plugin_v1()->components[0];
    *l = (struct leveldb_store){.backend = c->vtable, .self = weir_alloc(c->instance_size)};
    snprintf(l->directory, sizeof l->directory, "%s-XXXXXX", folder);
    for (uint32_t i = 0; i < c->n_options; i++) {
        for (size_t k = 0; k < WEIR_LEN(names); k++) {
            if (strcmp(c->options[i].name, names[k]) == 0)
                memcpy((char *)l->self + c->options[i].offset, &values[k], sizeof values[k]);
        }
    }
    CU_ASSERT_FATAL(mkdtemp(l->directory) != NULL);
}
/* After it was closed. */
static inline void leveldb_store_end(struct leveldb_store *l)
{
    CU_ASSERT(rmdir(l->directory) == -1 && errno == ENOENT); /* it has removed all there was */
    weir_free(l->self);
    *l = (struct leveldb_store){0};
}

#endif
