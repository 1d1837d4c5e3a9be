/* periodic.c - which windows a periodic assigner assigns: it says so once, and is never asked about a row. [coordinator]
 *
 * Its word is taken for it: an assigner that assigns other windows than it says is not found out.
 */
#include "base/alloc.h"
#include "window/window_internal.h"

#define MOST_WINDOWS (1 << 20) /* of one record */

static weir_status check(struct weir_op *op, const struct weir_time_windows *t)
{
    if (t->size_ms <= 0 || t->slide_ms <= 0 || t->offset_ms <= -t->slide_ms || t->offset_ms >= t->slide_ms) {
        return weir_op_fail(op, WEIR_E_PLUGIN,
                            "periodic gave a size of %lld ms, a slide of %lld ms and an offset of %lld ms; size and slide "
                            "must be more than 0, and the offset less than the slide, either way",
                            (long long)t->size_ms, (long long)t->slide_ms, (long long)t->offset_ms);
    }
    if (t->size_ms > WEIR_WINDOW_MOST_MS || t->slide_ms > WEIR_WINDOW_MOST_MS) {
        return weir_op_fail(op, WEIR_E_CONFIG, "the size and slide of a window are at most %lldd",
                            (long long)(WEIR_WINDOW_MOST_MS / 86400000));
    }
    if (t->size_ms / t->slide_ms <= MOST_WINDOWS) return WEIR_OK;
    return weir_op_fail(op, WEIR_E_CONFIG,
                        "each record would be in %lld windows, and more than %d are not sensible; make the slide longer",
                        (long long)(t->size_ms / t->slide_ms), MOST_WINDOWS);
}

static weir_status ask(struct weir_instance *in, struct weir_time_windows *times)
{
    const weir_window_assigner *assigner = in->part.vtable;
    weir_status s = assigner->periodic(in->part.self, &in->cx, &times->size_ms, &times->slide_ms, &times->offset_ms);
    if (s >= 0) s = check(in->op, times);
    return s < 0 ? weir_instance_failed(in, s, "periodic") : WEIR_OK;
}

weir_status weir__ask_periodic(const struct weir_stream_node *node, const struct weir_op_env *env,
                               struct weir_registry *registry, const char *where, struct weir_time_windows *times,
                               struct weir_error *error)
{
    const struct weir_part_spec *spec = node->window.assigner;
    struct weir_op asking; /* takes the errors of the instance; the windows' own operator depends on what it says */
    struct weir_instance *in = NULL;
    uint32_t n_args = spec->info->in ? weir_schema_count(node->in) : 0;
    uint32_t *args = weir_alloc_array(n_args + 1, sizeof *args);
    for (uint32_t i = 0; i < n_args; i++) args[i] = i;
    weir_op_init(&asking, NULL, env, where);
    *times = (struct weir_time_windows){.lateness_ms = node->window.lateness_ms};
    struct weir_instance_options o = {
        .op = &asking, .registry = registry, .part = spec, .in = node->in, .args = args, .n_args = n_args};
    weir_status s = weir_instance_create(&o, &in, error);
    weir_free(args);
    if (s != WEIR_OK) return s;
    s = ask(in, times);
    if (s != WEIR_OK) weir_error_set(error, s, "%s", asking.error.text);
    weir_instance_destroy(in);
    weir_outbox_finish(&asking.outbox);
    return s;
}
