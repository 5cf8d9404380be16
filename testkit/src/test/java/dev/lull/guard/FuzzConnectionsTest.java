package dev.lull.guard;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What the fuzzer has found to lead somewhere, once more: {@code dev/fuzz} keeps it. */
class FuzzConnectionsTest {
    @Test
    void nothingOfItDelaysALease() throws IOException, URISyntaxException {
        Path directory =
                Path.of(
                        Objects.requireNonNull(getClass().getResource("/fuzz/Connections"))
                                .toURI());
        try (Stream<Path> files = Files.list(directory)) {
            List<Path> inputs = files.sorted().toList();
            assertThat(inputs).isNotEmpty();
            for (Path input : inputs) {
                FuzzConnections.fuzzerTestOneInput(Files.readAllBytes(input));
            }
        }
    }
}
