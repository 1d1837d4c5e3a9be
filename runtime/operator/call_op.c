/* call_op.c - a plain C function as a filter, or as a map that adds a field or replaces one. Subtask's thread.
 *
 * For each batch: the arguments become arrays of what C calls their type, by row (scalars are in place already, bools are
 * unpacked, strings copied behind each other with a NUL each); the function is called for the rows that exist, have no error
 * yet and no null where the function takes none; results become a column. Scalars of common signatures go through
 * call_direct.c, all others through libffi, whose description of the call is prepared once.
 *
 * Invariants: the function is called once for each such row, in their order, never for another; what it returns as a string
 * is copied before the next call, and freed then if it is owned. Nothing is allocated per row.
 */
#include <ffi.h>
#include <string.h>
#include <weir/text.h>

#include "base/alloc.h"
#include "expr/expr.h"
#include "loader/call_library.h"
#include "operator/call_internal.h"
#include "operator/record_errors.h"

struct argument {
    struct weir_expr *program; /* NULL: a field of the input */
    struct weir_expr_run *run;
    size_t offset, length; /* in `shown` */
};

struct call_op {
    struct weir_op op;
    const struct weir_stream_node *node;
    const struct weir_call_config *call;
    weir__function *function, *release; /* release NULL: results are not freed */
    weir__call_loop *direct;            /* NULL: libffi */
    ffi_cif cif;
    ffi_type *types[WEIR_CALL_MAX_PARAMS];
    struct argument *args;
    char *shown; /* "hypot(dx, dy)", for messages */
    struct weir_record_errors errors;
};

/* One batch on its way. */
struct work {
    struct call_op *c;
    struct weir_rows *rows;    /* borrowed */
    struct weir_rows *scratch; /* owns what the arguments need, computed columns among it */
    const void *values[WEIR_CALL_MAX_PARAMS];
    size_t strides[WEIR_CALL_MAX_PARAMS];
    struct weir_buffer *alive; /* a bit per row to call for, whole words */
    struct weir_buffer *picks; /* their numbers */
    int64_t n;                 /* how many */
    int64_t failed;            /* rows with an error so far: they are not nulls */
};

static size_t words_size(int64_t n)
{
    return (size_t)(n + 63) / 64 * 8;
}

static void *take_scratch(struct work *w, size_t bytes)
{
    struct weir_buffer *b = weir_pool_take(w->c->op.env->pool, bytes + 1);
    if (!b) return NULL;
    weir_rows_own(w->scratch, b);
    return b->bytes;
}

static const uint32_t *picks_of(const struct work *w)
{
    return (const uint32_t *)(const void *)w->picks->bytes;
}

/* ---- which rows ------------------------------------------------------------------------------------------------------ */

static void kill_row(struct work *w, int64_t row)
{
    uint8_t bit = (uint8_t)(1u << (row & 7));
    if (w->alive->bytes[row >> 3] & bit) w->failed++;
    w->alive->bytes[row >> 3] &= (uint8_t)~bit;
}

static void fail_row(struct work *w, int64_t row, uint32_t order, const char *message, size_t offset, size_t length)
{
    struct weir_record_error e = {row, order, message, w->c->shown, offset, length};
    weir_record_errors_add(&w->c->errors, e);
    kill_row(w, row);
}

static const weir_column *column_of(const struct work *w, uint32_t a)
{
    int32_t field = w->c->call->args[a].field;
    return field >= 0 ? &w->rows->columns[field] : &w->scratch->columns[a];
}

static void kill_nulls(struct work *w, const weir_column *column)
{
    uint8_t *alive = w->alive->bytes;
    int64_t n = w->rows->view.length;
    if (!column->validity) return;
    if (column->bit_offset % 8 == 0) {
        const uint8_t *from = column->validity + column->bit_offset / 8;
        for (int64_t i = 0; i < (n + 7) / 8; i++) alive[i] &= from[i];
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        if (!weir_bit(column->validity, column->bit_offset + i)) alive[i >> 3] &= (uint8_t) ~(1u << (i & 7));
    }
}

/* Rows that exist; without bits beyond the last. */
static bool begin_alive(struct work *w)
{
    int64_t n = w->rows->view.length;
    size_t bytes = words_size(n);
    if (!(w->alive = weir_pool_take(w->c->op.env->pool, bytes + 1))) return false;
    memset(w->alive->bytes, 0, bytes);
    if (w->rows->view.selection)
        memcpy(w->alive->bytes, w->rows->view.selection, (size_t)(n + 7) / 8);
    else
        memset(w->alive->bytes, 0xff, (size_t)(n + 7) / 8);
    if (n % 8) w->alive->bytes[n / 8] &= (uint8_t)((1u << n % 8) - 1);
    return true;
}

