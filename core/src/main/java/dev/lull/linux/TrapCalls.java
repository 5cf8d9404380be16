package dev.lull.linux;

import java.util.Optional;

/**
 * Standing in for the kernel in another program's freeze ioctls: seccomp(2) hands them over, seccomp_unotify(2) says
 * how they are answered.
 */
public interface TrapCalls {
    /**
     * Has every FIFREEZE, FITHAW and FIFREEZE_RESET_TIMEOUT of the calling thread wait for an answer through the result;
     * and those of every process that it starts and every program that it becomes. Nothing takes that back. Other system
     * calls go their way. Needs CAP_SYS_ADMIN.
     *
     * <p>A signal aborts a waiting call only until {@link #nextTrapped} has taken it (SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
     * Linux 5.19); after that only one that kills. Once all descriptors of the result are closed, the calls fail with ENOSYS.
     *
     * @throws KernelException EPERM if it is not permitted, EINVAL if the kernel is too old, EBUSY if a listener is there
     *     already
     */
    Descriptor trapFreezes() throws KernelException;

    /**
     * Takes the next waiting call. {@code listener} is readable when there is one, and hung up when nobody is left who
     * could make one. For one thread.
     *
     * @return empty if its caller went away meanwhile
     */
    Optional<TrappedIoctl> nextTrapped(Descriptor listener) throws KernelException;

    /** Whether the call still waits, so that all that was found out about its caller until now was about its caller. */
    boolean isPending(Descriptor listener, TrappedIoctl call) throws KernelException;

    /**
     * Ends the call: it returns 0, or fails.
     *
     * @param failure what it fails with; empty for success
     * @return false if its caller is gone, and never learns of it
     */
    boolean answer(Descriptor listener, TrappedIoctl call, Optional<Errno> failure)
            throws KernelException;

    /**
     * Lets the kernel itself do the call, on what its arguments mean at that time.
     *
     * @return false if its caller is gone
     */
    boolean letThrough(Descriptor listener, TrappedIoctl call) throws KernelException;

    /**
     * pidfd_getfd(2) from a thread's own table of descriptors (PIDFD_THREAD, Linux 6.9; before that, from its process's).
     * The result refers to the same open file, whatever the other does with its number.
     *
     * @throws KernelException EBADF if it has no such descriptor, or one that no ioctl can be made on (O_PATH); ESRCH if
     *     it is gone; EPERM if it may not be looked into
     */
    Descriptor takeDescriptor(int thread, int number) throws KernelException;

    /**
     * Whether the thread has CAP_SYS_ADMIN in this process's own user namespace, as of now. Nobody but itself can change
     * that, so for a thread whose call is pending it stays so.
     *
     * @throws KernelException ENOENT or ESRCH if it is gone
     */
    boolean isAdministrator(int thread) throws KernelException;

    /**
     * process_vm_readv(2). <b>Can hang</b> for as long as another thread of that process hangs on a frozen filesystem in
     * a store to mapped memory.
     *
     * @throws KernelException EFAULT if not all of it can be read; ESRCH if the thread is gone
     */
    byte[] readMemory(int thread, long address, int length) throws KernelException;
}
