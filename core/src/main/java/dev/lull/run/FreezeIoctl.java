package dev.lull.run;

import dev.lull.freeze.CannotFreezeException;
import dev.lull.freeze.FreezeException;
import dev.lull.freeze.FrozenByOtherException;
import dev.lull.freeze.GuardClient;
import dev.lull.freeze.InvalidRequestException;
import dev.lull.freeze.NotHeldException;
import dev.lull.freeze.NotPermittedException;
import dev.lull.guard.LeaseView;
import dev.lull.guard.Reply;
import dev.lull.guard.Request;
import dev.lull.guard.Wire;
import dev.lull.lease.End;
import dev.lull.lease.Timeouts;
import dev.lull.linux.Descriptor;
import dev.lull.linux.Errno;
import dev.lull.linux.FileStatus;
import dev.lull.linux.Filesystem;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.Mount;
import dev.lull.linux.TrappedIoctl;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Stream;

/**
 * One trapped ioctl, from the caller's descriptor to its errno. May wait for the storage, and for the caller's memory:
 * each has a thread of its own.
 *
 * <p>What is frozen is what the caller's descriptor referred to when it was taken: another thread of the caller can close
 * and reopen the number, and change the argument, without any effect after that. The caller's rights are looked at, and
 * its descriptor taken, while its call is known to be pending.
 */
final class FreezeIoctl implements Runnable {
    /** Arming writes back what is dirty, which no one can say how long it takes. */
    private static final Duration ARMING = Duration.ofMinutes(30);

    /** On top of {@code within}: until what was frozen is thawed again, and the guard has said so. */
    private static final Duration UNDOING = Duration.ofSeconds(30);

    /**
     * What the guard says of a freeze, and FIFREEZE of none: that it was thawed meanwhile, that the write-back took all
     * the time, that it has been remounted since it was looked at. Where one of them comes, it was not frozen in time.
     */
    private static final Set<Errno> NOT_OF_FREEZE =
            Set.of(Errno.EINVAL, Errno.ETIMEDOUT, Errno.ESTALE);

    private static final String FROZEN = "frozen";
    private static final Set<String> NOT_YET = Set.of("armed", "freezing");

    private final Kernel kernel;
    private final Path directory;
    private final Descriptor listener;
    private final TrappedIoctl ioctl;
    private final RunLimits limits;
    private final HeldLeases held;
    private final Runnable changed;
    private final SystemLog log;

    /** @param changed is run when a lease was added to {@code held} */
    FreezeIoctl(
            Kernel kernel,
            Path directory,
            Descriptor listener,
            TrappedIoctl ioctl,
            RunLimits limits,
            HeldLeases held,
            Runnable changed,
            SystemLog log) {
        this.kernel = kernel;
        this.directory = directory;
        this.listener = listener;
        this.ioctl = ioctl;
        this.limits = limits;
        this.held = held;
        this.changed = changed;
        this.log = log;
    }

    /** What the caller's ioctl fails with. */
    private static final class Refusal extends Exception {
        private static final long serialVersionUID = 1L;

        private final transient Errno errno;

        Refusal(Errno errno) {
            super(errno.name());
            this.errno = errno;
        }
    }

    /** The caller is gone, and nobody waits for an answer. */
    private static final class CallerGone extends Exception {
        private static final long serialVersionUID = 1L;
    }

    /** Answers before it says anything in the log: that can be slow, and the caller waits. */
    @Override
    public void run() {
        try {
            perform();
        } catch (CallerGone gone) {
            return;
        } catch (Refusal refusal) {
            answer(Optional.of(refusal.errno));
        } catch (FreezeException e) {
            Errno errno = errno(e);
            answer(Optional.of(errno));
            if (errno.equals(Errno.EIO)) {
                log.error(e.getMessage() + e.hint().map(hint -> "; hint: " + hint).orElse(""));
            }
        } catch (KernelException e) {
            answer(Optional.of(Errno.EIO));
            if (!gone(e)) {
                log.error("cannot perform a program's ioctl: " + e.getMessage());
            }
        } catch (RuntimeException e) {
            answer(Optional.of(Errno.EIO));
            log.error("cannot perform a program's ioctl, this is a bug: " + e);
        }
    }

