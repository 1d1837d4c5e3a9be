/* test_waits.c - a window operator waits while a window that holds something is still to fire. */
#include "general_stage.h"

enum { WHOLE, SLICED, GENERAL };

static void begin(struct stage *g, int way)
{
    prepare(g, false);
    g->node->window.lateness_ms = 100;
    g->node->window.periodic = way != GENERAL;
    struct weir_part_spec *assigner = ASSIGNER(g, way == SLICED ? "sliding" : "tumbling", "size", "10ms");
    if (way == SLICED) weir_op_stage_option(assigner, "slide", "5ms");
    start(g, assigner, TRIGGER(g, "event_time", NULL, NULL));
}

static bool waits(const struct stage *g)
{
    return g->op->class->waits(g->op);
}

static void it_waits_from_the_first_row_until_the_last_window_has_fired(void)
{
    for (int way = WHOLE; way <= GENERAL; way++) {
        struct stage g;
        begin(&g, way);
        CU_ASSERT_FALSE(waits(&g));
        feed(&g, "1 | ann, 5\n12 | bob, 1");
        CU_ASSERT(waits(&g));
        watermark(&g, 9);
        CU_ASSERT(waits(&g));
        watermark(&g, 18);
        CU_ASSERT(waits(&g));
        watermark(&g, 19); /* [10, 20) has fired, and of sliding windows [10, 20) is the last that holds a row */
        CU_ASSERT(waits(&g) == (way == GENERAL)); /* which has a timer left: to forget the window */
        watermark(&g, 200);
        CU_ASSERT_FALSE(waits(&g));
        tear_down(&g);
    }
}

WEIR_SUITE(waits) = {
    {"it waits from the first row until the last window has fired",
     it_waits_from_the_first_row_until_the_last_window_has_fired},
    {NULL, NULL},
};
