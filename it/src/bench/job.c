/* The whole of the freezer's work in C: what Lull does, without a guard, a lease or a proof.
 *
 *   job DIRECTORY BACKING-FILE CLONE    prepares, freezes, clones the backing file, thaws
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define EXT4_IOC_CHECKPOINT _IOW('f', 43, uint32_t)

static void expedite(const char *on)
{
	int knob = open("/sys/kernel/rcu_expedited", O_WRONLY);

	if (knob >= 0) {
		if (write(knob, on, 1) != 1)
			warn("rcu_expedited");
		close(knob);
	}
}

static double milliseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void write_back(int directory, int backing)
{
	uint32_t flags = 0;

	if (syncfs(directory))
		err(1, "syncfs");
	ioctl(directory, EXT4_IOC_CHECKPOINT, &flags); /* ENOTTY where there is no such journal */
	if (fsync(backing))
		err(1, "fsync");
}

int main(int argc, char **argv)
{
	if (argc != 4)
		errx(2, "usage: job DIRECTORY BACKING-FILE CLONE");

	int directory = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int backing = open(argv[2], O_RDONLY | O_CLOEXEC);
	int clone = open(argv[3], O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (directory < 0 || backing < 0 || clone < 0)
		err(1, "open");
	for (int round = 0; round < 6; round++) {
		double began = milliseconds();

		write_back(directory, backing);
		if (milliseconds() - began < 30)
			break;
	}
	expedite("1");
	write_back(directory, backing);

	int frozen = ioctl(directory, FIFREEZE, 0);

	expedite("0");
	if (frozen)
		err(1, "FIFREEZE");

	int cloned = ioctl(clone, FICLONE, backing);

	if (ioctl(directory, FITHAW, 0))
		err(1, "FITHAW");
	if (cloned)
		err(1, "FICLONE");
	return 0;
}
