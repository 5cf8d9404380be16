package dev.lull.guard;

import dev.lull.guard.Reply.Failure;
import dev.lull.lease.End;
import dev.lull.lease.Timeouts;
import dev.lull.linux.Errno;
import dev.lull.linux.Filesystem;
import dev.lull.linux.KernelException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/** What the guard says when it cannot do what it was asked: in words, and what to do next. Pure. */
final class Refusals {
    private Refusals() {}

    static Failure otherVersion(int protocol) {
        return Failure.of(
                Failure.Kind.OTHER_VERSION,
                "the guard speaks protocol " + Wire.PROTOCOL + ", not " + protocol,
                "lull guard --stop, and try again");
    }

    /** What {@link dev.lull.lease.Timeouts} says to limits that somebody asks for; empty if it takes them. */
    static Optional<Failure> outOfRange(Supplier<Timeouts> limits) {
        try {
            Timeouts _ = limits.get();
            return Optional.empty();
        } catch (IllegalArgumentException e) {
            String why = e.getMessage();
            return Optional.of(
                    Failure.of(Failure.Kind.INVALID, why == null ? "bad timeout" : why, ""));
        }
    }

    static Failure noSuchLease(String id) {
        return Failure.of(
                Failure.Kind.NO_SUCH_LEASE, "no such lease: " + id, "lull status lists the leases");
    }

    /** For somebody who is not root, and not that user. */
    static Failure belongsTo(int user, String lease) {
        return Permit.notPermitted(
                "lease " + lease + " belongs to user " + Integer.toUnsignedString(user),
                "lull status shows your own leases");
    }

    /** The path's filesystem belongs to another lease. */
    static Failure heldBy(LiveLease other, String path, long now) {
        if (other.toldStuck) {
            return stillStuck(path, isOver(other.view(now), now));
        }
        return new Failure(
                Failure.Kind.FROZEN_BY_OTHER,
                "cannot freeze "
                        + path
                        + ": "
                        + Errno.EBUSY
                        + ", lease "
                        + other.id()
                        + " of "
                        + other.request().program()
                        + " holds it",
                Optional.of(Errno.EBUSY.name()),
                Optional.of(path),
                Optional.of("lull status shows who; lull thaw " + other.id() + " ends it"),
                Optional.empty());
    }

    /** Its canary did not come back from a filesystem that no lease holds. */
    static Failure frozenBySomebody(Member member) {
        return new Failure(
                Failure.Kind.FROZEN_BY_OTHER,
                "cannot freeze "
                        + member.path()
                        + ": "
                        + Errno.EBUSY
                        + ", somebody else has frozen it",
                Optional.of(Errno.EBUSY.name()),
                Optional.of(member.path()),
                Optional.of(
                        "lull doctor --frozen shows who waits for it; lull thaw --foreign "
                                + member.path()
                                + " thaws it"),
                Optional.empty());
    }

    /** The pre-sync failed, as the freeze's own would. */
    static Failure notWrittenBack(Member member, Errno errno) {
        return new Failure(
                Failure.Kind.CANNOT_FREEZE,
                "cannot write back " + member.path() + ": " + errno,
                Optional.of(errno.name()),
                Optional.of(member.path()),
                Optional.of(
                        "the filesystem or its disk may be damaged or full; dmesg may tell more"),
                Optional.empty());
    }

    private static final String STORAGE =
            "it is thawed as soon as the kernel returns: look at its storage, dmesg, lull doctor --frozen, and "
                    + "what waits in the kernel (echo w >/proc/sysrq-trigger)";

    /** The lease is over, and the kernel does not return from what is left of it. */
    static Failure stuck(LeaseView lease, long now) {
        return new Failure(
                Failure.Kind.STUCK,
                isOver(lease, now),
                Optional.empty(),
                lease.stuck(now).stream().map(LeaseView.FilesystemView::path).findFirst(),
                Optional.of(STORAGE),
                Optional.of(lease));
    }

    private static String isOver(LeaseView lease, long now) {
        return lease.stuck(now).isEmpty()
                ? "lease " + lease.id() + " is over, and being thawed"
                : "lease "
                        + lease.id()
                        + " is over, but "
                        + lease.stuck(now).stream()
                                .map(one ->
                                        notReturned(
                                                one.call().orElse(""),
                                                one.path(),
                                                one.phaseLasts(now)))
                                .collect(Collectors.joining(", "));
    }

    /** What is said of every call that hangs. */
    static String notReturned(String call, String path, Duration since) {
        return "the kernel has not returned from "
                + call
                + " of "
                + path
                + " for "
                + since.toSeconds()
                + " s";
    }

