package dev.lull.it.harness;

import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Skips every test outside of a {@link TestNamespace}: there a test could freeze the machine's own filesystems, and
 * nobody would thaw them. Inside of one nothing is skipped.
 */
public final class OnlyInTestNamespace implements ExecutionCondition {
    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
        return TestNamespace.find().isPresent()
                ? ConditionEvaluationResult.enabled("in a test namespace")
                : ConditionEvaluationResult.disabled(
                        "freezes filesystems, so it runs only in a namespace of its own:"
                                + " as root, dev/it-namespace mvn verify");
    }
}
