/* cli/supervisor_internal.h - what a supervisor (supervisor.c) and its child (supervised.c) share. */
#ifndef WEIR_CLI_SUPERVISOR_INTERNAL_H
#define WEIR_CLI_SUPERVISOR_INTERNAL_H

#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "cli/notify.h"
#include "cli/supervisor.h"

#define WEIR__REPORT_FD_VARIABLE "WEIR_SUPERVISOR_FD"

/* How the child died. */
struct weir__crash {
    int32_t signal; /* 0: none */
    uint32_t subtask, n_parts, reserved;
    int64_t record;          /* see struct weir_running_call */
    char running[1024];      /* what the crashing thread was running; "": no component */
    char parts[4][PATH_MAX]; /* its components */
    char why[256];           /* "": nobody knows */
};

/* Memory that both map, in a file of its own, zeroed at first; the backtrace of a crash follows in the file. */
struct weir__report {
    /* Of the child, for the supervisor: */
    char home[PATH_MAX];              /* of the job */
    struct weir_recovery recovery[2]; /* one is valid while the other is written: */
    _Atomic uint32_t valid;           /* 1 or 2; 0: none */
    _Atomic uint32_t ended;           /* the child ended by itself, and its exit code says how */
    _Atomic uint32_t over;            /* 1 + the exit code: the job has ended, the child has not; 0: neither has */
    _Atomic uint64_t beats;           /* grows while the child's main thread gets on */
    struct weir__crash crash;
    /* Of the supervisor, for the child: */
    int64_t supervisor;     /* process that is to outlive the child */
    int32_t inbox;          /* the child's end, cli/inbox.h */
    int32_t lock;           /* of `home`, which the child takes over; -1: none */
    _Atomic uint32_t trial; /* 1: the job takes another's place, and has not completed a checkpoint yet */
    uint32_t succeeds;      /* 1: what the home knows of an upgrade is heeded already */
    char text[PATH_MAX];    /* the file to read the manifest's text from; "": the manifest */
};

/* A job that takes another's place. */
struct weir__succession {
    enum { WEIR__NONE = 0, WEIR__ASKED, WEIR__TRIAL, WEIR__INSTEAD, WEIR__BACK } step;
    json_t *upgrade; /* as the child sent it */
    int asker;       /* who is told what becomes of it; -1: nobody */
};

/* The supervisor. One thread; no signal handler runs: what it waits for are descriptors. */
struct weir__supervision {
    struct weir__report *report;
    char **arguments; /* of the child, "weir" first; ends with NULL; the words are owned */
    pid_t child;      /* 0: none just now */
    int report_fd, inbox[2], signals;
    int lock;     /* of the job's home; -1: not held */
    bool running; /* the child says so */
    bool ending;  /* somebody asked for the job's end: it does not start again */
    int *askers;  /* who wait for it */
    size_t n_askers, askers_capacity;
    struct weir__succession next;
    struct weir_notify notify;
    uint64_t beats; /* as last seen, then: */
    int64_t beaten_ns;
};

/* succession.c. Takes the connection. */
void weir__succession_ask(struct weir__supervision *, const json_t *upgrade, int connection);
void weir__succession_instead(struct weir__supervision *, const json_t *other);
void weir__succession_settled(struct weir__supervision *, const char *checkpoint);
void weir__succession_runs(struct weir__supervision *);
/* The child ended (death: how, where it died; else NULL, and with this code). True: another is to be started. */
bool weir__succession_next(struct weir__supervision *, const char *death, int code);
void weir__succession_finish(struct weir__supervision *); /* frees; whoever asks is told that nothing came of it */
void weir__arguments_free(char **words);                  /* a list that ends with NULL, and is NULL or owned */

struct weir__report *weir__report_map(int fd); /* NULL: errno says why */
sigset_t weir__interrupt_signals(void);        /* what people send to end a job, or to ask about it */
void weir__set_handler(int number, void (*handler)(int), int flags);

#endif
