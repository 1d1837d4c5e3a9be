/* late.c - counting late records, and saying so once for each node. Subtask's thread; the flag is the node's.
 *
 * A record is late when the watermark has passed the end of all its windows and the allowed lateness (semantics A5.5). That
 * is often not what the author of a job expected, and a count in the last line is easily missed.
 */
#include "base/log.h"
#include "base/text.h"
#include "window/general_internal.h"

static void say(const struct weir_op *op, const struct weir_window_config *config, int64_t time)
{
    struct weir_text t = {0};
    weir_text_add(&t, "%s: the first late record: its event time is ", op->where);
    weir_text_add_time(&t, time);
    weir_text_add(&t, ", and the watermark is already ");
    weir_text_add_time(&t, op->watermark);
    if (config->late_output) {
        weir_text_add(&t, "; it goes to the output 'late', and so will others, without a word");
    } else {
        weir_text_add(&t, "; it is dropped, and so will others be, without a word but counted as late; to keep them let the "
                          "watermark stay further behind (`out_of_orderness:` of `time:`), let windows take records for "
                          "longer (`lateness:` of `window:`), or give such records an output (`late: side_output`)");
    }
    weir_log(config->late_output ? WEIR_INFO : WEIR_WARN, "window", "%s", weir_text_get(&t));
    weir_text_finish(&t);
}

void weir__count_late(struct weir_op *op, const struct weir_window_config *config, int64_t time, uint64_t n)
{
    struct weir_op_told *told = op->env->told;
    bool first = atomic_load_explicit(&op->counters.late, memory_order_relaxed) == 0;
    weir_count(&op->counters.late, n);
    if (first && told && !atomic_exchange_explicit(&told->late, 1, memory_order_relaxed)) say(op, config, time);
}
