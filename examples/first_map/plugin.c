/* vat - the smallest map: one field in, one more field out. */
#include <weir/udf.h>

typedef struct vat {
    double rate;
} vat;

static weir_status vat_row(vat *me, weir_ctx *cx, weir_row in)
{
    weir_put_f64(cx, 0, 0, weir_f64(in, 0) * (1 + me->rate));
    return WEIR_OK;
}

static const weir_option options[] = {WEIR_OPTION(vat, rate, .def = "0.20", .min = "0", .doc = "0.20 for 20%")};
WEIR_MAP(vat, .id = "vat", .doc = "adds VAT", .in = "amount:f64", .out = "*, gross:f64", WEIR_OPTIONS(options));
WEIR_PLUGIN("example.first_map", "1.0.0", &vat_component);
