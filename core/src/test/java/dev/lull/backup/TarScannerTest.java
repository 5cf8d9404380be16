package dev.lull.backup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.junit.jupiter.api.Test;

class TarScannerTest {
    /** Commons Compress keeps a tenth of a microsecond. */
    private static final Instant TIME = Instant.parse("2026-01-02T03:04:05.123456700Z");

    @Test
    void tellsEveryEntryOfAnArchiveThatAnotherProgramWrote() throws Exception {
        List<TarEntry> entries = scan(sample(), 512 * 1024);

        assertThat(entries)
                .extracting(TarEntry::name)
                .containsExactly(
                        "./",
                        "./file",
                        "./" + "n".repeat(300),
                        "./link",
                        "./soft",
                        "./umlaut-ü",
                        "./fifo");
        assertThat(entries.get(1))
                .isEqualTo(
                        new TarEntry(
                                "./file",
                                TarEntry.Kind.FILE,
                                0640,
                                3_000_000_000L,
                                7,
                                1000,
                                TIME,
                                "",
                                0,
                                0));
        assertThat(entries.get(3).link()).isEqualTo("./file");
        assertThat(entries.get(4).link()).isEqualTo("a\\nb");
        assertThat(entries)
                .extracting(e -> e.kind().letter())
                .containsExactly('d', '-', '-', 'h', 'l', '-', 'p');
    }

    @Property(tries = 60)
    void theSizeOfThePiecesMakesNoDifference(@ForAll @IntRange(min = 1, max = 2000) int piece)
            throws Exception {
        assertThat(scan(sample(), piece)).isEqualTo(scan(sample(), 512 * 1024));
    }

    @Property(tries = 300)
    void anArchiveCutShortIsNoticed(@ForAll @IntRange(min = 0, max = 9000) int length)
            throws Exception {
        byte[] whole = sample();
        int endMark = endMark(whole);
        byte[] cut = Arrays.copyOf(whole, Math.min(length, endMark + 1023));

        assertThatThrownBy(() -> scan(cut, 512)).isInstanceOf(MalformedTar.class);
    }

    @Property(tries = 500)
    void rubbishIsRefusedAndNothingElseThrown(@ForAll long seed) {
        byte[] bytes = sample();
        Random random = new Random(seed);
        for (int i = 0; i < 1 + random.nextInt(20); i++) {
            bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
        }
        try {
            scan(bytes, 4096);
        } catch (MalformedTar expected) {
            assertThat(expected.getMessage()).isNotBlank().doesNotContain("\n");
        }
    }

    @Test
    void aFlippedBitInAHeaderIsNoticed() {
        byte[] bytes = sample();
        bytes[5] ^= 1;

        assertThatThrownBy(() -> scan(bytes, 512))
                .isInstanceOf(MalformedTar.class)
                .hasMessageContaining("header");
    }

    @Test
    void somethingAfterTheEndMarkIsNoticed() {
        byte[] bytes = sample();
        bytes[bytes.length - 1] = 1;

        assertThatThrownBy(() -> scan(bytes, 512)).hasMessage("something after its end mark");
    }

    @Test
    void aTimeOfBillionsOfDigitsIsRefusedAtOnce() {
        assertThatThrownBy(() -> scan(withPax("mtime=1E999999999"), 512))
                .hasMessage("a time that is none");
    }

    @Test
    void aSizeThatOverflowsIsRefused() {
        assertThatThrownBy(() -> scan(withPax("size=9223372036854775807"), 512))
                .hasMessageStartingWith("an entry of impossible size");
    }

    @Test
    void anAttributeOfAnySizeCostsNoMemory() throws Exception {
        byte[] bytes = withPax("SCHILY.xattr.user.big=" + "x".repeat(3 << 20));

        assertThat(scan(bytes, 4096)).hasSize(1);
    }

    @Test
    void aNameLongerThanAnySystemAllowsIsRefused() {
        assertThatThrownBy(() -> scan(withPax("path=" + "x".repeat(1 << 20)), 4096))
                .hasMessage("an extended header with a path too long to be true");
    }

