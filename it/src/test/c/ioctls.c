/*
 * A program that nobody has changed for Lull: does one after the other what its arguments say, and prints a line for each
 * ioctl: what it was, and "0" or the name of its errno. A word's value stands behind a colon: "freeze:10".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "lull/fsfreeze.h"

/* No address of any process. */
#define NOWHERE ((void *)1)

static int fd = -1;
static volatile long timeout;
static pthread_t threads[8];
static int thread_count;

static const char *outcome(long result)
{
    return result == 0 ? "0" : strerrorname_np(errno);
}

static void tell(const char *what, long result)
{
    printf("%s: %s\n", what, outcome(result));
    fflush(stdout);
}

static void die(const char *what)
{
    perror(what);
    exit(9);
}

static void begin(void *(*body)(void *), const void *argument)
{
    if (pthread_create(&threads[thread_count++], NULL, body, (void *)argument))
        die("thread");
}

static void rest(long micros)
{
    struct timespec t = {micros / 1000000, micros % 1000000 * 1000};
    while (nanosleep(&t, &t) && errno == EINTR)
        ;
}

static void on_alarm(int signal)
{
    (void)signal;
}

/* A signal every 0.3 ms. */
static void alarms(int flags)
{
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = flags};
    struct itimerval often = {{0, 300}, {0, 300}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
}

/* FITHAW, until a signal has let it be made. */
static int thaw(void)
{
    int result;
    do
        result = ioctl(fd, FITHAW, 0);
    while (result && errno == EINTR);
    return result;
}

/* Freezes and thaws. An EINTR has to have frozen nothing, so that a thaw says EINVAL. */
static void repeat(long times)
{
    int done = 0, interrupted = 0, wrong = 0;
    for (long i = 0; i < times; i++) {
        int frozen = ioctl(fd, FIFREEZE, 0);
        if (frozen && errno != EINTR) {
            wrong++;
            tell("freeze", frozen);
            continue;
        }
        int thawed = thaw();
        if (!frozen && !thawed) {
            done++;
        } else if (frozen && thawed && errno == EINVAL) {
            interrupted++;
        } else {
            wrong++;
            printf("freeze: %s, ", frozen ? "EINTR" : "0");
            tell("thaw", thawed);
        }
    }
    printf("done %d interrupted %d wrong %d\n", done, interrupted, wrong);
    fflush(stdout);
}

/* Freezes and thaws once, when others that want to leave room for it. Patient: a hundred that are not are a load of their own. */
static void take_turn(void)
{
    int result;
    do {
        result = ioctl(fd, FIFREEZE, 0);
        if (result && errno != EBUSY)
            break;
        if (result)
            rest(1000000 + getpid() % 100 * 10000);
    } while (result);
    tell("freeze", result);
    if (!result)
        tell("thaw", ioctl(fd, FITHAW, 0));
}

/* Counts what becomes of freezes, whatever the descriptor is at the time. */
static void attempt(long times)
{
    int frozen = 0, busy = 0, unsupported = 0, refused = 0, other = 0;
    for (long i = 0; i < times; i++) {
        if (ioctl(fd, FIFREEZE, 0) == 0)
            frozen++;
        else if (errno == EBUSY)
            busy++;
        else if (errno == EOPNOTSUPP)
            unsupported++;
        else if (errno == EPERM)
            refused++;
        else
            other++;
        ioctl(fd, FITHAW, 0);
    }
    printf("frozen %d busy %d unsupported %d refused %d other %d\n", frozen, busy, unsupported, refused, other);
    fflush(stdout);
}

static void *freeze_other(void *path)
{
    long seconds = 30;
    int other = open(path, O_RDONLY);
    tell("thread", ioctl(other, FIFREEZE, &seconds));
    return NULL;
}

static char *mapped;

static void map(const char *path)
{
    int file = open(path, O_RDWR | O_CREAT, 0600);
    if (file < 0 || ftruncate(file, 4096))
        die(path);
    mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped == MAP_FAILED)
        die("mmap");
}

/* Each store is to a clean page, and so faults. */
static void *store(void *nothing)
{
    for (char value = 1;; value++) {
        *(volatile char *)mapped = value;
        msync(mapped, 4096, MS_SYNC);
        rest(1000);
    }
    return nothing;
}

static void *change(void *nothing)
{
    for (;;)
        timeout = timeout == 3 ? 200 : 3;
    return nothing;
}

static int first, second;

static void *reopen(void *nothing)
{
    for (;;) {
        dup2(second, fd);
        dup2(first, fd);
    }
    return nothing;
}

static void *kill_after(void *micros)
{
    rest((long)(intptr_t)micros);
    kill(getpid(), SIGKILL);
    return NULL;
}

static void await_file(const char *path)
{
    while (access(path, F_OK))
        rest(2000);
}

static void open_pipe(void)
{
    int ends[2];
    if (pipe(ends))
        die("pipe");
    fd = ends[0];
}

