package dev.lull.linux;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The filter that hands freeze ioctls over, and its listener. See {@link TrapCalls}. */
final class Seccomp {
    private static final int SECCOMP_SET_MODE_FILTER = 1;

    // Without SPEC_ALLOW, kernels before 5.16 slow the program down by a mitigation that it did not
    // ask for.
    private static final int FLAG_SPEC_ALLOW = 4;
    private static final int FLAG_NEW_LISTENER = 8;
    private static final int FLAG_WAIT_KILLABLE_RECV = 32;

    private static final int RET_USER_NOTIF = 0x7FC0_0000;
    private static final int RET_ALLOW = 0x7FFF_0000;
    private static final int NOTIF_FLAG_CONTINUE = 1;

    // linux/bpf_common.h
    private static final int LOAD_WORD = 0x20;
    private static final int JUMP_IF_EQUAL = 0x15;
    private static final int RETURN = 0x06;

    // struct seccomp_data: nr, arch, instruction_pointer, args[6]
    private static final int DATA_NR = 0;
    private static final int DATA_ARCH = 4;
    private static final int DATA_REQUEST = 24;

    // struct seccomp_notif: id, pid, flags, seccomp_data
    private static final int NOTIF = 80;
    private static final int NOTIF_PID = 8;
    private static final int NOTIF_DESCRIPTOR = 32;
    private static final int NOTIF_REQUEST = 40;
    private static final int NOTIF_ARGUMENT = 48;

    // struct seccomp_notif_resp: id, val, error, flags
    private static final int RESPONSE = 24;
    private static final int RESPONSE_ERROR = 16;
    private static final int RESPONSE_FLAGS = 20;

    private static final int INSTRUCTION = 8;

    // struct sock_fprog: how many, and where
    private static final int FILTER = 16;
    private static final int FILTER_PROGRAM = 8;

    private static final int IOVEC = 16;
    private static final int F_GETFL = 3;
    private static final int PIDFD_THREAD = 0x80;
    private static final String LISTENER = "listener of freezes";

    /**
     * An architecture whose programs this kernel runs, and the number of its ioctl(2): include/uapi/linux/audit.h, the
     * system call tables. x32's is that of x86-64 with a number of its own.
     */
    private record Entry(int architecture, int ioctl) {}

    private static final Entry[] X86_64 = {
        new Entry(0xC000_003E, 16),
        new Entry(0xC000_003E, 0x4000_0000 | 514),
        new Entry(0x4000_0003, 54),
    };

    private static final Entry[] ARM64 = {
        new Entry(0xC000_00B7, 29), new Entry(0x4000_0028, 54),
    };

    private static final Entry[] RISCV64 = {new Entry(0xC000_00F3, 29)};

    private Seccomp() {}

    private record Instruction(int code, int ifTrue, int ifFalse, int constant) {
        static Instruction load(int offset) {
            return new Instruction(LOAD_WORD, 0, 0, offset);
        }

        static Instruction unlessEqualSkip(int constant, int count) {
            return new Instruction(JUMP_IF_EQUAL, 0, count, constant);
        }

        static Instruction ifEqualSkip(int constant, int count) {
            return new Instruction(JUMP_IF_EQUAL, count, 0, constant);
        }

        static Instruction end(int answer) {
            return new Instruction(RETURN, 0, 0, answer);
        }
    }

    /** The request is compared by its low word, which is all that the kernel looks at (an unsigned int). */
    private static List<Instruction> filter() {
        Entry[] entries = Abi.X86_64 ? X86_64 : Abi.ARM64 ? ARM64 : RISCV64;
        List<Instruction> program = new ArrayList<>();
        for (int i = 0; i < entries.length; i++) {
            int restOfEntries = 4 * (entries.length - 1 - i);
            program.add(Instruction.load(DATA_ARCH));
            program.add(Instruction.unlessEqualSkip(entries[i].architecture, 2));
            program.add(Instruction.load(DATA_NR));
            program.add(Instruction.ifEqualSkip(entries[i].ioctl, restOfEntries + 1));
        }
        program.add(Instruction.end(RET_ALLOW));
        program.add(Instruction.load(DATA_REQUEST));
        TrappedIoctl.Request[] requests = TrappedIoctl.Request.values();
        for (int i = 0; i < requests.length; i++) {
            program.add(Instruction.ifEqualSkip((int) requests[i].number(), requests.length - i));
        }
        program.add(Instruction.end(RET_ALLOW));
        program.add(Instruction.end(RET_USER_NOTIF));
        return program;
    }

    static Descriptor trapFreezes() throws KernelException {
        List<Instruction> program = filter();
        Scratch scratch = Scratch.of(INSTRUCTION * program.size() + FILTER);
        int instructions = scratch.reserve(INSTRUCTION * program.size());
        for (int i = 0; i < program.size(); i++) {
            Instruction instruction = program.get(i);
            int at = instructions + INSTRUCTION * i;
            scratch.putShort(at, instruction.code);
            scratch.putShort(at + 2, instruction.ifTrue | instruction.ifFalse << 8);
            scratch.putInt(at + 4, instruction.constant);
        }
        int filter = scratch.reserve(FILTER);
        scratch.putShort(filter, program.size());
        scratch.putLong(filter + FILTER_PROGRAM, scratch.address(instructions));
        long number =
                SystemCall.call(
                        scratch,
                        Abi.SECCOMP,
                        SECCOMP_SET_MODE_FILTER,
                        FLAG_NEW_LISTENER | FLAG_SPEC_ALLOW | FLAG_WAIT_KILLABLE_RECV,
                        scratch.address(filter));
        // Close-on-exec, says seccomp(2).
        return new Descriptor(
                (int) SystemCall.check(number, "seccomp", "this thread"),
                LISTENER,
                LinuxKernel.CLOSER);
    }