    private void perform() throws FreezeException, KernelException, Refusal, CallerGone {
        boolean administrator = kernel.isAdministrator(ioctl.thread());
        if (!administrator) {
            // The kernel refuses it, and knows best with what. It cannot become one while it waits.
            kernel.letThrough(listener, ioctl);
            return;
        }
        try (Descriptor file = kernel.takeDescriptor(ioctl.thread(), ioctl.descriptor())) {
            requirePending();
            perform(file);
        } catch (KernelException e) {
            if (e.errno().equals(Errno.EBADF)) {
                throw new Refusal(Errno.EBADF);
            }
            throw e;
        }
    }

    private void perform(Descriptor file)
            throws FreezeException, KernelException, Refusal, CallerGone {
        FileStatus status = kernel.status(file);
        boolean ordinary = status.isDirectory() || status.isRegularFile();
        switch (ioctl.request()) {
            case FREEZE -> {
                if (!ordinary) {
                    // The kernel would look at the filesystem of a device's node, or at a pipe's.
                    throw new Refusal(Errno.EOPNOTSUPP);
                }
                freeze(file, status);
            }
            case THAW -> {
                if (ordinary) {
                    thaw(file, status);
                } else {
                    kernel.letThrough(listener, ioctl);
                }
            }
            case RESET_TIMEOUT -> {
                if (ordinary) {
                    reset(file, status);
                } else {
                    kernel.letThrough(listener, ioctl);
                }
            }
        }
    }

    private void freeze(Descriptor file, FileStatus status)
            throws FreezeException, KernelException, Refusal, CallerGone {
        Caller caller = Caller.of(kernel, ioctl.thread());
        OptionalInt asked = argument(kernel, ioctl);
        requirePending();
        Timeouts timeouts = new Timeouts(Timeouts.DEFAULT_WITHIN, limits.ofFreeze(asked));
        Request arm =
                new Request.Arm(
                        Wire.PROTOCOL,
                        List.of(path(file)),
                        false,
                        timeouts.within(),
                        timeouts.timeout(),
                        true,
                        true,
                        caller.words());
        Descriptor process = kernel.openProcess(caller.pid());
        boolean watched = false;
        try (Descriptor readable = status.isDirectory() ? file : readable(file);
                GuardClient guard = GuardClient.connect(kernel, directory)) {
            Reply.Armed armed =
                    (Reply.Armed) guard.call(arm, List.of(readable), Optional.of(ARMING));
            // Nobody may be left to freeze for; what is only armed ends with the connection.
            requirePending();
            String lease = armed.lease().id();
            boolean told = false;
            try {
                guard.call(
                        new Request.Freeze(lease),
                        List.of(),
                        Optional.of(timeouts.within().plus(UNDOING)));
                // First: once the caller knows, it can be killed.
                held.add(lease, caller.pid(), process);
                watched = true;
                changed.run();
                told = kernel.answer(listener, ioctl, Optional.empty());
            } finally {
                // Nothing stays frozen for a caller that is told of a failure, whatever it was.
                if (!told) {
                    held.abandon(lease);
                }
            }
        } finally {
            if (!watched) {
                process.close();
            }
        }
    }

    /** The guard needs no right to write. */
    private Descriptor readable(Descriptor file) throws KernelException {
        return kernel.openRead(Path.of("/proc/self/fd/" + file.number()));
    }

    private void thaw(Descriptor file, FileStatus status)
            throws FreezeException, KernelException, Refusal {
        String path = path(file);
        Request thaw = new Request.Thaw(Optional.empty(), Optional.of(path), false, true);
        Set<String> devices = devices(file, status);
        try (GuardClient guard = GuardClient.connect(kernel, directory)) {
            if (leases(guard, devices).anyMatch(lease -> NOT_YET.contains(lease.state()))) {
                // As of a freeze that has not returned: it is not disturbed (fs/super.c,
                // thaw_super).
                throw new Refusal(Errno.EINVAL);
            }
            List<LeaseView> ended = thaw(guard, thaw, file);
            if (ended.stream().anyMatch(lease -> lease.state().equals(End.LOST.word()))) {
                // Somebody had thawed it before. If it is frozen, it was frozen again.
                ended = thaw(guard, thaw, file);
            }
            boolean thawed =
                    ended.stream()
                            .allMatch(lease ->
                                    lease.state().equals(End.RELEASED.word())
                                            || lease.state().equals(End.REVOKED.word()));
            answer(thawed ? Optional.empty() : Optional.of(Errno.EINVAL));
        }
    }

