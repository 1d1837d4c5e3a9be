/* test_platform_socket.c - TCP clients against listening sockets of this machine. */
#include <arpa/inet.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/platform.h"
#include "harness/suite.h"

#define OS weir_platform_os()
#define CALL(verb, ...) OS->verb(OS->self, __VA_ARGS__)

/* A listening socket on a free port of this machine. */
static int listen_here(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address, size), 0);
    CU_ASSERT_EQUAL_FATAL(listen(fd, 1), 0);
    getsockname(fd, (struct sockaddr *)&address, &size);
    *port = ntohs(address.sin_port);
    return fd;
}

static void receives_until_the_peer_closes(void)
{
    struct weir_platform_socket *s;
    struct weir_error e = {0};
    uint16_t port;
    char buf[8];
    size_t got, blocks = weir_allocated_blocks();
    int listener = listen_here(&port);
    CU_ASSERT_EQUAL_FATAL(CALL(connect, "127.0.0.1", port, 5000, NULL, &s, &e), WEIR_OK);
    int peer = accept(listener, NULL, NULL);
    CU_ASSERT_EQUAL(CALL(receive, s, buf, sizeof buf, 0, NULL, &got, &e), WEIR_MORE);
    CU_ASSERT_EQUAL(CALL(receive, s, buf, sizeof buf, 1, NULL, &got, &e), WEIR_MORE);
    CU_ASSERT_EQUAL(write(peer, "hello there", 11), 11);
    CU_ASSERT_EQUAL(CALL(receive, s, buf, sizeof buf, -1, NULL, &got, &e), WEIR_OK);
    CU_ASSERT_EQUAL(got, 8);
    CU_ASSERT_EQUAL(memcmp(buf, "hello th", 8), 0);
    CU_ASSERT_EQUAL(CALL(receive, s, buf, sizeof buf, 1000, NULL, &got, &e), WEIR_OK);
    CU_ASSERT_EQUAL(got, 3);
    close(peer);
    CU_ASSERT_EQUAL(CALL(receive, s, buf, sizeof buf, -1, NULL, &got, &e), WEIR_OK);
    CU_ASSERT_EQUAL(got, 0);
    CU_ASSERT_EQUAL(CALL(close_socket, s, &e), WEIR_OK);
    CU_ASSERT_EQUAL(CALL(close_socket, NULL, &e), WEIR_OK);
    close(listener);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

static void says_why_it_cannot_connect(void)
{
    struct weir_platform_socket *s;
    struct weir_error e = {0};
    uint16_t port;
    int listener = listen_here(&port);
    close(listener);
    CU_ASSERT_EQUAL(CALL(connect, "127.0.0.1", port, 5000, NULL, &s, &e), WEIR_E_IO);
    WEIR_ASSERT_CONTAINS(e.text, "cannot connect to 127.0.0.1:");
    WEIR_ASSERT_CONTAINS(e.text, "Connection refused");
    CU_ASSERT_PTR_NULL(s);
    CU_ASSERT_EQUAL(CALL(connect, "no host has this name", 1, 5000, NULL, &s, &e), WEIR_E_IO);
    WEIR_ASSERT_CONTAINS(e.text, "cannot find the host 'no host has this name'");
}

struct waker {
    _Atomic uint32_t word, go;
};

static void wake_it(void *arg)
{
    struct waker *w = arg;
    while (!atomic_load(&w->go)) {
    }
    atomic_store(&w->word, 1);
    CALL(wake_waits, &w->word);
}

/* From a thread that runs at the same time: whether the wake comes before, while or after the wait begins, it ends. */
static void wakes_end_waits(void)
{
    struct weir_platform_socket *s;
    struct weir_error e = {0};
    uint16_t port;
    char buf[8];
    size_t got;
    int listener = listen_here(&port);
    CU_ASSERT_EQUAL_FATAL(CALL(connect, "127.0.0.1", port, -1, NULL, &s, &e), WEIR_OK);
    int peer = accept(listener, NULL, NULL);
    for (int i = 0; i < 300; i++) {
        struct waker w = {0};
        struct weir_thread *t;
        CU_ASSERT_EQUAL_FATAL(CALL(start_thread, "waker", wake_it, &w, &t, NULL), WEIR_OK);
        atomic_store(&w.go, 1);
        for (volatile int spin = 0; spin < i * 20; spin++) {
        }
        CU_ASSERT_EQUAL(CALL(receive, s, buf, sizeof buf, -1, &w.word, &got, &e), WEIR_E_CANCELLED);
        CU_ASSERT_EQUAL(got, 0);
        CALL(join_thread, t);
    }
    WEIR_ASSERT_CONTAINS(e.text, "was cancelled");
    struct waker other = {0}; /* a signal that is left over does not end a wait whose word is zero */
    CU_ASSERT_EQUAL(CALL(receive, s, buf, sizeof buf, 5, &other.word, &got, &e), WEIR_MORE);
    CALL(wake_waits, &other.word);
    CU_ASSERT_EQUAL(write(peer, "x", 1), 1);
    CU_ASSERT_EQUAL(CALL(receive, s, buf, sizeof buf, -1, &other.word, &got, &e), WEIR_OK);
    CU_ASSERT_EQUAL(got, 1);
    close(peer);
    close(listener);
    CU_ASSERT_EQUAL(CALL(close_socket, s, NULL), WEIR_OK);
}

WEIR_SUITE(platform_socket) = {
    {"receives until the peer closes, in time or not", receives_until_the_peer_closes},
    {"says why it cannot connect", says_why_it_cannot_connect},
    {"a wake ends a wait, whenever it comes", wakes_end_waits},
    {NULL, NULL},
};
