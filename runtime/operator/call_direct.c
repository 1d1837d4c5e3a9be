/* call_direct.c - loops that call a C function through a pointer of its own type: any scalar result of one scalar, or of two
 * or three of one type. They are what most functions are, and cost what a call costs. Subtask's thread.
 *
 * A loop is made by a macro for each pair of classes (result, parameter), and found in a table by those classes.
 */
#include <stdbool.h>

#include "base/alloc.h"
#include "operator/call_internal.h"

#define ROWS(CALL)                                         \
    do {                                                   \
        if (!picks) {                                      \
            for (int64_t i = 0; i < n; i++) out[i] = CALL; \
        } else {                                           \
            for (int64_t k = 0; k < n; k++) {              \
                int64_t i = picks[k];                      \
                out[i] = CALL;                             \
            }                                              \
        }                                                  \
    } while (0)

#define LOOPS(NAME, R, A)                                                                                             \
    static void NAME##_1(weir__function *f, const void *const *args, const uint32_t *picks, int64_t n, void *results) \
    {                                                                                                                 \
        R (*call)(A) = (R(*)(A))f;                                                                                    \
        const A *a = args[0];                                                                                         \
        R *out = results;                                                                                             \
        ROWS(call(a[i]));                                                                                             \
    }                                                                                                                 \
    static void NAME##_2(weir__function *f, const void *const *args, const uint32_t *picks, int64_t n, void *results) \
    {                                                                                                                 \
        R (*call)(A, A) = (R(*)(A, A))f;                                                                              \
        const A *a = args[0], *b = args[1];                                                                           \
        R *out = results;                                                                                             \
        ROWS(call(a[i], b[i]));                                                                                       \
    }                                                                                                                 \
    static void NAME##_3(weir__function *f, const void *const *args, const uint32_t *picks, int64_t n, void *results) \
    {                                                                                                                 \
        R (*call)(A, A, A) = (R(*)(A, A, A))f;                                                                        \
        const A *a = args[0], *b = args[1], *c = args[2];                                                             \
        R *out = results;                                                                                             \
        ROWS(call(a[i], b[i], c[i]));                                                                                 \
    }

#define RESULT(NAME, R)              \
    LOOPS(NAME##_of_bool, R, bool)   \
    LOOPS(NAME##_of_i32, R, int32_t) \
    LOOPS(NAME##_of_i64, R, int64_t) \
    LOOPS(NAME##_of_f32, R, float)   \
    LOOPS(NAME##_of_f64, R, double)

RESULT(bool, bool)
RESULT(i32, int32_t)
RESULT(i64, int64_t)
RESULT(f32, float)
RESULT(f64, double)

enum class { BOOL, I32, I64, F32, F64, NONE };
enum { CLASSES = NONE, MAX_PARAMS = 3 };

#define ENTRY(NAME)                  \
    {                                \
        NAME##_1, NAME##_2, NAME##_3 \
    }
#define ENTRIES(NAME)                                                                                                 \
    {                                                                                                                 \
        ENTRY(NAME##_of_bool), ENTRY(NAME##_of_i32), ENTRY(NAME##_of_i64), ENTRY(NAME##_of_f32), ENTRY(NAME##_of_f64) \
    }
static weir__call_loop *const loops[CLASSES][CLASSES][MAX_PARAMS] = {ENTRIES(bool), ENTRIES(i32), ENTRIES(i64), ENTRIES(f32),
                                                                     ENTRIES(f64)};

static enum class class_of(weir_type type) {
    switch (type){
        case WEIR_BOOL : return BOOL; case WEIR_I32 : return I32; case WEIR_I64 : case WEIR_TIMESTAMP : return I64;
        case WEIR_F32 : return F32;
        case WEIR_F64 : return F64;
        default : return NONE;
    }
}

weir__call_loop *weir__call_direct(const struct weir_call_signature *s)
{
    if (s->n_params < 1 || s->n_params > MAX_PARAMS) return NULL;
    enum class result = class_of(s->result.type), param = class_of(s->params[0].type);
    for (uint32_t i = 1; i < s->n_params; i++) {
        if (class_of(s->params[i].type) != param) return NULL;
    }
    return result == NONE || param == NONE ? NULL : loops[result][param][s->n_params - 1];
}
