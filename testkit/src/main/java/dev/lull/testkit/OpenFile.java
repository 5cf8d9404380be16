package dev.lull.testkit;

import dev.lull.linux.Errno;
import dev.lull.linux.TrappedIoctl;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * An open file description: what descriptors of one or several processes, and messages under way,
 * refer to. Guarded by the world's lock.
 */
sealed class OpenFile {
    private int references;

    final void acquire() {
        references++;
    }

    final void release(World world) {
        references--;
        if (references == 0) {
            lastClose(world);
        }
    }

    void lastClose(World world) {}

    /** A file, directory or device. */
    static final class OfNode extends OpenFile {
        final Node node;
        final World.FakeMount mount;

        OfNode(Node node, World.FakeMount mount) {
            this.node = node;
            this.mount = mount;
        }

        @Override
        void lastClose(World world) {
            if (node.lockedBy == this) {
                node.lockedBy = null;
            }
            world.open.remove(this);
            world.clearUnusedLoops();
        }
    }

    /** One end of a connection. */
    static final class Socket extends OpenFile {
        /** As Linux has it by default: net.core.wmem_default. */
        static final int CAPACITY = 212_992;

        final FakeProcess peerProcess;
        final int peerUser;
        final Set<Integer> peerGroups;
        final Deque<Message> incoming = new ArrayDeque<>();
        @Nullable Socket other;
        boolean closed;
        boolean reset;

        Socket(FakeProcess peerProcess) {
            this.peerProcess = peerProcess;
            this.peerUser = peerProcess.kernel().user();
            this.peerGroups = peerProcess.kernel().groups();
        }

        int queued() {
            int sum = 0;
            for (Message message : incoming) {
                sum += message.bytes.length - message.taken;
            }
            return sum;
        }

        Socket peer() {
            if (other == null) {
                throw new IllegalStateException("a socket without another end");
            }
            return other;
        }

        boolean peerClosed() {
            return peer().closed;
        }

        @Override
        void lastClose(World world) {
            closed = true;
            // unix_release_sock() of net/unix/af_unix.c: who leaves data unread resets the other
            // end.
            if (!incoming.isEmpty()) {
                peer().reset = true;
            }
            for (Message message : incoming) {
                message.drop(world);
            }
            incoming.clear();
        }
    }

    static final class Message {
        final byte[] bytes;
        List<OpenFile> files;
        int taken;

        Message(byte[] bytes, List<OpenFile> files) {
            this.bytes = bytes;
            this.files = files;
        }

        void drop(World world) {
            for (OpenFile file : files) {
                file.release(world);
            }
            files = List.of();
        }
    }

    static final class Listener extends OpenFile {
        final FakeProcess owner;
        final Deque<Socket> backlog = new ArrayDeque<>();
        boolean closed;

        Listener(FakeProcess owner) {
            this.owner = owner;
        }

        @Override
        void lastClose(World world) {
            closed = true;
            for (Socket socket : backlog) {
                socket.release(world);
            }
            backlog.clear();
        }
    }

    /** A datagram socket; one that only sends has no address. */
    static final class Datagrams extends OpenFile {
        /** As Linux has it by default: net.unix.max_dgram_qlen, and one more (net/unix/af_unix.c). */
        static final int CAPACITY = 11;

        final Deque<byte[]> incoming = new ArrayDeque<>();
        boolean closed;

        @Override
        void lastClose(World world) {
            closed = true;
            incoming.clear();
            // The path of one stays, with nobody behind it; an abstract name goes.
            world.datagrams
                    .entrySet()
                    .removeIf(e -> e.getKey().startsWith("@") && e.getValue().closed);
        }
    }

    static final class Event extends OpenFile {
        long count;
    }

    static final class OfThread extends OpenFile {
        final FakeProcess process;
        final int tid;

        OfThread(FakeProcess process, int tid) {
            this.process = process;
            this.tid = tid;
        }
    }

    /** Where trapped ioctls wait. */
    static final class Trap extends OpenFile {
        final Deque<Call> waiting = new ArrayDeque<>();
        final Map<Long, Call> taken = new HashMap<>();
        boolean closed;
        private long lastId;

        /** A call of a thread that waits; what it is to do then is set with the answer. */
        static final class Call {
            final TrappedIoctl ioctl;
            boolean answered;
            boolean through;
            Optional<Errno> failure = Optional.empty();

            Call(TrappedIoctl ioctl) {
                this.ioctl = ioctl;
            }
        }

        Call enter(int thread, int descriptor, TrappedIoctl.Request request) {
            Call call = new Call(new TrappedIoctl(++lastId, thread, descriptor, request, 0));
            waiting.add(call);
            return call;
        }

        void leave(Call call) {
            waiting.remove(call);
            taken.remove(call.ioctl.id());
        }

        @Override
        void lastClose(World world) {
            closed = true;
            world.notifyAll();
        }
    }

    static final class OfProcess extends OpenFile {
        final FakeProcess process;

        OfProcess(FakeProcess process) {
            this.process = process;
        }
    }
}
