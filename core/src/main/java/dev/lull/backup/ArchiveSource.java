package dev.lull.backup;

import java.nio.file.Path;
import java.util.List;

/**
 * What goes into an archive.
 *
 * @param root the directory that the members are relative to
 * @param members what of it, relative to it; the empty path is all of it
 */
public record ArchiveSource(Path root, List<Path> members) {
    public ArchiveSource {
        root = root.toAbsolutePath().normalize();
        members = List.copyOf(members);
        if (members.isEmpty()) {
            throw new IllegalArgumentException("an archive of nothing");
        }
        for (Path member : members) {
            if (member.isAbsolute() || !member.equals(member.normalize())) {
                throw new IllegalArgumentException("not a plain relative path: " + member);
            }
        }
    }

    /** All of one directory: its contents are at the archive's top. */
    public static ArchiveSource of(Path directory) {
        return new ArchiveSource(directory, List.of(Path.of("")));
    }

    /** The members as tar is told them. The dot keeps one that begins with a dash from being an option. */
    List<String> arguments() {
        return members.stream()
                .map(member -> member.toString().isEmpty() ? "." : "./" + member)
                .toList();
    }
}
