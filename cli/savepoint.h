/* cli/savepoint.h - the words behind `weir savepoint` that look at checkpoints and savepoints on disk. */
#ifndef WEIR_CLI_SAVEPOINT_H
#define WEIR_CLI_SAVEPOINT_H

#include "embed/weir.h"

/* argv[0] is "savepoint ls" and so on; each returns enum weir_exit. */
int weir_savepoint_ls(int argc, char **argv);
int weir_savepoint_verify_main(int argc, char **argv);
int weir_savepoint_dump_main(int argc, char **argv);
int weir_savepoint_diff(int argc, char **argv);
int weir_savepoint_rm(int argc, char **argv);
int weir_savepoint_take(int argc, char **argv); /* of a running job: jobs.c */

/* A visit: prints the change as a line, or appends it to the JSON array that arg is. */
void weir_savepoint_tell_change(void *arg, const struct weir_savepoint_change *);

/* The command line of those that take words, --output and --force. */
struct weir_savepoint_words {
    char **words; /* within argv */
    int n;
    bool json, force;
    const char *job; /* --job; NULL: not given */
};
/* Returns an exit code, or -1 to go on. */
int weir_savepoint_parse(struct weir_savepoint_words *, int argc, char **argv, const char *help, bool takes_force);
int weir_savepoint_wrong(const char *command, const char *what);       /* prints, and returns the exit code */
int weir_savepoint_no_option(const char *command, const char *option); /* unknown, or without its value */
/* Prints why it failed, and returns the exit code: 2 for what was asked wrongly, else 1. */
int weir_savepoint_report(const char *command, const struct weir_error_text *);
/* A runtime that reads savepoints, also those in the storage of `job`, a manifest or a job of this machine; NULL: of none.
 * NULL: *code says why not. What it looks through goes with weir_savepoint_close. */
struct weir_runtime *weir_savepoint_runtime(const char *command, const char *job, int *code);
/* --set, or -D: for the manifest of --job; cuts the text in place, which stays. Returns an exit code, or -1 to go on. */
int weir_savepoint_set(const char *command, int option, char *text);
void weir_savepoint_close(struct weir_runtime *);
/* The job of a name that runs or ran on this machine, by its manifest, as far as it can be read without the --set of that
 * run; NULL: there is none, or, which is told, it cannot be read. */
struct weir_job *weir_savepoint_job_of(struct weir_runtime *, const char *command, const char *name);
#define WEIR_SAVEPOINT_JOB_HELP                                                              \
    "  --job JOB.yaml|JOB      the manifest, or the job of this machine, whose storage an\n" \
    "                          address such as NAME:/chk-12 is in\n"                         \
    "  --set NAME=VALUE        as `weir run` takes it, for the manifest of --job\n"          \
    "  -D PATH=VALUE           the same\n"

#endif
