package dev.lull.it.harness;

import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A mount namespace whose root is a scratch filesystem: the JDK, lull, {@code /tmp} and {@code /var} are on it, and
 * nothing of the machine's own filesystems is left but {@code /dev}, {@code /proc} and {@code /sys}. {@code /run} is a
 * tmpfs. Seen from outside, the root is {@link #filesystem}.
 *
 * <p>Nothing runs in here unless the root is the test's own, and whatever is frozen is thawed from outside if the test is
 * silent for a minute.
 */
public final class RootNamespace implements AutoCloseable {
    private static final int MEBIBYTES = 1024;
    private static final Duration SILENCE = Duration.ofSeconds(60);
    private static final List<String> PROGRAMS =
            List.of(
                    "cat", "head", "mount", "rm", "rmdir", "sh", "sleep", "stat", "tail", "touch",
                    "true", "umount");

    private final ScratchFilesystem filesystem;
    private final MountNamespace namespace;
    private final LateThaw lateThaw;
    private final String device;
    private final Path build;

    private RootNamespace(ScratchFilesystem filesystem, MountNamespace namespace, Path build) {
        this.filesystem = filesystem;
        this.namespace = namespace;
        this.lateThaw = LateThaw.of(filesystem, SILENCE);
        this.device = device(filesystem.mountPoint());
        this.build = build;
    }

    public static RootNamespace make(FilesystemType type) {
        LullProcess.run("--version").expect(0);
        ScratchFilesystem filesystem = ScratchFilesystem.of(type).mebibytes(MEBIBYTES).make();
        if (device(filesystem.mountPoint()).equals(device(Path.of("/")))) {
            throw new AssertionError(filesystem + " is the machine's own root");
        }
        try {
            return make(filesystem);
        } catch (AssertionError | RuntimeException e) {
            filesystem.close();
            throw e;
        }
    }

    private static RootNamespace make(ScratchFilesystem filesystem) {
        Path build = currentBuild();
        populate(filesystem.mountPoint(), build);
        // So that nothing of it is in memory: what runs on it is read from it.
        filesystem.unmount();
        filesystem.mount("defaults");
        MountNamespace namespace =
                MountNamespace.keptBy(
                        TestNamespace.script("root-namespace").toString(),
                        filesystem.mountPoint().toString(),
                        TestNamespace.current().scratch().getFileName().toString());
        await("the root is " + filesystem)
                .atMost(Duration.ofSeconds(5))
                .pollInterval(Duration.ofMillis(10))
                .until(() -> Processes.name(namespace.pid()).orElse("").equals("sleep"));
        return new RootNamespace(filesystem, namespace, build);
    }

    private static Path currentBuild() {
        try {
            Path builds = TestNamespace.sourceTree().resolve(".lull-build");
            return builds.resolve(Files.readString(builds.resolve("current")).strip());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Every file where it is on the machine: the AOT caches fit no other place. */
    private static void populate(Path root, Path build) {
        try {
            for (String name : List.of("bin", "sbin", "lib", "lib64")) {
                Files.createDirectories(root.resolve("usr").resolve(name));
                Files.createSymbolicLink(root.resolve(name), Path.of("usr", name));
            }
            for (String name : List.of("run", "tmp", "var/log", "var/lib/lull", "var/tmp")) {
                Files.createDirectories(root.resolve(name));
            }
            var sources = new ArrayList<Path>();
            Path jdk = Path.of(System.getProperty("java.home"));
            for (String name : List.of("bin", "conf", "lib", "release")) {
                sources.add(jdk.resolve(name));
            }
            // Without the pom the launcher has nothing to build.
            Path home = TestNamespace.sourceTree();
            sources.addAll(
                    List.of(
                            home.resolve("lull"),
                            home.resolve("dev/toolchain.sh"),
                            build.resolveSibling("current"),
                            build,
                            testClasses()));
            copy(root, "-a", sources);
            for (String name : List.of("src.zip", "ct.sym")) {
                Files.deleteIfExists(
                        root.resolve(Path.of("/").relativize(jdk)).resolve("lib").resolve(name));
            }
            Set<Path> linked = new TreeSet<>();
            for (String name : PROGRAMS) {
                Path program = program(name);
                linked.add(program);
                linked.addAll(libraries(program));
            }
            linked.addAll(libraries(jdk.resolve("bin/java")));
            linked.addAll(libraries(jdk.resolve("lib/server/libjvm.so")));
            linked.addAll(libraries(jdk.resolve("lib/libnet.so")));
            copy(root, "-L", linked);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void copy(Path root, String how, Iterable<Path> sources) throws IOException {
        for (Path source : sources) {
            Path target = root.resolve(Path.of("/").relativize(source));
            Files.createDirectories(target.getParent());
            Program.run("cp", how, source.toString(), target.toString());
        }
    }

    /** Not what a shell says, which knows some by itself. */
    private static Path program(String name) {
        return Stream.of("/usr/bin", "/usr/sbin")
                .map(directory -> Path.of(directory, name))
                .filter(Files::isExecutable)
                .findFirst()
                .orElseThrow(() -> new AssertionError("no program " + name));
    }

    /** Those of the system; the JDK's own come with it. */
    private static List<Path> libraries(Path program) {
        return Program.run("ldd", program.toString())
                .lines()
                .flatMap(line -> Stream.of(line.strip().split(" ", -1)))
                .filter(word -> word.startsWith("/"))
                .map(Path::of)
                .filter(library -> !library.startsWith(System.getProperty("java.home")))
                .toList();
    }

    private static Path testClasses() {
        try {
            return Path.of(
                    RootNamespace.class
                            .getProtectionDomain()
                            .getCodeSource()
                            .getLocation()
                            .toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    private static String device(Path path) {
        return Program.run("stat", "-c", "%d", path.toString());
    }

    /** The root as it is seen from outside. */
    public ScratchFilesystem filesystem() {
        return filesystem;
    }

    /** A path in here, for those who are outside. */
    public Path resolve(String absolute) {
        return Path.of("/proc", Long.toString(namespace.pid()), "root")
                .resolve(Path.of("/").relativize(Path.of(absolute)));
    }

    /** The guard's socket in here, for those who are outside. */
    public Path socket() {
        return resolve(GuardProbe.SOCKET.toString());
    }

    /**
     * The command line that runs {@code command} in here, in {@code /proc}, since lull will not have a working directory
     * that is to be frozen. It runs only if the root that it finds itself on is ours, and with that it has a minute before
     * all is thawed.
     */
    public List<String> enter(List<String> command) {
        renew();
        var words =
                new ArrayList<>(
                        List.of(
                                "sh",
                                "-c",
                                "[ \"$(stat -c %d /)\" = \"$0\" ] && cd /proc && exec \"$@\";"
                                        + " echo \"$1: not run: another root\" >&2; exit 99",
                                device));
        words.addAll(command);
        return namespace.enter(words);
    }

    /** Runs a program in here that must succeed. @return its output */
    public String run(String... command) {
        return Program.run(enter(List.of(command)).toArray(String[]::new));
    }

    /** Starts a program in here that says nothing. */
    public Process start(String... command) {
        try {
            return new ProcessBuilder(enter(List.of(command)))
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Starts a client through the library.
     *
     * @param prefix a command that runs it as its own last arguments, or nothing
     */
    public Steered steered(List<String> prefix) {
        var command = new ArrayList<>(prefix);
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(
                List.of(
                        "-XX:TieredStopAtLevel=1",
                        "-XX:+UseSerialGC",
                        "-XX:-UsePerfData",
                        "-Xmx64m",
                        // With these it starts guards as the launcher does.
                        "-Dlull.aot=" + caches(),
                        "--enable-native-access=dev.lull.core",
                        "--module-path",
                        build.resolve("lib").toString(),
                        "--add-modules",
                        "dev.lull.core",
                        "-cp",
                        testClasses().toString(),
                        SteeredProgram.class.getName(),
                        filesystem.majorMinor()));
        try {
            return new Steered(
                    new ProcessBuilder(enter(command))
                            .redirectError(ProcessBuilder.Redirect.INHERIT)
                            .start(),
                    this::renew);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Path caches() {
        try (DirectoryStream<Path> found = Files.newDirectoryStream(build, "aot-*")) {
            return found.iterator().next();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A minute from now until all is thawed. */
    public void renew() {
        filesystem.renew();
        lateThaw.renew();
    }

    /** Who is in here, but for the process that keeps it. */
    public List<Long> processes() {
        return Processes.inMountNamespaceOf(Long.toString(namespace.pid())).stream()
                .filter(pid -> pid != namespace.pid())
                .toList();
    }

    /** The name of every file on the root. It may be frozen. */
    public Set<String> files() {
        try (Stream<Path> all = Files.walk(filesystem.mountPoint())) {
            return all.filter(path -> !Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS))
                    .map(path -> "/" + filesystem.mountPoint().relativize(path))
                    .collect(Collectors.toCollection(TreeSet::new));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Thaws, ends everybody in here, and unmounts. */
    @Override
    public void close() {
        lateThaw.close();
        filesystem.thawIfFrozen();
        await("nobody is left on " + filesystem)
                .atMost(Duration.ofSeconds(15))
                .pollInterval(Duration.ofMillis(20))
                .until(() -> {
                    List<Long> left = processes();
                    left.forEach(pid -> Program.attempt("kill", "-s", "KILL", pid.toString()));
                    return left.isEmpty();
                });
        namespace.close();
        filesystem.close();
    }
}
