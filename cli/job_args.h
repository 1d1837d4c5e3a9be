/* cli/job_args.h - the options that run, validate and plan share, and the job they name. */
#ifndef WEIR_CLI_JOB_ARGS_H
#define WEIR_CLI_JOB_ARGS_H

#include <jansson.h>
#include <stdbool.h>

#include "embed/weir.h"

/* Parsed command line; points into argv. Zeroed is empty; finish frees the lists. */
struct weir_job_args {
    const char *manifest, *config, *log;
    const char **plugins; /* NULL-terminated */
    size_t n_plugins;
    struct weir_setting *sets, *overrides;
    size_t n_sets, n_overrides;
    uint32_t parallelism;
    bool json, quiet;
    const char *from;           /* run: what to go on from; "": the newest checkpoint; NULL: the start */
    bool or_begin;              /* run: where `from` is "" and there is no checkpoint, it begins */
    bool fresh;                 /* run: from the start although there are checkpoints */
    bool claim, non_restored;   /* run: what `from` names is the job's from now on; state that no node takes is dropped */
    int64_t explain_ms;         /* run: how often event time is explained; 0: never */
    const char *graph, *format; /* plan */
    const char *job;            /* upgrade: the one that runs; the manifest may be left out */
    bool dry, weaker, afresh;   /* upgrade: only say; a sink may guarantee less; without the options of the job that runs */
};

#define WEIR_JOB_ARGS_HELP                                                                   \
    "  --set NAME=VALUE        give a variable of the manifest's `vars:` another value\n"    \
    "  -D PATH=VALUE           override any key: -D defaults.batch_rows=64,\n"               \
    "                          -D nodes.out.parallelism=2\n"                                 \
    "  -p, --parallelism N     parallelism of nodes that do not say; beats the manifest's\n" \
    "                          default, a node's own `parallelism:` beats it\n"              \
    "  --state-backend NAME    where keyed state lives: heap, leveldb, or a plugin's; as\n"  \
    "                          -D state.backend=NAME\n"                                      \
    "  --plugins DIR           one more plugin directory, searched last; may be repeated\n"  \
    "  --config FILE           configuration file (see FILES)\n"                             \
    "  --log SPEC              log levels: \"info\", \"warn,task:debug\"; as $WEIR_LOG\n"    \
    "  --output text|json      how results and problems are printed; text is the default\n"

#define WEIR_JOB_PLACES_HELP                                                                  \
    "ENVIRONMENT\n"                                                                           \
    "  WEIR_LOG                log levels, per subsystem if wanted: warn,task:debug\n"        \
    "  WEIR_CONFIG             configuration file\n"                                          \
    "  WEIR_PLUGIN_PATH        more plugin directories, separated by colons\n"                \
    "  WEIR_PLUGINS            directory of the built-in plugins, instead of the installed\n" \
    "\n"                                                                                      \
    "FILES\n"                                                                                 \
    "  The first of $WEIR_CONFIG, $XDG_CONFIG_HOME/weir/weir.yaml (~/.config by default)\n"   \
    "  and /etc/weir/weir.yaml that is there: slots, parallelism and plugin directories\n"    \
    "  of this machine.\n"

/* extra: letters of further options that the command takes: g --graph, f --format, q --quiet, t --explain-time, n
 * --allow-non-restored, r all that is about restoring, u those of upgrade, whose first word is a job; and m: a manifest must
 * be named. Prints what is wrong, or `help` for --help, and returns an exit code >= 0 then; -1: go on. */
int weir_job_args_parse(struct weir_job_args *, int argc, char **argv, const char *extra, const char *help);
void weir_job_args_finish(struct weir_job_args *);
/* The options as words again, but for what a job goes on from: a list of strings that the caller owns. NULL: not UTF-8. */
json_t *weir_job_args_options(const struct weir_job_args *);

/* The runtime and, unless the manifest is NULL, the job. Prints what is wrong and returns an exit code > 0; 0: both are
 * there. */
int weir_job_args_open(const struct weir_job_args *, struct weir_runtime **, struct weir_job **);
/* All of it: parses, opens the job, and returns what `use` makes of it. */
int weir_with_job(int argc, char **argv, const char *extra, const char *help,
                  int (*use)(struct weir_job *, const struct weir_job_args *));
int weir_exit_code_of(weir_status status); /* of a failure before the job runs */

#endif
