/* Freezes, waits for a deadline and thaws.
 *
 *   expire DIRECTORY MILLISECONDS       prints the deadline in nanoseconds of CLOCK_BOOTTIME
 */
#include <err.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>

int main(int argc, char **argv)
{
	if (argc != 3)
		errx(2, "usage: expire DIRECTORY MILLISECONDS");

	struct timespec deadline;
	int directory = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (directory < 0)
		err(1, "open");
	if (ioctl(directory, FIFREEZE, 0))
		err(1, "FIFREEZE");
	clock_gettime(CLOCK_BOOTTIME, &deadline);
	deadline.tv_nsec += atol(argv[2]) % 1000 * 1000000;
	deadline.tv_sec += atol(argv[2]) / 1000 + deadline.tv_nsec / 1000000000;
	deadline.tv_nsec %= 1000000000;
	clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &deadline, NULL);
	if (ioctl(directory, FITHAW, 0))
		err(1, "FITHAW");
	printf("%lld\n", deadline.tv_sec * 1000000000LL + deadline.tv_nsec);
	return 0;
}
