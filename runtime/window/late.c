/* late.c - counting late records, and saying so once for each node. Subtask's thread; the flag is the node's.
 *
 * A record is late when the watermark has passed the end of all its windows and the allowed lateness (semantics A5.5). That
 * is often not what the author of a job expected, and a count in the last line is easily missed.
 */
#include "base/log.h"
#include "base/text.h"
#include "window/general_internal.h"

static void say(const struct weir_op *op, const char *component, const char *output, const char *other_cure, int64_t time)
{
    struct weir_text t = {0};
    weir_text_add(&t, "%s: the first late record: its event time is ", op->where);
    weir_text_add_time(&t, time);
    weir_text_add(&t, ", and the watermark is already ");
    weir_text_add_time(&t, op->watermark);
    if (output) {
        weir_text_add(&t, "; it goes to the output '%s', and so will others, without a word", output);
    } else {
        weir_text_add(&t,
                      "; it is dropped, and so will others be, without a word but counted as late; to keep them let the "
                      "watermark stay further behind (`out_of_orderness:` of `time:`), %sor give such records an output "
                      "(`late: side_output`)",
                      other_cure);
    }
    weir_log(output ? WEIR_INFO : WEIR_WARN, component, "%s", weir_text_get(&t));
    weir_text_finish(&t);
}

/* Counts; true for the first of the node. */
static bool count(struct weir_op *op, uint64_t n)
{
    struct weir_op_told *told = op->env->told;
    bool first = atomic_load_explicit(&op->counters.late, memory_order_relaxed) == 0;
    weir_count(&op->counters.late, n);
    return first && told && !atomic_exchange_explicit(&told->late, 1, memory_order_relaxed);
}

void weir__count_late(struct weir_op *op, const struct weir_window_config *config, int64_t time, uint64_t n)
{
    if (count(op, n))
        say(op, "window", config->late_output ? "late" : NULL,
            "let windows take records for longer (`lateness:` of `window:`), ", time);
}

void weir__count_late_join(struct weir_op *op, const char *output, int64_t time, uint64_t n)
{
    if (count(op, n)) say(op, "join", output, "", time);
}
