/*
 * A storm of metadata and data on one filesystem, as fsstress makes it, and a probe that notices every freeze.
 *
 *   storm DIRECTORY SEED WORKERS
 *
 * Each worker creates, writes, renames, links, truncates and unlinks its files, keeps some open after they are unlinked,
 * stores through mmap, writes with O_DIRECT, and moves files into a directory that it shares with the others. The probe
 * removes a directory that is not there, again and again: that takes the write lock of the superblock and nothing else.
 * Prints lines until stdin ends:
 *
 *   probe BEGUN DONE      one pass of the probe, nanoseconds of CLOCK_MONOTONIC
 *   work N…               how many operations each worker has done
 *   error WHAT: WHY       what no filesystem may answer
 *
 * and "end" once the last operation is done. What a worker does depends on the seed alone.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS = 16, FILES = 24, ORPHANS = 4, BLOCK = 4096, BLOCKS = 32, PROBE_MICROS = 4000, PAUSE_MICROS = 6000 };

struct worker {
    pthread_t thread;
    uint64_t random;
    int directory, common;
    int orphans[ORPHANS];
    char *block;
    _Atomic long done;
};

static struct worker workers[WORKERS];
static int worker_count;
static atomic_bool ending;

static long long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void pause_micros(unsigned micros)
{
    struct timespec t = {.tv_nsec = micros * 1000L};
    nanosleep(&t, NULL);
}

static void die(const char *what)
{
    fprintf(stderr, "storm: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* xorshift64*: the same sequence for the same seed. */
static uint32_t below(struct worker *w, uint32_t limit)
{
    w->random ^= w->random >> 12;
    w->random ^= w->random << 25;
    w->random ^= w->random >> 27;
    return (w->random * 0x2545F4914F6CDD1DULL >> 32) % limit;
}

/* What workers do to each other's files in the common directory, and a full disk, are no errors. */
static void check(const char *what, int result)
{
    if (result < 0 && errno != ENOENT && errno != EEXIST && errno != ENOSPC)
        printf("error %s: %s\n", what, strerror(errno));
}

static const char *name(struct worker *w, char *room)
{
    sprintf(room, "f%u", below(w, FILES));
    return room;
}

static void write_blocks(struct worker *w, int flags, const char *what)
{
    char room[16];
    int file = openat(w->directory, name(w, room), flags | O_CREAT | O_RDWR | O_CLOEXEC, 0644);
    check(what, file);
    if (file < 0)
        return;
    unsigned first = below(w, BLOCKS), count = 1 + below(w, 8);
    memset(w->block, (int)below(w, 256), BLOCK);
    for (unsigned i = first; i < first + count && i < BLOCKS; i++)
        check(what, (int)pwrite(file, w->block, BLOCK, (off_t)i * BLOCK));
    if (below(w, 32) == 0)
        check("fsync", below(w, 2) ? fsync(file) : fdatasync(file));
    close(file);
}

