package dev.lull.linux;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** sendmsg(2) and recvmsg(2) with descriptors (unix(7), cmsg(3)). */
final class SocketMessages {
    /** SCM_MAX_FD of include/net/scm.h. */
    private static final int MOST_DESCRIPTORS = 253;

    /** A stream may be cut anywhere; this keeps each thread's native memory small. */
    private static final int MOST_BYTES = 16 * 1024;

    private static final int SOL_SOCKET = 1;
    private static final int SCM_RIGHTS = 1;
    private static final int MSG_CTRUNC = 0x8;
    private static final int MSG_DONTWAIT = 0x40;
    private static final int MSG_NOSIGNAL = 0x4000;
    private static final int MSG_CMSG_CLOEXEC = 0x4000_0000;

    // struct msghdr: name, namelen, iov, iovlen, control, controllen, flags
    private static final int MSGHDR = 56;
    private static final int MSG_IOV = 16;
    private static final int MSG_IOVLEN = 24;
    private static final int MSG_CONTROL = 32;
    private static final int MSG_CONTROLLEN = 40;
    private static final int MSG_FLAGS = 48;
    private static final int IOVEC = 16;

    // struct cmsghdr: length (of header and data), level, type
    private static final int CMSGHDR = 16;
    private static final int CONTROL = CMSGHDR + 4 * (MOST_DESCRIPTORS + 1);

    private SocketMessages() {}

    static int send(Descriptor socket, ByteBuffer bytes, List<Descriptor> descriptors)
            throws KernelException {
        int length = Math.min(bytes.remaining(), MOST_BYTES);
        int count = descriptors.size();
        if (length == 0 || count > MOST_DESCRIPTORS) {
            throw new IllegalArgumentException(
                    "at least 1 byte and at most "
                            + MOST_DESCRIPTORS
                            + " descriptors can be sent, not "
                            + length
                            + " and "
                            + count);
        }
        Scratch scratch = Scratch.of(MSGHDR + IOVEC + CONTROL + length);
        int header = header(scratch, length);
        scratch.memory().put(data(scratch, header), bytes, bytes.position(), length);
        if (count > 0) {
            int control = scratch.reserve(CMSGHDR + 4 * ((count + 1) & ~1));
            scratch.putLong(control, CMSGHDR + 4L * count);
            scratch.putInt(control + 8, SOL_SOCKET);
            scratch.putInt(control + 12, SCM_RIGHTS);
            for (int i = 0; i < count; i++) {
                scratch.putInt(control + CMSGHDR + 4 * i, descriptors.get(i).number());
            }
            scratch.putLong(header + MSG_CONTROL, scratch.address(control));
            scratch.putLong(header + MSG_CONTROLLEN, CMSGHDR + 4L * ((count + 1) & ~1));
        }
        long result =
                SystemCall.call(
                        scratch,
                        Abi.SENDMSG,
                        socket.number(),
                        scratch.address(header),
                        MSG_NOSIGNAL | MSG_DONTWAIT);
        if (result == -Errno.EAGAIN.number()) {
            return 0;
        }
        int sent = (int) SystemCall.check(result, "sendmsg", socket.name());
        bytes.position(bytes.position() + sent);
        return sent;
    }

    static int receive(
            Descriptor socket,
            ByteBuffer bytes,
            List<Descriptor> descriptors,
            Descriptor.Closer closer)
            throws KernelException {
        int length = Math.min(bytes.remaining(), MOST_BYTES);
        if (length == 0) {
            throw new IllegalArgumentException("no room to receive into");
        }
        Scratch scratch = Scratch.of(MSGHDR + IOVEC + CONTROL + length);
        int header = header(scratch, length);
        int data = data(scratch, header);
        int control = scratch.reserve(CONTROL);
        scratch.putLong(header + MSG_CONTROL, scratch.address(control));
        scratch.putLong(header + MSG_CONTROLLEN, CONTROL);
        long result =
                SystemCall.call(
                        scratch,
                        Abi.RECVMSG,
                        socket.number(),
                        scratch.address(header),
                        MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
        if (result == -Errno.EAGAIN.number()) {
            return 0;
        }
        int received = (int) SystemCall.check(result, "recvmsg", socket.name());
        List<Descriptor> arrived = arrived(scratch, header, control, socket, closer);
        if ((scratch.getInt(header + MSG_FLAGS) & MSG_CTRUNC) != 0) {
            // Also when this process has no free descriptor number: the kernel drops those it
            // cannot place.
            throw closeAll(arrived, new KernelException("recvmsg", socket.name(), Errno.EMSGSIZE));
        }
        if (received == 0) {
            return -1;
        }
        bytes.put(bytes.position(), scratch.memory(), data, received);
        bytes.position(bytes.position() + received);
        descriptors.addAll(arrived);
        return received;
    }

    private static int header(Scratch scratch, int length) {
        int header = scratch.reserve(MSGHDR);
        int vector = scratch.reserve(IOVEC);
        int data = scratch.reserveAsIs(length);
        scratch.putLong(vector, scratch.address(data));
        scratch.putLong(vector + 8, length);
        scratch.putLong(header + MSG_IOV, scratch.address(vector));
        scratch.putLong(header + MSG_IOVLEN, 1);
        return header;
    }

    private static int data(Scratch scratch, int header) {
        long vector = scratch.getLong(header + MSG_IOV);
        return scratch.offset(scratch.getLong(scratch.offset(vector)));
    }

    private static List<Descriptor> arrived(
            Scratch scratch, int header, int control, Descriptor socket, Descriptor.Closer closer) {
        int end = control + (int) scratch.getLong(header + MSG_CONTROLLEN);
        List<Descriptor> arrived = new ArrayList<>();
        int at = control;
        while (at + CMSGHDR <= end) {
            int length = (int) scratch.getLong(at);
            if (length < CMSGHDR) {
                break;
            }
            if (scratch.getInt(at + 8) == SOL_SOCKET && scratch.getInt(at + 12) == SCM_RIGHTS) {
                for (int i = CMSGHDR; i + 4 <= length; i += 4) {
                    String name = "descriptor from " + socket.name();
                    arrived.add(new Descriptor(scratch.getInt(at + i), name, closer));
                }
            }
            at += (length + 7) & ~7;
        }
        return arrived;
    }

    private static KernelException closeAll(List<Descriptor> arrived, KernelException why) {
        for (Descriptor descriptor : arrived) {
            try {
                descriptor.close();
            } catch (KernelException e) {
                why.addSuppressed(e);
            }
        }
        return why;
    }
}
