package dev.lull.linux;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A mount table, walked as the kernel walks a path: which mount is seen at a mount point. One that another mount covers, at
 * its own place or further up, stands in the table all the same, and is not what the path means. Immutable, for any
 * thread.
 */
public final class MountTree {
    private record Place(int parent, Path path) {}

    private final List<Mount> table;
    private final Map<Place, Mount> children = new HashMap<>();
    private final Optional<Mount> root;

    /**
     * @param table of one mount namespace, see {@link MountCalls#mounts}
     */
    public MountTree(List<Mount> table) {
        this.table = List.copyOf(table);
        Mount top = null;
        for (Mount mount : table) {
            children.put(new Place(mount.parent(), mount.mountPoint()), mount);
            boolean isBottom =
                    isRoot(mount.mountPoint())
                            && table.stream()
                                    .noneMatch(other ->
                                            other.id() == mount.parent()
                                                    && other.id() != mount.id());
            if (top == null && isBottom) {
                top = mount;
            }
        }
        this.root = Optional.ofNullable(top);
    }

    private static boolean isRoot(Path path) {
        return path.getNameCount() == 0;
    }

    /** The mount that is seen at {@code path}; empty if nothing is mounted just there, or it is covered. */
    public Optional<Mount> at(Path path) {
        Mount mount = over(root.orElse(null), path.getRoot());
        for (int names = 1; names <= path.getNameCount() && mount != null; names++) {
            mount = over(mount, path.getRoot().resolve(path.subpath(0, names)));
        }
        return Optional.ofNullable(mount).filter(found -> found.mountPoint().equals(path));
    }

    /** Every mount that is seen at {@code path} or below it, in the table's order. */
    public List<Mount> within(Path path) {
        return table.stream()
                .filter(mount -> mount.mountPoint().startsWith(path))
                .filter(mount -> at(mount.mountPoint()).filter(mount::equals).isPresent())
                .toList();
    }

    /** What is seen at a place of {@code mount}: itself, or the topmost of those that are mounted there one on the other. */
    private @Nullable Mount over(@Nullable Mount mount, @Nullable Path place) {
        Mount seen = mount;
        // Not for ever, should a table go round in a circle.
        for (int layer = 0; layer < table.size() && seen != null && place != null; layer++) {
            Mount next = children.get(new Place(seen.id(), place));
            if (next == null || next.equals(seen)) {
                return seen;
            }
            seen = next;
        }
        return seen;
    }
}
