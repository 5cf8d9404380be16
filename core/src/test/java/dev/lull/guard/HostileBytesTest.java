package dev.lull.guard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.ByteRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class HostileBytesTest {
    @Property
    void anyBytesAreARequestOrRefused(@ForAll byte[] bytes) {
        parse(bytes);
    }

    @Property
    void aSpoiledRequestIsARequestOrRefused(
            @ForAll @IntRange(min = 0, max = 13) int which,
            @ForAll @IntRange(min = 0, max = 10_000) int at,
            @ForAll byte with,
            @ForAll @IntRange(min = 0, max = 10_000) int cut) {
        byte[] message = WireTest.withoutNul(Wire.encode(WireTest.REQUESTS.get(which)));
        message[at % message.length] = with;
        parse(message);
        parse(Arrays.copyOf(message, cut % message.length));
    }

    @Property
    void aSpoiledReplyIsAReplyOrRefused(
            @ForAll @IntRange(min = 0, max = 12) int which,
            @ForAll @IntRange(min = 0, max = 10_000) int at,
            @ForAll byte with) {
        WireTest.Answered answered = WireTest.REPLIES.get(which);
        byte[] message = WireTest.withoutNul(Wire.encode(answered.reply()));
        message[at % message.length] = with;
        try {
            assertThat(Wire.reply(message, answered.request())).isNotNull();
        } catch (WireException e) {
            assertThat(e).hasMessageNotContaining("\n");
        }
    }

    private static void parse(byte[] message) {
        try {
            assertThat(Wire.request(message)).isNotNull();
        } catch (WireException e) {
            assertThat(e.getMessage()).isNotBlank();
        }
    }

    @Property
    void messagesComeOutAsTheyWereHoweverTheyArrive(
            @ForAll @Size(max = 20) List<@Size(max = 50) List<@ByteRange(min = 1) Byte>> messages,
            @ForAll @IntRange(min = 1, max = 70) int piece)
            throws Exception {
        ByteArrayOutputStream stream = new ByteArrayOutputStream();
        for (List<Byte> message : messages) {
            message.forEach(stream::write);
            stream.write(0);
        }
        Frames frames = new Frames(64);
        List<List<Byte>> got = new ArrayList<>();
        byte[] all = stream.toByteArray();
        for (int at = 0; at < all.length; at += piece) {
            ByteBuffer received = ByteBuffer.wrap(all, at, Math.min(piece, all.length - at));
            for (byte[] m = frames.next(received); m != null; m = frames.next(received)) {
                List<Byte> list = new ArrayList<>();
                for (byte b : m) {
                    list.add(b);
                }
                got.add(list);
            }
            assertThat(received.hasRemaining()).isFalse();
        }
        assertThat(got).isEqualTo(messages);
        assertThat(frames.midMessage()).isFalse();
    }

    @Test
    void aMessageMayBeAsLongAsTheLimitAndNoLonger() throws Exception {
        Frames frames = new Frames(8);
        assertThat(frames.next(ByteBuffer.wrap(new byte[] {1, 2, 3, 4, 5, 6, 7, 0}))).hasSize(7);
        assertThat(frames.next(ByteBuffer.wrap(new byte[] {1, 2, 3, 4, 5}))).isNull();
        assertThat(frames.midMessage()).isTrue();
        assertThatThrownBy(() -> frames.next(ByteBuffer.wrap(new byte[] {6, 7, 8})))
                .isInstanceOf(WireException.class);
    }
}
