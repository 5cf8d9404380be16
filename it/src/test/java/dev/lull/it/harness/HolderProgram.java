package dev.lull.it.harness;

import dev.lull.freeze.FreezeSet;
import dev.lull.freeze.Freezer;
import dev.lull.freeze.Lease;
import dev.lull.lease.Timeouts;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/** A program that holds a lease through the library and then writes to what it has frozen itself. */
public final class HolderProgram {
    private HolderProgram() {}

    /**
     * Prints {@code frozen}, and {@code held} or {@code not held} when the lease has ended.
     *
     * @param arguments the timeout in milliseconds, and the directory
     */
    public static void main(String[] arguments) throws Exception {
        Path directory = Path.of(arguments[1]);
        Timeouts timeouts = Timeouts.of(Duration.ofMillis(Long.parseLong(arguments[0])));
        try (FreezeSet set = FreezeSet.of(directory);
                Lease lease = Freezer.system().freeze(set, timeouts)) {
            Thread.ofPlatform().daemon().start(() -> write(directory.resolve("mine")));
            System.out.println("frozen");
            System.out.println(lease.awaitEnd().held() ? "held" : "not held");
        }
    }

    private static void write(Path file) {
        try {
            Files.createFile(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
