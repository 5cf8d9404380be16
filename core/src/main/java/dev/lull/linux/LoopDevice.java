package dev.lull.linux;

import java.nio.file.Path;

/**
 * A loop device that this process attached.
 *
 * @param path for example {@code /dev/loop3}
 * @param descriptor keeps the device attached while open
 */
public record LoopDevice(Path path, Descriptor descriptor) implements AutoCloseable {
    @Override
    public void close() throws KernelException {
        descriptor.close();
    }
}
