/* What a program's calls cost, as the program itself measures them: nanoseconds, a line for each round.
 *
 *   trap DIRECTORY ioctl|open|freeze ROUNDS
 *
 * A round is 1,000 ioctls that nobody freezes with, or 1,000 times open and close, or one freeze and thaw after a second's
 * fifth in which some files have been written: freezes one right after the other are cheap, whoever makes them.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { CALLS = 1000, FILES = 50, PAUSE_MICROS = 200000 };

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long long ioctls(int directory)
{
	int size;
	long long began = now();

	for (int i = 0; i < CALLS; i++)
		if (ioctl(directory, FIGETBSZ, &size))
			err(1, "FIGETBSZ");
	return now() - began;
}

static long long opens(int directory)
{
	long long began = now();

	for (int i = 0; i < CALLS; i++)
		close(openat(directory, "file", O_RDONLY));
	return now() - began;
}

static void write_files(int directory)
{
	char name[16], block[4096] = {0};

	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof name, "new-%d", i);
		unlinkat(directory, name, 0);
		int file = openat(directory, name, O_WRONLY | O_CREAT, 0600);
		if (file < 0 || write(file, block, sizeof block) != sizeof block)
			err(1, "%s", name);
		close(file);
	}
	usleep(PAUSE_MICROS);
}

static long long freeze(int directory)
{
	write_files(directory);
	long long began = now();

	if (ioctl(directory, FIFREEZE, 0))
		err(1, "FIFREEZE");
	if (ioctl(directory, FITHAW, 0))
		err(1, "FITHAW");
	return now() - began;
}

int main(int argc, char **argv)
{
	if (argc != 4)
		errx(2, "usage: trap DIRECTORY ioctl|open|freeze ROUNDS");
	int directory = open(argv[1], O_RDONLY | O_DIRECTORY);

	if (directory < 0)
		err(1, "%s", argv[1]);
	close(openat(directory, "file", O_WRONLY | O_CREAT, 0600));
	for (int round = atoi(argv[3]); round > 0; round--)
		printf("%lld\n",
		       !strcmp(argv[2], "freeze") ? freeze(directory)
		       : !strcmp(argv[2], "open") ? opens(directory)
						  : ioctls(directory));
	return 0;
}
