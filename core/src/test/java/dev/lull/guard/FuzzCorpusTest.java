package dev.lull.guard;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** What the fuzzer has found to lead somewhere, once more: {@code dev/fuzz} keeps it in {@code src/test/resources/fuzz}. */
class FuzzCorpusTest {
    private static final Map<String, Consumer<byte[]>> TARGETS =
            Map.of(
                    "Requests", Fuzz.Requests::fuzzerTestOneInput,
                    "Replies", Fuzz.Replies::fuzzerTestOneInput,
                    "Framing", Fuzz.Framing::fuzzerTestOneInput,
                    "Policies", Fuzz.Policies::fuzzerTestOneInput);

    @TestFactory
    Stream<DynamicTest> nothingOfItDoesHarm() {
        return TARGETS.entrySet().stream()
                .map(target ->
                        DynamicTest.dynamicTest(
                                target.getKey(),
                                () -> {
                                    List<byte[]> inputs = corpus(target.getKey());
                                    assertThat(inputs).isNotEmpty();
                                    inputs.forEach(target.getValue());
                                }));
    }

    static List<byte[]> corpus(String target) throws IOException, URISyntaxException {
        Path directory =
                Path.of(
                        Objects.requireNonNull(FuzzCorpusTest.class.getResource("/fuzz/" + target))
                                .toURI());
        List<byte[]> inputs = new ArrayList<>();
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : files.sorted().toList()) {
                inputs.add(Files.readAllBytes(file));
            }
        }
        return inputs;
    }
}
