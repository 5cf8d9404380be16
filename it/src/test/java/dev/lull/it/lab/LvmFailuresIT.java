package dev.lull.it.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lull.cli.InProcess;
import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.Program;
import dev.lull.it.lab.VolumeGroup.LogicalVolume;
import dev.lull.linux.Descriptor;
import dev.lull.linux.Kernel;
import dev.lull.linux.LinuxKernel;
import dev.lull.snapshot.Origin;
import dev.lull.snapshot.PreparedSnapshot;
import dev.lull.snapshot.Reserve;
import dev.lull.snapshot.SnapshotException;
import dev.lull.snapshot.SnapshotId;
import dev.lull.snapshot.SnapshotProvider;
import dev.lull.snapshot.SnapshotRequest;
import dev.lull.snapshot.lvm.LvmProvider;
import java.io.BufferedReader;
import java.nio.file.Files;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/** What can go wrong with LVM's snapshots: what the user reads, the exit status, and what is left. */
@ExtendWith(OnlyWithDeviceMapper.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LvmFailuresIT {
    private VolumeGroup group;
    private LogicalVolume thin;
    private LogicalVolume plain;
    private List<String> volumes;
    private List<String> devices;

    @BeforeAll
    void makeGroup() {
        group = VolumeGroup.make(800);
        group.pool(180);
        thin = group.thin(FilesystemType.EXT4, 160);
        plain = group.linear(FilesystemType.EXT4, 160);
    }

    @AfterAll
    void removeGroup() {
        group.close();
    }

    @BeforeEach
    void look() {
        volumes = group.volumes();
        devices = group.devices();
    }

    @AfterEach
    void nothingIsLeft() throws Exception {
        assertThat(group.volumes()).isEqualTo(volumes);
        assertThat(group.devices()).isEqualTo(devices);
        // Writers go on.
        for (LogicalVolume volume : List.of(thin, plain)) {
            Program.run("touch", volume.resolve("goes-on").toString());
        }
    }

    @Test
    void noRoomInTheGroup() {
        Program.run("lvcreate", "-qq", "-y", "-n", "full", "-l", "100%FREE", group.name());
        try {
            assertThat(refused(1, "snapshot", "take", place(plain)).errText())
                    .contains("volume group " + group.name() + " has 0 MiB free")
                    .contains("needs 64 MiB")
                    .contains("hint: make room there: vgextend " + group.name());
        } finally {
            Program.run("lvremove", "-qq", "-y", group.name() + "/full");
        }
    }

    @Test
    void noRoomInThePool() throws Exception {
        Program.run(
                "dd",
                "if=/dev/urandom",
                "of=" + thin.resolve("much"),
                "bs=1M",
                "count=120",
                "conv=fsync",
                "status=none");
        try {
            assertThat(refused(1, "snapshot", "take", place(thin)).errText())
                    .contains("thin pool " + group.name() + "/pool has ")
                    .contains(" MiB free and 64 MiB must be")
                    .contains("hint: lvextend --size +SIZE " + group.name() + "/pool");
        } finally {
            Files.delete(thin.resolve("much"));
            // What is not committed is not trimmed.
            Program.run("sync", "-f", place(thin));
            Program.run("fstrim", place(thin));
        }
    }

    /** Every block is overwritten while the tool reads; it does not complain. */
    @Test
    void aClassicSnapshotThatOverflows() throws Exception {
        Program.run(
                "dd",
                "if=/dev/urandom",
                "of=" + plain.resolve("much"),
                "bs=1M",
                "count=120",
                "conv=fsync",
                "status=none");
        Program.run("lvcreate", "-qq", "-y", "-n", "most", "-l", "83%FREE", group.name());
        try {
            look();
            LullProcess.Result result =
                    InProcess.run(
                            "backup",
                            place(plain),
                            "--",
                            "dd",
                            "if=/dev/urandom",
                            "of=" + plain.resolve("much"),
                            "bs=1M",
                            "count=120",
                            "conv=notrunc,fsync",
                            "status=none");
            assertThat(result.expect(125).errText())
                    .contains("it has overflowed: more was overwritten in " + group.name() + "/")
                    .contains("hint: make room in volume group " + group.name());
            assertThat(group.volumes()).isEqualTo(volumes);
            assertThat(group.devices()).isEqualTo(devices);
        } finally {
            Program.run("lvremove", "-qq", "-y", group.name() + "/most");
            Files.delete(plain.resolve("much"));
            look();
        }
    }

    /** On kernels that do not count a freeze's holders LVM leaves a classic snapshot half made. */
    @Test
    void somebodyElseHasFrozenIt() {
        for (LogicalVolume volume : List.of(plain, thin)) {
            Program.run("fsfreeze", "-f", place(volume));
            LullProcess.Result result;
            try {
                result = InProcess.run("snapshot", "take", place(volume));
            } finally {
                Program.run("fsfreeze", "-u", place(volume));
            }
            assertThat(result.expect(5).errText())
                    .contains(place(volume) + ": somebody else has frozen it")
                    .contains("hint: lull doctor --frozen");
            String id = InProcess.run("snapshot", "take", "-q", place(volume)).expect(0).onlyLine();
            InProcess.run("snapshot", "delete", id).expect(0);
        }
    }

    @Test
    void severalAtOnce() {
        assertThat(refused(2, "snapshot", "take", place(thin), place(plain)).errText())
                .contains("cannot have snapshots of one instant")
                .contains("hint: back them up one by one");
    }

    /** What it left is removed by the next run; what only has such a name is not ours. */
    @Test
    void aKilledRun() throws Exception {
        String id = InProcess.abandonSnapshotOf(plain.mountPoint());
        assertThat(Program.run("lvs", "--noheadings", "-o", "lv_name", "@lull").strip())
                .isEqualTo("lull_" + id);
        assertThat(InProcess.run("snapshot", "list").expect(0).outText())
                .contains(id)
                .contains("taking")
                .contains("lvm-snapshot");
        Program.run("lvchange", "-qq", "--deltag", "lull", group.name() + "/lull_" + id);
        assertThat(InProcess.run("snapshot", "delete", id).expect(1).errText())
                .contains("it does not carry the tag lull, so it is not lull's");
        assertThat(group.volumes()).contains("lull_" + id);
        Program.run("lvchange", "-qq", "--addtag", "lull", group.name() + "/lull_" + id);
        // As an LVM that was killed in between leaves it.
        Program.run(
                "dmsetup",
                "suspend",
                group.name().replace("-", "--") + "-" + plain.name().replace("-", "--"));
        InProcess.run("snapshot", "delete", id).expect(0);
        assertThat(InProcess.run("snapshot", "list").expect(0).outText()).isEqualTo("no snapshots");
    }

    /** Another command of LVM's holds the group. */
    @Test
    void anLvcreateThatHangs() throws Exception {
        Kernel kernel = new LinuxKernel();
        SnapshotProvider provider =
                LvmProvider.thin(kernel, Reserve.DEFAULT, InstantSource.system());
        try (Descriptor directory = kernel.openDirectory(thin.mountPoint());
                PreparedSnapshot prepared =
                        provider.prepare(
                                new SnapshotRequest(
                                        SnapshotId.random(),
                                        Origin.of(kernel, directory),
                                        Duration.ofSeconds(3),
                                        false),
                                _ -> {})) {
            Process other =
                    new ProcessBuilder(
                                    "flock",
                                    "/run/lock/lvm/V_" + group.name(),
                                    "sh",
                                    "-c",
                                    "echo locked; exec sleep 60")
                            .start();
            try (BufferedReader lines = other.inputReader()) {
                assertThat(lines.readLine()).isEqualTo("locked");
                assertThatThrownBy(prepared::take)
                        .isInstanceOf(SnapshotException.class)
                        .hasMessage("run lvcreate: did not end within 3s and was killed");
            } finally {
                other.descendants().forEach(ProcessHandle::destroyForcibly);
                other.destroyForcibly();
            }
        }
    }

    private static LullProcess.Result refused(int status, String... arguments) {
        LullProcess.Result result = InProcess.run(arguments).expect(status);
        assertThat(result.errText()).contains("\nhint: ").doesNotContain("Exception");
        assertThat(result.out()).isEmpty();
        return result;
    }

    private static String place(LogicalVolume volume) {
        return volume.mountPoint().toString();
    }
}
