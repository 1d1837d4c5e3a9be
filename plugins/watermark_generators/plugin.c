/* weir.watermark_generators - how far event time has come, from the timestamps seen. */
#include <weir/udf.h>

/* Both generators: no record is expected more than `delay` ms behind the largest timestamp so far. */
typedef struct bounded {
    int64_t delay;
    int64_t largest;
} bounded;

static weir_status bounded_open(void *self, weir_ctx *cx)
{
    bounded *me = self;
    (void)cx;
    me->largest = INT64_MIN + me->delay + 1; /* so that the watermark is INT64_MIN, "none", before the first row */
    return WEIR_OK;
}

WEIR_FOR_SEVERAL_CPUS
static int64_t largest_of(int64_t largest, const int64_t *time, int64_t n)
{
    for (int64_t i = 0; i < n; i++) largest = time[i] > largest ? time[i] : largest;
    return largest;
}

static weir_status bounded_on_rows(void *self, weir_ctx *cx, const weir_batch *batch, int64_t *row, int64_t *watermark)
{
    bounded *me = self;
    (void)cx;
    (void)watermark;
    me->largest = largest_of(me->largest, batch->time + *row, batch->length - *row);
    *row = batch->length;
    return WEIR_OK;
}

static weir_status bounded_on_periodic(void *self, weir_ctx *cx, int64_t *watermark)
{
    bounded *me = self;
    (void)cx;
    *watermark = me->largest - me->delay - 1;
    return WEIR_OK;
}

static const weir_watermark_generator bounded_vtable = {.struct_size = sizeof(weir_watermark_generator),
                                                        .open = bounded_open,
                                                        .on_rows = bounded_on_rows,
                                                        .on_periodic = bounded_on_periodic};

static const weir_option bounded_options[] = {
    WEIR_OPTION_OF(bounded, delay, WEIR_OPT_DURATION, .min = "0ms",
                   .doc = "how far a record may lie behind the latest so far"),
};
WEIR_COMPONENT(bounded, WEIR_WATERMARK_GENERATOR, bounded_vtable, .id = "bounded_out_of_orderness",
               .doc = "records may be out of order by at most `delay`", WEIR_OPTIONS(bounded_options));

typedef bounded monotonous; /* delay 0 */
WEIR_COMPONENT(monotonous, WEIR_WATERMARK_GENERATOR, bounded_vtable, .id = "monotonous",
               .doc = "timestamps never go back within a split");

WEIR_PLUGIN("weir.watermark_generators", "0.1.0", &bounded_component, &monotonous_component);
