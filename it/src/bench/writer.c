/* Writes 4 KiB blocks until its standard input ends, and tells of every write that took longer than 0.1 ms: when it
 * began and ended, in nanoseconds of CLOCK_BOOTTIME. A line "ready" after the first writes.
 *
 *   writer FILE plain|fsync
 */
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 4096
#define BLOCKS 256
#define WARM 16

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		errx(2, "usage: writer FILE plain|fsync");

	char block[BLOCK] = "";
	int durable = strcmp(argv[2], "fsync") == 0;
	int file = open(argv[1], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	struct pollfd end = {.fd = 0, .events = POLLIN};

	if (file < 0)
		err(1, "%s", argv[1]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (long number = 0;; number++) {
		long long began = now();

		if (pwrite(file, block, BLOCK, number % BLOCKS * BLOCK) != BLOCK)
			err(1, "write");
		if (durable && fsync(file))
			err(1, "fsync");

		long long ended = now();

		if (number == WARM)
			puts("ready");
		else if (number > WARM && ended - began > 100000)
			printf("%lld %lld\n", began, ended);
		if (poll(&end, 1, 1) != 0) /* a millisecond's pause */
			return 0;
	}
}
