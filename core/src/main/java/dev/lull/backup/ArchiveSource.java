package dev.lull.backup;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * What goes into an archive.
 *
 * @param root the directory that the members are relative to
 * @param members what of it, relative to it; the empty path is all of it
 * @param without what of them is left out with all below it, relative to the root likewise
 * @param besides more files, which take the place of those of the same name
 */
public record ArchiveSource(
        Path root, List<Path> members, List<Path> without, Optional<Files> besides) {
    /**
     * Files from elsewhere.
     *
     * @param root the directory that they are relative to, as the others are to theirs
     * @param members the files, not empty
     */
    public record Files(Path root, List<Path> members) {
        public Files {
            root = root.toAbsolutePath().normalize();
            members = List.copyOf(members);
            members.forEach(ArchiveSource::requirePlain);
        }

        /** The members as tar is told them. */
        List<String> arguments() {
            return members.stream().map(ArchiveSource::argument).toList();
        }
    }

    public ArchiveSource {
        root = root.toAbsolutePath().normalize();
        members = List.copyOf(members);
        without = List.copyOf(without);
        if (members.isEmpty()) {
            throw new IllegalArgumentException("an archive of nothing");
        }
        members.forEach(ArchiveSource::requirePlain);
    }

    private static void requirePlain(Path member) {
        if (member.isAbsolute() || !member.equals(member.normalize())) {
            throw new IllegalArgumentException("not a plain relative path: " + member);
        }
    }

    /** All of one directory: its contents are at the archive's top. */
    public static ArchiveSource of(Path directory) {
        return new ArchiveSource(directory, List.of(Path.of("")), List.of(), Optional.empty());
    }

    /** The same without some of it. */
    public ArchiveSource without(List<Path> leftOut) {
        return new ArchiveSource(root, members, leftOut, besides);
    }

    /** The same with more files. */
    public ArchiveSource with(Files more) {
        return new ArchiveSource(root, members, without, Optional.of(more));
    }

    /** The members as tar is told them. */
    List<String> arguments() {
        return members.stream().map(ArchiveSource::argument).toList();
    }

    /** What is left out, as tar is told it. */
    List<String> exclusions() {
        return without.stream().map(ArchiveSource::argument).toList();
    }

    /** The dot keeps a name that begins with a dash from being an option. */
    private static String argument(Path relative) {
        return relative.toString().isEmpty() ? "." : "./" + relative;
    }
}
