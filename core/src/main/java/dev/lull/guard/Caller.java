package dev.lull.guard;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.Peer;
import java.util.Set;

/**
 * Who is at the other end of a connection, as of when it was made.
 *
 * @param peer process, user and group
 * @param groups supplementary groups; of root, which needs none, they are not asked for
 * @param root whether everything is allowed
 */
record Caller(Peer peer, Set<Integer> groups, boolean root) {
    /** @throws KernelException if the socket does not tell: then nobody knows who it is, and it must be refused */
    static Caller of(Kernel kernel, Descriptor socket) throws KernelException {
        Peer peer = kernel.peer(socket);
        boolean root = peer.uid() == 0 || peer.uid() == kernel.effectiveUser();
        return new Caller(peer, root ? Set.of() : kernel.peerGroups(socket), root);
    }

    /** Whether a lease of that user's is as good as his own. */
    boolean mayAct(int owner) {
        return root || peer.uid() == owner;
    }
}
