package dev.lull.linux;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;

/** Unix sockets with descriptor passing (unix(7)), which the JDK's channels cannot do. All are non-blocking. */
public interface SocketCalls {
    /**
     * Binds and listens. A stale socket file in the way must be removed by the caller.
     *
     * @param mode permission bits of the socket file
     */
    Descriptor listen(Path path, int mode) throws KernelException;

    /** @throws KernelException EAGAIN if nobody waits */
    Descriptor accept(Descriptor listener) throws KernelException;

    /** @throws KernelException ENOENT or ECONNREFUSED if nobody listens, EAGAIN if too many wait already */
    Descriptor connect(Path path) throws KernelException;

    /** Two connected stream sockets. */
    List<Descriptor> socketPair(String name) throws KernelException;

    /**
     * sendmsg(2) with MSG_NOSIGNAL; descriptors travel with the first byte (SCM_RIGHTS, at most 253).
     *
     * @return how many bytes went; 0 if the socket's buffer is full, and then no descriptor went either
     * @throws KernelException EPIPE or ECONNRESET if the peer is gone
     */
    int send(Descriptor socket, ByteBuffer bytes, List<Descriptor> descriptors)
            throws KernelException;

    /**
     * recvmsg(2) with MSG_CMSG_CLOEXEC into {@code bytes}; descriptors received are added to {@code descriptors} and
     * belong to the caller. A receive ends with the bytes that descriptors were sent with; bytes sent before may come
     * in the same one. A truncated control message (MSG_CTRUNC) closes what came and is EMSGSIZE.
     *
     * @return how many bytes came; 0 if none is there now; −1 at the end of the stream
     */
    int receive(Descriptor socket, ByteBuffer bytes, List<Descriptor> descriptors)
            throws KernelException;

    /**
     * Takes over a listening Unix stream socket that this process was started with, and makes it non-blocking and
     * close-on-exec.
     *
     * @param number its descriptor, which belongs to the result from then on
     * @throws KernelException EBADF if there is no such descriptor, ENOTSOCK if it is no socket, EINVAL if it is a socket
     *     of another kind or does not listen
     */
    Descriptor inheritedListener(int number) throws KernelException;

    /** A datagram socket to send from. */
    Descriptor datagramSocket() throws KernelException;

    /**
     * A datagram socket at an address; {@link #receive} takes one datagram from it at a time.
     *
     * @param address a path, or an abstract name with {@code @} for its first byte (unix(7))
     */
    Descriptor bindDatagram(String address) throws KernelException;

    /**
     * sendto(2) of one whole datagram.
     *
     * @param address as for {@link #bindDatagram}
     * @return false if the receiver's queue is full, and nothing was sent
     * @throws KernelException ENOENT or ECONNREFUSED if nobody is there
     */
    boolean sendDatagram(Descriptor socket, String address, byte[] message) throws KernelException;

    /** SO_PEERCRED: who connected (or made the pair), as of then. */
    Peer peer(Descriptor socket) throws KernelException;

    /** SO_PEERGROUPS (Linux 4.13): the peer's supplementary groups, as of then. */
    Set<Integer> peerGroups(Descriptor socket) throws KernelException;

    /**
     * SO_PEERPIDFD (Linux 6.5), else pidfd_open of the peer's pid, which can by then be another process's.
     */
    Descriptor peerProcess(Descriptor socket) throws KernelException;

    /** An eventfd(2): {@link #signal} makes it readable, {@link #clear} unreadable. */
    Descriptor eventDescriptor() throws KernelException;

    void signal(Descriptor event) throws KernelException;

    void clear(Descriptor event) throws KernelException;

    /**
     * ppoll(2). Returns early, with nothing ready, on a signal.
     *
     * @param interests the descriptors and events to wait for
     * @param timeout null waits for ever; never rounded down to less
     * @return for each of {@code interests}, the ready POLL* bits
     */
    int[] poll(List<PollInterest> interests, @org.jspecify.annotations.Nullable Duration timeout)
            throws KernelException;
}
