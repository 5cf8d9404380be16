package dev.lull.linux;

/**
 * Every call that Lull makes into the kernel, behind one interface, so that tests can put a fake or a faulty kernel in
 * its place. {@link LinuxKernel} is the real one.
 *
 * <p>Implementations are safe for use by several threads. A method that fails throws {@link KernelException} with the
 * operation, what it was applied to, and errno; {@code EINTR} is retried inside unless a method says otherwise.
 */
public interface Kernel
        extends FreezeCalls,
                FileCalls,
                MountCalls,
                StorageCalls,
                SocketCalls,
                ProcessCalls,
                TrapCalls {}
