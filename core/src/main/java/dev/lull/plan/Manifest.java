package dev.lull.plan;

import java.io.IOException;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * What a backup is and why it can be trusted, kept beside it as JSON; {@code docs/archive-format.md} has the form. It is
 * read years later: fields are only ever added, and one that is not known is skipped.
 *
 * @param lull the version that wrote it
 * @param created when the snapshots were taken, wall clock
 * @param host the machine's name
 * @param kernel its kernel release
 * @param lease the freeze, absent if nothing was frozen (all snapshots are atomic by themselves)
 * @param filesystems what was backed up
 * @param applications the participants that were at rest
 * @param archive the archive, absent for a snapshot alone or a tool of the user's own
 * @param verified what was checked and found good, one line each
 * @param notes what a person should know: what tar warned of, for example
 * @param timeline the steps as they went
 */
public record Manifest(
        String lull,
        Instant created,
        String host,
        String kernel,
        Optional<Held> lease,
        List<Filesystem> filesystems,
        List<Application> applications,
        Optional<Archive> archive,
        List<String> verified,
        List<String> notes,
        List<Timeline.Entry> timeline) {
    /** The version of the form. A reader refuses a later one. */
    public static final int FORMAT = 1;

    /** No real one comes near it. */
    public static final int LARGEST = 16 << 20;

    public Manifest {
        filesystems = List.copyOf(filesystems);
        applications = List.copyOf(applications);
        verified = List.copyOf(verified);
        notes = List.copyOf(notes);
        timeline = List.copyOf(timeline);
    }

    /**
     * The freeze that the snapshots were taken under.
     *
     * @param id the lease
     * @param end how it ended, {@code released} for a good one
     * @param reason why, in words
     * @param within the limit that was set on freezing
     * @param timeout the limit that was set on being frozen
     * @param window from the first FIFREEZE call to the last FITHAW return: no writer waited longer for it
     */
    public record Held(
            String id,
            String end,
            String reason,
            Duration within,
            Duration timeout,
            Optional<Duration> window) {}

    /**
     * One filesystem of the set.
     *
     * @param paths as they were named
     * @param mountPoint where it was mounted
     * @param device {@code major:minor} of the superblock, as of then
     * @param type for example {@code ext4}
     * @param source the mounted device
     * @param uuid the filesystem's, where known
     * @param provider what made the snapshot
     * @param snapshot the snapshot's id
     * @param frozen whether it was frozen; if not, the snapshot is atomic by itself
     * @param leftOut mounts and subvolumes nested in it that are not in the snapshot, relative to the mount point
     */
    public record Filesystem(
            List<String> paths,
            String mountPoint,
            String device,
            String type,
            String source,
            Optional<String> uuid,
            String provider,
            String snapshot,
            boolean frozen,
            List<String> leftOut) {
        public Filesystem {
            paths = List.copyOf(paths);
            leftOut = List.copyOf(leftOut);
        }
    }

    /**
     * An application that was at rest while the snapshots were taken.
     *
     * @param kind the participant's, see {@link dev.lull.participant.Participant#kind}
     * @param name the participant's
     * @param rested from the begin of its coming to rest until it had been let go on
     * @param evidence what it said of the rest, by name
     */
    public record Application(
            String kind, String name, Duration rested, Map<String, String> evidence) {
        public Application {
            evidence = Map.copyOf(evidence);
        }
    }

    /**
     * An archive's sums.
     *
     * @param bytes of the compressed file
     * @param sha256 of the compressed file, lower-case hexadecimal
     * @param tarBytes of the tar stream in it
     * @param tarSha256 of the tar stream; absent until it was read back
     * @param entries how many the tar stream has: files, directories, links and nodes
     */
    public record Archive(
            long bytes, String sha256, long tarBytes, Optional<String> tarSha256, long entries) {}

    /** The same with an archive, and more notes. */
    public Manifest with(Archive newArchive, List<String> newNotes) {
        List<String> allNotes = new ArrayList<>(notes);
        allNotes.addAll(newNotes);
        return new Manifest(
                lull,
                created,
                host,
                kernel,
                lease,
                filesystems,
                applications,
                Optional.of(newArchive),
                verified,
                allNotes,
                timeline);
    }

    /** The same with what was verified and how the steps went. */
    public Manifest with(List<String> newVerified, List<Timeline.Entry> newTimeline) {
        return new Manifest(
                lull,
                created,
                host,
                kernel,
                lease,
                filesystems,
                applications,
                archive,
                newVerified,
                notes,
                newTimeline);
    }

    /** The manifest as JSON text. */
    public String toJson() {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("format", FORMAT);
        tree.put("lull", lull);
        tree.put("created", created.toString());
        tree.put("host", host);
        tree.put("kernel", kernel);
        lease.ifPresent(held -> tree.put("lease", tree(held)));
        tree.put("filesystems", filesystems.stream().map(Manifest::tree).toList());
        if (!applications.isEmpty()) {
            tree.put("applications", applications.stream().map(Manifest::tree).toList());
        }
        archive.ifPresent(a -> tree.put("archive", tree(a)));
        tree.put("verified", verified);
        tree.put("notes", notes);
        tree.put("timeline", timeline.stream().map(Manifest::tree).toList());
        return Json.write(tree);
    }

    private static Map<String, Object> tree(Held held) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("id", held.id());
        tree.put("end", held.end());
        tree.put("reason", held.reason());
        tree.put("withinMillis", held.within().toMillis());
        tree.put("timeoutMillis", held.timeout().toMillis());
        held.window().ifPresent(window -> tree.put("windowNanos", window.toNanos()));
        return tree;
    }

    private static Map<String, Object> tree(Filesystem filesystem) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("paths", filesystem.paths());
        tree.put("mountPoint", filesystem.mountPoint());
        tree.put("device", filesystem.device());
        tree.put("type", filesystem.type());
        tree.put("source", filesystem.source());
        filesystem.uuid().ifPresent(uuid -> tree.put("uuid", uuid));
        tree.put("provider", filesystem.provider());
        tree.put("snapshot", filesystem.snapshot());
        tree.put("frozen", filesystem.frozen());
        tree.put("leftOut", filesystem.leftOut());
        return tree;
    }

    private static Map<String, Object> tree(Application application) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("kind", application.kind());
        tree.put("name", application.name());
        tree.put("restedNanos", application.rested().toNanos());
        tree.put("evidence", new TreeMap<>(application.evidence()));
        return tree;
    }

    private static Map<String, Object> tree(Archive archive) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("bytes", archive.bytes());
        tree.put("sha256", archive.sha256());
        tree.put("tarBytes", archive.tarBytes());
        archive.tarSha256().ifPresent(sum -> tree.put("tarSha256", sum));
        tree.put("entries", archive.entries());
        return tree;
    }

    private static Map<String, Object> tree(Timeline.Entry entry) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("step", entry.name());
        tree.put("startNanos", entry.start().toNanos());
        entry.took().ifPresent(took -> tree.put("nanos", took.toNanos()));
        tree.put("outcome", entry.outcome().word());
        entry.detail().ifPresent(detail -> tree.put("detail", detail));
        return tree;
    }

    /**
     * Reads a manifest.
     *
     * @throws IOException if it is none, or of a later format; the message says why, to follow the file's name
     */
    public static Manifest parse(byte[] json) throws IOException {
        if (json.length > LARGEST) {
            throw new IOException("too large for a manifest");
        }
        Fields tree = new Fields(Json.read(json));
        long format = tree.number("format");
        if (format < 1 || format > FORMAT) {
            throw new IOException("a manifest of format " + format + ", known is " + FORMAT);
        }
        try {
            return new Manifest(
                    tree.text("lull"),
                    Instant.parse(tree.text("created")),
                    tree.text("host"),
                    tree.text("kernel"),
                    tree.has("lease") ? Optional.of(held(tree.object("lease"))) : Optional.empty(),
                    filesystems(tree),
                    tree.has("applications") ? applications(tree) : List.of(),
                    tree.has("archive")
                            ? Optional.of(archive(tree.object("archive")))
                            : Optional.empty(),
                    tree.texts("verified"),
                    tree.texts("notes"),
                    entries(tree));
        } catch (DateTimeException | ArithmeticException e) {
            throw new IOException("a time in it is none", e);
        }
    }

    private static Held held(Fields tree) throws IOException {
        return new Held(
                tree.text("id"),
                tree.text("end"),
                tree.text("reason"),
                Duration.ofMillis(tree.number("withinMillis")),
                Duration.ofMillis(tree.number("timeoutMillis")),
                tree.has("windowNanos")
                        ? Optional.of(Duration.ofNanos(tree.number("windowNanos")))
                        : Optional.empty());
    }

    private static List<Filesystem> filesystems(Fields tree) throws IOException {
        List<Filesystem> filesystems = new ArrayList<>();
        for (Fields item : tree.objects("filesystems")) {
            filesystems.add(
                    new Filesystem(
                            item.texts("paths"),
                            item.text("mountPoint"),
                            item.text("device"),
                            item.text("type"),
                            item.text("source"),
                            item.has("uuid") ? Optional.of(item.text("uuid")) : Optional.empty(),
                            item.text("provider"),
                            item.text("snapshot"),
                            item.flag("frozen"),
                            item.texts("leftOut")));
        }
        return filesystems;
    }

    private static List<Application> applications(Fields tree) throws IOException {
        List<Application> applications = new ArrayList<>();
        for (Fields item : tree.objects("applications")) {
            Map<String, String> evidence = new LinkedHashMap<>();
            Fields said = item.object("evidence");
            for (String name : said.map().keySet()) {
                evidence.put(name, said.text(name));
            }
            applications.add(
                    new Application(
                            // Before there were kinds, there were hooks.
                            item.has("kind") ? item.text("kind") : item.text("name"),
                            item.text("name"),
                            Duration.ofNanos(item.number("restedNanos")),
                            evidence));
        }
        return applications;
    }

    private static Archive archive(Fields tree) throws IOException {
        return new Archive(
                tree.number("bytes"),
                tree.text("sha256"),
                tree.number("tarBytes"),
                tree.has("tarSha256") ? Optional.of(tree.text("tarSha256")) : Optional.empty(),
                tree.number("entries"));
    }

    private static List<Timeline.Entry> entries(Fields tree) throws IOException {
        List<Timeline.Entry> entries = new ArrayList<>();
        for (Fields item : tree.objects("timeline")) {
            Optional<Timeline.Outcome> outcome = Timeline.Outcome.ofWord(item.text("outcome"));
            if (outcome.isEmpty()) {
                throw new IOException("an unknown outcome in it");
            }
            entries.add(
                    new Timeline.Entry(
                            item.text("step"),
                            Duration.ofNanos(item.number("startNanos")),
                            item.has("nanos")
                                    ? Optional.of(Duration.ofNanos(item.number("nanos")))
                                    : Optional.empty(),
                            outcome.get(),
                            item.has("detail")
                                    ? Optional.of(item.text("detail"))
                                    : Optional.empty()));
        }
        return entries;
    }

    /** An object of the tree, whose fields are asked for by name and kind. */
    private record Fields(Map<String, Object> map) {
        boolean has(String name) {
            return map.containsKey(name);
        }

        String text(String name) throws IOException {
            return get(name, String.class);
        }

        long number(String name) throws IOException {
            return get(name, Long.class);
        }

        boolean flag(String name) throws IOException {
            return get(name, Boolean.class);
        }

        Fields object(String name) throws IOException {
            return fields(name, get(name, Map.class));
        }

        List<Fields> objects(String name) throws IOException {
            List<Fields> objects = new ArrayList<>();
            for (Object item : get(name, List.class)) {
                objects.add(fields(name, item));
            }
            return objects;
        }

        List<String> texts(String name) throws IOException {
            List<String> texts = new ArrayList<>();
            for (Object item : get(name, List.class)) {
                if (!(item instanceof String text)) {
                    throw new IOException("its " + name + " is not what it should be");
                }
                texts.add(text);
            }
            return texts;
        }

        private <T> T get(String name, Class<T> kind) throws IOException {
            Object value = map.get(name);
            if (!kind.isInstance(value)) {
                throw new IOException(
                        value == null
                                ? "it has no " + name
                                : "its " + name + " is not what it should be");
            }
            return kind.cast(value);
        }

        private static Fields fields(String name, Object value) throws IOException {
            if (!(value instanceof Map<?, ?> map)) {
                throw new IOException("its " + name + " is not what it should be");
            }
            Map<String, Object> named = new LinkedHashMap<>();
            map.forEach((key, item) -> named.put(String.valueOf(key), item));
            return new Fields(named);
        }
    }
}
