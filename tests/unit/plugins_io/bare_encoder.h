/* An encoder with nothing but what is required: first fields, as one byte each. */
#ifndef WEIR_TEST_BARE_ENCODER_H
#define WEIR_TEST_BARE_ENCODER_H

#include <weir/udf.h>

typedef struct bare {
    char unused;
} bare;

static weir_status bare_encode(void *self, weir_ctx *cx, const weir_batch *batch, int64_t from, int64_t until, weir_blob *to)
{
    weir_status s = WEIR_OK;
    (void)self;
    for (int64_t i = from; i < until && s == WEIR_OK; i++) {
        char digit = (char)('0' + weir_i64((weir_row){batch, i}, 0) % 10);
        s = weir_blob_add(cx, to, &digit, 1);
    }
    return s;
}

static const weir_encoder bare_vtable = {.struct_size = sizeof(weir_encoder), .encode = bare_encode};
WEIR_COMPONENT(bare, WEIR_ENCODER, bare_vtable, .id = "bare", .doc = "digits");

#endif
