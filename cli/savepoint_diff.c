/* savepoint_diff.c - `weir savepoint diff`: what a job would make of a checkpoint or savepoint. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/job_args.h"
#include "cli/savepoint.h"

static const char help[] =
    "weir savepoint diff - say what a job would make of a checkpoint or savepoint\n"
    "\n"
    "USAGE\n"
    "  weir savepoint diff DIRECTORY [OPTION...] JOB.yaml\n"
    "\n"
    "DESCRIPTION\n"
    "  For each node and state, what `weir run JOB.yaml --from DIRECTORY` would do:\n"
    "  restored    as it was\n"
    "  migrated    fields are added (they start at zero), dropped, or widened\n"
    "  empty       nothing was saved for it\n"
    "  dropped     nobody takes it\n"
    "  refused     the job would not start; the reason names the fields\n"
    "  State belongs to the ids of nodes. Nothing is started, opened or written.\n"
    "\n"
    "OPTIONS\n"
    "  --allow-non-restored    as for `weir run`: state of nodes that are gone is dropped\n" WEIR_JOB_ARGS_HELP
    "  --help                  this text\n"
    "\n" WEIR_JOB_PLACES_HELP "\n"
    "EXIT CODES\n"
    "  0 the job would go on   1 it would be refused, or DIRECTORY cannot be read\n"
    "  2 the job or the command line is wrong   3 a plugin cannot be used\n";

static const char *directory;
static const char *const words[] = {"restored", "migrated", "empty", "dropped", "refused"};

static void print_change(const struct weir_savepoint_change *c)
{
    printf("%-24s %-24s %-9s", c->node, c->state ? c->state : "-", words[c->result]);
    if (c->entries > 0) printf(" %llu %s", (unsigned long long)c->entries, c->entries == 1 ? "entry" : "entries");
    if (c->why) printf("%s%s", c->entries > 0 ? ": " : " ", c->why);
    putchar('\n');
}

void weir_savepoint_tell_change(void *arg, const struct weir_savepoint_change *c)
{
    if (!arg) {
        print_change(c);
        return;
    }
    json_t *object = json_pack("{s:s, s:s?, s:s, s:I, s:s?}", "node", c->node, "state", c->state, "result", words[c->result],
                               "entries", (json_int_t)c->entries, "why", c->why);
    if (object) json_array_append_new(arg, object);
}

static int compare(struct weir_job *job, const struct weir_job_args *args)
{
    static struct weir_error_text error;
    bool refused;
    json_t *all = args->json ? json_array() : NULL;
    weir_status s =
        weir_job_compare_savepoint(job, directory, args->non_restored, weir_savepoint_tell_change, all, &refused, &error);
    if (s == WEIR_OK && all) {
        json_dumpf(all, stdout, JSON_INDENT(2));
        putchar('\n');
    }
    json_decref(all);
    if (s != WEIR_OK) {
        fprintf(stderr, "weir savepoint diff: %s\n", error.text);
        return s == WEIR_E_PLUGIN ? WEIR_EXIT_PLUGIN : WEIR_EXIT_JOB;
    }
    if (refused) fprintf(stderr, "weir savepoint diff: the job would be refused\n");
    return refused ? WEIR_EXIT_JOB : WEIR_EXIT_OK;
}

int weir_savepoint_diff(int argc, char **argv)
{
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) return fputs(help, stdout), WEIR_EXIT_OK;
    if (argc < 2 || argv[1][0] == '-') return weir_savepoint_wrong(argv[0], "which one? name its directory first");
    directory = argv[1];
    argv[1] = argv[0];
    return weir_with_job(argc - 1, argv + 1, "mn", help, compare);
}
