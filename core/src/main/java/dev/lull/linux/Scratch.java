package dev.lull.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A thread's native memory for the arguments of one system call, used again by its next one. It
 * grows to the largest call made and goes with the thread; nothing is allocated per call.
 *
 * <p>Structures are read and written by offset, through a {@link ByteBuffer}: {@link MemorySegment}'s
 * accessors are var handles, whose machinery costs some megabytes that the sentry does not have.
 */
final class Scratch {
    private static final int SMALLEST = 4096;
    private static final ThreadLocal<Scratch> OF_THREAD = new ThreadLocal<>();

    /** Where {@link SystemCall} has errno captured: an int at offset 0. */
    final MemorySegment capture;

    private final ByteBuffer captured;
    private ByteBuffer memory;
    private long base;
    private int used;

    private Scratch() {
        capture = Arena.ofAuto().allocate(8, 8);
        captured = capture.asByteBuffer().order(ByteOrder.nativeOrder());
        memory = ByteBuffer.allocate(0);
        grow(SMALLEST);
    }

    /**
     * The calling thread's memory, empty, with room for {@code bytes} and the alignment of a few
     * structures. What it held before is lost: a method asks once, before its first {@link #reserve}.
     */
    static Scratch of(int bytes) {
        Scratch scratch = OF_THREAD.get();
        if (scratch == null) {
            scratch = new Scratch();
            OF_THREAD.set(scratch);
        }
        int needed = bytes + 64;
        if (needed > scratch.memory.capacity()) {
            scratch.grow(Math.max(needed, 2 * scratch.memory.capacity()));
        }
        scratch.used = 0;
        return scratch;
    }

    static Scratch of() {
        return of(0);
    }

    private void grow(int bytes) {
        MemorySegment segment = Arena.ofAuto().allocate(bytes, 16);
        memory = segment.asByteBuffer().order(ByteOrder.nativeOrder());
        base = segment.address();
    }

    int errno() {
        return captured.getInt(0);
    }

    /** Reserves {@code bytes} zeroed bytes, aligned to 8; returns their offset. */
    int reserve(int bytes) {
        int offset = reserveAsIs(bytes);
        for (int i = 0; i < bytes; i++) {
            memory.put(offset + i, (byte) 0);
        }
        return offset;
    }

    /** As {@link #reserve}, with whatever the memory held. */
    int reserveAsIs(int bytes) {
        int offset = (used + 7) & ~7;
        if (offset + bytes > memory.capacity()) {
            throw new IllegalStateException("scratch memory asked for too late");
        }
        used = offset + bytes;
        return offset;
    }

    /** Reserves {@code bytes} and a NUL after them; returns their address. */
    long string(byte[] bytes) {
        int offset = reserveAsIs(bytes.length + 1);
        memory.put(offset, bytes, 0, bytes.length);
        memory.put(offset + bytes.length, (byte) 0);
        return base + offset;
    }

    long address(int offset) {
        return base + offset;
    }

    int offset(long address) {
        return (int) (address - base);
    }

    ByteBuffer memory() {
        return memory;
    }

    byte getByte(int offset) {
        return memory.get(offset);
    }

    int getShort(int offset) {
        return memory.getShort(offset) & 0xFFFF;
    }

    int getInt(int offset) {
        return memory.getInt(offset);
    }

    long getLong(int offset) {
        return memory.getLong(offset);
    }

    void putShort(int offset, int value) {
        memory.putShort(offset, (short) value);
    }

    void putInt(int offset, int value) {
        memory.putInt(offset, value);
    }

    void putLong(int offset, long value) {
        memory.putLong(offset, value);
    }

    byte[] bytes(int offset, int length) {
        byte[] bytes = new byte[length];
        memory.get(offset, bytes, 0, length);
        return bytes;
    }

    /** The bytes from {@code offset} to the first NUL, at most {@code limit}. */
    byte[] stringAt(int offset, int limit) {
        int length = 0;
        while (length < limit && memory.get(offset + length) != 0) {
            length++;
        }
        return bytes(offset, length);
    }
}
