package dev.lull.it.harness;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Appends record n to one file, fsyncs, then to another, fsyncs, for ever. */
public final class LedgerProgram {
    /** Bytes. */
    public static final int RECORD = 64;

    private LedgerProgram() {}

    /**
     * Prints {@code writing} after the first record.
     *
     * @param arguments the two files
     */
    public static void main(String[] arguments) throws IOException {
        try (FileChannel first = open(arguments[0]);
                FileChannel second = open(arguments[1])) {
            var record = ByteBuffer.allocateDirect(RECORD);
            for (long number = 0; ; number++) {
                record.putLong(0, number);
                append(first, record.clear());
                append(second, record.clear());
                if (number == 0) {
                    System.out.println("writing");
                }
            }
        }
    }

    private static FileChannel open(String name) throws IOException {
        return FileChannel.open(
                Path.of(name), StandardOpenOption.CREATE_NEW, StandardOpenOption.APPEND);
    }

    private static void append(FileChannel file, ByteBuffer record) throws IOException {
        file.write(record);
        file.force(true);
    }
}
