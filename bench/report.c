/* report.c - figures as text for people, or as lines of JSON for bench/table.py and bench/gate.py. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "measure.h"

static uint32_t slots_of(const struct weir_bench *b)
{
    return b->slots ? b->slots : 1;
}

static void print_json(const struct weir_bench_run *run, const struct weir_bench_figures *f)
{
    const struct weir_bench *b = run->bench;
    double rows = (double)run->rows;
    printf("{\"name\": \"%s\", \"title\": \"%s\", \"slots\": %u, \"rows\": %" PRId64 ", ", b->name, b->title, slots_of(b),
           run->rows);
    printf("\"rows_per_second\": %.0f, \"ns_per_row\": %.3f, \"loop_ns_per_row\": %.3f, ", rows / f->job.wall,
           f->job.wall / rows * 1e9, f->loop.wall / rows * 1e9);
    printf("\"ratio\": %.4f, \"best_ratio\": %.4f, \"target\": %.2f, \"peak_kb\": %ld, \"loop_peak_kb\": %ld, ", f->ratio,
           f->best_ratio, b->target, f->job.peak_kb, f->loop.peak_kb);
    printf("\"cpu_seconds_per_million\": %.5f, \"loop_cpu_seconds_per_million\": %.5f}\n", f->job.cpu / rows * 1e6,
           f->loop.cpu / rows * 1e6);
}

void weir_bench_print(const struct weir_bench_run *run, const struct weir_bench_figures *f)
{
    double rows = (double)run->rows;
    if (run->is_json)
        print_json(run, f);
    else
        printf(
            "%-52s %8.1f M rows/s %8.2f ns   loop %8.2f ns   ratio %5.2f   %8.4f CPU s/M rows (loop %.4f)   peak %ld MB\n",
            run->bench->title, rows / f->job.wall / 1e6, f->job.wall / rows * 1e9, f->loop.wall / rows * 1e9, f->ratio,
            f->job.cpu / rows * 1e6, f->loop.cpu / rows * 1e6, f->job.peak_kb / 1024);
    fflush(stdout);
}

void weir_bench_say(const struct weir_bench_run *run, const char *figure, const char *unit, double weir, double limit)
{
    double ratio = weir > 0 ? limit / weir : 0;
    if (run->is_json)
        printf(
            "{\"name\": \"%s\", \"title\": \"%s\", \"figure\": \"%s\", \"unit\": \"%s\", \"weir\": %.4f, \"limit\": %.4f, "
            "\"ratio\": %.4f, \"target\": %.2f}\n",
            run->bench->name, run->bench->title, figure, unit, weir, limit, ratio, run->bench->target);
    else if (limit > 0)
        printf("%-52s %-16s %10.2f %s   limit %10.2f %s   ratio %5.2f\n", run->bench->title, figure, weir, unit, limit, unit,
               ratio);
    else
        printf("%-52s %-16s %10.2f %s\n", run->bench->title, figure, weir, unit);
    fflush(stdout);
}

/* "name : text" of /proc/cpuinfo's first CPU; without quotes, as it goes into JSON. */
static void cpu_field(const char *name, char *text, size_t size)
{
    char line[512];
    size_t n = strlen(name);
    FILE *f = fopen("/proc/cpuinfo", "r");
    snprintf(text, size, "unknown");
    while (f && fgets(line, sizeof line, f)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, name, n) != 0 || !colon || (line[n] != '\t' && line[n] != ' ' && line[n] != ':')) continue;
        colon[strcspn(colon, "\n\"\\")] = 0;
        snprintf(text, size, "%s", colon[1] == ' ' ? colon + 2 : colon + 1);
        break;
    }
    if (f) fclose(f);
}

void weir_bench_print_machine(void)
{
    char model[256], family[32], number[32], date[32];
    time_t now = time(NULL);
    struct tm utc;
    const char *commit = getenv("WEIR_COMMIT");
    cpu_field("model name", model, sizeof model);
    cpu_field("cpu family", family, sizeof family);
    cpu_field("model", number, sizeof number);
    strftime(date, sizeof date, "%Y-%m-%d", gmtime_r(&now, &utc));
    printf("{\"cpu\": \"%s, family %s model %s\", \"cores\": %ld, \"compiler\": \"%s\", \"date\": \"%s\", \"commit\": "
           "\"%s\"}\n",
           model, family, number, sysconf(_SC_NPROCESSORS_ONLN), __VERSION__, date, commit ? commit : "");
}
