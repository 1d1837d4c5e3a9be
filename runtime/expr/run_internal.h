/* expr/run_internal.h - programs, vectors and kernels.
 *
 * A program is a list of instructions, each of which makes one register of the values of others; every register is
 * written once. A register holds a vector, one value per row: numbers and timestamps as in columns, a bool as a byte 0 or
 * 1, texts as weir_str; beside it a byte per row, 1 = present, or NULL when no row is null. Fixed-width fields are read in
 * place.
 *
 * Masks. Kernels compute all rows, whether anyone needs them or not; what the values of unneeded rows are does not matter.
 * But kernels that can fail, or that cost much per row, look only at rows that are live: present, and set in the mask of
 * their instruction. Masks are vectors too: register 0 is the batch's selection, the others follow from the conditions of
 * and, or, case.
 */
#ifndef WEIR_EXPR_RUN_INTERNAL_H
#define WEIR_EXPR_RUN_INTERNAL_H

#include <string.h>
#include <weir/cpu.h>

#include "base/alloc.h"
#include "expr/expr.h"

struct weir__value {
    bool is_null;
    union {
        bool b;
        int32_t i32;
        int64_t i64; /* timestamps too */
        float f32;
        double f64;
        weir_str text; /* string, bytes */
    } as;
};

struct weir__vector {
    const void *values;   /* a mask: NULL when all rows are set */
    const uint8_t *valid; /* NULL: no row is null */
    bool fixed;           /* a constant: all values are the first one */
};

enum weir__register_kind { WEIR__MADE, WEIR__OF_FIELD, WEIR__CONSTANT };

struct weir__register {
    enum weir__register_kind kind;
    weir_type type;           /* masks: WEIR_BOOL */
    uint32_t field;           /* OF_FIELD */
    struct weir__value value; /* CONSTANT; a text is the program's */
};

struct weir__step;
typedef void weir__kernel(struct weir__step *);

struct weir__instruction {
    weir__kernel *run;
    uint32_t to, *args, n_args;
    uint32_t mask;           /* a register */
    bool strict;             /* null where any argument is; else the kernel sees to it */
    bool forgiving;          /* failures are nulls */
    uint32_t offset, length; /* in the text */
    const void *aux;
};

struct weir__owned {
    void *p;
    void (*destroy)(void *);
};

struct weir_expr {
    char *text;
    size_t text_n;
    weir_type type;
    bool nullable;
    int32_t field;
    uint32_t result;
    struct weir__register *registers;
    size_t n_registers, registers_capacity;
    struct weir__instruction *code;
    size_t n_code, code_capacity;
    uint32_t *fields;
    size_t n_fields, fields_capacity;
    struct weir__owned *owned;
    size_t n_owned, owned_capacity;
};

struct weir_expr_run {
    const struct weir_expr *program;
    struct weir_pool *pool;
    int64_t n, capacity; /* rows: of this batch, and that there is room for */
    struct weir__vector *registers;
    struct weir_buffer **values, **valid; /* memory of the registers */
    struct weir_buffer **chunks;          /* of texts that kernels make; all kept */
    size_t n_chunks, chunks_capacity, chunk, chunk_used;
    uint8_t *failed; /* by row, NULL until a row fails in this batch */
    struct weir_buffer *failed_buffer, *errors_buffer;
    size_t n_errors;
    bool no_memory;
    void *result; /* where the values of the result go; NULL: into its register */
    void *match;  /* pcre2_match_data of this run */
};

/* One instruction at work. */
struct weir__step {
    struct weir_expr_run *run;
    const struct weir__instruction *code;
    int64_t n;
    void *out;
    uint8_t *valid;      /* of the result; NULL: all present */
    uint8_t *valid_room; /* where valid may point */
    const uint8_t *mask; /* NULL: all rows */
};

static inline const struct weir__vector *weir__arg(const struct weir__step *k, uint32_t i)
{
    return &k->run->registers[k->code->args[i]];
}
static inline const void *weir__values(const struct weir__step *k, uint32_t i)
{
    return weir__arg(k, i)->values;
}
static inline bool weir__live(const struct weir__step *k, int64_t row)
{
    return (!k->mask || k->mask[row]) && (!k->valid || k->valid[row]);
}
static inline void weir__make_null(struct weir__step *k, int64_t row)
{
    if (!k->valid) k->valid = memset(k->valid_room, 1, (size_t)k->n);
    k->valid[row] = 0;
}

/* Which of two arguments is the same in all rows. Of two that are, nobody knows. */
enum weir__shape { WEIR__BOTH_VARY, WEIR__FIRST_FIXED, WEIR__SECOND_FIXED };
static inline enum weir__shape weir__shape(const struct weir__step *k)
{
    return weir__arg(k, 1)->fixed ? WEIR__SECOND_FIXED : weir__arg(k, 0)->fixed ? WEIR__FIRST_FIXED : WEIR__BOTH_VARY;
}

