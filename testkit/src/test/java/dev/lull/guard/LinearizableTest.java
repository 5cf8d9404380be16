package dev.lull.guard;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.lease.End;
import dev.lull.linux.Descriptor;
import dev.lull.testkit.FakeFilesystem;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.StressOptions;
import org.jetbrains.lincheck.datastructures.Validate;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The guard with all its threads, asked by several clients at once while the deadline comes, the holder leaves, or
 * somebody else thaws: what they are told must be what they would have been told one after the other, in some order.
 */
class LinearizableTest {
    private static final Duration LIMIT = Duration.ofSeconds(5);
    private static final Duration STEP = Duration.ofMillis(20);
    private static final AtomicInteger LIVES = new AtomicInteger();

    @Test
    @Timeout(600)
    void whatHappensToADetachedLeaseHappensInOneOrder() {
        check(Detached.class, DetachedModel.class);
    }

    @Test
    @Timeout(600)
    void whatHappensToAnAttachedLeaseHappensInOneOrder() {
        check(Attached.class, AttachedModel.class);
    }

    private static void check(Class<?> guard, Class<?> model) {
        int before = LIVES.get();
        new StressOptions()
                .iterations(10)
                .invocationsPerIteration(25)
                .threads(3)
                .actorsPerThread(2)
                .actorsBefore(0)
                .actorsAfter(1)
                .minimizeFailedScenario(false)
                .sequentialSpecification(model)
                .check(guard);
        System.out.println(
                "linearizable: "
                        + (LIVES.get() - before)
                        + " lives of a lease, each with seven operations of three clients; violations: 0");
    }

    /** A guard with one frozen lease. Lincheck makes one for each invocation. */
    public abstract static class OneLease {
        final GuardHost host;
        final FakeFilesystem srv;
        final GuardHost.Client holder;
        final String lease;
        private final Path directory;

        OneLease(boolean attached) throws IOException {
            LIVES.incrementAndGet();
            directory = Files.createTempDirectory("lull");
            host = new GuardHost(directory);
            srv = host.filesystem("ext4", "/srv");
            holder = host.new Client();
            lease = freeze(attached);
        }

        private String freeze(boolean attached) throws IOException {
            try (Descriptor top = host.kernel.openDirectory(srv.mountPoint())) {
                Request.Arm arm =
                        new Request.Arm(
                                Wire.PROTOCOL,
                                List.of(srv.mountPoint().toString()),
                                attached,
                                LIMIT,
                                Optional.of(LIMIT),
                                false,
                                false,
                                "test");
                String id = ((Reply.Armed) holder.call(arm, top)).lease().id();
                assertThat(holder.call(new Request.Freeze(id))).isInstanceOf(Reply.Frozen.class);
                return id;
            }
        }

        /** @return whether it was */
        @Operation
        public boolean extend() throws IOException {
            try (GuardHost.Client client = host.new Client()) {
                return client.call(new Request.Extend(lease, Optional.empty()))
                        instanceof Reply.Extended;
            }
        }

        /** @return how it had ended when this was answered */
        @Operation
        public String thaw() throws IOException {
            try (GuardHost.Client client = host.new Client()) {
                client.call(new Request.Thaw(Optional.of(lease), Optional.empty(), false, false));
            }
            return end();
        }

        /** Until the deadline has come, however often it is put off meanwhile. */
        @Operation
        public void expire() {
            // Each look is a turn of the guard's: it is not to be late because the test is loaded.
            while (!host.status().leases().isEmpty()) {
                host.clock.advance(STEP);
                LockSupport.parkNanos(100_000);
            }
        }

        String end() throws IOException {
            try (GuardHost.Client client = host.new Client()) {
                Reply.Ended ended = (Reply.Ended) client.call(new Request.Wait(lease));
                return ended.leases().getFirst().state();
            }
        }

        @Validate
        public void nothingStaysFrozen() throws IOException {
            expire();
            assertThat(srv.isFrozen()).isFalse();
            host.close();
            try (Stream<Path> all = Files.walk(directory)) {
                for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(path);
                }
            }
        }
    }

    public static final class Detached extends OneLease {
        public Detached() throws IOException {
            super(false);
        }

        @Operation
        public void thawByOthers() throws IOException {
            srv.thawByOthersIfFrozen();
            end();
        }
    }

    public static final class Attached extends OneLease {
        public Attached() throws IOException {
            super(true);
        }

        @Operation(runOnce = true)
        public void leave() throws IOException {
            holder.close();
            end();
        }
    }

    /** What is promised. */
    public abstract static class Model {
        private final End ofThaw;
        private @Nullable End end;

        Model(End ofThaw) {
            this.ofThaw = ofThaw;
        }

        void end(End how) {
            if (end == null) {
                end = how;
            }
        }

        public boolean extend() {
            return end == null;
        }

        public String thaw() {
            end(ofThaw);
            return end == null ? "" : end.word();
        }

        public void expire() {
            end(End.EXPIRED);
        }
    }

    public static final class DetachedModel extends Model {
        public DetachedModel() {
            super(End.RELEASED);
        }

        public void thawByOthers() {
            end(End.LOST);
        }
    }

    public static final class AttachedModel extends Model {
        public AttachedModel() {
            super(End.REVOKED);
        }

        public void leave() {
            end(End.ABANDONED);
        }
    }
}
