/* Random typed expressions over random batches, against an interpreter that walks a tree of its own, row by row; and random
 * text, which must be refused or work, but never crash. A difference prints the seed, the expression and the row. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/cases.h"
#include "unit/expr/random_tree.h"

/* ---- the interpreter ------------------------------------------------------------------------------------------------- */

static struct value interpret(const struct tree *, weir_row);

static struct value nothing(weir_type type)
{
    return (struct value){.null = true, .type = type};
}
static struct value wrong(void)
{
    return (struct value){.error = true};
}
static struct value truth(bool b)
{
    return (struct value){.type = WEIR_BOOL, .i = b};
}
static struct value integer(weir_type type, int64_t i)
{
    return (struct value){.type = type, .i = i};
}
static struct value floating(weir_type type, double f)
{
    return (struct value){.type = type, .f = type == WEIR_F32 ? (double)(float)f : f};
}
static struct value text(const char *p, size_t n)
{
    char *copy = grab(n + 1);
    if (n) memcpy(copy, p, n);
    return (struct value){.type = WEIR_STRING, .s = {copy, n}};
}

static struct value read_field(weir_row r, uint32_t c)
{
    weir_type type = (weir_type)r.batch->columns[c].type;
    if (weir_null(r, c)) return nothing(type);
    switch (type) {
    case WEIR_BOOL: return truth(weir_bool(r, c));
    case WEIR_I32: return integer(type, weir_i32(r, c));
    case WEIR_F32: return floating(type, (double)weir_f32(r, c));
    case WEIR_F64: return floating(type, weir_f64(r, c));
    case WEIR_STRING: return text(weir_text(r, c).p, weir_text(r, c).n);
    default: return integer(type, weir_i64(r, c));
    }
}

static bool fits_i32(int64_t v)
{
    return v >= INT32_MIN && v <= INT32_MAX;
}

static struct value cast_from_text(weir_str s, weir_type to)
{
    bool b = false;
    int32_t i32;
    int64_t i64;
    float f32;
    double f64;
    switch (to) {
    case WEIR_BOOL: return weir_text_to_bool(s.p, s.n, &b) ? truth(b) : wrong();
    case WEIR_I32: return weir_text_to_i32(s.p, s.n, &i32) ? integer(to, i32) : wrong();
    case WEIR_I64: return weir_text_to_i64(s.p, s.n, &i64) ? integer(to, i64) : wrong();
    case WEIR_F32: return weir_text_to_f32(s.p, s.n, &f32) ? floating(to, (double)f32) : wrong();
    case WEIR_F64: return weir_text_to_f64(s.p, s.n, &f64) ? floating(to, f64) : wrong();
    default: return weir_text_to_time(s.p, s.n, &i64) ? integer(to, i64) : wrong();
    }
}

static struct value cast_to_text(struct value v)
{
    char p[WEIR_TEXT_MAX];
    switch (v.type) {
    case WEIR_BOOL: return text(p, weir_text_from_bool(p, v.i));
    case WEIR_F32: return text(p, weir_text_from_f32(p, (float)v.f));
    case WEIR_F64: return text(p, weir_text_from_f64(p, v.f));
    case WEIR_TIMESTAMP: return text(p, weir_text_from_time(p, v.i));
    default: return text(p, weir_text_from_i64(p, v.i));
    }
}

static struct value cast(struct value v, weir_type to)
{
    if (v.error) return v;
    if (v.null) return nothing(to);
    if (v.type == to) return v;
    if (v.type == WEIR_STRING) return cast_from_text(v.s, to);
    if (to == WEIR_STRING) return cast_to_text(v);
    if (is_float(to)) return floating(to, is_float(v.type) ? v.f : to == WEIR_F32 ? (double)(float)v.i : (double)v.i);
    if (to == WEIR_BOOL) return truth(v.i != 0);
    if (is_float(v.type)) {
        if (isnan(v.f) || trunc(v.f) < -0x1p63 || trunc(v.f) >= 0x1p63) return wrong();
        v.i = (int64_t)v.f;
    }
    return to == WEIR_I32 && !fits_i32(v.i) ? wrong() : integer(to, v.i);
}