/* Stores only where blocks are: a store into a hole of a full disk would be a SIGBUS. */
static void store(struct worker *w)
{
    char room[16];
    int file = openat(w->directory, name(w, room), O_CREAT | O_RDWR | O_CLOEXEC, 0644);
    check("open for mmap", file);
    if (file < 0)
        return;
    unsigned count = 1 + below(w, 4);
    memset(w->block, 'm', BLOCK);
    int whole = 1;
    for (unsigned i = 0; i < count; i++)
        whole &= pwrite(file, w->block, BLOCK, (off_t)i * BLOCK) == BLOCK;
    if (whole) {
        char *map = mmap(NULL, count * BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (map == MAP_FAILED) {
            check("mmap", -1);
        } else {
            if (below(w, 2))
                check("msync", msync(map, count * BLOCK, MS_SYNC)); /* clean pages: the store faults */
            for (unsigned i = 0; i < count; i++)
                map[i * BLOCK + below(w, BLOCK)]++;
            munmap(map, count * BLOCK);
        }
    }
    close(file);
}

static void resize(struct worker *w)
{
    char room[16];
    int file = openat(w->directory, name(w, room), O_RDWR | O_CLOEXEC);
    check("open to truncate", file);
    if (file >= 0) {
        check("truncate", ftruncate(file, below(w, BLOCKS * BLOCK)));
        close(file);
    }
}

static void move(struct worker *w)
{
    char from[16], to[16];
    switch (below(w, 3)) {
    case 0:
        check("rename", renameat(w->directory, name(w, from), w->directory, name(w, to)));
        break;
    case 1:
        check("rename to common", renameat(w->directory, name(w, from), w->common, name(w, to)));
        break;
    default:
        check("rename from common", renameat(w->common, name(w, from), w->directory, name(w, to)));
    }
}

static void unlink_while_open(struct worker *w)
{
    char room[16];
    int *slot = &w->orphans[below(w, ORPHANS)];
    if (*slot >= 0)
        close(*slot);
    *slot = openat(w->directory, name(w, room), O_CREAT | O_RDWR | O_CLOEXEC, 0644);
    check("open to unlink", *slot);
    if (*slot < 0)
        return;
    check("unlink while open", unlinkat(w->directory, room, 0));
    memset(w->block, 'o', BLOCK);
    check("write to unlinked", (int)pwrite(*slot, w->block, BLOCK, below(w, BLOCKS) * (off_t)BLOCK));
}

static void tree(struct worker *w)
{
    char room[24], inner[24];
    unsigned number = below(w, 8);
    sprintf(room, "d%u", number);
    int made = mkdirat(w->directory, room, 0755);
    check("mkdir", made);
    if (made == 0)
        return;
    sprintf(inner, "d%u/link", number);
    check("symlink", symlinkat("../f0", w->directory, inner));
    check("unlink link", unlinkat(w->directory, inner, 0));
    check("rmdir", unlinkat(w->directory, room, AT_REMOVEDIR));
}

static void names(struct worker *w)
{
    char from[16], to[16];
    if (below(w, 2)) {
        check("link", linkat(w->directory, name(w, from), w->directory, name(w, to), 0));
    } else {
        int file = openat(w->directory, name(w, from), O_RDONLY | O_CLOEXEC);
        check("open for attribute", file);
        if (file >= 0) {
            check("fsetxattr", fsetxattr(file, "user.storm", from, strlen(from), 0));
            check("fchmod", fchmod(file, 0600 + below(w, 64)));
            close(file);
        }
    }
}

static void *work(void *argument)
{
    struct worker *w = argument;
    char room[16];
    /* Before the probe, in whose delay a busy processor is not to be taken for a freeze. */
    setpriority(PRIO_PROCESS, gettid(), 10);
    while (!ending) {
        switch (below(w, 12)) {
        case 0:
        case 1:
        case 2: write_blocks(w, 0, "write"); break;
        case 3:
        case 4: write_blocks(w, O_DIRECT, "write with O_DIRECT"); break;
        case 5: store(w); break;
        case 6: resize(w); break;
        case 7: move(w); break;
        case 8: unlink_while_open(w); break;
        case 9: tree(w); break;
        case 10: names(w); break;
        default: check("unlink", unlinkat(w->directory, name(w, room), 0));
        }
        w->done++;
        pause_micros(below(w, PAUSE_MICROS));
    }
    for (int i = 0; i < ORPHANS; i++)
        if (w->orphans[i] >= 0)
            close(w->orphans[i]);
    return NULL;
}

static void *probe(void *argument)
{
    int directory = *(int *)argument;
    for (unsigned pass = 0; !ending; pass++) {
        long long begun = now();
        if (unlinkat(directory, "absent", AT_REMOVEDIR) == 0 || errno != ENOENT)
            printf("error probe: %s\n", strerror(errno));
        printf("probe %lld %lld\n", begun, now());
        if (pass % 16 == 0) {
            char line[WORKERS * 21 + 8] = "work";
            for (int i = 0; i < worker_count; i++)
                sprintf(line + strlen(line), " %ld", (long)workers[i].done);
            puts(line);
        }
        fflush(stdout);
        pause_micros(PROBE_MICROS);
    }
    return NULL;
}

static int directory_at(int parent, const char *called)
{
    if (mkdirat(parent, called, 0755) && errno != EEXIST)
        die(called);
    int directory = openat(parent, called, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        die(called);
    return directory;
}

int main(int count, char **arguments)
{
    if (count != 4 || (worker_count = atoi(arguments[3])) < 1 || worker_count > WORKERS) {
        fprintf(stderr, "usage: storm DIRECTORY SEED WORKERS\n");
        return 2;
    }
    int top = open(arguments[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (top < 0)
        die(arguments[1]);
    uint64_t seed = strtoull(arguments[2], NULL, 10);
    int common = directory_at(top, "common"), probed = directory_at(top, "probe");
    for (int i = 0; i < worker_count; i++) {
        char own[16];
        struct worker *w = &workers[i];
        sprintf(own, "w%d", i);
        w->random = (seed + 1) * 0x9E3779B97F4A7C15ULL + (uint64_t)i * 0xBF58476D1CE4E5B9ULL + 1;
        w->directory = directory_at(top, own);
        w->common = common;
        w->block = aligned_alloc(BLOCK, BLOCK);
        if (!w->block)
            die("memory");
        for (int k = 0; k < ORPHANS; k++)
            w->orphans[k] = -1;
        if (pthread_create(&w->thread, NULL, work, w))
            die("thread");
    }
    pthread_t prober;
    if (pthread_create(&prober, NULL, probe, &probed))
        die("thread");
    while (getchar() != EOF)
        ;
    ending = 1;
    for (int i = 0; i < worker_count; i++)
        pthread_join(workers[i].thread, NULL);
    pthread_join(prober, NULL);
    puts("end");
    return 0;
}
