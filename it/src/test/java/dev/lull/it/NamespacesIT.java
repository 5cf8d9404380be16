package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.GuardProbe;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.MountNamespace;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.TestNamespace;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** A path means what it means to the client, not to the guard. */
class NamespacesIT {
    @Test
    void theSamePathIsAnotherFilesystemInAnotherNamespace() {
        // So that the guard lives in neither of the two namespaces.
        GuardProbe.start();
        try (var one = ScratchFilesystem.make(FilesystemType.EXT4);
                var two = ScratchFilesystem.make(FilesystemType.EXT4);
                var here = MountNamespace.make();
                var there = MountNamespace.make()) {
            Path place = TestNamespace.current().directory("place");
            here.run("mount", "--bind", one.mountPoint().toString(), place.toString());
            there.run("mount", "--bind", two.mountPoint().toString(), place.toString());

            String first = freeze(here, place);
            assertThat(FrozenProbe.isFrozen(one)).isTrue();
            assertThat(FrozenProbe.isFrozen(two)).isFalse();
            String second = freeze(there, place);
            assertThat(second).isNotEqualTo(first);
            assertThat(FrozenProbe.isFrozen(two)).isTrue();

            LullProcess.with().in(here).run("thaw", place.toString()).expect(0);
            assertThat(FrozenProbe.isFrozen(one)).isFalse();
            assertThat(FrozenProbe.isFrozen(two)).isTrue();
            LullProcess.with().in(there).run("thaw", place.toString()).expect(0);
            assertThat(FrozenProbe.isFrozen(two)).isFalse();
        }
    }

    private static String freeze(MountNamespace namespace, Path place) {
        return LullProcess.with()
                .in(namespace)
                .run("freeze", "--timeout", "40s", place.toString())
                .expect(0)
                .onlyLine();
    }
}
