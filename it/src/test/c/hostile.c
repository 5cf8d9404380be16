/*
 * A client that means no good: hostile SOCKET KIND [COUNT]. Says "ready" on stdout when it is at it, and goes on until it is
 * ended. KIND: flood (COUNT connections, again and again, each with half a call), half (COUNT connections kept open with
 * most of a call), huge (calls without an end), slow (a call, a byte a second), descriptors (calls with descriptors that
 * nobody asked for), calls (calls without end, whose answers are not read).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char status[] = "{\"method\":\"dev.lull.Guard.Status\"}";
static struct sockaddr_un guard = {.sun_family = AF_UNIX};
static char junk[50000];

static int reach(void)
{
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (s >= 0 && connect(s, (struct sockaddr *)&guard, sizeof guard) == 0)
        return s;
    if (s >= 0)
        close(s);
    return -1;
}

static void say(int s, const void *bytes, size_t length)
{
    if (send(s, bytes, length, MSG_NOSIGNAL) < 0 && errno != EAGAIN && errno != EPIPE && errno != ECONNRESET)
        perror("send");
}

static void pass_descriptors(int s)
{
    int none = open("/dev/null", O_RDONLY);
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(64 * sizeof(int))];
    } control;
    int all[64];
    for (int i = 0; i < 64; i++)
        all[i] = none;
    struct iovec part = {.iov_base = (void *)"x", .iov_len = 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof all);
    memcpy(CMSG_DATA(&control.header), all, sizeof all);
    sendmsg(s, &message, MSG_NOSIGNAL);
    close(none);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    const char *kind = argv[2];
    int count = argc > 3 ? atoi(argv[3]) : 1;
    int *sockets = calloc(count, sizeof *sockets);
    struct rlimit files = {8192, 8192};
    setrlimit(RLIMIT_NOFILE, &files);
    strncpy(guard.sun_path, argv[1], sizeof guard.sun_path - 1);
    memset(junk, 'x', sizeof junk);
    for (int i = 0; i < count; i++)
        sockets[i] = -1;
    for (int round = 0;; round++) {
        for (int i = 0; i < count; i++) {
            if (!strcmp(kind, "flood") && sockets[i] >= 0) {
                close(sockets[i]);
                sockets[i] = -1;
            }
            struct pollfd hung = {.fd = sockets[i]};
            if (sockets[i] >= 0 && poll(&hung, 1, 0) > 0) {
                close(sockets[i]);
                sockets[i] = -1;
            }
            int fresh = sockets[i] < 0;
            if (fresh && (sockets[i] = reach()) < 0)
                continue;
            if (!strcmp(kind, "flood"))
                say(sockets[i], status, 10);
            else if (!strcmp(kind, "half") && fresh)
                say(sockets[i], junk, sizeof junk);
            else if (!strcmp(kind, "huge"))
                say(sockets[i], junk, sizeof junk);
            else if (!strcmp(kind, "slow"))
                say(sockets[i], status + round % sizeof status, 1);
            else if (!strcmp(kind, "descriptors"))
                pass_descriptors(sockets[i]);
            else if (!strcmp(kind, "calls"))
                say(sockets[i], status, sizeof status);
        }
        if (round == 0) {
            puts("ready");
            fflush(stdout);
        }
        if (!strcmp(kind, "slow") || !strcmp(kind, "half"))
            poll(NULL, 0, 1000);
    }
}
