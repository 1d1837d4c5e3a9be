/* inbox.c - see the header. */
#include "cli/inbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"

#define MOST_MESSAGE 131072 /* beyond the longest request, cli/control.c */

/* Room for one descriptor, aligned as the macros want it. */
union passed {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

bool weir_inbox_open(int ends[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0;
}

bool weir_inbox_send(int end, json_t *message, int descriptor)
{
    char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
    union passed passed = {{0}};
    struct iovec part = {.iov_base = text, .iov_len = text ? strlen(text) : 0};
    struct msghdr envelope = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptor >= 0) {
        envelope.msg_control = passed.bytes;
        envelope.msg_controllen = sizeof passed.bytes;
        passed.header =
            (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&passed.header), &descriptor, sizeof descriptor);
    }
    ssize_t sent = -1;
    do {
        if (text) sent = sendmsg(end, &envelope, MSG_NOSIGNAL);
    } while (text && sent < 0 && errno == EINTR);
    free(text);
    json_decref(message);
    return sent >= 0;
}

json_t *weir_inbox_receive(int end, int *descriptor)
{
    union passed passed = {{0}};
    char *bytes = weir_alloc(MOST_MESSAGE);
    struct iovec part = {.iov_base = bytes, .iov_len = MOST_MESSAGE};
    struct msghdr envelope = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = passed.bytes, .msg_controllen = sizeof passed.bytes};
    *descriptor = -1;
    ssize_t n = recvmsg(end, &envelope, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    const struct cmsghdr *header = n > 0 ? CMSG_FIRSTHDR(&envelope) : NULL;
    if (header && header->cmsg_type == SCM_RIGHTS) memcpy(descriptor, CMSG_DATA(header), sizeof *descriptor);
    json_t *message = n > 0 ? json_loadb(bytes, (size_t)n, 0, NULL) : NULL;
    weir_free(bytes);
    if (!message && *descriptor >= 0) close(*descriptor);
    return message;
}