static struct value arithmetic(enum op op, weir_type type, struct value a, struct value b)
{
    int64_t i;
    if (is_float(type)) {
        if (type == WEIR_F32) {
            float x = (float)a.f, y = (float)b.f;
            return floating(type, (double)(op == ADD        ? x + y
                                           : op == SUBTRACT ? x - y
                                           : op == MULTIPLY ? x * y
                                           : op == DIVIDE   ? x / y
                                                            : fmodf(x, y)));
        }
        return floating(type, op == ADD        ? a.f + b.f
                              : op == SUBTRACT ? a.f - b.f
                              : op == MULTIPLY ? a.f * b.f
                              : op == DIVIDE   ? a.f / b.f
                                               : fmod(a.f, b.f));
    }
    if ((op == DIVIDE || op == REMAINDER) && b.i == 0) return wrong();
    if (op == DIVIDE && b.i == -1 && a.i == INT64_MIN) return wrong();
    if (op == REMAINDER) return integer(type, b.i == -1 ? 0 : a.i % b.i);
    if (op == DIVIDE)
        i = a.i / b.i;
    else if (op == ADD        ? __builtin_add_overflow(a.i, b.i, &i)
             : op == SUBTRACT ? __builtin_sub_overflow(a.i, b.i, &i)
                              : __builtin_mul_overflow(a.i, b.i, &i))
        return wrong();
    return type == WEIR_I32 && !fits_i32(i) ? wrong() : integer(type, i);
}

static struct value compare(enum op op, struct value a, struct value b)
{
    weir_type type = common(a.type, b.type);
    if (a.error || b.error) return wrong();
    if (a.null || b.null) return nothing(WEIR_BOOL);
    a = cast(a, type);
    b = cast(b, type);
    double order = 0;
    if (type == WEIR_STRING) {
        size_t n = a.s.n < b.s.n ? a.s.n : b.s.n;
        int c = memcmp(a.s.p, b.s.p, n);
        order = c ? c : (double)a.s.n - (double)b.s.n;
    } else if (is_float(type)) {
        order = a.f < b.f ? -1 : a.f > b.f ? 1 : a.f == b.f ? 0 : (double)NAN;
    } else {
        order = a.i < b.i ? -1 : a.i > b.i;
    }
    switch (op) {
    case EQUAL: return truth(order == 0);
    case DIFFERS: return truth(!(order == 0));
    case LESS: return truth(order < 0);
    case AT_MOST: return truth(order <= 0);
    case MORE: return truth(order > 0);
    default: return truth(order >= 0);
    }
}

static bool is(struct value v, bool b)
{
    return !v.error && !v.null && v.i == b;
}

/* a and b; or, with `deciding` true, a or b: b is asked for only where a does not decide. */
static struct value join(struct value a, const struct tree *b,
                         struct value (*ask)(const struct tree *, weir_row, struct value), weir_row r, struct value subject,
                         bool deciding)
{
    if (a.error || is(a, deciding)) return a;
    struct value second = ask ? ask(b, r, subject) : interpret(b, r);
    if (second.error || is(second, deciding)) return second;
    return a.null || second.null ? nothing(WEIR_BOOL) : truth(!deciding);
}
static struct value equals(const struct tree *t, weir_row r, struct value subject)
{
    return compare(EQUAL, subject, interpret(t, r));
}
static struct value not_above(const struct tree *t, weir_row r, struct value subject)
{
    return compare(AT_MOST, subject, interpret(t, r));
}

/* What does not look at all of its operands. */
static struct value choose(const struct tree *t, weir_row r)
{
    struct value first = interpret(t->kids[0], r), v;
    if (first.error) return first;
    switch (t->op) {
    case AND: return join(first, t->kids[1], NULL, r, first, false);
    case OR: return join(first, t->kids[1], NULL, r, first, true);
    case IN: return join(equals(t->kids[1], r, first), t->kids[2], equals, r, first, true);
    case BETWEEN: return join(compare(AT_LEAST, first, interpret(t->kids[1], r)), t->kids[2], not_above, r, first, false);
    case IF: return interpret(t->kids[is(first, true) ? 1 : 2], r);
    case COALESCE: return first.null ? interpret(t->kids[1], r) : first;
    case NULLIF: v = equals(t->kids[1], r, first); return v.error ? v : is(v, true) ? nothing(t->type) : first;
    default:
        if (is(first, true)) return interpret(t->kids[1], r);
        v = interpret(t->kids[2], r);
        if (v.error) return v;
        if (is(v, true)) return interpret(t->kids[3], r);
        return t->n == 5 ? interpret(t->kids[4], r) : nothing(t->type);
    }
}

