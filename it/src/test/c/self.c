/*
 * Says what a program can be given by whoever starts it, a line for each thing: arguments, environment, directory, files,
 * signals, limits, relatives. With "status:N" or "signal:N" as its last argument it ends in that way.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

extern char **environ;

static void show(const char *what, const char *bytes)
{
    printf("%s=", what);
    for (; *bytes; bytes++)
        printf(isprint((unsigned char)*bytes) && *bytes != '\\' ? "%c" : "\\%02x", (unsigned char)*bytes);
    putchar('\n');
}

/* The lines of a file in /proc/self, or those that begin with one of the words. */
static void show_file(const char *name, const char *const *words)
{
    char path[64], line[4096];
    snprintf(path, sizeof path, "/proc/self/%s", name);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        int wanted = !words;
        for (int i = 0; words && words[i]; i++)
            wanted |= !strncmp(line, words[i], strlen(words[i]));
        line[strcspn(line, "\n")] = 0;
        if (wanted)
            show(name, line);
    }
    if (file)
        fclose(file);
}

static void show_descriptors(void)
{
    for (int fd = 0; fd < 1024; fd++) {
        char path[64], target[4096];
        int flags = fcntl(fd, F_GETFD), status = fcntl(fd, F_GETFL);
        if (flags < 0)
            continue;
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(path, target, sizeof target - 1);
        target[length < 0 ? 0 : length] = 0;
        printf("descriptor %d, flags %x, status %x, at %ld, ", fd, flags, status, (long)lseek(fd, 0, SEEK_CUR));
        show("to", target);
    }
}

int main(int count, char **arguments)
{
    static const char *const of_status[] = {"Name", "Umask", "Uid", "Gid", "Groups", "Threads", "SigPnd", "ShdPnd",
        "SigBlk", "SigIgn", "SigCgt", "Cap", "NoNewPrivs", "Speculation", "Cpus_allowed", "Mems_allowed", "TracerPid", NULL};
    char directory[4096];
    show_descriptors();
    for (int i = 0; i < count; i++)
        show("argument", arguments[i]);
    for (char **variable = environ; *variable; variable++)
        show("variable", *variable);
    show("directory", getcwd(directory, sizeof directory) ? directory : "?");
    show_file("status", of_status);
    show_file("limits", NULL);
    show_file("coredump_filter", NULL);
    show_file("oom_score_adj", NULL);
    show_file("timerslack_ns", NULL);
    show_file("cgroup", NULL);
    int death_signal = 0;
    prctl(PR_GET_PDEATHSIG, &death_signal);
    printf("parent %d, leads its group %d, session %d, nice %d, personality %x, death signal %d\n", getppid(),
        getpgrp() == getpid(), getsid(0) == getpid() ? 0 : getsid(0), getpriority(PRIO_PROCESS, 0), (unsigned)personality(0xffffffff), death_signal);
    snprintf(directory, sizeof directory, "task/%d/children", getpid());
    show_file(directory, NULL);
    fflush(stdout);
    const char *last = arguments[count - 1];
    if (!strncmp(last, "signal:", 7))
        raise(atoi(last + 7));
    return strncmp(last, "status:", 7) ? 0 : atoi(last + 7);
}
