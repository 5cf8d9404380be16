package dev.lull.it.lab;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Skips tests where the kernel has no device-mapper, or LVM is not installed. */
final class OnlyWithDeviceMapper implements ExecutionCondition {
    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
        return Files.exists(Path.of("/dev/mapper/control"))
                        && Files.isExecutable(Path.of("/usr/sbin/lvm"))
                ? ConditionEvaluationResult.enabled("there is device-mapper")
                : ConditionEvaluationResult.disabled(
                        "this machine has no device-mapper or no LVM: dev/lab runs it in one that has");
    }
}
