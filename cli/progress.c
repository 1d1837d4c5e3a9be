/* progress.c - see the header. Main thread. */
#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

#define LIVE_MS 500
#define LINE_MS 10000

void weir_progress_init(struct weir_progress_view *v, bool quiet)
{
    *v = (struct weir_progress_view){.live = isatty(STDERR_FILENO) && !quiet, .nodes = !isatty(STDOUT_FILENO)};
    if (quiet) v->drawn_ms = INT64_MAX / 2; /* never due */
}

void weir_progress_finish(struct weir_progress_view *v)
{
    weir_job_status_free(&v->last);
}

void weir_progress_clear(struct weir_progress_view *v)
{
    if (!v->live || v->lines == 0) return;
    for (int i = 0; i < v->lines; i++) fputs("\033[1A\033[2K", stderr);
    v->lines = 0;
    fflush(stderr);
}

/* ---- words ------------------------------------------------------------------------------------------------------- */

static void add_rate(struct weir_text *t, uint64_t now, uint64_t before, int64_t ms)
{
    double rate = ms > 0 ? (double)(now - before) * 1000.0 / (double)ms : 0;
    if (rate >= 1e6)
        weir_text_add(t, "%.1fM/s", rate / 1e6);
    else if (rate >= 1e4)
        weir_text_add(t, "%.0fk/s", rate / 1e3);
    else
        weir_text_add(t, "%.0f/s", rate);
}

/* To seconds, or hours beyond a day: nobody reads more. */
static int64_t rounded(int64_t ms)
{
    int64_t unit = ms < 86400000 ? 1000 : 3600000;
    return ms / unit * unit;
}

/* How far the watermark is behind the wall clock, where that means something. */
static void add_lag(struct weir_text *t, int64_t watermark)
{
    int64_t now = (int64_t)time(NULL) * 1000;
    if (watermark == INT64_MAX)
        weir_text_add(t, "end");
    else if (watermark == INT64_MIN)
        weir_text_add(t, "-");
    else
        weir_text_add_duration(t, rounded(now > watermark ? now - watermark : 0));
}

static void add_node(struct weir_text *t, const struct weir_job_node_status *n, const struct weir_job_node_status *before,
                     int64_t ms)
{
    struct weir_text in = {0}, out = {0}, lag = {0};
    add_rate(&in, n->rows_in, before ? before->rows_in : 0, ms);
    add_rate(&out, n->rows_out, before ? before->rows_out : 0, ms);
    add_lag(&lag, n->watermark);
    weir_text_add(t, "  %-24.24s %10s in %10s out   lag %-12s busy %3.0f%%  blocked %3.0f%%\n", n->id,
                  n->kind == 1 ? "" : weir_text_get(&in), weir_text_get(&out), weir_text_get(&lag), n->busy * 100,
                  n->backpressured * 100);
    weir_text_finish(&in);
    weir_text_finish(&out);
    weir_text_finish(&lag);
}

static void add_totals(struct weir_text *t, const struct weir_job_status *s, const struct weir_job_status *before)
{
    int64_t ms = s->elapsed_ms - before->elapsed_ms;
    weir_text_add(t, "%" PRId64 ".%" PRId64 " s: read ", s->elapsed_ms / 1000, s->elapsed_ms / 100 % 10);
    weir_text_add_count(t, s->rows_read);
    weir_text_add(t, " (");
    add_rate(t, s->rows_read, before->rows_read, ms);
    weir_text_add(t, "), wrote ");
    weir_text_add_count(t, s->rows_written);
    weir_text_add(t, ", rejected %" PRIu64 ", late %" PRIu64 "\n", s->rows_rejected, s->rows_late);
}

static int count_lines(const char *text)
{
    int n = 0;
    for (; *text; text++) n += *text == '\n';
    return n;
}

void weir_progress_show(struct weir_progress_view *v, struct weir_job *job)
{
    struct weir_job_status s;
    weir_job_status(job, &s);
    if (s.elapsed_ms - v->drawn_ms < (v->live ? LIVE_MS : LINE_MS)) {
        weir_job_status_free(&s);
        return;
    }
    struct weir_text t = {0};
    weir_progress_clear(v);
    if (s.attempt != v->last.attempt || s.n_nodes != v->last.n_nodes) { /* everything is counted anew */
        weir_job_status_free(&v->last);
        v->last = (struct weir_job_status){.elapsed_ms = v->drawn_ms, .attempt = s.attempt};
    }
    add_totals(&t, &s, &v->last);
    for (uint32_t i = 0; v->nodes && i < s.n_nodes; i++) {
        add_node(&t, &s.nodes[i], v->last.nodes ? &v->last.nodes[i] : NULL, s.elapsed_ms - v->last.elapsed_ms);
    }
    fputs(weir_text_get(&t), stderr);
    fflush(stderr);
    v->lines = count_lines(weir_text_get(&t));
    v->drawn_ms = s.elapsed_ms;
    weir_text_finish(&t);
    weir_job_status_free(&v->last);
    v->last = s;
}

/* ---- the last line ----------------------------------------------------------------------------------------------- */

static const char *state_name(enum weir_job_state state)
{
    static const char *const names[] = {"created", "running", "finished", "stopped", "cancelled", "failed", "restarting"};
    return names[state];
}

static void add_number(struct weir_text *t, double value)
{
    if (value - value == 0)
        weir_text_add(t, "%.15g", value);
    else
        weir_text_add(t, "null"); /* JSON has no infinities */
}