    /** Of several leases that were to end, some cannot. */
    static Failure stuck(List<Failure> stuck, int ended) {
        return new Failure(
                Failure.Kind.STUCK,
                stuck.stream().map(Failure::message).collect(Collectors.joining("; "))
                        + (ended > 0 ? "; of the other leases " + ended + " ended" : ""),
                Optional.empty(),
                stuck.getFirst().path(),
                Optional.of(STORAGE),
                stuck.getFirst().lease());
    }

    /** A call that belongs to no lease does not return. */
    static Failure stuck(String call, String path, Duration since) {
        return new Failure(
                Failure.Kind.STUCK,
                notReturned(call, path, since),
                Optional.empty(),
                Optional.of(path),
                Optional.of(STORAGE),
                Optional.empty());
    }

    /** The path's filesystem cannot be frozen before the kernel has let go of it. */
    static Failure stillStuck(String path, String why) {
        return new Failure(
                Failure.Kind.STUCK,
                "cannot freeze " + path + ": " + Errno.EBUSY + ", " + why,
                Optional.of(Errno.EBUSY.name()),
                Optional.of(path),
                Optional.of(STORAGE),
                Optional.empty());
    }

    /** Since the client opened it. */
    static Failure unmounted(String path) {
        return new Failure(
                Failure.Kind.INVALID,
                path + " has been unmounted",
                Optional.empty(),
                Optional.of(path),
                Optional.of("if it is mounted again: try again"),
                Optional.empty());
    }

    /** Something of the client's cannot be looked at. */
    static Failure cannot(String operation, KernelException e) {
        return new Failure(
                Failure.Kind.INVALID,
                "cannot " + operation + ": " + e.getMessage(),
                Optional.of(e.errno().name()),
                Optional.of(e.subject()),
                Optional.empty(),
                Optional.empty());
    }

    /** Not even what was named could be looked at. */
    static Failure notPrepared(List<String> paths, Duration since) {
        return new Failure(
                Failure.Kind.STUCK,
                "cannot arm: the kernel has not told about "
                        + String.join(", ", paths)
                        + " for "
                        + since.toSeconds()
                        + " s",
                Optional.empty(),
                Optional.of(paths.getFirst()),
                Optional.of("nothing is frozen; does its storage, or the one below it, answer?"),
                Optional.empty());
    }

    /** The freeze failed, or ended before the whole set was frozen. */
    static Failure notFrozen(LeaseView view) {
        for (LeaseView.FilesystemView filesystem : view.filesystems()) {
            if (filesystem.errno().isEmpty() || !view.state().equals(End.FAILED.word())) {
                continue;
            }
            String errno = filesystem.errno().get();
            Failure.Kind kind =
                    switch (errno) {
                        case "EBUSY" -> Failure.Kind.FROZEN_BY_OTHER;
                        case "EPERM", "EACCES" -> Failure.Kind.NOT_PERMITTED;
                        default -> Failure.Kind.CANNOT_FREEZE;
                    };
            return new Failure(
                    kind,
                    "cannot freeze "
                            + filesystem.path()
                            + " ("
                            + filesystem.type()
                            + "): "
                            + view.reason().replaceFirst("^cannot freeze: ", ""),
                    Optional.of(errno),
                    Optional.of(filesystem.path()),
                    hint(errno, filesystem),
                    Optional.of(view));
        }
        return new Failure(
                view.state().equals(End.FAILED.word())
                        ? Failure.Kind.CANNOT_FREEZE
                        : Failure.Kind.NOT_HELD,
                "not frozen: " + view.reason(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.of(view));
    }

    private static Optional<String> hint(String errno, LeaseView.FilesystemView filesystem) {
        return switch (errno) {
            case "EBUSY" ->
                    Optional.of(
                            "somebody else has frozen it; lull doctor --frozen shows who waits for it, lull thaw --foreign "
                                    + filesystem.path()
                                    + " thaws it");
            case "ESTALE" ->
                    Optional.of(
                            "it was read-only when the freeze was prepared, and has been remounted since: try again");
            case "ETIMEDOUT" ->
                    Optional.of(
                            "the write-back took all of --within; try again, or a longer --within");
            case "EOPNOTSUPP" ->
                    Optional.of(filesystem.type() + " cannot freeze; " + Filesystem.FREEZABLE);
            default -> Optional.empty();
        };
    }

    /** EINVAL, as FIFREEZE_RESET_TIMEOUT of 2008 answers: whatever was taken under the lease is to be thrown away. */
    static Failure notHeld(LeaseView view) {
        return new Failure(
                Failure.Kind.NOT_HELD,
                "lease "
                        + view.id()
                        + " is not held: "
                        + Errno.EINVAL
                        + ", "
                        + view.state()
                        + ", "
                        + view.reason(),
                Optional.of(Errno.EINVAL.name()),
                Optional.empty(),
                Optional.of("a snapshot taken under it is not consistent: throw it away"),
                Optional.of(view));
    }
}
