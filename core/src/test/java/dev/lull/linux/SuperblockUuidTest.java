package dev.lull.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class SuperblockUuidTest {
    private static final String UUID = "00010203-0405-0607-0809-0a0b0c0d0e0f";

    private static byte[] device(int uuidAt) {
        byte[] start = new byte[2048];
        for (int i = 0; i < 16; i++) {
            start[uuidAt + i] = (byte) i;
        }
        return start;
    }

    @Test
    void readsExt() {
        byte[] start = device(1024 + 0x68);
        start[1024 + 0x38] = 0x53;
        start[1024 + 0x39] = (byte) 0xEF;
        assertThat(SuperblockUuid.parse(start)).contains(UUID);
    }

    @Test
    void readsXfs() {
        byte[] start = device(32);
        System.arraycopy("XFSB".getBytes(StandardCharsets.US_ASCII), 0, start, 0, 4);
        assertThat(SuperblockUuid.parse(start)).contains(UUID);
    }

    @Test
    void knowsNothingElse() {
        assertThat(SuperblockUuid.parse(device(32))).isEmpty();
        assertThat(SuperblockUuid.parse(new byte[2048])).isEmpty();
        assertThat(SuperblockUuid.parse(new byte[0])).isEmpty();
    }
}
