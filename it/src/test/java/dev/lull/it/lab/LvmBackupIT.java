package dev.lull.it.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.cli.InProcess;
import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.TestNamespace;
import dev.lull.it.lab.VolumeGroup.LogicalVolume;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.extension.ExtendWith;

/** The main job on logical volumes, with a writer at work: snapshot, back up, check, verify, restore. */
@ExtendWith(OnlyWithDeviceMapper.class)
class LvmBackupIT {
    @Test
    void xfsOnAThinVolume() throws Exception {
        backUp(FilesystemType.XFS, true);
    }

    @Test
    void ext4OnAPlainVolume() throws Exception {
        backUp(FilesystemType.EXT4, false);
    }

    @Test
    @EnabledIfSystemProperty(named = "lull.lab.all", matches = "true")
    void ext4OnAThinVolume() throws Exception {
        backUp(FilesystemType.EXT4, true);
    }

    @Test
    @EnabledIfSystemProperty(named = "lull.lab.all", matches = "true")
    void xfsOnAPlainVolume() throws Exception {
        backUp(FilesystemType.XFS, false);
    }

    private static void backUp(FilesystemType type, boolean thin) throws Exception {
        Path target = TestNamespace.current().directory("target");
        try (var group = VolumeGroup.make(1200)) {
            if (thin) {
                group.pool(500);
            }
            LogicalVolume volume = thin ? group.thin(type, 320) : group.linear(type, 320);
            String provider = thin ? "lvm-thin" : "lvm-snapshot";
            Path data = Files.createDirectory(volume.resolve("data"));
            Program.run(script("populate"), data.toString());
            String before = Program.run(script("describe"), data.toString());
            List<String> volumes = group.volumes();
            List<String> devices = group.devices();

            Path archive;
            try (var load =
                    Load.on(Files.createDirectory(volume.resolve("load")).resolve("written"))) {
                LullProcess.Result result =
                        InProcess.run(
                                        "backup",
                                        "--verify-filesystem",
                                        volume.mountPoint().toString(),
                                        "--to",
                                        target.toString())
                                .expect(0);
                assertThat(result.errText()).contains(provider).contains("atomic");
                archive = Path.of(result.onlyLine());
                load.awaitGoing();
            }
            assertThat(group.volumes()).isEqualTo(volumes);
            assertThat(group.devices()).isEqualTo(devices);

            InProcess.run("verify", archive.toString()).expect(0);
            Path restored = target.resolve("restored");
            InProcess.run("restore", archive.toString(), restored.toString()).expect(0);
            assertThat(Program.run(script("describe"), restored.resolve("data").toString()))
                    .isEqualTo(before)
                    .endsWith("linked");
            assertThat(restored.resolve("load/written")).isNotEmptyFile();
        } finally {
            Program.run("rm", "-rf", target.toString());
        }
    }

    private static String script(String name) {
        return TestNamespace.script(name).toString();
    }
}