static uint64_t word_at(const uint8_t *bits, int64_t i)
{
    uint64_t word;
    memcpy(&word, bits + i / 8, sizeof word);
    return word;
}

static int64_t count_alive(const struct work *w)
{
    int64_t n = 0;
    for (int64_t i = 0; i < w->rows->view.length; i += 64) n += __builtin_popcountll(word_at(w->alive->bytes, i));
    return n;
}

/* Nothing is listed where all rows are called directly: the loop needs no list. */
static void list_picks(struct work *w)
{
    uint32_t *to = (uint32_t *)(void *)w->picks->bytes;
    w->n = count_alive(w);
    if (w->c->direct && w->n == w->rows->view.length) return;
    for (int64_t i = 0; i < w->rows->view.length; i += 64) {
        for (uint64_t v = word_at(w->alive->bytes, i); v; v &= v - 1) *to++ = (uint32_t)(i + __builtin_ctzll(v));
    }
}

/* ---- arguments ------------------------------------------------------------------------------------------------------- */

/* The columns that expressions give, in the scratch rows. False: no memory. */
static bool compute_arguments(struct work *w)
{
    struct call_op *c = w->c;
    for (uint32_t a = 0; a < c->call->signature.n_params; a++) {
        size_t from = c->errors.n;
        if (!c->args[a].program) continue;
        if (weir_expr_column(c->args[a].run, &w->rows->view, w->scratch, a) == WEIR_E_MEMORY) return false;
        weir_record_errors_add_run(&c->errors, a, c->args[a].program, c->args[a].run);
        for (; from < c->errors.n; from++) kill_row(w, c->errors.items[from].row);
    }
    return true;
}

static bool unpack_bools(struct work *w, uint32_t a, const weir_column *column)
{
    int64_t n = w->rows->view.length;
    uint8_t *to = take_scratch(w, (size_t)n);
    for (int64_t i = 0; to && i < n; i++) to[i] = weir_bit(column->data, column->bit_offset + i);
    w->values[a] = to;
    w->strides[a] = 1;
    return to != NULL;
}

/* Every text that will be passed, with a NUL behind it; NULL for null. */
static bool copy_strings(struct work *w, uint32_t a, const weir_column *column)
{
    int64_t n = w->rows->view.length;
    size_t total = (size_t)column->offsets[n] - (size_t)column->offsets[0] + (size_t)n;
    const char **to = take_scratch(w, (size_t)n * sizeof *to), *from = column->data;
    char *bytes = to ? take_scratch(w, total) : NULL;
    if (!bytes) return false;
    for (int64_t i = 0; i < n; i++) {
        size_t length = (size_t)(column->offsets[i + 1] - column->offsets[i]);
        bool null = column->validity && !weir_bit(column->validity, column->bit_offset + i);
        to[i] = null ? NULL : bytes;
        if (null || !weir_bit(w->alive->bytes, i)) continue;
        if (length) memcpy(bytes, from + column->offsets[i], length);
        if (length && memchr(bytes, '\0', length))
            fail_row(w, i, a, "the text has a NUL inside, which a string of C cannot have", w->c->args[a].offset,
                     w->c->args[a].length);
        bytes[length] = '\0';
        bytes += length + 1;
    }
    w->values[a] = to;
    w->strides[a] = sizeof *to;
    return true;
}

static bool lay_out(struct work *w, uint32_t a)
{
    const weir_column *column = column_of(w, a);
    if (column->type == WEIR_BOOL) return unpack_bools(w, a, column);
    if (column->type == WEIR_STRING) return copy_strings(w, a, column);
    w->values[a] = column->data;
    w->strides[a] = weir_type_size((weir_type)column->type);
    return true;
}

/* False: no memory. */
static bool prepare(struct work *w)
{
    const struct weir_call_signature *s = &w->c->call->signature;
    struct weir_pool *pool = w->c->op.env->pool;
    w->scratch = weir_rows_derive(pool, w->rows, s->n_params, 5 * s->n_params);
    if (!w->scratch || !begin_alive(w) || !compute_arguments(w)) return false;
    for (uint32_t a = 0; a < s->n_params; a++) {
        if (!s->params[a].nullable) kill_nulls(w, column_of(w, a));
    }
    for (uint32_t a = 0; a < s->n_params; a++) {
        if (!lay_out(w, a)) return false;
    }
    w->picks = weir_pool_take(pool, (size_t)w->rows->view.length * sizeof(uint32_t) + 1);
    if (w->picks) list_picks(w);
    return w->picks != NULL;
}

