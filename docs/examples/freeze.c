/* cc -I include docs/examples/freeze.c -o freeze && lull run -- ./freeze /srv */
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include "lull/fsfreeze.h"

int main(int argc, char **argv) {
    long seconds = 10;
    int fd = open(argv[argc - 1], O_RDONLY | O_DIRECTORY);
    if (fd < 0 || ioctl(fd, FIFREEZE, &seconds)) return perror("freeze"), 1;
    /* … the first half of the snapshot … */
    if (ioctl(fd, FIFREEZE_RESET_TIMEOUT, &seconds)) return perror("not frozen any more"), 1;
    /* … the second half … */
    if (ioctl(fd, FITHAW, 0)) return perror("was thawed too early"), 1;
    return puts("consistent") < 0;
}
