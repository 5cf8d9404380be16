package dev.lull.participant.hook;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.lull.linux.Kernel;
import dev.lull.linux.LinuxKernel;
import dev.lull.participant.Cut;
import dev.lull.participant.ParticipantException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Real hooks, called by a real keeper. */
@Timeout(120)
class HooksTest {
    private static final Cut CUT = new Cut(List.of(), Duration.ofSeconds(40));
    private static final Duration LONG = Duration.ofSeconds(20);

    private final Kernel kernel = new LinuxKernel();
    private @TempDir Path directory;

    /** Writes its name and its argument to the log, and then does more. */
    private Path hook(String name, String more) throws IOException {
        Path file = directory.resolve(name);
        Files.writeString(
                file, "#!/bin/sh\necho \"" + name + " $1\" >> " + log() + "\n" + more + "\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
        return file;
    }

    private Path log() {
        return directory.resolve("log");
    }

    private List<String> called() throws IOException {
        return Files.exists(log()) ? Files.readAllLines(log()) : List.of();
    }

    private Hooks hooks(Duration limit, Path... hooks) {
        return new Hooks(kernel, List.of(hooks), limit);
    }

    @Test
    void areCalledInOrderAndInReverse() throws IOException {
        try (Hooks hooks = hooks(LONG, hook("a", ""), hook("b", ""))) {
            hooks.prepare(CUT);
            assertThat(called()).isEmpty();
            hooks.rest();
            assertThat(called()).containsExactly("a freeze", "b freeze");
            hooks.resume();
        }
        assertThat(called()).containsExactly("a freeze", "b freeze", "b thaw", "a thaw");
    }

    @Test
    void thawIsCalledForEveryHookWhoseFreezeWasBegun() throws IOException {
        try (Hooks hooks =
                hooks(
                        LONG,
                        hook("a", ""),
                        hook("b", "[ $1 = thaw ] || { echo it is busy >&2; exit 3; }"),
                        hook("c", ""))) {
            hooks.prepare(CUT);
            assertThatThrownBy(hooks::rest)
                    .isInstanceOf(ParticipantException.class)
                    .hasMessageContaining("b freeze ended with status 3, it said \"it is busy\"");
            hooks.resume();
        }
        assertThat(called()).containsExactly("a freeze", "b freeze", "b thaw", "a thaw");
    }

    @Test
    void haveNothingInTheirEnvironmentButThePath() throws IOException {
        Path seen = directory.resolve("seen");
        try (Hooks hooks = hooks(LONG, hook("a", "env > " + seen + "; pwd >> " + seen))) {
            hooks.prepare(CUT);
            hooks.rest();
            hooks.resume();
        }
        // What is set besides is the shell's own.
        assertThat(
                        Files.readAllLines(seen).stream()
                                .filter(l -> !l.matches("(PWD|_|SHLVL|OLDPWD)=.*")))
                .containsExactly("PATH=/usr/sbin:/usr/bin:/sbin:/bin", "/");
    }

    @Test
    void oneThatHangsIsKilledWithAllItStartedAtItsLimit() throws IOException {
        Path pid = directory.resolve("pid");
        String hang = "trap '' TERM; sleep 1000 & echo $! > " + pid + "; wait";
        try (Hooks hooks =
                hooks(Duration.ofSeconds(5), hook("a", "[ $1 = thaw ] || { " + hang + "; }"))) {
            hooks.prepare(CUT);
            assertThatThrownBy(hooks::rest)
                    .hasMessageContaining("a freeze did not end within 5s and was killed");
            hooks.resume();
        }
        long started = Long.parseLong(Files.readString(pid).strip());
        await().until(() -> !alive(started));
        assertThat(called()).containsExactly("a freeze", "a thaw");
    }

    private static boolean alive(long pid) {
        return ProcessHandle.of(pid).map(ProcessHandle::isAlive).orElse(false);
    }

    @Test
    void oneThatFloodsItsOutputIsKilled() throws IOException {
        try (Hooks hooks = hooks(LONG, hook("a", "[ $1 = thaw ] || yes"))) {
            hooks.prepare(CUT);
            assertThatThrownBy(hooks::rest).hasMessageContaining("a freeze printed more than");
            hooks.resume();
        }
        assertThat(called()).containsExactly("a freeze", "a thaw");
    }

    /** As when whoever asked for it is killed: its end of the pipe is closed. */
    @Test
    void goOnWhenNobodyIsThereAnyMore() throws IOException {
        try (Hooks hooks = hooks(LONG, hook("a", ""), hook("b", ""))) {
            hooks.prepare(CUT);
            hooks.rest();
        }
        assertThat(called()).containsExactly("a freeze", "b freeze", "b thaw", "a thaw");
    }

    @Test
    void goOnWhenNobodySaysSoInTimeAndTellThat() throws IOException {
        try (Hooks hooks = hooks(LONG, hook("a", ""))) {
            hooks.prepare(new Cut(List.of(), Duration.ofMillis(300)));
            hooks.rest();
            await().until(() -> called().contains("a thaw"));
            assertThatThrownBy(hooks::resume)
                    .isInstanceOf(ParticipantException.NotAtRest.class)
                    .hasMessageContaining("let go on after 300 ms");
        }
        assertThat(called()).containsExactly("a freeze", "a thaw");
    }

    @Test
    void oneThatOthersCanChangeIsNotRun() throws IOException {
        Path hook = hook("a", "");
        Files.setPosixFilePermissions(hook, PosixFilePermissions.fromString("rwxrwxrwx"));
        try (Hooks hooks = hooks(LONG, hook)) {
            assertThatThrownBy(() -> hooks.prepare(CUT)).hasMessageContaining("writable by others");
        }
        assertThat(called()).isEmpty();
    }

    @Test
    void aDirectoryHasThoseThatAreMeant() throws IOException {
        List<Path> meant = new ArrayList<>();
        meant.add(hook("10-first", ""));
        meant.add(hook("20-second.sh", ""));
        hook("30-third~", "");
        hook("40.dpkg-old", "");
        hook("50.bak", "");
        hook(".hidden", "");
        Files.writeString(directory.resolve("60-no-program"), "");
        Files.createDirectory(directory.resolve("70-directory"));

        assertThat(Hooks.in(directory)).isEqualTo(meant);
    }
}