    static Optional<TrappedIoctl> next(Descriptor listener) throws KernelException {
        Scratch scratch = Scratch.of(NOTIF);
        // The kernel refuses one that is not zeroed.
        int call = scratch.reserve(NOTIF);
        long result = ioctl(scratch, listener, Ioctl.SECCOMP_IOCTL_NOTIF_RECV, call);
        // A signal took the caller away before it could be received (kernel/seccomp.c).
        if (result == -Errno.ENOENT.number()) {
            return Optional.empty();
        }
        SystemCall.check(result, "receive from", listener.name());
        return Optional.of(
                new TrappedIoctl(
                        scratch.getLong(call),
                        scratch.getInt(call + NOTIF_PID),
                        scratch.getInt(call + NOTIF_DESCRIPTOR),
                        TrappedIoctl.Request.of(
                                scratch.getInt(call + NOTIF_REQUEST) & 0xFFFF_FFFFL),
                        scratch.getLong(call + NOTIF_ARGUMENT)));
    }

    static boolean isPending(Descriptor listener, long call) throws KernelException {
        Scratch scratch = Scratch.of();
        int id = scratch.reserve(8);
        scratch.putLong(id, call);
        return arrived(ioctl(scratch, listener, Ioctl.SECCOMP_IOCTL_NOTIF_ID_VALID, id), listener);
    }

    static boolean answer(Descriptor listener, long call, int errno) throws KernelException {
        return respond(listener, call, -errno, 0);
    }

    static boolean letThrough(Descriptor listener, long call) throws KernelException {
        return respond(listener, call, 0, NOTIF_FLAG_CONTINUE);
    }

    private static boolean respond(Descriptor listener, long call, int error, int flags)
            throws KernelException {
        Scratch scratch = Scratch.of(RESPONSE);
        int response = scratch.reserve(RESPONSE);
        scratch.putLong(response, call);
        scratch.putInt(response + RESPONSE_ERROR, error);
        scratch.putInt(response + RESPONSE_FLAGS, flags);
        return arrived(
                ioctl(scratch, listener, Ioctl.SECCOMP_IOCTL_NOTIF_SEND, response), listener);
    }

    private static boolean arrived(long result, Descriptor listener) throws KernelException {
        if (result == -Errno.ENOENT.number()) {
            return false;
        }
        SystemCall.check(result, "answer", listener.name());
        return true;
    }

    private static long ioctl(Scratch scratch, Descriptor listener, long request, int argument) {
        return SystemCall.call(
                scratch, Abi.IOCTL, listener.number(), request, scratch.address(argument));
    }

    static Descriptor takeDescriptor(int thread, int number) throws KernelException {
        String subject = "descriptor " + number + " of thread " + thread;
        try (Descriptor process = openThread(thread)) {
            long taken =
                    SystemCall.call(Scratch.of(), Abi.PIDFD_GETFD, process.number(), number, 0);
            Descriptor file =
                    new Descriptor(
                            (int) SystemCall.check(taken, "pidfd_getfd", subject),
                            subject,
                            LinuxKernel.CLOSER);
            long flags = SystemCall.call(Scratch.of(), Abi.FCNTL, file.number(), F_GETFL);
            if (flags < 0 || (flags & Abi.O_PATH) != 0) {
                file.close();
                throw new KernelException("pidfd_getfd", subject, Errno.EBADF);
            }
            return file;
        }
    }

    private static Descriptor openThread(int thread) throws KernelException {
        long number = SystemCall.call(Scratch.of(), Abi.PIDFD_OPEN, thread, PIDFD_THREAD);
        if (number == -Errno.EINVAL.number()) {
            number = SystemCall.call(Scratch.of(), Abi.PIDFD_OPEN, processOf(thread), 0);
        }
        String subject = "thread " + thread;
        return new Descriptor(
                (int) SystemCall.check(number, "pidfd_open", subject), subject, LinuxKernel.CLOSER);
    }

    /** Before Linux 6.9, only processes can be opened. */
    private static int processOf(int thread) throws KernelException {
        return ProcThread.process(LinuxKernel.readStatus(thread));
    }

    static byte[] readMemory(int thread, long address, int length) throws KernelException {
        Scratch scratch = Scratch.of(2 * IOVEC + length);
        int local = scratch.reserve(IOVEC);
        int remote = scratch.reserve(IOVEC);
        int bytes = scratch.reserve(length);
        scratch.putLong(local, scratch.address(bytes));
        scratch.putLong(local + 8, length);
        scratch.putLong(remote, address);
        scratch.putLong(remote + 8, length);
        String subject = "memory of thread " + thread;
        long got =
                SystemCall.call(
                        scratch,
                        Abi.PROCESS_VM_READV,
                        thread,
                        scratch.address(local),
                        1,
                        scratch.address(remote),
                        1,
                        0);
        if (SystemCall.check(got, "process_vm_readv", subject) < length) {
            throw new KernelException("process_vm_readv", subject, Errno.EFAULT);
        }
        return scratch.bytes(bytes, length);
    }
}