/* The text as a list of code points, each a text. */
static size_t points_of(weir_str s, weir_str **points)
{
    size_t n = 0;
    *points = grab((s.n + 1) * sizeof **points);
    for (size_t i = 0; i < s.n; i++) {
        if (((unsigned char)s.p[i] & 0xC0) != 0x80) (*points)[n++] = (weir_str){s.p + i, 0};
        (*points)[n - 1].n++;
    }
    return n;
}

static bool has_at(weir_str s, size_t at, weir_str part)
{
    return at + part.n <= s.n && !memcmp(s.p + at, part.p, part.n);
}

static struct value substring(weir_str s, int64_t start, int64_t length)
{
    weir_str *points;
    size_t n = points_of(s, &points), kept = 0;
    char *to = grab(s.n + 1);
    if (length < 0) return wrong();
    for (size_t i = 0; i < n; i++) {
        __int128 at = (__int128)i + 1;
        if (at < start || at >= (__int128)start + length) continue;
        memcpy(to + kept, points[i].p, points[i].n);
        kept += points[i].n;
    }
    return text(to, kept);
}

static struct value replaced(weir_str s, weir_str part, weir_str by)
{
    size_t n = 0;
    char *to = grab((s.n + 1) * (by.n + 1));
    for (size_t i = 0; i < s.n;) {
        bool here = part.n && has_at(s, i, part);
        memcpy(to + n, here ? by.p : s.p + i, here ? by.n : 1);
        n += here ? by.n : 1;
        i += here ? part.n : 1;
    }
    return text(to, n);
}

static struct value nth_part(weir_str s, weir_str separator, int64_t n)
{
    size_t start = 0;
    int64_t part = 1;
    for (size_t i = 0; separator.n && i < s.n;) {
        if (!has_at(s, i, separator)) {
            i++;
            continue;
        }
        if (part == n) return text(s.p + start, i - start);
        part++;
        i += separator.n;
        start = i;
    }
    return part == n ? text(s.p + start, s.n - start) : nothing(WEIR_STRING);
}

static struct value change(weir_str s, bool up)
{
    struct value v = text(s.p, s.n);
    for (size_t i = 0; i < s.n; i++) {
        char *c = (char *)v.s.p + i;
        if (up ? *c >= 'a' && *c <= 'z' : *c >= 'A' && *c <= 'Z') *c = (char)(*c + (up ? -32 : 32));
    }
    return v;
}

static struct value of_texts(const struct tree *t, const struct value *v)
{
    weir_str a = v[0].s, b = v[1].s;
    weir_str *points;
    char *to;
    size_t first = 0, last = a.n;
    switch (t->op) {
    case CONCAT:
        to = grab(a.n + b.n + 1);
        memcpy(to, a.p, a.n);
        memcpy(to + a.n, b.p, b.n);
        return text(to, a.n + b.n);
    case LENGTH: return integer(WEIR_I64, (int64_t)points_of(a, &points));
    case LOWER: return change(a, false);
    case UPPER: return change(a, true);
    case TRIM:
        while (first < last && strchr(" \t\n\v\f\r", a.p[first]) && a.p[first]) first++;
        while (last > first && strchr(" \t\n\v\f\r", a.p[last - 1]) && a.p[last - 1]) last--;
        return text(a.p + first, last - first);
    case SUBSTRING: return substring(a, v[1].i, v[2].i);
    case STARTS: return truth(has_at(a, 0, b));
    case ENDS: return truth(b.n <= a.n && has_at(a, a.n - b.n, b));
    case CONTAINS:
        for (size_t i = 0; i <= a.n; i++) {
            if (has_at(a, i, b)) return truth(true);
        }
        return truth(false);
    case REPLACE: return replaced(a, b, v[2].s);
    default: return nth_part(a, b, v[2].i);
    }
}

