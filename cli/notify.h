/* cli/notify.h - what a service manager is told: systemd's protocol (sd_notify(3)), datagrams to the socket in
 * $NOTIFY_SOCKET. Nothing happens where that is not set.
 *
 *   READY=1       the job runs, for the first time
 *   WATCHDOG=1    it gets on; twice within $WATCHDOG_USEC
 *   STOPPING=1    it was asked to end, or has
 *   STATUS=...    a line for people
 *
 * Supervisor only: the variables are taken out of the environment, so that no child and no plugin speaks for it.
 */
#ifndef WEIR_CLI_NOTIFY_H
#define WEIR_CLI_NOTIFY_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct weir_notify {
    int socket; /* -1: nobody listens */
    struct sockaddr_un to;
    socklen_t n;
    int64_t interval_ms; /* of WATCHDOG=1; < 0: it is not wanted */
};
void weir_notify_open(struct weir_notify *);
void weir_notify_close(struct weir_notify *);
void weir_notify_say(const struct weir_notify *, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
