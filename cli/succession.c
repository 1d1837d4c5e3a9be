/* succession.c - a job that takes the place of another in one supervisor: `weir upgrade`. See cli/supervisor.h for its
 * states, and docs/design/008-upgrades.md for why it is done here. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cli/command.h"
#include "cli/control.h"
#include "cli/home.h"
#include "cli/supervisor_internal.h"
#include "cli/trial.h"

/* ---- arguments ----------------------------------------------------------------------------------------------------- */

void weir__arguments_free(char **words)
{
    for (char **w = words; w && *w; w++) weir_free(*w);
    weir_free(words);
}

/* weir run OPTION... --from SAVEPOINT [--allow-non-restored] -- MANIFEST; or --resume, --resume-if-any instead */
static char **arguments_of(const json_t *job, const char *from, bool drop)
{
    const json_t *options = json_object_get(job, "options"), *word;
    char **words = weir_alloc_array(json_array_size(options) + 8, sizeof *words);
    size_t n = 0, i;
    words[n++] = weir_strdup("weir");
    words[n++] = weir_strdup("run");
    json_array_foreach(options, i, word) words[n++] = weir_strdup(json_string_value(word));
    if (*from != '-') words[n++] = weir_strdup("--from");
    words[n++] = weir_strdup(from);
    if (drop) words[n++] = weir_strdup("--allow-non-restored");
    words[n++] = weir_strdup("--");
    words[n++] = weir_strdup(json_string_value(json_object_get(job, "manifest")));
    return words;
}

static const char *savepoint_of(const struct weir__succession *n)
{
    return json_string_value(json_object_get(n->upgrade, "savepoint"));
}

static const char *manifest_of(const struct weir__succession *n, const char *which)
{
    return json_string_value(json_object_get(json_object_get(n->upgrade, which), "manifest"));
}

/* ---- whoever asked ------------------------------------------------------------------------------------------------- */

/* The last word of it, unless `more`. Takes the answer. */
static void answer(struct weir__succession *n, json_t *text, bool more)
{
    if (n->asker >= 0) (void)weir_control_send(n->asker, text);
    json_decref(text);
    if (more || n->asker < 0) return;
    close(n->asker);
    n->asker = -1;
}

static void forget(struct weir__succession *n)
{
    if (n->asker >= 0) close(n->asker);
    json_decref(n->upgrade);
    *n = (struct weir__succession){.asker = -1};
}

/* The upgrade is over: first for the home, then for whoever asked. */
static void conclude(struct weir__supervision *s, json_t *text)
{
    weir_trial_forget(&(struct weir_job_home){.path = s->report->home, .lock = -1});
    answer(&s->next, text, false);
    forget(&s->next);
}

void weir__succession_finish(struct weir__supervision *s)
{
    forget(&s->next);
}

/* ---- steps --------------------------------------------------------------------------------------------------------- */

void weir__succession_ask(struct weir__supervision *s, const json_t *upgrade, int connection)
{
    forget(&s->next);
    s->next.upgrade = json_deep_copy(upgrade);
    s->next.asker = connection;
    s->next.step = WEIR__ASKED;
}

void weir__succession_instead(struct weir__supervision *s, const json_t *other)
{
    forget(&s->next);
    s->next.upgrade = json_deep_copy(other);
    s->next.step = WEIR__INSTEAD;
}

void weir__succession_settled(struct weir__supervision *s, const char *checkpoint)
{
    struct weir__succession *n = &s->next;
    if (n->step != WEIR__TRIAL) return;
    fprintf(stderr, "weir: upgraded: %s runs, and its first checkpoint is complete\n", manifest_of(n, "new"));
    conclude(s, json_pack("{s:b, s:s, s:s}", "ok", 1, "step", "upgraded", "checkpoint", checkpoint));
}

void weir__succession_runs(struct weir__supervision *s)
{
    struct weir__succession *n = &s->next;
    if (n->step != WEIR__BACK) return;
    conclude(s, json_pack("{s:b, s:s}", "ok", 1, "step", "back"));
}

/* The next child begins a life of its own; the home, and its lock, go on. */
static void begin_anew(struct weir__report *r, const char *text)
{
    r->valid = r->ended = r->over = 0;
    snprintf(r->text, sizeof r->text, "%s", text ? text : "");
}

