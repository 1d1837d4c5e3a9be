/* notify.c - see the header. Whoever does not listen loses: nothing here waits, or fails. */
#include "cli/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A path, or a name of Linux's own with '@' in front. */
static void find_socket(struct weir_notify *n, const char *name)
{
    size_t length = name ? strlen(name) : 0;
    if (length < 2 || length >= sizeof n->to.sun_path || (*name != '/' && *name != '@')) return;
    n->to.sun_family = AF_UNIX;
    memcpy(n->to.sun_path, name, length);
    if (*name == '@') n->to.sun_path[0] = '\0';
    n->n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (*name == '/'));
    n->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

void weir_notify_open(struct weir_notify *n)
{
    const char *limit = getenv("WATCHDOG_USEC"), *process = getenv("WATCHDOG_PID");
    long long us = limit ? atoll(limit) : 0;
    *n = (struct weir_notify){.socket = -1, .interval_ms = -1};
    find_socket(n, getenv("NOTIFY_SOCKET"));
    if (n->socket >= 0 && us > 0 && (!process || atoll(process) == getpid())) n->interval_ms = us < 2000 ? 1 : us / 2000;
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

void weir_notify_close(struct weir_notify *n)
{
    if (n->socket >= 0) close(n->socket);
    n->socket = -1;
}

void weir_notify_say(const struct weir_notify *n, const char *format, ...)
{
    char text[4096];
    va_list args;
    if (n->socket < 0) return;
    va_start(args, format);
    int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (length < 0) return;
    size_t bytes = (size_t)length < sizeof text ? (size_t)length : sizeof text - 1;
    (void)sendto(n->socket, text, bytes, MSG_NOSIGNAL, (const struct sockaddr *)&n->to, n->n);
}
