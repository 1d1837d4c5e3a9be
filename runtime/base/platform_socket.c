/* platform_socket.c - TCP clients whose waits can be ended from outside.
 *
 * Sockets are non-blocking; a wait is a poll on the socket and on an event descriptor of the socket's own. While it waits
 * with a `wake` word it stands in the list of waits. Invariant: a wait is listed before it looks at *wake, and a waker
 * makes *wake non-zero before it takes the list's lock, so one of the two sees the other and no wake is lost.
 */
#include "base/platform_internal.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"

struct weir_platform_socket {
    int fd, event_fd;
    char *name; /* "host:port", for messages */
    const _Atomic uint32_t *wake; /* of the wait that is under way; guarded by waits_lock */
    struct weir_platform_socket *next, **previous;
};

static pthread_mutex_t waits_lock = PTHREAD_MUTEX_INITIALIZER;
static struct weir_platform_socket *waits; /* guarded by waits_lock */

static void list_wait(struct weir_platform_socket *s, const _Atomic uint32_t *wake)
{
    pthread_mutex_lock(&waits_lock);
    s->wake = wake;
    s->next = waits;
    s->previous = &waits;
    if (waits) waits->previous = &s->next;
    waits = s;
    pthread_mutex_unlock(&waits_lock);
}

static void unlist_wait(struct weir_platform_socket *s)
{
    pthread_mutex_lock(&waits_lock);
    *s->previous = s->next;
    if (s->next) s->next->previous = s->previous;
    pthread_mutex_unlock(&waits_lock);
}

void weir__os_wake_waits(void *self, const _Atomic uint32_t *wake)
{
    (void)self;
    pthread_mutex_lock(&waits_lock);
    for (struct weir_platform_socket *s = waits; s; s = s->next) {
        if (s->wake == wake) eventfd_write(s->event_fd, 1);
    }
    pthread_mutex_unlock(&waits_lock);
}

/* INT64_MAX: never. */
static int64_t deadline_of(int64_t wait_ms)
{
    int64_t now = weir__os_monotonic_ns(NULL);
    return wait_ms < 0 || wait_ms > (INT64_MAX - now) / 1000000 ? INT64_MAX : now + wait_ms * 1000000;
}

static bool is_woken(const _Atomic uint32_t *wake)
{
    return wake && atomic_load_explicit(wake, memory_order_acquire) != 0;
}

/* WEIR_OK: the socket has one of `events`; WEIR_MORE: time is up; WEIR_E_CANCELLED: woken. */
static weir_status poll_until(struct weir_platform_socket *s, short events, int64_t deadline, const _Atomic uint32_t *wake)
{
    for (;;) {
        struct pollfd fds[2] = {{.fd = s->fd, .events = events}, {.fd = s->event_fd, .events = POLLIN}};
        struct timespec left, *timeout = NULL;
        if (is_woken(wake)) return WEIR_E_CANCELLED;
        if (deadline != INT64_MAX) {
            int64_t ns = deadline - weir__os_monotonic_ns(NULL);
            if (ns < 0) ns = 0;
            left = (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
            timeout = &left;
        }
        int n = ppoll(fds, 2, timeout, NULL);
        if (n == 0) return WEIR_MORE;
        if (n > 0 && fds[0].revents) return WEIR_OK;
        eventfd_t signals; /* of this wait or, late, of one before it: *wake decides */
        if (n > 0 && fds[1].revents) eventfd_read(s->event_fd, &signals);
    }
}

static weir_status wait_for(struct weir_platform_socket *s, short events, int64_t deadline, const _Atomic uint32_t *wake)
{
    if (wake) list_wait(s, wake);
    weir_status status = poll_until(s, events, deadline, wake);
    if (wake) unlist_wait(s);
    return status;
}

static void destroy(struct weir_platform_socket *s)
{
    if (s->fd >= 0) close(s->fd);
    if (s->event_fd >= 0) close(s->event_fd);
    weir_free(s->name);
    weir_free(s);
}

static weir_status failed(struct weir_error *error, const char *what, const struct weir_platform_socket *s, int number)
{
    char words[128];
    return weir_error_set(error, WEIR_E_IO, "cannot %s %s: %s", what, s->name, weir__os_why(number, words, sizeof words));
}

/* errno of the attempt, 0 when connected; *status is set when the wait ended otherwise. */
static int try_address(struct weir_platform_socket *s, const struct addrinfo *a, int64_t deadline,
                       const _Atomic uint32_t *wake, weir_status *status)
{
    int why = 0, yes = 1;
    socklen_t size = sizeof why;
    if (s->fd >= 0) close(s->fd);
    s->fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
    if (s->fd < 0) return errno;
    setsockopt(s->fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes); /* a silent peer is noticed, though after hours */
    if (connect(s->fd, a->ai_addr, a->ai_addrlen) == 0) return 0;
    if (errno != EINPROGRESS && errno != EINTR) return errno;
    *status = wait_for(s, POLLOUT, deadline, wake);
    if (*status == WEIR_OK && getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &why, &size) != 0) why = errno;
    return why;
}

