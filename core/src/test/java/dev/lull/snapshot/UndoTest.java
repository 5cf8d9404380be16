package dev.lull.snapshot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class UndoTest {
    private final Undo undo = new Undo();
    private final List<String> done = new ArrayList<>();

    @Test
    void runsBackwardsAndOnce() throws Exception {
        undo.add(() -> done.add("first"));
        undo.add(() -> done.add("second"));
        undo.run();
        undo.run();
        assertThat(done).containsExactly("second", "first");
    }

    @Test
    void everyStepRunsAndNoFailureIsLost() {
        IOException one = new IOException("one");
        RuntimeException two = new IllegalStateException("two");
        undo.add(() -> done.add("first"));
        undo.add(() -> {
            throw one;
        });
        undo.add(() -> done.add("third"));
        undo.add(() -> {
            throw two;
        });
        assertThatThrownBy(undo::run)
                .hasRootCause(two)
                .satisfies(e -> assertThat(e.getSuppressed()).containsExactly(one));
        assertThat(done).containsExactly("third", "first");
    }

    @Test
    void afterAFailureItsOwnAreSuppressed() {
        Exception reason = new Exception("reason");
        IOException failure = new IOException("undo");
        undo.add(() -> {
            throw failure;
        });
        undo.runAfter(reason);
        assertThat(reason.getSuppressed()).containsExactly(failure);
    }

    @Test
    void whatIsForgottenStays() throws Exception {
        undo.add(() -> done.add("first"));
        undo.forget();
        undo.run();
        assertThat(done).isEmpty();
    }
}
