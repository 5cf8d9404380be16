# lull run -- python3 docs/examples/freeze.py /srv
import fcntl, os, struct, sys

FIFREEZE, FITHAW, FIFREEZE_RESET_TIMEOUT = 0xC0045877, 0xC0045878, 0x0003
ten_seconds = struct.pack("l", 10)
fd = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECTORY)
fcntl.ioctl(fd, FIFREEZE, ten_seconds)
# … the first half of the snapshot …
fcntl.ioctl(fd, FIFREEZE_RESET_TIMEOUT, ten_seconds)  # OSError EINVAL: not frozen any more
# … the second half …
fcntl.ioctl(fd, FITHAW, 0)  # OSError EINVAL: was thawed too early
print("consistent")
