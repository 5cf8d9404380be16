package dev.lull.it.bench;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/**
 * A filesystem in a sparse file behind a loop device, mounted in the namespace of {@code dev/it-namespace}, whose watchdog
 * is told of it before it exists and thaws it whatever happens.
 */
final class LoopFilesystem implements AutoCloseable {
    private static final long PATIENCE = 10_000_000_000L;
    private static final long NOTABLE = 200_000_000;
    private static final byte[] CONTENT = new byte[4096];
    private static int made;

    private final Path entry;
    private final Path image;
    private final Path top;
    private final String device;
    private int generations;

    private LoopFilesystem(Path entry, Path image, Path top, String device) {
        this.entry = entry;
        this.image = image;
        this.top = top;
        this.device = device;
    }

    /**
     * @param directory what the image is to lie in
     * @param type for example {@code ext4}
     */
    static LoopFilesystem make(String type, int mebibytes, Path directory)
            throws IOException, InterruptedException {
        return make(type, mebibytes, directory, false);
    }

    /**
     * One that is written to as a disk is. Otherwise a flush of the loop device waits for all that its file has in the page
     * cache, see loop(4) and drivers/block/loop.c, lo_req_flush.
     */
    static LoopFilesystem makeDirect(String type, int mebibytes, Path directory)
            throws IOException, InterruptedException {
        return make(type, mebibytes, directory, true);
    }

    private static LoopFilesystem make(String type, int mebibytes, Path directory, boolean direct)
            throws IOException, InterruptedException {
        String name = type + "-" + ++made;
        Path image = directory.resolve(name + ".img");
        Path top = Bench.scratch().resolve(name);
        Path entry = Bench.scratch().resolve("registry").resolve(name);
        Files.writeString(entry, type + "\n" + image + "\n" + top + "\n");
        Files.createDirectory(top);
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
            file.setLength(mebibytes * 1024L * 1024);
        }
        List<String> mkfs = new ArrayList<>(List.of("mkfs." + type, "-q"));
        if (type.equals("ext4")) {
            // All at once, so that no kernel thread goes on with it while others are measured.
            mkfs.addAll(List.of("-E", "lazy_itable_init=0,lazy_journal_init=0"));
        }
        mkfs.add(image.toString());
        Programs.run(mkfs.toArray(String[]::new));
        String device =
                Programs.run(
                        "losetup",
                        "--find",
                        "--show",
                        direct ? "--direct-io=on" : "--direct-io=off",
                        image.toString());
        Programs.run("mount", "-t", type, device, top.toString());
        return new LoopFilesystem(entry, image, top, device);
    }

    Path top() {
        return top;
    }

    Path image() {
        return image;
    }

    /** Gives two more minutes before the watchdog thaws it. */
    void renew() throws IOException {
        Files.setLastModifiedTime(entry, FileTime.from(Instant.now()));
    }

    /** Creates files of 4 KiB; those of the last call are gone, and all of that is written back, before. */
    void newFiles(int count) throws IOException, InterruptedException {
        renew();
        Programs.deleteTree(top.resolve("new-" + generations));
        Programs.run("sync", "-f", top.toString());
        Path directory = Files.createDirectory(top.resolve("new-" + ++generations));
        for (int i = 0; i < count; i++) {
            Files.write(directory.resolve(Integer.toString(i)), CONTENT);
        }
    }

    @Override
    public void close() throws IOException, InterruptedException {
        unmount();
        Programs.run("losetup", "--detach", device);
        Files.delete(image);
        Files.delete(top);
        Files.delete(entry);
    }

    /** Nobody should hold it any more; says so if somebody does. */
    private void unmount() throws IOException, InterruptedException {
        long began = System.nanoTime();
        while (true) {
            try {
                Programs.run("umount", top.toString());
                break;
            } catch (IOException e) {
                if (System.nanoTime() - began > PATIENCE) {
                    throw e;
                }
                Thread.sleep(20);
            }
        }
        long took = System.nanoTime() - began;
        if (took > NOTABLE) {
            System.out.println("  " + top + " could be unmounted only after " + Figures.text(took));
        }
    }
}
