import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectMethod;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.Launcher;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;
import org.junit.platform.reporting.legacy.xml.LegacyXmlReportGeneratingListener;

/** Runs tests without Maven, for {@code dev/mutants} and {@code dev/lab}. */
final class RunTests {
    private RunTests() {}

    /**
     * Ends with status 0 if all passed, 1 if one failed, 2 if none was found.
     *
     * @param arguments classes, or methods as {@code Class#method}; before them {@code --reports DIRECTORY} where there
     *     are to be reports, and a line for each test
     */
    public static void main(String[] arguments) {
        PrintWriter out = new PrintWriter(System.out, true);
        SummaryGeneratingListener listener = new SummaryGeneratingListener();
        Launcher launcher = LauncherFactory.create();
        launcher.registerTestExecutionListeners(listener);
        List<String> tests = Arrays.asList(arguments);
        if (arguments.length > 1 && arguments[0].equals("--reports")) {
            launcher.registerTestExecutionListeners(
                    new LegacyXmlReportGeneratingListener(Path.of(arguments[1]), out),
                    new Lines(out));
            tests = tests.subList(2, tests.size());
        }
        LauncherDiscoveryRequest request =
                LauncherDiscoveryRequestBuilder.request()
                        .selectors(
                                tests.stream()
                                        .map(test ->
                                                test.contains("#")
                                                        ? selectMethod(test)
                                                        : selectClass(test))
                                        .toList())
                        .build();
        launcher.execute(request);
        listener.getSummary().printFailuresTo(out, 5);
        listener.getSummary().printTo(out);
        out.printf(
                "%d passed, %d failed, %d skipped%n",
                listener.getSummary().getTestsSucceededCount(),
                listener.getSummary().getTotalFailureCount(),
                listener.getSummary().getTestsSkippedCount());
        long found = listener.getSummary().getTestsStartedCount();
        // Threads of a test that hangs must not keep the verdict.
        Runtime.getRuntime()
                .halt(found == 0 ? 2 : listener.getSummary().getTotalFailureCount() > 0 ? 1 : 0);
    }

    /** A line for each test as it ends. */
    private static final class Lines implements TestExecutionListener {
        private final PrintWriter out;
        private final Map<String, Long> begun = new ConcurrentHashMap<>();

        Lines(PrintWriter out) {
            this.out = out;
        }

        @Override
        public void executionStarted(TestIdentifier test) {
            begun.put(test.getUniqueId(), System.nanoTime());
        }

        @Override
        public void executionFinished(TestIdentifier test, TestExecutionResult result) {
            long millis = (System.nanoTime() - begun.get(test.getUniqueId())) / 1_000_000;
            if (test.isTest()
                    || result.getStatus() != TestExecutionResult.Status.SUCCESSFUL) {
                out.printf(
                        "%-10s %6.1f s  %s%n",
                        result.getStatus(), millis / 1000.0, name(test));
                // Now: who knows whether it comes to the summary.
                result.getThrowable().ifPresent(out::println);
            }
        }

        @Override
        public void executionSkipped(TestIdentifier test, String reason) {
            out.println("SKIPPED    " + name(test) + ": " + reason);
        }

        private static String name(TestIdentifier test) {
            return test.getUniqueIdObject().getSegments().stream()
                    .skip(1)
                    .map(segment -> segment.getValue().replaceFirst(".*[.](?=[A-Z])", ""))
                    .reduce((left, right) -> left + "." + right)
                    .orElse(test.getDisplayName());
        }
    }
}
