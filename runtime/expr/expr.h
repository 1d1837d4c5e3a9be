/* expr/expr.h - typed expressions over the fields of a stream: "amount >= 100 and user is not null".
 *
 * Floor 3: base and data alone. A text is compiled against a schema into a program, immutable and free for any thread, or
 * into a list of problems that say where in the text they are. A run evaluates one program over batches: one thread, whole
 * columns at a time, its memory kept from batch to batch, so that nothing is allocated per record.
 *
 *   text -> lexer.c, parser.c -> tree -> types.c -> typed tree -> fold.c -> program.c -> program -> run.c, kernels_*.c
 *
 * The language is docs/guide/expressions.md. Nulls are SQL's: null in, null out, three-valued and, or, not. What goes wrong
 * with one record (an integer overflow, a division by zero, a cast that fails) is a record error: found per row, reported
 * after the batch, left to the caller. Rows that and, or, case, if, coalesce and in do not look at raise none.
 */
#ifndef WEIR_EXPR_EXPR_H
#define WEIR_EXPR_EXPR_H

#include "base/error.h"
#include "base/platform.h"
#include "base/text.h"
#include "data/rows.h"
#include "data/schema.h"

/* ---- compiling ------------------------------------------------------------------------------------------------------ */

struct weir_expr_problem {
    size_t offset, length;        /* bytes of the text; length may be 0: at its end */
    char message[256], help[256]; /* help may be empty */
};
struct weir_expr_problems { /* zeroed is empty */
    struct weir_expr_problem *items;
    size_t n, capacity;
};
void weir_expr_problems_finish(struct weir_expr_problems *);

struct weir_expr; /* a program */

/* text[0..n) need not be NUL-terminated and is copied. NULL: see the problems, which are at least one. The platform reads
 * time zones
 * (/usr/share/zoneinfo); NULL: the operating system's. */
struct weir_expr *weir_expr_compile(const char *text, size_t n, const struct weir_schema *, const struct weir_platform *,
                                    struct weir_expr_problems *);
void weir_expr_destroy(struct weir_expr *); /* after its runs; NULL is fine */

const char *weir_expr_text(const struct weir_expr *); /* NUL-terminated */
weir_type weir_expr_type(const struct weir_expr *);
bool weir_expr_nullable(const struct weir_expr *);
int32_t weir_expr_field(const struct weir_expr *);                       /* the field when it is nothing but one; else -1 */
const uint32_t *weir_expr_fields(const struct weir_expr *, uint32_t *n); /* the fields it reads */

/* The text, and under it carets from offset on: two lines without a last newline, as messages show them. Of a long text or
 * one of several lines the part around it. */
void weir_expr_show(struct weir_text *, const char *text, size_t n, size_t offset, size_t length);

/* ---- evaluating ----------------------------------------------------------------------------------------------------- */

struct weir_expr_error {
    int64_t row;
    size_t offset, length; /* of the part of the text that failed */
    char message[200];
};

struct weir_expr_run;
struct weir_expr_run *weir_expr_run_create(const struct weir_expr *, struct weir_pool *); /* pool NULL: plain memory */
void weir_expr_run_destroy(struct weir_expr_run *);                                       /* NULL is fine */

/* Both evaluate for the rows of the batch that its selection, if any, shows. WEIR_OK; WEIR_E_MEMORY: nothing was made;
 * WEIR_E_DATA: some rows have errors, everything is made for the others (a row with an error is null, or not selected).
 * column: into fresh buffers, up to three, that `into` owns (it must have room); sets its column c.
 * select: of a program of type bool, the rows where it is true, into a fresh bitmap (bit i = row i) that the caller
 * releases. */
WEIR_CHECKED weir_status weir_expr_column(struct weir_expr_run *, const weir_batch *, struct weir_rows *into, uint32_t c);
WEIR_CHECKED weir_status weir_expr_select(struct weir_expr_run *, const weir_batch *, struct weir_buffer **selection,
                                          int64_t *selected);
/* The errors of the last call, one for each row that has any, by row; valid until the next call. */
const struct weir_expr_error *weir_expr_errors(const struct weir_expr_run *, size_t *n);

/* ---- the table of functions ------------------------------------------------------------------------------------------ */

struct weir_expr_function {
    const char *group; /* "text" */
    const char *name;  /* "substring", "+" */
    const char *usage; /* "substring(text, start[, length])" */
    const char *doc;
};
/* The i-th function or operator, in the order of the docs; false: there is none. */
bool weir_expr_function_at(size_t i, struct weir_expr_function *);

#endif
