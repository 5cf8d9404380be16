/*
 * Holds a lease by docs/protocol.md: freezes the directory that is its argument, prints "frozen", waits for a line on
 * stdin, releases, and prints the state that the lease ended in. Exit status 0 if that is "released".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char answer[65536];

static void fail(const char *what)
{
    fprintf(stderr, "holder: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* Sends a call, with a descriptor unless it is -1, and reads the reply into answer. */
static void call(int guard, const char *message, int descriptor)
{
    union {
        char room[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } control = {0};
    struct iovec part = {.iov_base = (char *)message, .iov_len = strlen(message) + 1};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptor >= 0) {
        header.msg_control = control.room;
        header.msg_controllen = sizeof control.room;
        struct cmsghdr *c = CMSG_FIRSTHDR(&header);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &descriptor, sizeof(int));
    }
    if (sendmsg(guard, &header, MSG_NOSIGNAL) != (ssize_t)part.iov_len)
        fail("send");
    size_t length = 0;
    do {
        ssize_t count = read(guard, answer + length, sizeof answer - length);
        if (count <= 0)
            fail("receive");
        length += count;
    } while (answer[length - 1] != 0);
    if (strstr(answer, "\"error\"")) {
        fprintf(stderr, "holder: %s\n", answer);
        exit(1);
    }
}

/* The text of a member; good enough for ids and states. */
static void member(const char *name, char *value, size_t size)
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\":\"", name);
    const char *from = strstr(answer, quoted);
    if (!from)
        fail(name);
    from += strlen(quoted);
    snprintf(value, size, "%.*s", (int)strcspn(from, "\""), from);
}

int main(int count, char **arguments)
{
    char message[1024], lease[64], state[64];
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/run/lull/guard.sock"};
    int guard = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int directory = count == 2 ? open(arguments[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (directory < 0)
        fail("open");
    if (connect(guard, (struct sockaddr *)&address, sizeof address))
        fail("connect");

    snprintf(message, sizeof message,
             "{\"method\": \"dev.lull.Guard.Arm\", \"parameters\": {\"protocol\": 1, \"paths\": [\"%s\"],"
             " \"attached\": true, \"withinMillis\": 10000, \"timeoutMillis\": 30000, \"presync\": true,"
             " \"expedite\": true, \"program\": \"holder\"}}",
             arguments[1]);
    call(guard, message, directory);
    member("id", lease, sizeof lease);

    snprintf(message, sizeof message, "{\"method\": \"dev.lull.Guard.Freeze\", \"parameters\": {\"lease\": \"%s\"}}", lease);
    call(guard, message, -1);
    puts("frozen");
    fflush(stdout);
    getchar();

    snprintf(message, sizeof message, "{\"method\": \"dev.lull.Guard.Release\", \"parameters\": {\"lease\": \"%s\"}}", lease);
    call(guard, message, -1);
    member("state", state, sizeof state);
    puts(state);
    return strcmp(state, "released") != 0;
}
