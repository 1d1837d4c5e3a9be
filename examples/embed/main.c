/* hot_pages - the job of examples/hot_pages/job.yaml, built by calls and run inside a program of one's own.
 *
 *   hot_pages ACCESS.log OUT.csv
 *
 * weir_job_add_node and weir_node_set say what the manifest says: a path of keys, and a value as the manifest would
 * write it. Everything is checked at once when the job starts, and every mistake is told with its node.
 */
#include <stdio.h>

#include <weir.h>

static struct weir_error_text error;

static weir_status status;

/* Fails only for a path that runs into a value; whether the keys and values are right is found out when the job starts. */
static void set(struct weir_node *node, const char *path, const char *value)
{
    if (status != WEIR_OK) return;
    status = weir_node_set(node, path, value);
    if (status != WEIR_OK) snprintf(error.text, sizeof error.text, "there is no place for %s", path);
}

static void add_requests(struct weir_job *job, const char *log)
{
    struct weir_node *requests = weir_job_add_node(job, "requests");
    set(requests, "source.file.path", log);
    set(requests, "source.file.format", "apache_combined");
    set(requests, "malformed", "side_output");
    set(requests, "time.field", "at");
    set(requests, "time.out_of_orderness", "60s");

    struct weir_node *rejected = weir_job_add_node(job, "rejected");
    set(rejected, "from", "requests.malformed");
    set(rejected, "sink.print.identifier", "malformed");
}

static void add_views(struct weir_job *job)
{
    struct weir_node *views = weir_job_add_node(job, "views");
    set(views, "from", "requests");
    set(views, "filter.compare.field", "target");
    set(views, "filter.compare.op", "ne");
    set(views, "filter.compare.value", ""); /* what is no request line has no target: null, and nulls do not pass */
    set(views, "key_by", "target");
    set(views, "window.sliding.size", "1h");
    set(views, "window.sliding.slide", "10min");
    set(views, "aggregate.views", "count");
    set(views, "aggregate.window_end", "window_end");
}

static void add_top(struct weir_job *job, const char *output)
{
    struct weir_node *top = weir_job_add_node(job, "top");
    set(top, "from", "views");
    set(top, "key_by", "window_end");
    set(top, "process.top_n.n", "3"); /* examples/top_n/plugin.c */
    set(top, "args.path", "target");

    struct weir_node *out = weir_job_add_node(job, "out");
    set(out, "from", "top");
    set(out, "parallelism", "1"); /* one file */
    set(out, "sink.file.path", output);
    set(out, "sink.file.format.csv.header", "true");
}

static weir_status run(struct weir_job *job)
{
    status = weir_job_start(job, &error);
    if (status != WEIR_OK) return status;
    weir_job_wait(job, -1); /* or do something else meanwhile, and look at weir_job_state now and then */
    status = weir_job_failure(job, &error);

    struct weir_job_status totals;
    weir_job_status(job, &totals);
    fprintf(stderr, "read %llu records, wrote %llu, rejected %llu\n", (unsigned long long)totals.rows_read,
            (unsigned long long)totals.rows_written, (unsigned long long)totals.rows_rejected);
    weir_job_status_free(&totals);
    return status;
}

int main(int argc, char **argv)
{
    struct weir_runtime *runtime = NULL;
    struct weir_job *job = NULL;
    if (argc != 3) {
        fprintf(stderr, "usage: %s ACCESS.log OUT.csv\n", argv[0]);
        return 2;
    }
    status = weir_runtime_create(NULL, &runtime, &error);
    if (status == WEIR_OK) status = weir_job_create(runtime, "hot_pages", NULL, &job, &error);
    if (status == WEIR_OK) {
        add_requests(job, argv[1]);
        add_views(job);
        add_top(job, argv[2]);
    }
    if (status == WEIR_OK) status = run(job);
    if (status != WEIR_OK) fprintf(stderr, "%s\n", error.text);
    weir_job_destroy(job);
    weir_runtime_destroy(runtime);
    return status == WEIR_OK ? 0 : 1;
}