struct metric_list {
    struct weir_text *text;
    const char *node;
    size_t n;
};

static void add_metric_json(void *arg, const struct weir_job_metric *m)
{
    static const char *const kinds[] = {"", "counter", "gauge", "histogram"};
    struct metric_list *list = arg;
    struct weir_text *t = list->text;
    if (m->built_in || strcmp(m->node, list->node) != 0) return;
    weir_text_add(t, "%s{\"name\": \"%s\", \"kind\": \"%s\", \"unit\": ", list->n++ ? ", " : "", m->name, kinds[m->kind]);
    weir_text_add_json(t, m->unit);
    if (m->kind == WEIR_JOB_COUNTER) weir_text_add(t, ", \"value\": %" PRIu64 "}", m->count);
    if (m->kind == WEIR_JOB_GAUGE) {
        weir_text_add(t, ", \"value\": ");
        add_number(t, m->value);
        weir_text_add(t, "}");
    }
    if (m->kind == WEIR_JOB_HISTOGRAM)
        weir_text_add(t,
                      ", \"count\": %" PRIu64 ", \"sum\": %" PRIu64 ", \"max\": %" PRIu64 ", \"p50\": %" PRIu64
                      ", \"p90\": %" PRIu64 ", \"p99\": %" PRIu64 "}",
                      m->count, m->sum, m->max, weir_job_metric_quantile(m, 0.5), weir_job_metric_quantile(m, 0.9),
                      weir_job_metric_quantile(m, 0.99));
}

static void add_metric_line(void *arg, const struct weir_job_metric *m)
{
    struct weir_text *t = arg;
    const char *gap = m->unit[0] ? " " : "";
    if (m->built_in) return;
    weir_text_add(t, "  %s.%s: ", m->node, m->name);
    if (m->kind == WEIR_JOB_COUNTER) {
        weir_text_add_count(t, m->count);
        weir_text_add(t, "%s%s\n", gap, m->unit);
    }
    if (m->kind == WEIR_JOB_GAUGE) weir_text_add(t, "%g%s%s\n", m->value, gap, m->unit);
    if (m->kind == WEIR_JOB_HISTOGRAM)
        weir_text_add(t,
                      "%" PRIu64 " values, half up to %" PRIu64 ", 90%% up to %" PRIu64 ", 99%% up to %" PRIu64
                      ", all up to %" PRIu64 "%s%s\n",
                      m->count, weir_job_metric_quantile(m, 0.5), weir_job_metric_quantile(m, 0.9),
                      weir_job_metric_quantile(m, 0.99), m->max, gap, m->unit);
}

static void print_json(struct weir_job *job, const struct weir_job_status *s, double rate)
{
    struct weir_text t = {0};
    weir_text_add(&t, "{\"job\": ");
    weir_text_add_json(&t, weir_job_name(job));
    weir_text_add(&t,
                  ", \"state\": \"%s\", \"read\": %" PRIu64 ", \"written\": %" PRIu64 ", \"rejected\": %" PRIu64
                  ", \"late\": %" PRIu64 ", \"attempt\": %u, \"elapsed_ms\": %" PRId64
                  ", \"records_per_second\": %.0f, \"nodes\": [",
                  state_name(s->state), s->rows_read, s->rows_written, s->rows_rejected, s->rows_late, s->attempt,
                  s->elapsed_ms, rate);
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        const struct weir_job_node_status *n = &s->nodes[i];
        weir_text_add(&t, "%s{\"id\": ", i ? ", " : "");
        weir_text_add_json(&t, n->id);
        weir_text_add(&t,
                      ", \"in\": %" PRIu64 ", \"out\": %" PRIu64 ", \"accepted\": %" PRIu64 ", \"late\": %" PRIu64
                      ", \"rejected\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"metrics\": [",
                      n->rows_in, n->rows_out, n->accepted, n->late, n->rejected, n->bytes);
        weir_job_metrics(job, false, add_metric_json, &(struct metric_list){.text = &t, .node = n->id});
        weir_text_add(&t, "]}");
    }
    weir_text_add(&t, "]}\n");
    fputs(weir_text_get(&t), stdout);
    weir_text_finish(&t);
}

void weir_print_summary(struct weir_job *job, bool json)
{
    struct weir_job_status s;
    weir_job_status(job, &s);
    double seconds = (double)s.elapsed_ms / 1000,
           rate = s.elapsed_ms > 0 ? (double)s.rows_read / seconds : (double)s.rows_read * 1000;
    if (json) {
        print_json(job, &s, rate);
    } else {
        struct weir_text t = {0};
        weir_text_add(&t, "%s: %s: read ", weir_job_name(job), state_name(s.state));
        weir_text_add_count(&t, s.rows_read);
        weir_text_add(&t, " records, wrote ");
        weir_text_add_count(&t, s.rows_written);
        weir_text_add(&t, ", rejected %" PRIu64 ", late %" PRIu64 " in %.3f s: ", s.rows_rejected, s.rows_late, seconds);
        weir_text_add_count(&t, (uint64_t)rate);
        weir_text_add(&t, " records/s\n");
        weir_job_metrics(job, false, add_metric_line, &t);
        fputs(weir_text_get(&t), stderr);
        weir_text_finish(&t);
    }
    weir_job_status_free(&s);
}
