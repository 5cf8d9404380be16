package dev.lull.linux;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** Loop devices (loop(4), include/uapi/linux/loop.h). */
final class Loop {
    private static final Path CONTROL = Path.of("/dev/loop-control");

    /** Another process may take the free device first: ask again, but not for ever. */
    private static final int ATTEMPTS = 64;

    // struct loop_config: fd, block_size, struct loop_info64, reserved[8]
    private static final int CONFIG = 304;
    private static final int CONFIG_INFO = 8;

    // struct loop_info64
    private static final int INFO = 232;
    private static final int INFO_INODE = 8;
    private static final int INFO_FLAGS = 52;
    private static final int INFO_FILE_NAME = 56;
    private static final int FILE_NAME = 64;

    private static final int LO_FLAGS_READ_ONLY = 1;
    private static final int LO_FLAGS_AUTOCLEAR = 4;

    private Loop() {}

    static LoopDevice attach(LinuxKernel kernel, Descriptor backingFile, boolean readOnly)
            throws KernelException {
        try (Descriptor control = kernel.openReadWrite(CONTROL)) {
            for (int attempt = 1; ; attempt++) {
                long free =
                        SystemCall.check(
                                SystemCall.call(
                                        Scratch.of(),
                                        Abi.IOCTL,
                                        control.number(),
                                        Ioctl.LOOP_CTL_GET_FREE),
                                "LOOP_CTL_GET_FREE",
                                control.name());
                Path path = Path.of("/dev/loop" + free);
                Descriptor device = readOnly ? kernel.openRead(path) : kernel.openReadWrite(path);
                try {
                    configure(device, backingFile, readOnly);
                    return new LoopDevice(path, device);
                } catch (KernelException e) {
                    LinuxKernel.closeAfter(device, e);
                    if (!e.errno().equals(Errno.EBUSY) || attempt == ATTEMPTS) {
                        throw e;
                    }
                } catch (RuntimeException | Error e) {
                    LinuxKernel.closeAfter(device, e);
                    throw e;
                }
            }
        }
    }

    private static void configure(Descriptor device, Descriptor backingFile, boolean readOnly)
            throws KernelException {
        Scratch scratch = Scratch.of(CONFIG);
        int config = scratch.reserve(CONFIG);
        scratch.putInt(config, backingFile.number());
        fillInfo(scratch, config + CONFIG_INFO, backingFile, readOnly);
        long result = ioctl(scratch, device, Ioctl.LOOP_CONFIGURE, scratch.address(config));
        if (result == -Errno.EINVAL.number() || result == -Errno.ENOTTY.number()) {
            // Before Linux 5.8 there is no LOOP_CONFIGURE.
            configureInTwoSteps(device, backingFile, readOnly);
            return;
        }
        SystemCall.check(result, "LOOP_CONFIGURE", device.name());
    }

    private static void configureInTwoSteps(
            Descriptor device, Descriptor backingFile, boolean readOnly) throws KernelException {
        SystemCall.check(
                ioctl(Scratch.of(), device, Ioctl.LOOP_SET_FD, backingFile.number()),
                "LOOP_SET_FD",
                device.name());
        Scratch scratch = Scratch.of(INFO);
        int info = scratch.reserve(INFO);
        fillInfo(scratch, info, backingFile, readOnly);
        long result = ioctl(scratch, device, Ioctl.LOOP_SET_STATUS64, scratch.address(info));
        if (result < 0) {
            // Without AUTOCLEAR it would outlive us.
            ioctl(scratch, device, Ioctl.LOOP_CLR_FD, 0);
        }
        SystemCall.check(result, "LOOP_SET_STATUS64", device.name());
    }

    private static void fillInfo(
            Scratch scratch, int info, Descriptor backingFile, boolean readOnly) {
        scratch.putInt(info + INFO_FLAGS, LO_FLAGS_AUTOCLEAR | (readOnly ? LO_FLAGS_READ_ONLY : 0));
        byte[] name = backingFile.name().getBytes(StandardCharsets.UTF_8);
        scratch.memory().put(info + INFO_FILE_NAME, name, 0, Math.min(name.length, FILE_NAME - 1));
    }

    static void detach(Descriptor device) throws KernelException {
        SystemCall.check(
                ioctl(Scratch.of(), device, Ioctl.LOOP_CLR_FD, 0), "LOOP_CLR_FD", device.name());
    }

    static LoopStatus status(Descriptor device) throws KernelException {
        Scratch scratch = Scratch.of(INFO);
        int info = scratch.reserve(INFO);
        SystemCall.check(
                ioctl(scratch, device, Ioctl.LOOP_GET_STATUS64, scratch.address(info)),
                "LOOP_GET_STATUS64",
                device.name());
        long encoded = scratch.getLong(info);
        int flags = scratch.getInt(info + INFO_FLAGS);
        return new LoopStatus(
                decode(encoded),
                scratch.getLong(info + INFO_INODE),
                (flags & LO_FLAGS_READ_ONLY) != 0,
                (flags & LO_FLAGS_AUTOCLEAR) != 0,
                new String(
                        scratch.stringAt(info + INFO_FILE_NAME, FILE_NAME),
                        StandardCharsets.UTF_8));
    }

    /** huge_encode_dev() of include/linux/kdev_t.h: minor's low byte, 12 bits of major, minor's rest. */
    private static DeviceNumber decode(long encoded) {
        int number = (int) encoded;
        return new DeviceNumber(
                (number >>> 8) & 0xFFF, (number & 0xFF) | ((number >>> 12) & 0xF_FF00));
    }

    private static long ioctl(Scratch scratch, Descriptor device, long request, long argument) {
        return SystemCall.call(scratch, Abi.IOCTL, device.number(), request, argument);
    }
}
