package dev.lull.participant.process;

import dev.lull.freeze.FreezeException;
import dev.lull.freeze.GuardClient;
import dev.lull.guard.Reply;
import dev.lull.guard.Request;
import dev.lull.guard.Wire;
import dev.lull.linux.Descriptor;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.LinuxKernel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Registers this process with the guard, to be brought to rest for every backup of some filesystems:
 *
 * {@snippet :
 * try (Registration shop =
 *         Registration.open("shop", List.of(Path.of("/srv/shop")), Duration.ofSeconds(5), application)) {
 *     serve();
 * }
 * }
 *
 * A thread of its own waits for what is asked, also across restarts of the guard; until there is one again, backups are
 * taken without this process. Needs root, or a policy that lets the user be a participant.
 *
 * <p>Whoever is at rest goes on when the guard's connection is lost, and when the time is over: nothing that dies or hangs
 * elsewhere keeps an application at rest.
 */
public final class Registration implements AutoCloseable {
    private static final Duration RETRY = Duration.ofSeconds(2);
    private static final Duration REGISTERING = Duration.ofSeconds(30);
    private static final int LONGEST_MESSAGE = 1024;

    private final Kernel kernel;
    private final Path directory;
    private final Request.Register request;
    private final List<Path> paths;
    private final Application application;
    private final CountDownLatch closing = new CountDownLatch(1);
    private final AtomicReference<@Nullable GuardClient> guard = new AtomicReference<>();
    private final Thread thread;
    private boolean atRest;

    private Registration(
            Kernel kernel,
            Path directory,
            String name,
            List<Path> paths,
            Duration limit,
            Application application) {
        this.kernel = kernel;
        this.directory = directory;
        this.paths = List.copyOf(paths);
        this.request =
                new Request.Register(
                        Wire.PROTOCOL,
                        name,
                        limit,
                        paths.stream().map(path -> path.toAbsolutePath().toString()).toList());
        this.application = application;
        this.thread = Thread.ofPlatform().daemon().name("lull-" + name).unstarted(this::run);
    }

    /**
     * Registers, and returns once that is done.
     *
     * @param name what to call the application on the screen and in manifests, from 1 to 64 characters
     * @param paths directories or files on the filesystems that matter to it
     * @param limit how long {@link Application#rest()} and {@link Application#resume()} may take each: from then on a
     *     backup does not wait for it, and fails
     * @throws FreezeException if it may not register, or there is no guard and none can be started
     * @throws KernelException if a path cannot be opened
     */
    public static Registration open(
            String name, List<Path> paths, Duration limit, Application application)
            throws FreezeException, KernelException {
        return open(new LinuxKernel(), GuardClient.DIRECTORY, name, paths, limit, application);
    }

    /** On another kernel, or with a guard that has its socket elsewhere: for tests. */
    static Registration open(
            Kernel kernel,
            Path directory,
            String name,
            List<Path> paths,
            Duration limit,
            Application application)
            throws FreezeException, KernelException {
        Registration registration =
                new Registration(kernel, directory, name, paths, limit, application);
        registration.register();
        registration.thread.start();
        return registration;
    }

    private void register() throws FreezeException, KernelException {
        List<Descriptor> opened = new ArrayList<>();
        try {
            for (Path path : paths) {
                opened.add(kernel.openRead(path));
            }
            GuardClient client = GuardClient.connect(kernel, directory);
            try {
                client.call(request, opened, Optional.of(REGISTERING));
            } catch (FreezeException e) {
                throw client.closing(e);
            }
            guard.set(client);
        } finally {
            Descriptor.closeAll(opened);
        }
    }

    private void run() {
        try {
            serve();
            while (!closing.await(RETRY.toMillis(), TimeUnit.MILLISECONDS)) {
                registerAgain();
                serve();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void registerAgain() {
        try {
            register();
        } catch (FreezeException | KernelException e) {
            // No guard, one that refuses us now, or a path that is gone: the next look will tell.
            guard.set(null);
        }
    }

    /** Until the connection is lost, if there is one; its end lets everybody go on. */
    private void serve() {
        GuardClient client = guard.get();
        if (client == null) {
            return;
        }
        try (client) {
            Duration longest = Duration.ZERO;
            while (closing.getCount() > 0) {
                // A guard that says nothing in time is as good as none: the call's limit ends the
                // connection.
                Optional<Duration> limit = atRest ? Optional.of(longest) : Optional.empty();
                Reply.Ordered ordered =
                        (Reply.Ordered) client.call(new Request.Await(), List.of(), limit);
                longest = ordered.longest();
                client.call(
                        switch (ordered.order()) {
                            case REST -> rest();
                            case RESUME -> resume();
                        });
            }
        } catch (FreezeException e) {
            // It was stopped or killed, or hangs: there will be another.
            guard.set(null);
        } finally {
            goOn();
        }
    }

    private Request.Answer rest() {
        atRest = true;
        try {
            return answer(Request.Answer.Outcome.DONE, "", application.rest());
        } catch (Exception e) {
            return failed(e);
        }
    }

    private Request.Answer resume() {
        if (!atRest) {
            return answer(Request.Answer.Outcome.NOT_AT_REST, "it had gone on before", Map.of());
        }
        atRest = false;
        try {
            application.resume();
            return answer(Request.Answer.Outcome.DONE, "", Map.of());
        } catch (Exception e) {
            return failed(e);
        }
    }

    private void goOn() {
        if (atRest) {
            Request.Answer _ = resume();
        }
    }

    private static Request.Answer failed(Exception e) {
        String message = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
        return answer(
                Request.Answer.Outcome.FAILED,
                message.substring(0, Math.min(LONGEST_MESSAGE, message.length())),
                Map.of());
    }

    private static Request.Answer answer(
            Request.Answer.Outcome outcome, String message, Map<String, String> evidence) {
        return new Request.Answer(outcome, message, evidence);
    }

    /** Leaves; the application goes on if it is at rest. Returns when its thread has ended. Idempotent. */
    @Override
    public void close() throws FreezeException {
        closing.countDown();
        GuardClient client = guard.get();
        try {
            if (client != null) {
                client.close();
            }
        } finally {
            join();
        }
    }

    private void join() {
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