static void finish_work(struct work *w)
{
    weir_rows_release(w->scratch);
    weir_buffer_release(w->alive);
    weir_buffer_release(w->picks);
}

/* ---- scalars --------------------------------------------------------------------------------------------------------- */

union result { /* libffi widens integers */
    ffi_arg integer;
    int64_t i64;
    float f32;
    double f64;
    char *string;
};

static void call_once(const struct work *w, int64_t row, union result *result)
{
    void *values[WEIR_CALL_MAX_PARAMS];
    struct call_op *c = w->c;
    for (uint32_t a = 0; a < c->call->signature.n_params; a++)
        values[a] = (void *)((uintptr_t)w->values[a] + (size_t)row * w->strides[a]); /* libffi only reads them */
    ffi_call(&c->cif, c->function, result, values);
}

static void call_through_ffi(const struct work *w, void *results)
{
    weir_type type = w->c->call->signature.result.type;
    union result r = {0};
    for (int64_t k = 0; k < w->n; k++) {
        int64_t row = picks_of(w)[k];
        call_once(w, row, &r);
        switch (type) {
        case WEIR_BOOL: ((bool *)results)[row] = (uint8_t)r.integer != 0; break;
        case WEIR_I32: ((int32_t *)results)[row] = (int32_t)r.integer; break;
        case WEIR_F32: ((float *)results)[row] = r.f32; break;
        case WEIR_F64: ((double *)results)[row] = r.f64; break;
        default: ((int64_t *)results)[row] = r.i64; break;
        }
    }
}

/* Results by row, zero where the function is not called. */
static void call_scalars(const struct work *w, void *results, size_t bytes)
{
    bool all = w->n == w->rows->view.length;
    if (!all) memset(results, 0, bytes);
    if (w->c->direct)
        w->c->direct(w->c->function, w->values, all ? NULL : picks_of(w), w->n, results);
    else
        call_through_ffi(w, results);
}

static void pack_bools(uint8_t *bits, const uint8_t *bytes, int64_t n)
{
    memset(bits, 0, words_size(n));
    for (int64_t i = 0; i < n; i++) bits[i >> 3] |= (uint8_t)(bytes[i] << (i & 7));
}

/* The result column's values, owned by nobody yet. NULL: no memory. */
static struct weir_buffer *scalar_results(struct work *w)
{
    int64_t n = w->rows->view.length;
    weir_type type = w->c->call->signature.result.type;
    size_t bytes = type == WEIR_BOOL ? words_size(n) : (size_t)n * weir_type_size(type);
    struct weir_buffer *data = weir_pool_take(w->c->op.env->pool, bytes + 1);
    if (!data) return NULL;
    if (type != WEIR_BOOL) {
        call_scalars(w, data->bytes, bytes);
        return data;
    }
    struct weir_buffer *unpacked = weir_pool_take(w->c->op.env->pool, (size_t)n + 1);
    if (unpacked) {
        call_scalars(w, unpacked->bytes, (size_t)n);
        pack_bools(data->bytes, unpacked->bytes, n);
    } else {
        weir_buffer_release(data);
        data = NULL;
    }
    weir_buffer_release(unpacked);
    return data;
}

/* ---- strings --------------------------------------------------------------------------------------------------------- */

struct texts {
    struct weir_buffer *bytes, *offsets;
    size_t n; /* bytes */
};

/* False: no memory, or more than offsets of 32 bits can tell. */
static bool append_text(struct work *w, struct texts *t, const char *p, size_t n)
{
    if (n > (size_t)INT32_MAX - t->n) return false;
    if (t->n + n > t->bytes->capacity) {
        struct weir_buffer *more = weir_pool_take(w->c->op.env->pool, 2 * (t->n + n));
        if (!more) return false;
        memcpy(more->bytes, t->bytes->bytes, t->n);
        weir_buffer_release(t->bytes);
        t->bytes = more;
    }
    memcpy(t->bytes->bytes + t->n, p, n);
    t->n += n;
    return true;
}