/* A function over the rows of two arguments: `each` makes out[r] of x and y. A constant stays in a register. */
#define WEIR__ROWS_OF_TWO(name, T, O, each)                                                                        \
    WEIR_FOR_SEVERAL_CPUS                                                                                          \
    static void name(const T *restrict a, const T *restrict b, O *restrict out, int64_t n, enum weir__shape shape) \
    {                                                                                                              \
        if (shape == WEIR__SECOND_FIXED) {                                                                         \
            const T y = *b;                                                                                        \
            for (int64_t r = 0; r < n; r++) {                                                                      \
                const T x = a[r];                                                                                  \
                out[r] = (O)(each);                                                                                \
            }                                                                                                      \
        } else if (shape == WEIR__FIRST_FIXED) {                                                                   \
            const T x = *a;                                                                                        \
            for (int64_t r = 0; r < n; r++) {                                                                      \
                const T y = b[r];                                                                                  \
                out[r] = (O)(each);                                                                                \
            }                                                                                                      \
        } else {                                                                                                   \
            for (int64_t r = 0; r < n; r++) {                                                                      \
                const T x = a[r], y = b[r];                                                                        \
                out[r] = (O)(each);                                                                                \
            }                                                                                                      \
        }                                                                                                          \
    }

/* The row has an error, or is null in a forgiving step. Of the errors of one row the first stays. */
void weir__fail(struct weir__step *, int64_t row, const char *format, ...) WEIR_PRINTF(3, 4);
/* Room for a text of up to n bytes in this batch; NULL: no memory, which is noted. give_back: its last `unused` bytes were
 * not needed. */
char *weir__text_room(struct weir__step *, size_t n);
void weir__text_unused(struct weir__step *, size_t unused);

uint32_t weir__vector_size(weir_type); /* bytes per row */
/* The result's vector, valid until the next run; NULL: no memory. */
const struct weir__vector *weir__run(struct weir_expr_run *, const weir_batch *);
void weir__match_destroy(void *match); /* NULL is fine; kernels_text.c */

/* ---- kernels --------------------------------------------------------------------------------------------------------- */

weir__kernel weir__add_i32, weir__add_i64, weir__add_f32, weir__add_f64;
weir__kernel weir__subtract_i32, weir__subtract_i64, weir__subtract_f32, weir__subtract_f64;
weir__kernel weir__multiply_i32, weir__multiply_i64, weir__multiply_f32, weir__multiply_f64;
weir__kernel weir__divide_i32, weir__divide_i64, weir__divide_f32, weir__divide_f64;
weir__kernel weir__remainder_i32, weir__remainder_i64, weir__remainder_f32, weir__remainder_f64;
weir__kernel weir__negate_i32, weir__negate_i64, weir__negate_f32, weir__negate_f64;
weir__kernel weir__abs_i32, weir__abs_i64, weir__abs_f32, weir__abs_f64;
weir__kernel weir__same_i64, weir__floor_f64, weir__ceil_f64, weir__round_f64, weir__round_to_f64, weir__sqrt_f64,
    weir__pow_f64;
weir__kernel weir__least_i32, weir__least_i64, weir__least_f32, weir__least_f64, weir__least_text;
weir__kernel weir__greatest_i32, weir__greatest_i64, weir__greatest_f32, weir__greatest_f64, weir__greatest_text;
weir__kernel weir__hash_of_bool, weir__hash_of_i32, weir__hash_of_i64, weir__hash_of_f32, weir__hash_of_f64,
    weir__hash_of_text;

#define WEIR__COMPARISONS(op) \
    weir__kernel weir__##op##_bool, weir__##op##_i32, weir__##op##_i64, weir__##op##_f32, weir__##op##_f64, weir__##op##_text
WEIR__COMPARISONS(equal);
WEIR__COMPARISONS(differs);
WEIR__COMPARISONS(less);
WEIR__COMPARISONS(at_most);
WEIR__COMPARISONS(more);
WEIR__COMPARISONS(at_least);

/* Logic: (a, b) and masks: (mask, condition). */
weir__kernel weir__and, weir__or, weir__not, weir__is_null, weir__is_present;
weir__kernel weir__mask_true, weir__mask_not_true, weir__mask_not_false, weir__mask_null;
/* condition, then, else: by width. null_if: value, condition. first: a, b. */
weir__kernel weir__choose_8, weir__choose_32, weir__choose_64, weir__choose_text;
weir__kernel weir__first_8, weir__first_32, weir__first_64, weir__first_text;
weir__kernel weir__null_if_8, weir__null_if_32, weir__null_if_64, weir__null_if_text;

weir__kernel weir__length, weir__byte_length, weir__lower, weir__upper, weir__trim, weir__substring_from, weir__substring;
weir__kernel weir__starts_with, weir__ends_with, weir__contains, weir__matches, weir__replace, weir__split, weir__concat;

weir__kernel weir__truncate, weir__extract, weir__format_time, weir__parse_time;

#endif
