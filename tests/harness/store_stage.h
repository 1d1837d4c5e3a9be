/* harness/store_stage.h - an operator whose keyed state is in a store that the test sees: what is read ahead is read when
 * the test says so, and reads on the operator's own thread are counted apart.
 */
#ifndef WEIR_TESTS_STORE_STAGE_H
#define WEIR_TESTS_STORE_STAGE_H

#include "harness/memory_store.h"
#include "harness/suite.h"
#include "operator/backend.h"
#include "state/store_fetch.h"

struct store_work {
    void (*run)(void *arg, void *piece);
    void *arg, *piece;
};
struct store_stage {
    struct weir_platform platform; /* first: its own self */
    struct memory_store memory;
    struct weir_op_backend backend;
    struct store_work works[WEIR_STORE_FETCH_PARTS];
    size_t n_works, n_woken, n_waits;
    size_t gets_ahead; /* of memory.gets */
};

static inline void store_stage_later(void *self, void (*run)(void *arg, void *piece), void *arg, void *piece)
{
    struct store_stage *s = self;
    CU_ASSERT_FATAL(s->n_works < WEIR_STORE_FETCH_PARTS);
    s->works[s->n_works++] = (struct store_work){run, arg, piece};
}
static inline void store_stage_wake(void *arg)
{
    ((struct store_stage *)arg)->n_woken++;
}

/* Before the operator is created: in a backend of the test's. */
static inline void store_stage_begin_in(struct store_stage *s, struct weir_op_env *env, size_t cache_bytes,
                                        const weir_backend *backend, void *self, const char *directory)
{
    *s = (struct store_stage){.platform = *weir_platform_os()};
    s->platform.self = s;
    s->platform.run_later = store_stage_later;
    const struct weir_state_store_options o = {.backend = backend,
                                               .self = self,
                                               .directory = directory,
                                               .cache_bytes = cache_bytes,
                                               .platform = &s->platform};
    CU_ASSERT_EQUAL_FATAL(weir_state_store_create(&o, &s->backend.store, NULL), WEIR_OK);
    env->backend = &s->backend;
    env->wake = store_stage_wake;
    env->wake_arg = s;
}
/* In memory. */
static inline void store_stage_begin(struct store_stage *s, struct weir_op_env *env, size_t cache_bytes)
{
    store_stage_begin_in(s, env, cache_bytes, &memory_store_backend, &s->memory, "/state/0");
}
/* After it is destroyed. */
static inline void store_stage_end(struct store_stage *s)
{
    CU_ASSERT_PTR_NULL(weir_state_store_failure(s->backend.store));
    weir_state_store_destroy(s->backend.store);
}

/* What is to be read ahead is read; the operator is woken. */
static inline void store_stage_read(struct store_stage *s)
{
    size_t before = s->memory.gets;
    s->n_waits++;
    CU_ASSERT(s->n_works > 0);
    while (s->n_works > 0) {
        struct store_work w = s->works[--s->n_works];
        size_t woken = s->n_woken;
        w.run(w.arg, w.piece);
        CU_ASSERT_EQUAL(s->n_woken - woken, s->n_works == 0);
    }
    s->gets_ahead += s->memory.gets - before;
}
/* As a chain does, before rows. */
static inline void store_stage_prepare(struct store_stage *s, struct weir_op *op, uint32_t input,
                                       const struct weir_rows *rows)
{
    while (op->class->prepare && op->class->prepare(op, input, rows) == WEIR_MORE) {
        CU_ASSERT_EQUAL_FATAL(op->class->prepare(op, input, rows), WEIR_MORE); /* however often it is asked */
        store_stage_read(s);
    }
}
/* After a call that fires. */
static inline void store_stage_fired(struct store_stage *s, struct weir_op *op, weir_status status)
{
    if (status == WEIR_MORE && op->is_reading) store_stage_read(s);
    op->is_reading = false;
}
static inline size_t store_stage_gets_on_the_slot(const struct store_stage *s)
{
    return s->memory.gets - s->gets_ahead;
}

#endif