/* Frees what is owned. */
static bool keep_text(struct work *w, struct texts *t, int64_t row, char *p)
{
    struct call_op *c = w->c;
    const struct weir_call_signature *s = &c->call->signature;
    size_t n = p ? strlen(p) : 0;
    bool ok = true;
    if (!p && s->result.nullable)
        w->alive->bytes[row >> 3] &= (uint8_t) ~(1u << (row & 7));
    else if (!p)
        fail_row(w, row, s->n_params, "the function returned NULL; for one that may, the signature says string?", 0,
                 strlen(c->shown));
    else if (!weir_is_utf8(p, n))
        fail_row(w, row, s->n_params, "what the function returned is not valid UTF-8", 0, strlen(c->shown));
    else
        ok = append_text(w, t, p, n);
    if (p && c->release) ((void (*)(char *))c->release)(p);
    return ok;
}

/* False: no memory; the caller releases the buffers in any case. */
static bool text_results(struct work *w, struct texts *t)
{
    int64_t n = w->rows->view.length, next = 0;
    struct weir_pool *pool = w->c->op.env->pool;
    t->offsets = weir_pool_take(pool, (size_t)(n + 1) * sizeof(int32_t));
    t->bytes = weir_pool_take(pool, (size_t)n * 16 + 1);
    if (!t->offsets || !t->bytes) return false;
    int32_t *at = (int32_t *)(void *)t->offsets->bytes;
    for (int64_t k = 0; k < w->n; k++) {
        int64_t row = picks_of(w)[k];
        union result r = {0};
        while (next <= row) at[next++] = (int32_t)t->n;
        call_once(w, row, &r);
        if (!keep_text(w, t, row, r.string)) return false;
    }
    while (next <= n) at[next++] = (int32_t)t->n;
    return true;
}

/* ---- rows ------------------------------------------------------------------------------------------------------------ */

/* The rows with the result column; takes the buffers. NULL: no memory. */
static struct weir_rows *with_column(struct work *w, struct weir_buffer *data, struct weir_buffer *offsets)
{
    uint32_t n = w->c->node->outputs[0].schema ? weir_schema_count(w->c->node->outputs[0].schema) : 0;
    struct weir_rows *out = weir_rows_derive(w->c->op.env->pool, w->rows, n, 3);
    if (!out) {
        weir_buffer_release(data);
        weir_buffer_release(offsets);
        return NULL;
    }
    memcpy(out->columns, w->rows->columns, w->rows->view.n_columns * sizeof *out->columns);
    bool nulls = count_alive(w) + w->failed < w->rows->view.selected;
    out->columns[w->c->call->into] =
        (weir_column){.type = w->c->call->signature.result.type,
                      .data = data->bytes,
                      .validity = nulls ? w->alive->bytes : NULL,
                      .offsets = offsets ? (const int32_t *)(const void *)offsets->bytes : NULL};
    weir_rows_own(out, data);
    if (offsets) weir_rows_own(out, offsets);
    if (nulls) weir_rows_own(out, weir_buffer_retain(w->alive));
    return out;
}

static struct weir_rows *map(struct work *w)
{
    struct texts t = {0};
    if (w->c->call->signature.result.type != WEIR_STRING) {
        struct weir_buffer *data = scalar_results(w);
        return data ? with_column(w, data, NULL) : NULL;
    }
    if (text_results(w, &t)) return with_column(w, t.bytes, t.offsets);
    weir_buffer_release(t.bytes);
    weir_buffer_release(t.offsets);
    return NULL;
}

/* Zero where the function was not called: those rows go. */
static struct weir_rows *filter(struct work *w)
{
    struct weir_buffer *bits = scalar_results(w);
    int64_t selected = 0;
    if (!bits) return NULL;
    for (int64_t i = 0; i < w->rows->view.length; i += 64) selected += __builtin_popcountll(word_at(bits->bytes, i));
    if (selected < w->rows->view.selected) return weir_rows_select(w->c->op.env->pool, w->rows, bits, selected);
    weir_buffer_release(bits);
    return weir_rows_retain(w->rows);
}

static weir_status call_rows(struct weir_op *op, uint32_t input, struct weir_rows *rows, int64_t *row)
{
    struct call_op *c = (struct call_op *)(void *)op;
    struct work w = {.c = c, .rows = rows};
    (void)input;
    *row = rows->view.length;
    c->errors.n = 0;
    struct weir_rows *out = prepare(&w) ? c->call->into < 0 ? filter(&w) : map(&w) : NULL;
    weir_status s = out ? weir_record_errors_emit(op, c->node, &c->errors, rows, out)
                        : weir_op_fail(op, WEIR_E_MEMORY, "no memory for what '%s' takes and gives", c->call->function);
    finish_work(&w);
    return s;
}

/* ---- lifecycle ------------------------------------------------------------------------------------------------------- */