#ifdef __x86_64__
/* As a 32-bit program makes it: the kernel's entry for i386, whatever the code around it. */
static long ioctl32(unsigned request, long value)
{
    int *argument = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    long result;
    *argument = (int)value;
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(54), "b"(fd), "c"(request), "d"(argument)
                     : "memory", "r8", "r9", "r10", "r11");
    if ((int)result < 0)
        errno = -(int)result, result = -1;
    return result;
}
#endif

static void make_ioctl(const char *word, const char *value)
{
    int pair[] = {(int)timeout, 0x7fffffff};
    if (!strcmp(word, "freeze"))
        tell(word, ioctl(fd, FIFREEZE, *value ? &timeout : NULL));
    else if (!strcmp(word, "freeze-int")) /* as xfs_freeze: what stands behind the int is anything */
        tell(word, ioctl(fd, FIFREEZE, pair));
    else if (!strcmp(word, "freeze-bad"))
        tell(word, ioctl(fd, FIFREEZE, NOWHERE));
    else if (!strcmp(word, "thaw"))
        tell(word, ioctl(fd, FITHAW, 0));
    else if (!strcmp(word, "reset"))
        tell(word, ioctl(fd, FIFREEZE_RESET_TIMEOUT, &timeout));
    else if (!strcmp(word, "reset-bad"))
        tell(word, ioctl(fd, FIFREEZE_RESET_TIMEOUT, NOWHERE));
    else if (!strcmp(word, "reset-null"))
        tell(word, ioctl(fd, FIFREEZE_RESET_TIMEOUT, NULL));
#ifdef __x86_64__
    else if (!strcmp(word, "freeze32"))
        tell(word, ioctl32(FIFREEZE, timeout));
    else if (!strcmp(word, "reset32"))
        tell(word, ioctl32(FIFREEZE_RESET_TIMEOUT, timeout));
    else if (!strcmp(word, "thaw32"))
        tell(word, ioctl32(FITHAW, 0));
#endif
    else {
        fprintf(stderr, "ioctls: no such word: %s\n", word);
        exit(9);
    }
}

int main(int count, char **arguments)
{
    for (int i = 1; i < count; i++) {
        char *word = arguments[i], *value = strchr(word, ':');
        value = value ? (*value = 0, value + 1) : word + strlen(word);
        timeout = atol(value);
        if (!strcmp(word, "open")) {
            fd = open(value, O_RDONLY);
            if (fd < 0)
                die(value);
        } else if (!strcmp(word, "create"))
            fd = open(value, O_WRONLY | O_CREAT, 0600);
        else if (!strcmp(word, "opath"))
            fd = open(value, O_PATH);
        else if (!strcmp(word, "pipe"))
            open_pipe();
        else if (!strcmp(word, "close"))
            close(fd);
        else if (!strcmp(word, "write"))
            tell(word, close(open(value, O_WRONLY | O_CREAT, 0600)));
        else if (!strcmp(word, "say"))
            puts(value), fflush(stdout);
        else if (!strcmp(word, "sleep"))
            rest(1000 * timeout);
        else if (!strcmp(word, "until"))
            await_file(value);
        else if (!strcmp(word, "setuid")) {
            if (setuid((uid_t)timeout))
                die(word);
        } else if (!strcmp(word, "alarms"))
            alarms(0);
        else if (!strcmp(word, "alarms-restart"))
            alarms(SA_RESTART);
        else if (!strcmp(word, "repeat"))
            repeat(timeout);
        else if (!strcmp(word, "take-turn"))
            take_turn();
        else if (!strcmp(word, "attempt"))
            attempt(timeout);
        else if (!strcmp(word, "with-thread"))
            begin(freeze_other, value);
        else if (!strcmp(word, "join")) {
            while (thread_count > 0)
                pthread_join(threads[--thread_count], NULL);
        } else if (!strcmp(word, "map"))
            map(value);
        else if (!strcmp(word, "storing"))
            begin(store, NULL);
        else if (!strcmp(word, "changing"))
            begin(change, NULL);
        else if (!strcmp(word, "reopening")) {
            first = dup(fd);
            second = open(value, O_RDONLY);
            if (second < 0)
                die(value);
            begin(reopen, NULL);
        } else if (!strcmp(word, "freeze-changed")) /* what another thread stores into at the same time */
            timeout = 3, tell(word, ioctl(fd, FIFREEZE, &timeout));
        else if (!strcmp(word, "kill-after"))
            begin(kill_after, (void *)(intptr_t)timeout);
        else if (!strcmp(word, "fork")) { /* the child goes on, as nobody's */
            if (fork())
                return 0;
        } else if (!strcmp(word, "child")) { /* the child goes on, and is waited for */
            if (fork())
                return wait(NULL) < 0;
        } else
            make_ioctl(word, value);
    }
    return 0;
}