static struct value extreme(const struct tree *t, struct value a, struct value b)
{
    a = cast(a, t->type);
    b = cast(b, t->type);
    if (is_float(t->type) && (isnan(a.f) || isnan(b.f))) return isnan(b.f) ? b : a;
    return is(compare(t->op == LEAST ? LESS : MORE, b, a), true) ? b : a;
}

static struct value of_time(enum op op, int64_t t)
{
    if (t < -8640000000000000 || t > 8640000000000000) return wrong();
    int64_t day = t / 86400000 - (t % 86400000 < 0);
    return op == TRUNCATE_DAY ? integer(WEIR_TIMESTAMP, day * 86400000) : integer(WEIR_I64, (t - day * 86400000) / 3600000);
}

static double rounded(double v)
{
    double x = fabs(v), whole = floor(x);
    if (isnan(v) || isinf(v)) return v;
    return copysign(x - whole >= 0.5 ? whole + 1 : whole, v);
}

static struct value strict(const struct tree *t, weir_row r)
{
    struct value v[3] = {{0}};
    bool error = false, null = false;
    for (uint32_t i = 0; i < t->n; i++) {
        v[i] = interpret(t->kids[i], r);
        error |= v[i].error;
        null |= v[i].null;
    }
    if (error) return wrong();
    if (t->op == IS_NULL || t->op == IS_NOT_NULL) return truth(null == (t->op == IS_NULL));
    if (null) return nothing(t->type);
    switch (t->op) {
    case ADD:
    case SUBTRACT:
    case MULTIPLY:
    case DIVIDE:
    case REMAINDER:
        if (v[0].type == WEIR_TIMESTAMP) return arithmetic(t->op, t->type, v[0], v[1]);
        return arithmetic(t->op, t->type, cast(v[0], t->type), cast(v[1], t->type));
    case NEGATE:
        if (is_float(t->type)) return floating(t->type, -v[0].f);
        return arithmetic(SUBTRACT, t->type, integer(t->type, 0), v[0]);
    case ABS:
        if (is_float(t->type)) return floating(t->type, fabs(v[0].f));
        return v[0].i < 0 ? arithmetic(SUBTRACT, t->type, integer(t->type, 0), v[0]) : v[0];
    case FLOOR: return floating(t->type, floor(v[0].f));
    case ROUND: return floating(t->type, rounded(v[0].f));
    case LEAST:
    case GREATEST: return extreme(t, v[0], v[1]);
    case NOT: return truth(!v[0].i);
    case EXTRACT_HOUR:
    case TRUNCATE_DAY: return of_time(t->op, v[0].i);
    default: break;
    }
    if (t->op >= EQUAL && t->op <= AT_LEAST) return compare(t->op, v[0], v[1]);
    return of_texts(t, v);
}

static struct value interpret(const struct tree *t, weir_row r)
{
    switch (t->op) {
    case LITERAL: return t->literal.null ? nothing(t->type) : t->literal;
    case FIELD: return read_field(r, t->field);
    case CAST: return cast(interpret(t->kids[0], r), t->type);
    case TRY_CAST: {
        struct value v = interpret(t->kids[0], r), to = cast(v, t->type);
        return to.error && !v.error ? nothing(t->type) : to;
    }
    case AND:
    case OR:
    case IN:
    case BETWEEN:
    case IF:
    case COALESCE:
    case NULLIF:
    case CASE: return choose(t, r);
    default: return strict(t, r);
    }
}

/* ---- comparing ------------------------------------------------------------------------------------------------------- */

static bool same(struct value want, weir_row got)
{
    struct value v = read_field(got, 0);
    if (want.null || v.null) return want.null == v.null;
    if (want.type == WEIR_STRING) return want.s.n == v.s.n && !memcmp(want.s.p, v.s.p, v.s.n);
    if (is_float(want.type)) return isnan(want.f) ? isnan(v.f) : want.f == v.f && signbit(want.f) == signbit(v.f);
    return want.i == v.i;
}