    private static List<LeaseView> thaw(GuardClient guard, Request thaw, Descriptor file)
            throws FreezeException {
        Reply reply = guard.call(thaw, List.of(file), Optional.of(GuardClient.THAWING));
        return ((Reply.Ended) reply).leases();
    }

    private void reset(Descriptor file, FileStatus status)
            throws FreezeException, KernelException, Refusal, CallerGone {
        int seconds = argument(kernel, ioctl).orElseThrow(() -> new Refusal(Errno.EFAULT));
        requirePending();
        if (seconds < 0) {
            throw new Refusal(Errno.EINVAL);
        }
        Set<String> devices = devices(file, status);
        try (GuardClient guard = GuardClient.connect(kernel, directory)) {
            String lease =
                    leases(guard, devices)
                            .filter(one -> one.state().equals(FROZEN))
                            .findFirst()
                            .map(LeaseView::id)
                            .orElseThrow(() -> new Refusal(Errno.EINVAL));
            guard.call(new Request.Extend(lease, Optional.of(limits.ofReset(seconds))));
            answer(Optional.empty());
        }
    }

    /** The leases on a filesystem that have not ended. */
    private static Stream<LeaseView> leases(GuardClient guard, Set<String> devices)
            throws FreezeException {
        return guard.status().leases().stream()
                .filter(lease ->
                        lease.filesystems().stream()
                                .anyMatch(one -> devices.contains(one.device())));
    }

    /** What the guard may know the filesystem by: btrfs has another number in the mount table than in stat(2). */
    private Set<String> devices(Descriptor file, FileStatus status) throws KernelException {
        List<Mount> table = kernel.mounts();
        String known = Filesystem.of(kernel, file, table).device().toString();
        String own = status.device().toString();
        return known.equals(own) ? Set.of(own) : Set.of(known, own);
    }

    /**
     * The low 32 bits of what the third argument points to; empty if it cannot be read. xfs_freeze(8) passes an int, so
     * whatever stands behind it is not looked at.
     */
    static OptionalInt argument(Kernel kernel, TrappedIoctl ioctl) throws KernelException {
        if (ioctl.argument() == 0) {
            return OptionalInt.empty();
        }
        try {
            byte[] bytes = kernel.readMemory(ioctl.thread(), ioctl.argument(), Integer.BYTES);
            return OptionalInt.of(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt());
        } catch (KernelException e) {
            if (e.errno().equals(Errno.EFAULT)) {
                return OptionalInt.empty();
            }
            throw e;
        }
    }

    /** How a filesystem is called on the screen; it is found by the descriptor alone. */
    private static String path(Descriptor file) {
        try {
            return Files.readSymbolicLink(Path.of("/proc/self/fd/" + file.number())).toString();
        } catch (IOException e) {
            return file.name();
        }
    }

    private void requirePending() throws KernelException, CallerGone {
        if (!kernel.isPending(listener, ioctl)) {
            throw new CallerGone();
        }
    }

    private void answer(Optional<Errno> failure) {
        try {
            kernel.answer(listener, ioctl, failure);
        } catch (KernelException e) {
            log.error("cannot answer a program's ioctl: " + e.getMessage());
        }
    }

    private static boolean gone(KernelException e) {
        return e.errno().equals(Errno.ESRCH) || e.errno().equals(Errno.ENOENT);
    }

    /** What the kernel would have said. */
    private Errno errno(FreezeException e) {
        boolean freeze = ioctl.request() == TrappedIoctl.Request.FREEZE;
        Optional<Errno> told =
                e.errno()
                        .flatMap(Errno::named)
                        .filter(errno -> !(freeze && NOT_OF_FREEZE.contains(errno)));
        return switch (e) {
            case FrozenByOtherException _ -> Errno.EBUSY;
            case NotPermittedException _ -> Errno.EPERM;
            // Of a freeze: somebody has thawed it before it was all frozen.
            case NotHeldException _ -> told.orElse(freeze ? Errno.EBUSY : Errno.EINVAL);
            // A limit that the policy does not grant, say.
            case InvalidRequestException _ -> told.orElse(Errno.EIO);
            // Without one, it was not frozen in the time allowed.
            case CannotFreezeException _ -> told.orElse(Errno.EBUSY);
            default -> Errno.EIO;
        };
    }
}
