/* bench/plugins/any.c - maps that write and read an `any` field, and one that has the host pack its row. */
#include <weir/udf.h>

#include "../msgpack.h"
#include "../work.h"

typedef struct pack_any {
    char unused;
} pack_any;
static weir_status pack_any_row(pack_any *me, weir_ctx *cx, weir_row in)
{
    uint8_t bytes[BENCH_PAIR_MOST];
    const uint8_t *end = bench_put_pair(bytes, weir_i64(in, 0), weir_f64(in, 1));
    (void)me;
    return weir_put_text(cx, 0, 0, (weir_str){(const char *)bytes, (size_t)(end - bytes)});
}
WEIR_MAP(pack_any, .id = "bench_pack_any", .doc = "Key and value as one any", .in = "key:i64, value:f64",
         .out = "*, packed:any");

typedef struct unpack_any {
    char unused;
} unpack_any;
static weir_status unpack_any_row(unpack_any *me, weir_ctx *cx, weir_row in)
{
    int64_t key;
    double value;
    (void)me;
    bench_get_pair((const uint8_t *)weir_text(in, 0).p, &key, &value);
    weir_put_f64(cx, 0, 0, bench_scale(value) + (double)key);
    return WEIR_OK;
}
WEIR_MAP(unpack_any, .id = "bench_unpack_any", .doc = "Key and scaled value of an any", .in = "packed:any",
         .out = "*, scaled:f64");

typedef struct pack_row {
    char unused;
} pack_row;
static weir_status pack_row_row(pack_row *me, weir_ctx *cx, weir_row in)
{
    weir_str packed;
    weir_status s = cx->host->pack_row(cx, in, &packed);
    (void)me;
    if (s == WEIR_OK) weir_put_f64(cx, 0, 0, (double)bench_bytes_hash((const uint8_t *)packed.p, packed.n));
    return s;
}
WEIR_MAP(pack_row, .id = "bench_pack_row", .doc = "A hash of the packed row", .in = "*", .out = "*, bytes:f64");
WEIR_PLUGIN("weir.bench.any", "0.1.0", &pack_any_component, &unpack_any_component, &pack_row_component);