struct job {
    const struct tree *tree;
    struct weir_expr *program;
    struct weir_expr_run *run;
    struct weir_pool *pool;
    uint64_t seed;
    size_t rows, errors, nulls; /* that were seen */
};

static void differs(const struct job *job, int64_t row, const char *what)
{
    printf("\n    seed %llu, row %lld: %s\n      %s\n", (unsigned long long)job->seed, (long long)row, what,
           weir_expr_text(job->program));
    CU_FAIL("differs");
}

static void check_column(struct job *job, const weir_batch *batch)
{
    struct weir_rows *into = weir_rows_create(job->pool, 1, 3);
    weir_status s = weir_expr_column(job->run, batch, into, 0);
    size_t n, k = 0, mark = heap_used;
    const struct weir_expr_error *errors = weir_expr_errors(job->run, &n);
    CU_ASSERT_EQUAL(s, n ? WEIR_E_DATA : WEIR_OK);
    for (int64_t r = 0; r < batch->length; r++, heap_used = mark) {
        if (batch->selection && !weir_bit(batch->selection, r)) continue;
        struct value want = interpret(job->tree, (weir_row){batch, r});
        bool failed = k < n && errors[k].row == r;
        k += failed;
        job->rows++;
        job->errors += want.error;
        job->nulls += want.null;
        if (failed != want.error)
            differs(job, r, failed ? errors[k - 1].message : "an error is missing");
        else if (!failed && !same(want, (weir_row){&into->view, r}))
            differs(job, r, "another value");
        if (want.null && !weir_expr_nullable(job->program)) differs(job, r, "null, but not nullable");
    }
    CU_ASSERT_EQUAL(k, n);
    weir_rows_release(into);
}

static void check_selection(struct job *job, const weir_batch *batch)
{
    struct weir_buffer *selection;
    int64_t selected, count = 0;
    size_t mark = heap_used;
    CU_ASSERT_TRUE(weir_expr_select(job->run, batch, &selection, &selected) != WEIR_E_MEMORY);
    for (int64_t r = 0; r < batch->length; r++, heap_used = mark) {
        bool shown = !batch->selection || weir_bit(batch->selection, r);
        bool want = shown && is(interpret(job->tree, (weir_row){batch, r}), true);
        count += want;
        if (want != weir_bit(selection->bytes, r)) differs(job, r, "another selection");
    }
    CU_ASSERT_EQUAL(count, selected);
    weir_buffer_release(selection);
}

/* Three cuts of the table, the third with a selection. */
static void check_batches(struct job *job, const struct table *table)
{
    struct weir_rows *rows = rows_of(job->pool, table);
    for (int cut = 0; cut < 3; cut++) {
        int64_t from = (int64_t)below((uint64_t)table->n_rows), n = (int64_t)below((uint64_t)(table->n_rows - from) + 1);
        struct weir_rows *slice = weir_rows_slice(job->pool, rows, from, n);
        uint8_t bits[64];
        for (size_t i = 0; i < sizeof bits; i++) bits[i] = (uint8_t)below(256);
        if (cut == 2) {
            slice->view.selection = bits;
            slice->view.selected = 0;
            for (int64_t r = 0; r < n; r++) slice->view.selected += weir_bit(bits, r);
        }
        check_column(job, &slice->view);
        if (job->tree->type == WEIR_BOOL) check_selection(job, &slice->view);
        weir_rows_release(slice);
    }
    weir_rows_release(rows);
}

static void check_seed(uint64_t seed, size_t *rows, size_t *errors, size_t *nulls)
{
    struct weir_random r = {seed};
    struct weir_expr_problems problems = {0};
    struct weir_text written = {0};
    rng = &r;
    heap_used = 0;
    struct table table =
        random_table(&r, schema_of_all_types(), 1 + (int64_t)below(seed % 4 ? 100 : 400), (unsigned)below(3) * 30);
    fields = table.schema;
    struct job job = {
        .seed = seed, .pool = seed % 3 ? weir_pool_create() : NULL, .tree = make(any_type(), 1 + (int)below(4))};
    write_tree(&written, job.tree);
    job.program = weir_expr_compile(written.p, written.n, table.schema, NULL, &problems);
    if (!job.program) {
        printf("\n    seed %llu: %s\n      %s\n", (unsigned long long)seed, problems.items[0].message, written.p);
        CU_FAIL("does not compile");
    } else {
        job.run = weir_expr_run_create(job.program, job.pool);
        if (weir_expr_type(job.program) != job.tree->type)
            differs(&job, 0, "another type");
        else
            check_batches(&job, &table);
    }
    *rows += job.rows;
    *errors += job.errors;
    *nulls += job.nulls;
    weir_expr_run_destroy(job.run);
    weir_expr_destroy(job.program);
    weir_expr_problems_finish(&problems);
    weir_text_finish(&written);
    finish_table(&table);
    weir_pool_close(job.pool);
}

