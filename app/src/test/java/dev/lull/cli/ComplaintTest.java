package dev.lull.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.plan.Plan;
import dev.lull.plan.PlanException;
import dev.lull.plan.Step;
import dev.lull.snapshot.SnapshotException;
import java.io.IOException;
import org.assertj.core.api.Assertions;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class ComplaintTest {
    @Test
    void blamesNothingWhenToldToEnd() {
        Complaint complaint = Complaint.of(cancelled(null));

        assertThat(complaint.message()).isEqualTo("told to end");
        assertThat(complaint.more()).isEmpty();
        assertThat(complaint.hint()).isEmpty();
    }

    @Test
    void givesTheHintOfWhatGaveThePlanUp() {
        Complaint complaint =
                Complaint.of(
                        cancelled(new SnapshotException.NoRoom("/srv", "full", "make room there")));

        assertThat(complaint.hint()).contains("make room there");
    }

    private static Throwable cancelled(@Nullable IOException cause) {
        Plan plan = new Plan();
        plan.add(
                Step.of(
                        "wait",
                        () -> {
                            plan.cancel("told to end", cause);
                            throw new InterruptedException();
                        }));
        return Assertions.catchThrowableOfType(PlanException.Cancelled.class, plan::run);
    }
}
