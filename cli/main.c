/* cli/main.c - `weir COMMAND ...`: finds the command and runs it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/command.h"
#include "embed/weir.h"

static int version(int argc, char **argv);
static int help(int argc, char **argv);

const struct weir_command weir_commands[] = {
    {"run", "run a job until its input ends or Ctrl-C", weir_run_main},
    {"validate", "check a job manifest; nothing runs", weir_validate_main},
    {"plan", "print the graphs that a job becomes", weir_plan_main},
    {"list", "list jobs, or the components that jobs can name", weir_list_main},
    {"status", "say how a job is doing", weir_status_main},
    {"logs", "print what weir said while a job ran", weir_logs_main},
    {"checkpoint", "make a checkpoint of a running job now", weir_checkpoint_main},
    {"savepoint", "save the state of a running job; look at what was saved", weir_savepoint_main},
    {"upgrade", "let a running job go on with another manifest", weir_upgrade_main},
    {"stop", "end a running job so that it can go on later", weir_stop_main},
    {"cancel", "end a running job at once", weir_cancel_main},
    {"state-backend", "move the keyed state of a running job to another backend", weir_state_backend_main},
    {"inspect", "describe a plugin file", weir_inspect_main},
    {"version", "print the version", version},
    {"help", "print this, or the help of a command", help},
    {NULL, NULL, NULL},
};

static const struct weir_command *find(const char *name)
{
    for (const struct weir_command *c = weir_commands; c->name; c++) {
        if (strcmp(c->name, name) == 0) return c;
    }
    return NULL;
}

static const char *nearest(const char *name)
{
    const char *names[64];
    size_t n = 0;
    for (const struct weir_command *c = weir_commands; c->name && n < 64; c++) names[n++] = c->name;
    return weir_nearest(name, names, n);
}

static int usage(FILE *to)
{
    fprintf(to, "usage: weir COMMAND [OPTION...]\n\ncommands:\n");
    for (const struct weir_command *c = weir_commands; c->name; c++) fprintf(to, "  %-13s %s\n", c->name, c->summary);
    fprintf(to, "\n`weir COMMAND --help` says more.\n");
    return to == stdout ? WEIR_EXIT_OK : WEIR_EXIT_USAGE;
}

static int version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("weir %s, plugin ABI %d.%d\n", weir_version(), WEIR_ABI_MAJOR, WEIR_ABI_NEWEST);
    return WEIR_EXIT_OK;
}

static int unknown(const char *name)
{
    const char *near = nearest(name);
    fprintf(stderr, "weir: no command '%s'", name);
    fprintf(stderr, near ? ": did you mean '%s'?\n" : "; `weir --help` lists them\n", near);
    return WEIR_EXIT_USAGE;
}

static int help(int argc, char **argv)
{
    const struct weir_command *command = argc > 1 ? find(argv[1]) : NULL;
    if (argc < 2) return usage(stdout);
    if (!command) return unknown(argv[1]);
    char *with_help[] = {argv[1], "--help", NULL};
    return command->run == help ? usage(stdout) : command->run(2, with_help);
}

int main(int argc, char **argv)
{
    struct weir_error error;
    if (argc < 2) return usage(stderr);
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) return version(argc, argv);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) return usage(stdout);
    const struct weir_command *command = find(argv[1]);
    if (!command) return unknown(argv[1]);
    if (weir_log_configure(getenv("WEIR_LOG"), &error) != WEIR_OK) {
        fprintf(stderr, "weir: WEIR_LOG: %s\n", error.text);
        return WEIR_EXIT_USAGE;
    }
    return command->run(argc - 1, argv + 1);
}