static void agrees_with_the_interpreter(void)
{
    size_t blocks = weir_allocated_blocks(), rows = 0, errors = 0, nulls = 0;
    struct weir_cases cases = weir_cases(3000);
    for (uint64_t seed = cases.first; seed < cases.end && CU_get_number_of_failures() < 10; seed++)
        check_seed(seed, &rows, &errors, &nulls);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
    if (cases.is_chosen) return;
    CU_ASSERT_TRUE(errors > rows / 100 && errors < rows / 2); /* both kinds of rows are really met */
    CU_ASSERT_TRUE(nulls > rows / 100 && nulls < rows / 2);
}

/* ---- random text ----------------------------------------------------------------------------------------------------- */

static void add_word(struct weir_text *to)
{
    static const char *const words[] = {"i64_x",
                                        "string_q",
                                        "bool_x",
                                        "timestamp_x",
                                        "f64_q",
                                        "1",
                                        "2.5",
                                        "'a'",
                                        "(",
                                        ")",
                                        "+",
                                        "-",
                                        "*",
                                        "/",
                                        "%",
                                        "||",
                                        "=",
                                        "<>",
                                        "<",
                                        "and",
                                        "or",
                                        "not",
                                        "is",
                                        "null",
                                        "in",
                                        "between",
                                        "case",
                                        "when",
                                        "then",
                                        "else",
                                        "end",
                                        "cast",
                                        "as",
                                        "i32",
                                        ",",
                                        "if(",
                                        "length(",
                                        "split(",
                                        "coalesce(",
                                        "extract(",
                                        "hour from",
                                        "matches(",
                                        "'['",
                                        "15min",
                                        "true",
                                        "timestamp '2024-01-01'",
                                        "`",
                                        "'",
                                        "\xc3\xb6",
                                        "1e",
                                        "9999999999999999999",
                                        "least("};
    weir_text_add(to, "%s ", words[below(WEIR_LEN(words))]);
}

static void survives_any_text(void)
{
    struct weir_random r = {42};
    struct weir_schema *schema = schema_of_all_types();
    size_t blocks = weir_allocated_blocks(), good = 0;
    rng = &r;
    for (int i = 0; i < 30000; i++) {
        struct weir_text text = {0};
        struct weir_expr_problems problems = {0};
        size_t n = below(12);
        if (i % 4 == 0) {
            for (size_t k = 0; k < n; k++) weir_text_add_bytes(&text, &(char){(char)below(256)}, 1);
        } else {
            for (size_t k = 0; k < n; k++) add_word(&text);
        }
        struct weir_expr *e = weir_expr_compile(weir_text_get(&text), text.n, schema, NULL, &problems);
        CU_ASSERT_TRUE((e == NULL) == (problems.n > 0));
        for (size_t k = 0; k < problems.n; k++) {
            struct weir_text shown = {0};
            CU_ASSERT_TRUE(problems.items[k].offset + problems.items[k].length <= text.n);
            weir_expr_show(&shown, weir_text_get(&text), text.n, problems.items[k].offset, problems.items[k].length);
            weir_text_finish(&shown);
        }
        good += e != NULL;
        weir_expr_destroy(e);
        weir_expr_problems_finish(&problems);
        weir_text_finish(&text);
    }
    CU_ASSERT_TRUE(good > 100);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
    weir_schema_release(schema);
}

WEIR_SUITE(expr_random) = {{"agrees with the interpreter on random expressions and batches", agrees_with_the_interpreter},
                           {"survives any text", survives_any_text},
                           {NULL, NULL}};
