// A program that nobody has changed for Lull: does one after the other what its arguments say, and prints a line for each.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include "lull/fsfreeze.h"

static int fd = -1;

static const char *outcome(long result) {
    return result == 0 ? "0" : strerrorname_np(errno);
}

static void tell(const char *what, const char *how) {
    printf("%s: %s\n", what, how);
    fflush(stdout);
}

static void on_alarm(int signal) {
    (void)signal;
}

static void alarms(int flags) {
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = flags};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval often = {{0, 300}, {0, 300}};
    setitimer(ITIMER_REAL, &often, NULL);
}

// Freezes and thaws; counts how often each answer came. An EINTR has frozen nothing, so that the thaw says EINVAL.
static void repeat(int times) {
    int done = 0, interrupted = 0, other = 0;
    for (int i = 0; i < times; i++) {
        int frozen = ioctl(fd, FIFREEZE, 0);
        if (frozen == 0) {
            int thawed;
            do thawed = ioctl(fd, FITHAW, 0);
            while (thawed && errno == EINTR);
            if (thawed) tell("thaw", outcome(thawed)), other++;
            else done++;
        } else if (errno == EINTR) {
            interrupted++;
        } else {
            tell("freeze", outcome(frozen)), other++;
        }
    }
    printf("done %d interrupted %d other %d\n", done, interrupted, other);
    fflush(stdout);
}

#ifdef __x86_64__
// As a 32-bit program makes it: the kernel's entry for i386, whatever the code around it.
static long ioctl32(int file, unsigned request, long value) {
    int *argument = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    *argument = (int)value;
    long result;
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(54), "b"(file), "c"(request), "d"(argument)
                     : "memory", "r8", "r9", "r10", "r11");
    if ((int)result < 0) errno = -(int)result, result = -1;
    return result;
}
#endif

static void *freeze_other(void *path) {
    int other = open(path, O_RDONLY);
    long seconds = 20;
    tell("thread", outcome(ioctl(other, FIFREEZE, &seconds)));
    return NULL;
}

static char *mapped;

static void *store(void *nothing) {
    for (char value = 1;; value++) *(volatile char *)mapped = value, usleep(1000);
    return nothing;
}

static long timeout;

static void *change(void *nothing) {
    for (;;) timeout = timeout == 3 ? 200 : 3;
    return nothing;
}

static const char *second;

static void *reopen(void *first) {
    for (;;) {
        int file = open(second, O_RDONLY);
        dup2(file, fd);
        close(file);
        file = open(first, O_RDONLY);
        dup2(file, fd);
        close(file);
    }
    return NULL;
}

static void begin(void *(*body)(void *), void *argument) {
    pthread_t thread;
    pthread_create(&thread, NULL, body, argument);
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        char *word = argv[i], *value = strchr(word, ':');
        value = value ? (*value = 0, value + 1) : word + strlen(word);
        timeout = atol(value);
        if (!strcmp(word, "open")) fd = open(value, O_RDONLY);
        else if (!strcmp(word, "create")) fd = open(value, O_RDWR | O_CREAT, 0600);
        else if (!strcmp(word, "opath")) fd = open(value, O_PATH);
        else if (!strcmp(word, "close")) close(fd);
        else if (!strcmp(word, "freeze")) tell(word, outcome(ioctl(fd, FIFREEZE, *value ? &timeout : 0)));
        else if (!strcmp(word, "freeze-int")) {
            int pair[] = {(int)timeout, 0x7fffffff};
            tell(word, outcome(ioctl(fd, FIFREEZE, pair)));
        } else if (!strcmp(word, "freeze-bad")) tell(word, outcome(ioctl(fd, FIFREEZE, 1)));
        else if (!strcmp(word, "thaw")) tell(word, outcome(ioctl(fd, FITHAW, 0)));
        else if (!strcmp(word, "reset")) tell(word, outcome(ioctl(fd, FIFREEZE_RESET_TIMEOUT, &timeout)));
        else if (!strcmp(word, "reset-bad")) tell(word, outcome(ioctl(fd, FIFREEZE_RESET_TIMEOUT, 1)));
#ifdef __x86_64__
        else if (!strcmp(word, "freeze32")) tell(word, outcome(ioctl32(fd, FIFREEZE, timeout)));
        else if (!strcmp(word, "reset32")) tell(word, outcome(ioctl32(fd, FIFREEZE_RESET_TIMEOUT, timeout)));
        else if (!strcmp(word, "thaw32")) tell(word, outcome(ioctl32(fd, FITHAW, 0)));
#endif
        else if (!strcmp(word, "sleep")) usleep(1000 * timeout);
        else if (!strcmp(word, "write")) tell(word, outcome(close(open(value, O_WRONLY | O_CREAT, 0600))));
        else if (!strcmp(word, "alarms")) alarms(0);
        else if (!strcmp(word, "alarms-restart")) alarms(SA_RESTART);
        else if (!strcmp(word, "repeat")) repeat(timeout);
        else if (!strcmp(word, "setuid")) tell(word, outcome(setuid(timeout)));
        else if (!strcmp(word, "with-thread")) begin(freeze_other, value);
        else if (!strcmp(word, "kill")) raise(timeout);
        else if (!strcmp(word, "fork") && fork()) return 0;
        else if (!strcmp(word, "child") && fork()) return wait(NULL), 0;
        else if (!strcmp(word, "map")) {
            int file = open(value, O_RDWR | O_CREAT, 0600);
            if (ftruncate(file, 4096)) return 1;
            mapped = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
            begin(store, NULL);
        } else if (!strcmp(word, "freeze-changing")) {
            begin(change, NULL);
            tell(word, outcome(ioctl(fd, FIFREEZE, &timeout)));
        } else if (!strcmp(word, "reopening")) {
            second = value;
            begin(reopen, strdup(strchr(argv[1], 0) + 1));
        }
    }
    return 0;
}