/* A manifest as it was when its job was started: it may have been changed in its place. */
static char *kept_manifest(struct weir__report *r, const char *name)
{
    return weir_job_home_path(&(struct weir_job_home){.path = r->home, .lock = -1}, name);
}

static void begin_trial(struct weir__supervision *s)
{
    struct weir__succession *n = &s->next;
    fprintf(stderr, "weir: upgrading: %s goes on from %s\n", manifest_of(n, "new"), savepoint_of(n));
    answer(n, json_pack("{s:b, s:s, s:s}", "ok", 1, "step", "suspended", "savepoint", savepoint_of(n)), true);
    weir__arguments_free(s->arguments);
    s->arguments =
        arguments_of(json_object_get(n->upgrade, "new"), savepoint_of(n), json_is_true(json_object_get(n->upgrade, "drop")));
    begin_anew(s->report, NULL);
    n->step = WEIR__TRIAL;
}

/* Why the new job did not get anywhere, as it wrote it down itself. The caller frees. */
static char *reason_of(const struct weir__supervision *s, int code)
{
    struct weir_job_home home = {.path = s->report->home, .lock = -1};
    struct weir_job_record record = {0};
    struct weir_error ignored;
    char *reason = NULL;
    if (weir_job_record_read(&home, &record, &ignored) == WEIR_OK && strcmp(record.state, "failed") == 0)
        reason = weir_strdup(record.reason);
    weir_job_record_finish(&record);
    return reason ? reason : weir_format("its process ended with code %d; the output of `weir run` says why", code);
}

static void go_back(struct weir__supervision *s, const char *why)
{
    struct weir__succession *n = &s->next;
    struct weir_error error;
    char *text = kept_manifest(s->report, WEIR_OLD_MANIFEST);
    if (weir_trial_note(&(struct weir_job_home){.path = s->report->home, .lock = -1}, n->upgrade, "back", &error) != WEIR_OK)
        fprintf(stderr, "weir: %s\n", error.text);
    fprintf(stderr, "weir: the upgrade failed before its first checkpoint was complete; going back to %s, from %s\n",
            manifest_of(n, "old"), savepoint_of(n));
    json_t *told = json_pack("{s:b, s:s, s:s}", "ok", 1, "step", "failed", "why", why);
    answer(n, told ? told : json_pack("{s:b, s:s, s:s}", "ok", 1, "step", "failed", "why", "in words that are not UTF-8"),
           true);
    weir__arguments_free(s->arguments);
    s->arguments = arguments_of(json_object_get(n->upgrade, "old"), savepoint_of(n), false);
    begin_anew(s->report, text);
    n->step = WEIR__BACK;
    weir_free(text);
}

/* The child has found out which job it is to be, and it was started as another. */
static void begin_instead(struct weir__supervision *s)
{
    struct weir__succession *n = &s->next;
    const char *name = json_string_value(json_object_get(n->upgrade, "text"));
    char *text = name ? kept_manifest(s->report, name) : NULL;
    weir__arguments_free(s->arguments);
    s->arguments = arguments_of(json_object_get(n->upgrade, "job"), json_string_value(json_object_get(n->upgrade, "from")),
                                json_is_true(json_object_get(n->upgrade, "drop")));
    begin_anew(s->report, text);
    n->step = WEIR__BACK;
    weir_free(text);
}

bool weir__succession_next(struct weir__supervision *s, const char *death, int code)
{
    struct weir__succession *n = &s->next;
    if (n->step == WEIR__ASKED) { /* however it ended: its state is in the savepoint, and its sinks have committed */
        begin_trial(s);
        return true;
    }
    if (n->step == WEIR__INSTEAD) {
        begin_instead(s);
        return true;
    }
    if (n->step != WEIR__TRIAL) return false;
    bool finished = !death && code == WEIR_EXIT_OK;
    if (finished || s->ending || (!death && code == WEIR_EXIT_INTERRUPTED)) {
        json_t *text = json_pack("{s:b, s:s}", "ok", 1, "step", finished ? "finished" : "ended");
        if (finished)
            conclude(s, text);
        else
            answer(n, text, false); /* whether it has shown what it is worth is seen when it is to go on */
        return false;
    }
    char *why = death ? weir_strdup(death) : reason_of(s, code);
    go_back(s, why);
    weir_free(why);
    return true;
}
