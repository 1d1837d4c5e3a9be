/* loader/probe.c - spawns the helper of loader/probe.h and judges how it ended. Any thread. */
#include "loader/probe.h"

#include <string.h>

#include "base/process.h"
#include "base/text.h"
#include "loader/plugin_internal.h"
#include "loader/plugin_manifest.h"

/* What a dying process said last is often the reason: an assertion, a sanitizer's summary. */
static void last_words(const struct weir_process_result *r, struct weir_text *t)
{
    size_t n = r->n_err;
    while (n > 0 && r->err[n - 1] == '\n') n--;
    size_t from = n;
    while (from > 0 && r->err[from - 1] != '\n' && n - from < 300) from--;
    if (n == from) return;
    weir_text_add(t, "; it last said: ");
    weir_text_add_bytes(t, r->err + from, n - from);
    weir__make_printable(t->p);
}

static bool ended_well(const struct weir_process_result *r)
{
    bool unknown_end = !r->exited && !r->signal && !r->timed_out; /* the embedding program ignores SIGCHLD */
    return r->n_out > 0 && (unknown_end || (r->exited && r->exit_code == 0));
}

static bool was_refused(const struct weir_process_result *r, struct weir_error *error)
{
    size_t n = r->n_err;
    if (!r->exited || r->exit_code != WEIR_PROBE_REFUSED || n == 0) return false;
    while (n > 0 && r->err[n - 1] == '\n') n--;
    weir__refuse(error, "%.*s", (int)n, r->err);
    return true;
}

static struct weir_process_limits limits_of(int64_t timeout_ms)
{
    return (struct weir_process_limits){.timeout_ms = timeout_ms > 0 ? timeout_ms : WEIR_PROBE_TIMEOUT_MS,
                                        .max_output_bytes = WEIR_PLUGIN_MANIFEST_MAX_BYTES};
}

/* ---- plugins ----------------------------------------------------------------------------------------------------- */

static weir_status ended_badly(const struct weir_plugin_file *f, const struct weir_process_result *r,
                               struct weir_error *error)
{
    struct weir_text words = {0};
    bool described = r->n_out > 0, too_early = r->exited && r->exit_code == 0;
    last_words(r, &words);
    weir__refuse(error,
                 "%s: expected it to %s, found that the helper process that opened it %s%s%s; debug the plugin's %s, or "
                 "take the file away",
                 f->path, described ? "let the process end once it is described" : "describe itself when it is opened",
                 r->how, too_early ? " before it could" : "", weir_text_get(&words),
                 described ? "destructors and exit handlers" : "constructors and " WEIR_ENTRY_SYMBOL ", which run then");
    weir_text_finish(&words);
    return WEIR_E_PLUGIN;
}

static weir_status judge(const struct weir_plugin_file *f, const struct weir_process_result *r,
                         struct weir_plugin_info *info, struct weir_error *error)
{
    if (was_refused(r, error)) return error->status;
    if (!ended_well(r)) return ended_badly(f, r, error);
    weir_status s = weir_plugin_manifest_read(r->out, r->n_out, "the helper's description", f->path, info, error);
    if (s != WEIR_OK) return weir_error_prefix(error, "%s: ", f->path);
    if (strcmp(info->build_id, f->build_id) == 0) return WEIR_OK;
    return weir__refuse(error, "%s: expected build-id %s, found %s: it was written while it was looked at; try again",
                        f->path, f->build_id, info->build_id);
}

weir_status weir_probe(const char *helper, const struct weir_plugin_file *f, int64_t timeout_ms,
                       struct weir_plugin_info *info, struct weir_error *error)
{
    const char *argv[] = {helper, "inspect", "--probe", f->path, NULL};
    struct weir_process_limits limits = limits_of(timeout_ms);
    struct weir_process_result r;
    *info = (struct weir_plugin_info){0};
    weir_status s = weir_process_run(argv, &limits, &r, error);
    if (s != WEIR_OK) return weir_error_prefix(error, "%s: cannot be looked at: the helper ", f->path);
    s = judge(f, &r, info, error);
    weir_process_result_finish(&r);
    return s;
}

/* ---- plain C functions ------------------------------------------------------------------------------------------- */

weir_status weir_probe_function(const char *helper, const char *library, const char *function, const char *release,
                                int64_t timeout_ms, struct weir_error *error)
{
    const char *argv[] = {helper, "inspect", "--probe-function", library, function, release, NULL};
    struct weir_process_limits limits = limits_of(timeout_ms);
    struct weir_process_result r;
    struct weir_text words = {0};
    weir_status s = weir_process_run(argv, &limits, &r, error);
    if (s != WEIR_OK) return weir_error_prefix(error, "%s: cannot be looked at: the helper ", library);
    if (was_refused(&r, error)) {
        s = error->status;
    } else if (!ended_well(&r)) {
        last_words(&r, &words);
        s = weir__refuse(error,
                         "%s: expected a library that can be opened, found that the helper process that opened it %s%s; "
                         "debug the library's constructors and destructors, which run then",
                         library, r.how, weir_text_get(&words));
    }
    weir_text_finish(&words);
    weir_process_result_finish(&r);
    return s;
}
