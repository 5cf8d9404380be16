package dev.lull.linux;

import java.nio.file.Path;
import java.util.List;

/**
 * One line of {@code /proc/PID/mountinfo} (proc_pid_mountinfo(5)), octal escapes undone.
 *
 * @param id the mount's reusable id
 * @param parent the id of the mount it sits on
 * @param device identity of the superblock
 * @param root what of the filesystem is shown: {@code /}, or a subvolume, a directory or a single file (bind mounts)
 * @param mountPoint where, in the process's own view
 * @param options per-mount options such as {@code ro}
 * @param type for example {@code ext4} or {@code fuse.sshfs}
 * @param source for example {@code /dev/sda1}; free text for filesystems without a device
 * @param superOptions per-superblock options
 */
public record Mount(
        int id,
        int parent,
        DeviceNumber device,
        String root,
        Path mountPoint,
        List<String> options,
        String type,
        String source,
        List<String> superOptions) {

    /** Whether the superblock itself, not only this mount, is read-only. */
    public boolean superblockReadOnly() {
        return superOptions.contains("ro");
    }
}