static weir_status connect_any(struct weir_platform_socket *s, const struct addrinfo *addresses, int64_t wait_ms,
                               const _Atomic uint32_t *wake, struct weir_error *error)
{
    int64_t deadline = deadline_of(wait_ms);
    int why = EADDRNOTAVAIL;
    for (const struct addrinfo *a = addresses; a; a = a->ai_next) {
        weir_status status = WEIR_OK;
        why = try_address(s, a, deadline, wake, &status);
        if (status == WEIR_E_CANCELLED) return weir_error_set(error, status, "connecting to %s was cancelled", s->name);
        if (status == WEIR_MORE) {
            return weir_error_set(error, WEIR_E_IO, "cannot connect to %s: no answer within %lld ms", s->name,
                                  (long long)wait_ms);
        }
        if (why == 0) return WEIR_OK;
    }
    return failed(error, "connect to", s, why);
}

weir_status weir__os_connect(void *self, const char *host, uint16_t port, int64_t wait_ms, const _Atomic uint32_t *wake,
                             struct weir_platform_socket **to, struct weir_error *error)
{
    struct addrinfo wanted = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV},
                    *addresses = NULL;
    char service[8];
    (void)self;
    *to = NULL;
    snprintf(service, sizeof service, "%u", port);
    int r = getaddrinfo(host, service, &wanted, &addresses);
    if (r != 0) return weir_error_set(error, WEIR_E_IO, "cannot find the host '%s': %s", host, gai_strerror(r));
    struct weir_platform_socket *s = weir_alloc(sizeof *s);
    s->fd = -1;
    s->name = weir_format("%s:%u", host, port);
    s->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    weir_status status =
        s->event_fd < 0 ? failed(error, "connect to", s, errno) : connect_any(s, addresses, wait_ms, wake, error);
    freeaddrinfo(addresses);
    if (status == WEIR_OK) *to = s;
    else destroy(s);
    return status;
}

weir_status weir__os_receive(void *self, struct weir_platform_socket *s, void *buf, size_t n, int64_t wait_ms,
                             const _Atomic uint32_t *wake, size_t *got, struct weir_error *error)
{
    int64_t deadline = 0;
    (void)self;
    *got = 0;
    if (is_woken(wake)) return weir_error_set(error, WEIR_E_CANCELLED, "receiving from %s was cancelled", s->name);
    for (;;) {
        ssize_t r = recv(s->fd, buf, n, 0);
        if (r >= 0) {
            *got = (size_t)r;
            return WEIR_OK;
        }
        if (errno == EINTR) continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK) return failed(error, "receive from", s, errno);
        if (deadline == 0) deadline = deadline_of(wait_ms);
        weir_status status = wait_for(s, POLLIN, deadline, wake);
        if (status == WEIR_MORE) return WEIR_MORE;
        if (status != WEIR_OK) return weir_error_set(error, status, "receiving from %s was cancelled", s->name);
    }
}

weir_status weir__os_close_socket(void *self, struct weir_platform_socket *s, struct weir_error *error)
{
    (void)self;
    (void)error; /* a reader has nothing to lose by a failed close */
    if (s) destroy(s);
    return WEIR_OK;
}
