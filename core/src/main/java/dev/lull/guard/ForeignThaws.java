package dev.lull.guard;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Errno;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Thaws that somebody asked for by name, of filesystems that no lease holds. Each can block for good, so it has a thread
 * of its own; all else belongs to the guard's loop.
 */
final class ForeignThaws {
    private final Kernel kernel;
    private final Mailbox mailbox;
    private final List<UnderWay> underWay = new ArrayList<>();

    /** One whose FITHAW has not returned. */
    private static final class UnderWay {
        private final Connection connection;
        private final String path;
        private final long since;
        private boolean told;

        UnderWay(Connection connection, String path, long since) {
            this.connection = connection;
            this.path = path;
            this.since = since;
        }

        Duration lasts(long now) {
            return Duration.ofNanos(now - since);
        }
    }

    ForeignThaws(Kernel kernel, Mailbox mailbox) {
        this.kernel = kernel;
        this.mailbox = mailbox;
    }

    boolean isEmpty() {
        return underWay.isEmpty();
    }

    /** @param directory closed once it is thawed */
    void start(Connection connection, String path, Descriptor directory, long now) {
        underWay.add(new UnderWay(connection, path, now));
        Thread thread =
                new Thread(
                        null,
                        () -> {
                            Optional<Errno> errno = Optional.empty();
                            try (directory) {
                                kernel.thaw(directory);
                            } catch (KernelException e) {
                                errno = Optional.of(e.errno());
                            }
                            mailbox.post(new Note.ForeignThawReturned(connection, path, errno));
                        },
                        "thaw",
                        256 * 1024);
        thread.setDaemon(true);
        thread.start();
    }

    void returned(Note.ForeignThawReturned note) {
        for (UnderWay one : List.copyOf(underWay)) {
            if (one.connection == note.connection() && one.path.equals(note.path())) {
                underWay.remove(one);
                if (!one.told) {
                    one.connection.reply(reply(note));
                }
                return;
            }
        }
    }

    private static Reply reply(Note.ForeignThawReturned note) {
        if (note.errno().isEmpty()) {
            return new Reply.Ended(List.of());
        }
        Errno errno = note.errno().get();
        return new Reply.Failure(
                Reply.Failure.Kind.NOT_HELD,
                "cannot thaw " + note.path() + ": " + errno,
                Optional.of(errno.name()),
                Optional.of(note.path()),
                errno.equals(Errno.EINVAL) ? Optional.of("it is not frozen") : Optional.empty(),
                Optional.empty());
    }

    /** Tells those who wait for one that is stuck. */
    void tick(long now) {
        for (UnderWay one : underWay) {
            if (!one.told && one.lasts(now).compareTo(LeaseView.STUCK) >= 0) {
                one.told = true;
                one.connection.reply(Refusals.stuck("FITHAW", one.path, one.lasts(now)));
            }
        }
    }

    /** What is stuck, in words. */
    List<String> stuck(long now) {
        return underWay.stream()
                .filter(one -> one.told)
                .map(one ->
                        "thaw --foreign: "
                                + Refusals.notReturned("FITHAW", one.path, one.lasts(now)))
                .toList();
    }
}
