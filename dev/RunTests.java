import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectMethod;

import java.io.PrintWriter;
import java.util.Arrays;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;

/** Runs tests without Maven, for {@code dev/mutants}. */
final class RunTests {
    private RunTests() {}

    /**
     * Ends with status 0 if all passed, 1 if one failed, 2 if none was found.
     *
     * @param arguments classes, or methods as {@code Class#method}
     */
    public static void main(String[] arguments) {
        LauncherDiscoveryRequest request =
                LauncherDiscoveryRequestBuilder.request()
                        .selectors(
                                Arrays.stream(arguments)
                                        .map(test ->
                                                test.contains("#")
                                                        ? selectMethod(test)
                                                        : selectClass(test))
                                        .toList())
                        .build();
        SummaryGeneratingListener listener = new SummaryGeneratingListener();
        LauncherFactory.create().execute(request, listener);
        listener.getSummary().printFailuresTo(new PrintWriter(System.out, true), 5);
        listener.getSummary().printTo(new PrintWriter(System.out, true));
        long found = listener.getSummary().getTestsStartedCount();
        // Threads of a test that hangs must not keep the verdict.
        Runtime.getRuntime()
                .halt(found == 0 ? 2 : listener.getSummary().getTotalFailureCount() > 0 ? 1 : 0);
    }
}
