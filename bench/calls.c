/* calls.c - the map as a C function of a shared library that a manifest names: called directly where its signature is a
 * common one, else through libffi.
 *
 * The loop calls through a pointer, since a library's function cannot be inlined either; for libffi it calls as libffi does,
 * per row, with the same two arguments.
 */
#include <ffi.h>
#include <stdio.h>

#include "bench.h"
#include "job.h"

struct call {
    const char *function, *signature, *second; /* second: argument; NULL: there is one alone */
};

static void build(struct weir_job *job, const struct weir_bench_run *run)
{
    const struct call *c = run->bench->shape;
    char call[4096];
    weir_bench_source(job, run, false);
    struct weir_node *n = weir_bench_node(job, "scaled", "rows");
    snprintf(call, sizeof call, "%s:%s", WEIR_BENCH_FUNCTIONS, c->function);
    weir_node_set(n, "map.call", call);
    weir_node_set(n, "map.signature", c->signature);
    weir_node_append(n, "map.args", "value");
    if (c->second) weir_node_append(n, "map.args", c->second);
    weir_node_set(n, "map.into", "scaled");
    weir_bench_sink(job, run, "scaled", "scaled");
}
static const struct call direct = {"bench_scale_function", "f64(f64)", NULL};
static const struct call mixed = {"bench_scale_mixed", "f64(f64, i64)", "key"};

static double scale(double value)
{
    return bench_scale(value);
}
static double (*volatile const scale_function)(double) = scale; /* called, not inlined */
static void loop_direct(const struct weir_bench_run *run, struct bench_sum *sum)
{
    double (*function)(double) = scale_function;
    for (int64_t i = 0; i < run->rows; i++) {
        struct bench_row row = bench_row_at(i, 1000);
        bench_sum_add(sum, row.key, function(row.value));
    }
}

static double scale_mixed(double value, int64_t key)
{
    (void)key;
    return bench_scale(value);
}
static void loop_mixed(const struct weir_bench_run *run, struct bench_sum *sum)
{
    ffi_cif cif;
    ffi_type *types[] = {&ffi_type_double, &ffi_type_sint64};
    if (ffi_prep_cif(&cif, FFI_DEFAULT_ABI, 2, &ffi_type_double, types) != FFI_OK) weir_bench_die("libffi", "no cif");
    for (int64_t i = 0; i < run->rows; i++) {
        struct bench_row row = bench_row_at(i, 1000);
        double scaled;
        void *arguments[] = {&row.value, &row.key};
        ffi_call(&cif, FFI_FN(scale_mixed), &scaled, arguments);
        bench_sum_add(sum, row.key, scaled);
    }
}

// clang-format off
const struct weir_bench weir_bench_calls[] = {
    {.name = "call_direct", .title = "map by a C function, f64(f64)", .rows = 50000000, .shape = &direct,
     .flags = WEIR_BENCH_GATED, .job = build, .loop = loop_direct},
    {.name = "call_ffi", .title = "map by a C function through libffi, f64(f64, i64)", .rows = 20000000, .shape = &mixed,
     .job = build, .loop = loop_mixed},
    {.name = NULL}};
