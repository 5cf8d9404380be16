package dev.lull.it.harness;

import static org.awaitility.Awaitility.await;

import java.time.Duration;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** The tests share a guard. No test may leave a lease to the next one, and after a failed test the guard is a new one. */
public final class GuardReset implements AfterEachCallback {
    @Override
    public void afterEach(ExtensionContext context) {
        if (TestNamespace.find().isEmpty()) {
            return;
        }
        if (context.getExecutionException().isPresent()) {
            context.publishReportEntry("guard", GuardProbe.status().orElse("none"));
            GuardProbe.sweep();
            return;
        }
        await("the guard has no lease left")
                .atMost(Duration.ofSeconds(5))
                .pollInterval(Duration.ofMillis(20))
                .until(() -> !GuardProbe.hasLeases());
    }
}
