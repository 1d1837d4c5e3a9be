/* cli/main.c - `weir COMMAND ...`: finds the command and runs it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/command.h"

const struct weir_command weir_commands[] = {
    {"inspect", "describe a plugin file", weir_inspect_main},
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
    for (const struct weir_command *c = weir_commands; c->name; c++) fprintf(to, "  %-10s %s\n", c->name, c->summary);
    fprintf(to, "\n`weir COMMAND --help` says more.\n");
    return to == stdout ? WEIR_EXIT_OK : WEIR_EXIT_USAGE;
}

int main(int argc, char **argv)
{
    struct weir_error error;
    if (argc < 2) return usage(stderr);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) return usage(stdout);
    const struct weir_command *command = find(argv[1]);
    if (!command) {
        const char *near = nearest(argv[1]);
        fprintf(stderr, "weir: no command '%s'", argv[1]);
        fprintf(stderr, near ? ": did you mean '%s'?\n" : "; `weir --help` lists them\n", near);
        return WEIR_EXIT_USAGE;
    }
    if (weir_log_configure(getenv("WEIR_LOG"), &error) != WEIR_OK) {
        fprintf(stderr, "weir: WEIR_LOG: %s\n", error.text);
        return WEIR_EXIT_USAGE;
    }
    return command->run(argc - 1, argv + 1);
}
