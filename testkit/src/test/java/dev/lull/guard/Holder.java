package dev.lull.guard;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.PollInterest;
import dev.lull.testkit.FakeFilesystem;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.Nullable;

/**
 * A client that is a process of its own, so that it can be killed and stopped, and whose messages can be lost. The test
 * tells it what to ask; it hangs up when the test gives up on an answer.
 */
final class Holder {
    private static final Duration LOOK = Duration.ofMillis(1);

    /** A call, and what has become of it. */
    static final class Call {
        private final @Nullable Request request;
        private final List<FakeFilesystem> passed;
        private volatile Optional<Reply> answer = Optional.empty();
        private volatile boolean over;
        private volatile boolean givenUp;

        private Call(@Nullable Request request, List<FakeFilesystem> passed) {
            this.request = request;
            this.passed = passed;
        }

        /** Whether there is nothing more to wait for. */
        boolean over() {
            return over;
        }

        Optional<Reply> answer() {
            return answer;
        }

        void giveUp() {
            givenUp = true;
        }
    }

    private final Path guard;
    private final BlockingQueue<Call> calls = new LinkedBlockingQueue<>();
    private final Frames frames = new Frames(Wire.MAX_REPLY);
    private volatile @Nullable Descriptor socket;

    Holder(Path guard) {
        this.guard = guard;
    }

    /** What the process does. */
    void run(Kernel kernel) {
        for (Call call = next(); call.request != null; call = next()) {
            try {
                call.answer = answer(kernel, call, call.request);
                if (call.answer.isEmpty()) {
                    hangUp();
                }
            } catch (KernelException | WireException | IllegalStateException e) {
                // As a client that meets an error does; a descriptor that somebody has closed is
                // one too.
                hangUp();
            } finally {
                call.over = true;
            }
        }
        hangUp();
    }

    private Call next() {
        try {
            return calls.take();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private Optional<Reply> answer(Kernel kernel, Call call, Request request)
            throws KernelException, WireException {
        Descriptor open = socket;
        if (open == null) {
            open = kernel.connect(guard);
            socket = open;
        }
        List<Descriptor> directories = new ArrayList<>();
        for (FakeFilesystem filesystem : call.passed) {
            directories.add(kernel.openDirectory(filesystem.mountPoint()));
        }
        ByteBuffer out = ByteBuffer.wrap(Wire.encode(request));
        List<Descriptor> withFirstByte = directories;
        while (out.hasRemaining()) {
            kernel.send(open, out, withFirstByte);
            withFirstByte = List.of();
        }
        for (Descriptor directory : directories) {
            directory.close();
        }
        ByteBuffer in = ByteBuffer.allocate(1 << 16);
        while (!call.givenUp) {
            if (kernel.poll(List.of(PollInterest.readable(open)), LOOK)[0] == 0) {
                continue;
            }
            if (kernel.receive(open, in.clear(), new ArrayList<>()) < 0) {
                return Optional.empty();
            }
            byte[] message = frames.next(in.flip());
            if (message != null) {
                return Optional.of(Wire.reply(message, request));
            }
        }
        return Optional.empty();
    }

    /** Has it ask. */
    Call ask(Request request, FakeFilesystem... passed) {
        Call call = new Call(request, List.of(passed));
        calls.add(call);
        return call;
    }

    /** Closes its connection, from whichever thread. */
    void hangUp() {
        Descriptor open = socket;
        if (open != null) {
            try {
                open.close();
            } catch (KernelException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    /** Has it end, unless it is killed anyway. */
    void end() {
        calls.add(new Call(null, List.of()));
    }
}
