/* cli/command.h - a command of the weir program: one line in the table of main.c, one file, one function. */
#ifndef WEIR_CLI_COMMAND_H
#define WEIR_CLI_COMMAND_H

/* What the program's exit code says. */
enum weir_exit {
    WEIR_EXIT_OK = 0,
    WEIR_EXIT_JOB = 1,
    WEIR_EXIT_USAGE = 2,
    WEIR_EXIT_PLUGIN = 3,
    WEIR_EXIT_INTERRUPTED = 130
};

struct weir_command {
    const char *name, *summary;
    int (*run)(int argc, char **argv); /* argv[0] is the command's name; returns enum weir_exit */
};
extern const struct weir_command weir_commands[]; /* ends with a NULL name */

int weir_run_main(int argc, char **argv);
int weir_validate_main(int argc, char **argv);
int weir_plan_main(int argc, char **argv);
int weir_inspect_main(int argc, char **argv);
int weir_list_main(int argc, char **argv);
int weir_status_main(int argc, char **argv);
int weir_logs_main(int argc, char **argv);
int weir_stop_main(int argc, char **argv);
int weir_cancel_main(int argc, char **argv);
int weir_checkpoint_main(int argc, char **argv);
int weir_state_backend_main(int argc, char **argv);
int weir_savepoint_main(int argc, char **argv);
int weir_upgrade_main(int argc, char **argv);

#endif
