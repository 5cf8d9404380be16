package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.GuardProbe;
import dev.lull.it.harness.JavaProgram;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.TestNamespace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Applications that have registered with the guard: the Python example of the documentation, and the Java class. */
class RegisteredProcessIT {
    private static final Path EXAMPLE =
            TestNamespace.sourceTree().resolve("docs/examples/participant.py");
    private static final Path HOOK = Path.of("/var/lib/lull/it-slow-hook");

    private ScratchFilesystem store;
    private ScratchFilesystem origin;
    private Path target;
    private Process shop;

    @BeforeEach
    void start() throws IOException {
        store = ScratchFilesystem.of(FilesystemType.XFS).mebibytes(512).make();
        origin = ScratchFilesystem.of(FilesystemType.EXT4).on(store).make();
        target = TestNamespace.current().directory("target");
        GuardProbe.start();
        shop =
                new ProcessBuilder(
                                "python3",
                                EXAMPLE.toString(),
                                "shop",
                                origin.mountPoint().toString())
                        .inheritIO()
                        .start();
        awaitParticipant("shop");
    }

    @AfterEach
    void stop() throws Exception {
        try {
            assertThat(FrozenProbe.isFrozen(origin)).isFalse();
        } finally {
            shop.destroyForcibly().waitFor();
            Program.run("rm", "-rf", target.toString(), HOOK.toString());
            store.thawIfFrozen();
            origin.close();
            store.close();
        }
    }

    private static void awaitParticipant(String name) {
        await().atMost(Duration.ofSeconds(20))
                .until(() -> LullProcess.run("status").expect(0).outText().contains(name));
    }

    private String[] backup(String... more) {
        List<String> words =
                new ArrayList<>(
                        List.of(
                                "backup",
                                origin.mountPoint().toString(),
                                "--to",
                                target.toString(),
                                "--no-verify"));
        words.addAll(List.of(more));
        return words.toArray(String[]::new);
    }

    private long written() throws IOException {
        return Files.size(origin.resolve("log"));
    }

    private void awaitWriting() throws IOException {
        long before = written();
        await("the application goes on")
                .atMost(Duration.ofSeconds(20))
                .until(() -> written() > before);
    }

    private void assertNothingKept() throws IOException {
        try (var files = Files.list(target)) {
            assertThat(files).isEmpty();
        }
    }

    /** Brings to rest after the processes, so that a backup stays where they are at rest. */
    private LullProcess backupThatRests() throws IOException {
        Files.createDirectories(HOOK.getParent());
        Files.writeString(HOOK, "#!/bin/sh\n[ $1 = thaw ] || sleep 3\n");
        Files.setPosixFilePermissions(HOOK, PosixFilePermissions.fromString("rwx------"));
        LullProcess backup = LullProcess.start(backup("--hook", HOOK.toString()));
        await().atMost(Duration.ofSeconds(20))
                .until(() -> LullProcess.run("status").expect(0).outText().contains("at rest"));
        return backup;
    }

    @Test
    void noBackupHasHalfOfWhatBelongsTogether() throws Exception {
        for (int i = 0; i < 3; i++) {
            String manifest =
                    LullProcess.run(backup("--name", "b" + i, "--json")).expect(0).outText();
            assertThat(manifest).containsPattern("\"kind\" ?: ?\"process\"");
            Path restored = TestNamespace.current().directory("restored");
            LullProcess.run(
                            "restore",
                            target.resolve("b" + i + ".tar.zst").toString(),
                            restored.toString())
                    .expect(0);
            List<String> lines = Files.readAllLines(restored.resolve("log"));
            assertThat(lines.size() % 2).isZero();
            assertThat(lines.getLast()).endsWith(" b");
            assertThat(manifest).containsPattern(" lines\" ?: ?\"" + lines.size() + "\"");
            Program.run("rm", "-rf", restored.toString());
            awaitWriting();
        }
    }

    @Test
    void itGoesOnWhenTheBackupIsKilled() throws Exception {
        try (LullProcess backup = backupThatRests()) {
            backup.kill9();
            awaitWriting();
        }
        LullProcess.run(backup()).expect(0);
    }

    @Test
    void itGoesOnWhenTheGuardIsKilledAndTheBackupIsNotGood() throws Exception {
        try (LullProcess backup = backupThatRests()) {
            Program.run("kill", "-KILL", Long.toString(GuardProbe.pids().guard()));
            awaitWriting();
            assertThat(backup.finish().status()).isNotZero();
        }
        assertNothingKept();
    }

    @Test
    void oneThatDiesAtRestMakesTheBackupFail() throws Exception {
        try (LullProcess backup = backupThatRests()) {
            shop.destroyForcibly().waitFor();
            LullProcess.Result failed = backup.finish().expect(3);
            assertThat(failed.errText())
                    .contains("keep at rest shop")
                    .contains("it disconnected")
                    .contains("--without shop");
        }
        assertNothingKept();
    }

    @Test
    void oneThatHangsMakesTheBackupFailInTimeAndCanBeLeftOut() throws Exception {
        Program.run("kill", "-STOP", Long.toString(shop.pid()));

        LullProcess.Result failed = LullProcess.run(backup()).expect(1);
        assertThat(failed.errText())
                .contains("bring to rest shop (" + shop.pid() + ")")
                .contains("it did not answer within 5000 ms")
                .contains("hint:")
                .contains("--without shop");
        assertNothingKept();
        LullProcess.run(backup("--without", "shop")).expect(0);

        Program.run("kill", "-CONT", Long.toString(shop.pid()));
        awaitWriting();
    }

    @Test
    void theLibrarysClassTakesPart() throws Exception {
        String source =
                """
                import dev.lull.participant.process.*;
                import java.nio.file.*;
                import java.time.*;
                import java.util.*;

                class Mail {
                    public static void main(String[] arguments) throws Exception {
                        Application application = new Application() {
                            public Map<String, String> rest() {
                                System.out.println("resting");
                                return Map.of("queue", "0");
                            }

                            public void resume() {
                                System.out.println("going on");
                            }
                        };
                        try (Registration mail = Registration.open(
                                "mail", List.of(Path.of(arguments[0])), Duration.ofSeconds(5), application)) {
                            System.out.println("registered");
                            System.in.read();
                        }
                        System.out.println("done");
                    }
                }
                """;
        Path file = TestNamespace.current().directory("mail").resolve("Mail.java");
        Files.writeString(file, source);
        Process mail =
                JavaProgram.ofSource(file, origin.mountPoint().toString())
                        .redirectError(ProcessBuilder.Redirect.INHERIT)
                        .start();
        try (var lines = mail.inputReader();
                var in = mail.outputWriter()) {
            assertThat(lines.readLine()).isEqualTo("registered");
            String manifest = LullProcess.run(backup("--json")).expect(0).outText();
            assertThat(manifest).containsPattern(" queue\" ?: ?\"0\"");
            assertThat(lines.readLine()).isEqualTo("resting");
            assertThat(lines.readLine()).isEqualTo("going on");
            in.write("\n");
            in.flush();
            assertThat(lines.readLine()).isEqualTo("done");
        } finally {
            mail.destroyForcibly();
        }
    }
}
