package dev.lull.guard;

import dev.lull.linux.TrustedPath;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The file that says who may freeze what. One that somebody else than root could have written is not believed, and one that
 * cannot be understood says nothing: root alone then, and why is told. Immutable, for any thread; reading may block.
 *
 * @param path the file
 * @param accounts what names in it mean
 * @param owner whom it and the directories above it may belong to, besides root
 */
public record PolicyFile(Path path, Accounts accounts, int owner) {
    /** This host's. */
    public static final PolicyFile DEFAULT =
            new PolicyFile(Path.of("/etc/lull/policy"), Accounts.DEFAULT, 0);

    /**
     * What holds.
     *
     * @param trouble why it is root alone although there is a file: one line, lower case
     */
    public record Loaded(Policy policy, Optional<String> trouble) {}

    /** Reads it. A file that is not there is no trouble. */
    public Loaded load() {
        try {
            Optional<String> distrust = TrustedPath.distrust(path, owner);
            if (distrust.isPresent()) {
                return rootAlone(path + " is not believed: " + distrust.get());
            }
            if (!Files.isRegularFile(path)) {
                return rootAlone(path + " is no file");
            }
            byte[] text;
            try (InputStream in = Files.newInputStream(path)) {
                text = in.readNBytes(PolicyText.MAX_BYTES + 1);
            }
            return new Loaded(PolicyText.parse(text, accounts), Optional.empty());
        } catch (NoSuchFileException e) {
            return new Loaded(Policy.ROOT_ALONE, Optional.empty());
        } catch (IOException e) {
            return rootAlone("cannot read " + path + ": " + e);
        } catch (PolicyException e) {
            return rootAlone(path + ":" + e.line() + ":" + e.column() + ": " + e.getMessage());
        }
    }

    private static Loaded rootAlone(String why) {
        return new Loaded(Policy.ROOT_ALONE, Optional.of(why + "; root alone until then"));
    }

    /** What changes with whatever {@link #load} looks at; compared, not read. */
    List<Map<String, Object>> stamp() {
        List<Map<String, Object>> stamp = new ArrayList<>();
        for (Path file :
                List.of(path, path.resolveSibling("."), accounts.passwd(), accounts.group())) {
            try {
                stamp.add(Files.readAttributes(file, "unix:ino,dev,size,mode,uid,ctime"));
            } catch (IOException e) {
                // One that is not there, or not to be looked at, is stamped so.
                stamp.add(Map.of());
            }
        }
        return List.copyOf(stamp);
    }
}
