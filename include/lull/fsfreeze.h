/*
 * The third ioctl of a filesystem freeze with a timeout, as it was proposed for Linux in 2008, for programs that are run
 * under "lull run". Nothing to link; FIFREEZE and FITHAW are in <linux/fs.h>.
 *
 *   long seconds = 10;
 *   ioctl(fd, FIFREEZE, &seconds);                 frozen for 10 s at the most; 0 and 1 leave that to lull run
 *   ioctl(fd, FIFREEZE_RESET_TIMEOUT, &seconds);   10 s from now; EINVAL if it has been thawed already
 *   ioctl(fd, FITHAW, 0);                          EINVAL likewise: whatever was copied meanwhile is not consistent
 *
 * No kernel knows the number, which is the next after FIBMAP and FIGETBSZ: without "lull run", files and directories
 * answer it with ENOTTY, and FIFREEZE freezes without a timeout.
 */
#ifndef LULL_FSFREEZE_H
#define LULL_FSFREEZE_H

#include <linux/fs.h>

#define FIFREEZE_RESET_TIMEOUT _IO(0x00, 3)

#endif