    @Test
    void namesThatWouldFoolATerminalAreEscaped() {
        assertThat(EntryName.escape(new byte[] {'a', (byte) 0xff, 27, '\\', '\n'}))
                .isEqualTo("a\\377\\033\\\\\\n");
        assertThat(EntryName.escape("x\u202etxt".getBytes(StandardCharsets.UTF_8)))
                .isEqualTo("x\\342\\200\\256txt");
        assertThat(EntryName.escape("größe 𝄞".getBytes(StandardCharsets.UTF_8)))
                .isEqualTo("größe 𝄞");
    }

    private static List<TarEntry> scan(byte[] bytes, int piece) throws MalformedTar {
        List<TarEntry> entries = new ArrayList<>();
        TarScanner scanner = new TarScanner(entries::add);
        for (int at = 0; at < bytes.length; at += piece) {
            scanner.accept(bytes, at, Math.min(piece, bytes.length - at));
        }
        scanner.finish();
        assertThat(scanner.entries()).isEqualTo(entries.size());
        return entries;
    }

    private static int endMark(byte[] tar) {
        int last = tar.length - 1;
        while (tar[last] == 0) {
            last--;
        }
        return (last / 512 + 1) * 512;
    }

    private static byte[] sample() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (TarArchiveOutputStream tar = new TarArchiveOutputStream(bytes, 10240, "UTF-8")) {
            tar.setLongFileMode(TarArchiveOutputStream.LONGFILE_POSIX);
            tar.setBigNumberMode(TarArchiveOutputStream.BIGNUMBER_POSIX);
            tar.setAddPaxHeadersForNonAsciiNames(true);
            put(tar, new TarArchiveEntry("./"), new byte[0]);
            TarArchiveEntry file = new TarArchiveEntry("./file");
            file.setMode(0100640);
            file.setUserId(3_000_000_000L);
            file.setGroupId(7);
            put(tar, file, new byte[1000]);
            put(
                    tar,
                    new TarArchiveEntry("./" + "n".repeat(300)),
                    "x".getBytes(StandardCharsets.UTF_8));
            TarArchiveEntry link = new TarArchiveEntry("./link", TarConstants.LF_LINK);
            link.setLinkName("./file");
            put(tar, link, new byte[0]);
            TarArchiveEntry soft = new TarArchiveEntry("./soft", TarConstants.LF_SYMLINK);
            soft.setLinkName("a\nb");
            put(tar, soft, new byte[0]);
            put(tar, new TarArchiveEntry("./umlaut-ü"), new byte[513]);
            put(tar, new TarArchiveEntry("./fifo", TarConstants.LF_FIFO), new byte[0]);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
        return bytes.toByteArray();
    }

    private static void put(TarArchiveOutputStream tar, TarArchiveEntry entry, byte[] content)
            throws IOException {
        entry.setSize(content.length);
        entry.setLastModifiedTime(FileTime.from(TIME));
        tar.putArchiveEntry(entry);
        tar.write(content);
        tar.closeArchiveEntry();
    }

    /** One file with one extended header record, which may be nonsense. */
    private static byte[] withPax(String record) {
        int length = record.length() + 2;
        while ((length + "").length() + 2 + record.length() != length) {
            length++;
        }
        byte[] text = (length + " " + record + "\n").getBytes(StandardCharsets.UTF_8);
        ByteArrayOutputStream tar = new ByteArrayOutputStream();
        tar.writeBytes(header("./PaxHeaders/f", 'x', text.length));
        tar.writeBytes(Arrays.copyOf(text, (text.length + 511) / 512 * 512));
        tar.writeBytes(header("./f", '0', 0));
        tar.writeBytes(new byte[1024]);
        return tar.toByteArray();
    }

    private static byte[] header(String name, char type, long size) {
        byte[] block = new byte[512];
        put(block, 0, name);
        put(block, 100, "0000644");
        put(block, 108, "0000000");
        put(block, 116, "0000000");
        put(block, 124, String.format("%011o", size));
        put(block, 136, "00000000000");
        put(block, 148, "        ");
        block[156] = (byte) type;
        put(block, 257, "ustar\00000");
        int sum = 0;
        for (byte b : block) {
            sum += b & 0xff;
        }
        put(block, 148, String.format("%06o\0 ", sum));
        return block;
    }

    private static void put(byte[] block, int at, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
        System.arraycopy(bytes, 0, block, at, bytes.length);
    }
}