static void destroy_op(struct weir_op *op)
{
    struct call_op *c = (struct call_op *)(void *)op;
    for (uint32_t a = 0; a < c->call->signature.n_params; a++) {
        weir_expr_run_destroy(c->args[a].run);
        weir_expr_destroy(c->args[a].program);
    }
    weir_free(c->args);
    weir_free(c->shown);
    weir_record_errors_finish(&c->errors);
    weir_outbox_finish(&op->outbox);
    weir_free(c);
}

static const struct weir_op_class call_class = {.name = "call", .rows = call_rows, .destroy = destroy_op};

static ffi_type *ffi_type_of(weir_type type)
{
    switch (type) {
    case WEIR_BOOL: return &ffi_type_uint8;
    case WEIR_I32: return &ffi_type_sint32;
    case WEIR_F32: return &ffi_type_float;
    case WEIR_F64: return &ffi_type_double;
    case WEIR_STRING: return &ffi_type_pointer;
    default: return &ffi_type_sint64;
    }
}

/* The loader has compiled the same text: what fails here failed there. */
static bool make_argument(struct call_op *c, uint32_t a, struct weir_error *error)
{
    const char *text = c->call->args[a].expression;
    struct weir_expr_problems problems = {0};
    if (!text) return true;
    c->args[a].program = weir_expr_compile(text, strlen(text), c->node->in, c->op.env->platform, &problems);
    if (c->args[a].program)
        c->args[a].run = weir_expr_run_create(c->args[a].program, c->op.env->pool);
    else
        weir_error_set(error, WEIR_E_CONFIG, "%s: '%s': %s", c->op.where, text, problems.items[0].message);
    weir_expr_problems_finish(&problems);
    return c->args[a].program != NULL;
}

static void show(struct call_op *c)
{
    struct weir_text t = {0};
    weir_text_add(&t, "%s(", c->call->function);
    for (uint32_t a = 0; a < c->call->signature.n_params; a++) {
        const struct weir_call_argument *arg = &c->call->args[a];
        if (a) weir_text_add(&t, ", ");
        c->args[a].offset = t.n;
        weir_text_add(&t, "%s",
                      arg->expression ? arg->expression : weir_schema_field_at(c->node->in, (uint32_t)arg->field)->name);
        c->args[a].length = t.n - c->args[a].offset;
    }
    weir_text_add(&t, ")");
    c->shown = weir_text_take(&t);
}

static bool describe_call(struct call_op *c, struct weir_error *error)
{
    const struct weir_call_signature *s = &c->call->signature;
    for (uint32_t a = 0; a < s->n_params; a++) c->types[a] = ffi_type_of(s->params[a].type);
    if (ffi_prep_cif(&c->cif, FFI_DEFAULT_ABI, s->n_params, ffi_type_of(s->result.type), c->types) == FFI_OK) return true;
    weir_error_set(error, WEIR_E_BUG, "%s: libffi does not take the signature of '%s'", c->op.where, c->call->function);
    return false;
}

struct weir_op *weir__call_op_make(const struct weir_stream_node *node, const struct weir_op_env *env, const char *where,
                                   weir__function *function, weir__function *release, bool direct, struct weir_error *error)
{
    struct call_op *c = weir_alloc(sizeof *c);
    weir_op_init(&c->op, &call_class, env, where);
    c->op.accepts_selection = true;
    c->node = node;
    c->call = &node->call;
    c->function = function;
    c->release = release;
    c->direct = direct ? weir__call_direct(&c->call->signature) : NULL;
    c->args = weir_alloc_array(c->call->signature.n_params + 1, sizeof *c->args);
    bool ok = describe_call(c, error);
    for (uint32_t a = 0; a < c->call->signature.n_params; a++) ok = ok && make_argument(c, a, error);
    show(c);
    if (ok) return &c->op;
    destroy_op(&c->op);
    return NULL;
}

struct weir_op *weir_call_op_create(const struct weir_stream_node *node, const struct weir_op_env *env,
                                    struct weir_registry *registry, const char *where, struct weir_error *error)
{
    const struct weir_call_config *call = &node->call;
    weir__function *function, *release = NULL;
    weir_status s = weir_registry_open_function(registry, call->library, call->function, &function, error);
    if (s == WEIR_OK && call->signature.owner == WEIR_CALL_OWNED) weir_call_library_free(&release);
    if (s == WEIR_OK && call->signature.owner == WEIR_CALL_RELEASED)
        s = weir_registry_open_function(registry, call->library, call->signature.release, &release, error);
    if (s == WEIR_OK) return weir__call_op_make(node, env, where, function, release, true, error);
    weir_error_prefix(error, "%s: ", where);
    return NULL;
}
