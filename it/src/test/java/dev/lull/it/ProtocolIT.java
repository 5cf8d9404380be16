package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.GuardProbe;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.TestNamespace;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The guard's socket, by docs/protocol.md alone: a client in C, and peers that send rubbish. */
class ProtocolIT {
    private static Path client;

    @BeforeAll
    static void compile() {
        client = TestNamespace.current().directory("client").resolve("holder");
        Path source = TestNamespace.sourceTree().resolve("it/src/test/c/holder.c");
        Program.run(
                "gcc", "-Wall", "-Wextra", "-Werror", "-o", client.toString(), source.toString());
    }

    @BeforeEach
    void startGuard() {
        GuardProbe.start();
    }

    @Test
    void aClientInCHoldsALease() throws Exception {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            Process holder = start(filesystem);
            try (var lines = holder.inputReader();
                    var in = holder.outputWriter()) {
                assertThat(lines.readLine()).isEqualTo("frozen");
                assertThat(FrozenProbe.isFrozen(filesystem)).isTrue();
                in.write("\n");
                in.flush();
                assertThat(lines.readLine()).isEqualTo("released");
            }
            assertThat(holder.waitFor(10, TimeUnit.SECONDS)).isTrue();
            assertThat(holder.exitValue()).isZero();
            assertThat(FrozenProbe.isFrozen(filesystem)).isFalse();
        }
    }

    @Test
    void itsLeaseEndsWithItsConnection() throws Exception {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            Process holder = start(filesystem);
            try (var lines = holder.inputReader()) {
                assertThat(lines.readLine()).isEqualTo("frozen");
                holder.destroyForcibly();
                FrozenProbe.awaitThawed(filesystem, Duration.ofSeconds(3));
            }
        }
    }

    private static Process start(ScratchFilesystem filesystem) throws IOException {
        return new ProcessBuilder(client.toString(), filesystem.mountPoint().toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "rubbish",
                "{}",
                "[1,2]",
                "{\"method\":7}",
                "{\"method\":\"dev.lull.Guard.Explode\",\"parameters\":{}}",
                "{\"method\":\"dev.lull.Guard.Extend\",\"parameters\":{\"lease\":\"../../etc/passwd\"}}",
                "{\"method\":\"dev.lull.Guard.Extend\",\"parameters\":{\"lease\":\"a\",\"timeoutMillis\":-1}}",
                "{\"method\":\"dev.lull.Guard.Arm\",\"parameters\":{\"protocol\":1,\"paths\":[\"/\"],\"attached\":true,"
                        + "\"withinMillis\":1000,\"timeoutMillis\":1000,\"presync\":false,\"expedite\":false,"
                        + "\"program\":\"no descriptor\"}}",
                "\u0001\u0002\uFFFF{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{"
            })
    void rubbishIsRefusedAndTheGuardGoesOn(String message) throws IOException {
        long guard = GuardProbe.pids().guard();
        assertThat(exchange((message + "\0").getBytes(StandardCharsets.UTF_8)))
                .contains("\"error\"");
        assertThat(GuardProbe.pids().guard()).as("the same guard").isEqualTo(guard);
    }

    @Test
    void aMessageWithoutAnEndIsCutOff() throws IOException {
        long guard = GuardProbe.pids().guard();
        exchange("x".repeat(1 << 20).getBytes(StandardCharsets.UTF_8));
        assertThat(GuardProbe.pids().guard()).isEqualTo(guard);
    }

    @Test
    void aPeerThatSaysNothingHoldsNobodyUp() throws IOException {
        try (var silent = SocketChannel.open(UnixDomainSocketAddress.of(GuardProbe.SOCKET));
                var slow = SocketChannel.open(UnixDomainSocketAddress.of(GuardProbe.SOCKET))) {
            slow.write(ByteBuffer.wrap("{\"method\":".getBytes(StandardCharsets.UTF_8)));
            LullProcess.run("status").expect(0);
            assertThat(silent.isConnected()).isTrue();
        }
    }

    /** Sends, and reads until the guard has answered or hung up. */
    private static String exchange(byte[] message) throws IOException {
        try (var channel = SocketChannel.open(UnixDomainSocketAddress.of(GuardProbe.SOCKET))) {
            var answer = new StringBuilder();
            try {
                var out = ByteBuffer.wrap(message);
                while (out.hasRemaining()) {
                    channel.write(out);
                }
                var in = ByteBuffer.allocate(65_536);
                while (channel.read(in.clear()) > 0) {
                    answer.append(StandardCharsets.UTF_8.decode(in.flip()));
                    if (answer.indexOf("\0") >= 0) {
                        break;
                    }
                }
            } catch (IOException hungUp) {
                answer.append(hungUp.getMessage());
            }
            return answer.toString();
        }
    }
}
