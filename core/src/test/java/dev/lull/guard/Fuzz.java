package dev.lull.guard;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Places where hostile bytes come in, each as the fuzzer wants it: whatever the bytes are, the method returns. {@link
 * FuzzCorpusTest} replays what was found so far; {@code dev/fuzz} looks for more, with Jazzer, whose targets are the
 * nested classes.
 */
final class Fuzz {
    private static final Accounts NOBODY = new Accounts(Path.of("/dev/null"), Path.of("/dev/null"));

    private Fuzz() {}

    /** A call on the guard's socket; what was understood means the same when it is said again. */
    static final class Requests {
        private Requests() {}

        public static void fuzzerTestOneInput(byte[] bytes) {
            Request request;
            try {
                request = Wire.request(bytes);
            } catch (WireException e) {
                requireOneLine(e);
                return;
            }
            try {
                Request again = Wire.request(WireTest.withoutNul(Wire.encode(request)));
                require(again.equals(request), "another request: " + again);
            } catch (WireException e) {
                throw new IllegalStateException("not understood again: " + request, e);
            }
        }
    }

    /** A reply to one of the calls, as a client reads it. */
    static final class Replies {
        private Replies() {}

        public static void fuzzerTestOneInput(byte[] bytes) {
            for (Request asked : WireTest.REQUESTS) {
                try {
                    Wire.encode(Wire.reply(bytes, asked));
                } catch (WireException e) {
                    requireOneLine(e);
                }
            }
        }
    }

    /** The first byte is how long the pieces are in which the others arrive. */
    static final class Framing {
        private static final int LIMIT = 256;

        private Framing() {}

        public static void fuzzerTestOneInput(byte[] bytes) {
            if (bytes.length == 0) {
                return;
            }
            int piece = (bytes[0] & 0xFF) + 1;
            Frames frames = new Frames(LIMIT);
            int taken = 0;
            try {
                for (int at = 1; at < bytes.length; at += piece) {
                    ByteBuffer received =
                            ByteBuffer.wrap(bytes, at, Math.min(piece, bytes.length - at));
                    for (byte[] message = frames.next(received);
                            message != null;
                            message = frames.next(received)) {
                        require(message.length < LIMIT, "longer than the limit");
                        taken += message.length + 1;
                    }
                    require(!received.hasRemaining(), "bytes left over");
                    require(frames.kept() <= 2048, "keeps " + frames.kept());
                }
            } catch (WireException e) {
                requireOneLine(e);
            }
            require(taken < bytes.length, "more than came");
        }
    }

    /** A policy's file. */
    static final class Policies {
        private Policies() {}

        public static void fuzzerTestOneInput(byte[] bytes) {
            try {
                Policy policy = PolicyText.parse(bytes, NOBODY);
                require(!policy.rootMax().isNegative(), "a negative limit");
                List<Policy.Rule> all = new ArrayList<>(policy.rules());
                all.addAll(policy.participants());
                for (Policy.Rule rule : all) {
                    require(rule.user().isPresent() != rule.group().isPresent(), "about nobody");
                    require(rule.user().orElse(1) != 0, "about root");
                    require(!rule.places().isEmpty(), "nowhere");
                    for (Policy.Place place : rule.places()) {
                        require(place.path().isAbsolute(), "relative");
                    }
                }
            } catch (PolicyException e) {
                requireOneLine(e);
                require(e.line() > 0 && e.column() > 0, "nowhere");
                require(e.line() <= lines(bytes), "behind the end");
            }
        }

        private static int lines(byte[] bytes) {
            return 1
                    + (int)
                            new String(bytes, StandardCharsets.ISO_8859_1)
                                    .chars()
                                    .filter(c -> c == '\n')
                                    .count();
        }
    }

    private static void requireOneLine(Exception e) {
        String message = String.valueOf(e.getMessage());
        require(!message.isBlank() && message.indexOf('\n') < 0, "a bad message: " + message);
    }

    static void require(boolean holds, String what) {
        if (!holds) {
            throw new IllegalStateException(what);
        }
    }
}
