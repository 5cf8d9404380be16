package dev.lull.it.bench;

import dev.lull.backup.ArchiveSource;
import dev.lull.backup.ArchiveTarget;
import dev.lull.backup.Compression;
import dev.lull.backup.PendingArchive;
import java.io.IOException;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Random;

/** How fast a directory becomes an archive. */
final class ArchiveSpeed {
    private static final int MEBIBYTE = 1 << 20;
    private static final String SCRIPT =
            "tar --xattrs --acls -C \"$1\" -cf - . | zstd -q -3 -T0 -o \"$2\" && sync \"$2\"";

    private ArchiveSpeed() {}

    static void run(boolean quick) throws Exception {
        int rounds = quick ? 1 : 5;
        int mebibytes = quick ? 512 : 2048;
        Bench.title(
                "archive", mebibytes + " MiB of mixed files, in the page cache, fsync included");
        Path tree = Files.createDirectory(Bench.scratch().resolve("tree"));
        Path archives = Files.createDirectory(Bench.scratch().resolve("archives"));
        Figures theirs = new Figures("tar | zstd -3 -T0");
        Figures ours = new Figures("lull, with its two SHA-256");
        try {
            fill(tree, mebibytes);
            Programs.run("sync", "-f", tree.toString());
            for (int round = -1; round < rounds; round++) {
                long script = byScript(tree, archives.resolve("script.tar.zst"));
                long lull = withLull(tree, archives);
                if (round >= 0) {
                    theirs.add(script);
                    ours.add(lull);
                }
            }
        } finally {
            Programs.deleteTree(tree);
            Programs.deleteTree(archives);
        }
        theirs.print();
        ours.print();
        double throughput = (double) theirs.median() / ours.median();
        System.out.printf(
                Locale.ROOT,
                "  %-34s %12s%n",
                "throughput",
                String.format(
                        Locale.ROOT,
                        "%.0f and %.0f MiB/s",
                        mebibytes * 1e9 / theirs.median(),
                        mebibytes * 1e9 / ours.median()));
        Figures.goal(
                "throughput, lull : script",
                String.format(Locale.ROOT, "%.2f x", throughput),
                "at least 0.90 x",
                throughput >= 0.9);
    }

    private static long byScript(Path tree, Path archive) throws Exception {
        long began = System.nanoTime();
        Programs.run(
                "bash", "-o", "pipefail", "-ec", SCRIPT, "sh", tree.toString(), archive.toString());
        long took = System.nanoTime() - began;
        Files.delete(archive);
        return took;
    }

    private static long withLull(Path tree, Path archives) throws Exception {
        ArchiveTarget target = ArchiveTarget.in(archives, "lull");
        long began = System.nanoTime();
        try (PendingArchive archive =
                PendingArchive.write(
                        ArchiveSource.of(tree),
                        target,
                        Compression.ofLevel(Compression.DEFAULT_LEVEL),
                        _ -> {})) {
            return System.nanoTime() - began;
        }
    }

    /** A quarter each: text in small files, text in large ones, what does not compress, half empty tables. */
    private static void fill(Path tree, int mebibytes) throws IOException {
        Random random = new Random(42);
        int quarter = mebibytes / 4;
        for (int i = 0; i < quarter * 16; i++) {
            Path directory = tree.resolve("small/" + i / 256);
            Files.createDirectories(directory);
            Files.write(
                    directory.resolve("file-" + i),
                    text(random, 32 * 1024 + random.nextInt(64 * 1024)));
        }
        for (int i = 0; i < quarter / 64; i++) {
            try (OutputStream out = Files.newOutputStream(tree.resolve("log-" + i))) {
                for (int j = 0; j < 64; j++) {
                    out.write(text(random, MEBIBYTE));
                }
            }
            try (OutputStream out = Files.newOutputStream(tree.resolve("picture-" + i))) {
                byte[] noise = new byte[MEBIBYTE];
                for (int j = 0; j < 64; j++) {
                    random.nextBytes(noise);
                    out.write(noise);
                }
            }
            try (RandomAccessFile file =
                    new RandomAccessFile(tree.resolve("table-" + i).toFile(), "rw")) {
                byte[] page = new byte[8192];
                for (int j = 0; j < 64 * MEBIBYTE / page.length; j++) {
                    random.nextBytes(page);
                    java.util.Arrays.fill(page, page.length / 2, page.length, (byte) 0);
                    file.write(page);
                }
            }
        }
    }

    /** Lines of words, as in logs and sources. */
    private static byte[] text(Random random, int length) {
        StringBuilder text = new StringBuilder(length + 16);
        while (text.length() < length) {
            text.append(WORDS[random.nextInt(WORDS.length)])
                    .append(random.nextInt(12) == 0 ? "\n" + random.nextInt(1_000_000) : " ");
        }
        return text.substring(0, length).getBytes(StandardCharsets.US_ASCII);
    }

    private static final String[] WORDS = words();

    private static String[] words() {
        Random random = new Random(1);
        String[] words = new String[4096];
        for (int i = 0; i < words.length; i++) {
            StringBuilder word = new StringBuilder();
            for (int j = 2 + random.nextInt(8); j > 0; j--) {
                word.append((char) ('a' + random.nextInt(26)));
            }
            words[i] = word.toString();
        }
        return words;
    }
}
