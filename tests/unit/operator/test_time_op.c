/* Timestamps and watermarks assigned in mid-stream: semantics A4. That upstream marks are swallowed is the chain's
 * part (test_chain.c). */
#include "unit/operator/stage.h"

static void set_up(struct stage *g, const char *generator, int64_t interval_ms, bool every_record, int64_t idle_after_ms)
{
    stage_init(g, WEIR_NODE_TIME, "n: i64, at: timestamp", "n: i64, at: timestamp");
    g->node->time = (struct weir_time_config){.present = true,
                                              .field = 1,
                                              .interval_ms = interval_ms,
                                              .every_record = every_record,
                                              .idle_after_ms = idle_after_ms};
    g->node->time.generator = weir_op_stage_part(&g->s, WEIR_WATERMARK_GENERATOR, generator);
    if (strcmp(generator, "bounded_out_of_orderness") == 0) weir_op_stage_option(g->node->time.generator, "delay", "2ms");
    stage_start(g);
}

static void a_punctuated_watermark_follows_its_element(void)
{
    struct stage g;
    set_up(&g, "punctuated", 0, false, 0);
    CU_ASSERT(g.op->class->swallows_marks);
    stage_feed(&g, "999 | 1, 7\n999 | 2, 10\n999 | 3, 8\n999 | 4, 20");
    stage_expect(&g, "7 | 1, 7\n10 | 2, 10\nwatermark 10\n8 | 3, 8\n20 | 4, 20\nwatermark 20\n");
    stage_feed(&g, "999 | 5, 20\n999 | 6, 10"); /* not larger: dropped */
    stage_expect(&g, "20 | 5, 20\n10 | 6, 10\n");
    stage_end(&g);
}

static void what_is_emitted_does_not_depend_on_the_cut_of_batches(void)
{
    static const char *const rows[] = {"0 | 1, 5", "0 | 2, 9", "0 | 3, 7", "0 | 4, 10", "0 | 5, 12", "0 | 6, 30"};
    static const char *const generators[] = {"punctuated", "bounded_out_of_orderness"};
    for (int i = 0; i < 2; i++) {
        struct stage one, all;
        struct weir_text text = {0};
        set_up(&one, generators[i], 0, true, 0);
        set_up(&all, generators[i], 0, true, 0);
        for (int r = 0; r < 6; r++) stage_feed(&one, rows[r]);
        for (int r = 0; r < 6; r++) weir_text_add(&text, "%s\n", rows[r]);
        stage_feed(&all, weir_text_get(&text));
        stage_expect(&one, weir_text_get(&all.text));
        WEIR_ASSERT_CONTAINS(weir_text_get(&all.text), "watermark");
        weir_text_finish(&text);
        stage_end(&one);
        stage_end(&all);
    }
}

static void the_clock_brings_periodic_watermarks(void)
{
    struct stage g;
    set_up(&g, "bounded_out_of_orderness", 200, false, 0);
    CU_ASSERT_EQUAL(g.op->next_due_ms, 200);
    stage_feed(&g, "0 | 1, 100\n0 | 2, 50");
    stage_expect(&g, "100 | 1, 100\n50 | 2, 50\n");
    stage_now(&g, 200);
    stage_expect(&g, "watermark 97\n");
    stage_now(&g, 400);
    stage_expect(&g, "");
    stage_end(&g);
}

static void TRAP_an_idle_stream_is_active_again_only_with_a_larger_watermark(void)
{
    struct stage g;
    set_up(&g, "bounded_out_of_orderness", 200, false, 300);
    stage_feed(&g, "0 | 1, 100");
    stage_now(&g, 200);
    stage_now(&g, 400);
    stage_now(&g, 600);
    stage_expect(&g, "100 | 1, 100\nwatermark 97\n");
    stage_now(&g, 800);
    stage_expect(&g, "idle\n");
    stage_now(&g, 1000);
    stage_expect(&g, ""); /* said once */
    stage_feed(&g, "0 | 2, 90");
    stage_now(&g, 1200);
    stage_expect(&g, "90 | 2, 90\n");
    stage_feed(&g, "0 | 3, 200");
    stage_now(&g, 1400);
    stage_expect(&g, "200 | 3, 200\nactive\nwatermark 197\n");
    stage_end(&g);
}

WEIR_SUITE(time_op) = {
    {"a punctuated watermark follows its element", a_punctuated_watermark_follows_its_element},
    {"what is emitted does not depend on the cut of batches", what_is_emitted_does_not_depend_on_the_cut_of_batches},
    {"the clock brings periodic watermarks", the_clock_brings_periodic_watermarks},
    {"TRAP the next event re-activates the stream only when a LARGER wm is emitted",
     TRAP_an_idle_stream_is_active_again_only_with_a_larger_watermark},
    {NULL, NULL}};
