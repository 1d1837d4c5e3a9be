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
};
/* Returns an exit code, or -1 to go on. */
int weir_savepoint_parse(struct weir_savepoint_words *, int argc, char **argv, const char *help, bool takes_force);
int weir_savepoint_wrong(const char *command, const char *what); /* prints, and returns the exit code */
int weir_savepoint_no_option(const char *command, const char *option); /* unknown, or without its value */
/* Prints why it failed, and returns the exit code: 2 for what was asked wrongly, else 1. */
int weir_savepoint_report(const char *command, const struct weir_error_text *);
/* A runtime that reads savepoints; NULL: *code says why not. */
struct weir_runtime *weir_savepoint_runtime(int *code);

#endif
