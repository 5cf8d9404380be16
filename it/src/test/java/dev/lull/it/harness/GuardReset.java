package dev.lull.it.harness;

import static org.awaitility.Awaitility.await;

import java.time.Duration;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;

/**
 * The tests share a guard. No test may leave a lease to the next one, and after a failed test the guard is a new one.
 * When all tests are done, the guard is asked to end, instead of being waited for.
 */
public final class GuardReset implements BeforeAllCallback, AfterEachCallback {
    private static final Namespace NAMESPACE = Namespace.create(GuardReset.class);

    @Override
    public void beforeAll(ExtensionContext context) {
        context.getRoot()
                .getStore(NAMESPACE)
                .computeIfAbsent("end", _ -> (AutoCloseable) GuardProbe::stop, AutoCloseable.class);
    }

    @Override
    public void afterEach(ExtensionContext context) {
        if (TestNamespace.find().isEmpty()) {
            return;
        }
        if (context.getExecutionException().isPresent()) {
            context.publishReportEntry("guard", GuardProbe.status().orElse("none"));
            ScratchFilesystem.thawAll();
            GuardProbe.sweep();
            return;
        }
        await("the guard has no lease left")
                .atMost(Duration.ofSeconds(5))
                .pollInterval(Duration.ofMillis(20))
                .until(() -> !GuardProbe.hasLeases());
    }
}
