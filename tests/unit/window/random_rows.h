/* random_rows.h - what random streams of windows are made of: rows "user: string, n: i64?, x: f64?, s: string?", and the
 * aggregates over them. */
#ifndef WEIR_TEST_RANDOM_ROWS_H
#define WEIR_TEST_RANDOM_ROWS_H

#include "base/random.h"
#include "base/text.h"
#include "harness/cases.h"
#include "harness/op_env.h"

#define RANDOM_ROWS "user: string, n: i64?, x: f64?, s: string?"

static inline int below(struct weir_random *r, int n)
{
    return (int)weir_random_below(r, (uint64_t)n);
}
static inline int one_of(struct weir_random *r, int a, int b, int c)
{
    int which = below(r, 3);
    return which == 0 ? a : which == 1 ? b : c;
}
static inline uint32_t some_batch_rows(struct weir_random *r)
{
    return (uint32_t)one_of(r, 1, 7, 1024);
}

/* Times go back by `disorder`, the watermark lags by `delay`, and time goes on by `step` at the most after a row. */
struct flow {
    int keys, disorder, delay, step, rounds, rows; /* rows: per round */
};

/* ", n, x, s". Sums of x depend on the order in their last digits, and on the sign of what is left of large ones. */
static inline void add_values(struct weir_text *t, struct weir_random *r)
{
    static const char *const numbers[] = {"null", "1e16", "-1e16", "0.1", "3.7", "-2.25", "1e9", "-1e9"};
    if (below(r, 5) == 0)
        weir_text_add(t, ", null");
    else
        weir_text_add(t, ", %d", below(r, 50) - 25);
    weir_text_add(t, ", %s", numbers[below(r, 8)]);
    if (below(r, 5) == 0)
        weir_text_add(t, ", null");
    else
        weir_text_add(t, below(r, 2) ? ", word%d" : ", a word of some length %d", below(r, 30));
}

static const struct choice {
    const char *name;
    int input; /* -1: none */
    const char *type;
} choices[] = {{"count", -1, "i64"},         {"count_of", 1, "i64"},       {"sum", 1, "i64?"},    {"avg", 1, "f64?"},
               {"min", 1, "i64?"},           {"max", 2, "f64?"},           {"min", 3, "string?"}, {"max", 3, "string?"},
               {"count_distinct", 1, "i64"}, {"count_distinct", 3, "i64"}, {"sum", 2, "f64?"},    {"avg", 2, "f64?"},
               {"first", 1, "i64?"},         {"last", 3, "string?"}};
#define ALL_CHOICES    ((int)(sizeof choices / sizeof *choices))
#define SLICED_CHOICES (ALL_CHOICES - 4) /* that windows may share slices of */

/* Fields ", a0: i64, a1: ..." of these choices, added to the node and to the text of its output schema. */
static inline void add_choices(struct weir_op_stage *s, struct weir_stream_node *node, const int *which, int n,
                               struct weir_text *schema)
{
    for (int i = 0; i < n; i++) {
        const struct choice *c = &choices[which[i]];
        char name[16];
        snprintf(name, sizeof name, "a%d", i);
        weir_text_add(schema, ", %s: %s", name, c->type);
        weir_op_stage_aggregate(s, node, name, c->name, c->input);
    }
}

#endif
