package dev.lull.cli;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Errno;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A process that knows nothing of guards and leases, and thaws the demo's filesystems a minute after it was started,
 * whatever happens; or at once if the demo is gone without having said that all is well.
 */
final class DemoWatchdog {
    private static final long SECONDS = 60;

    private DemoWatchdog() {}

    /** @param directories in the order in which they have to be thawed */
    static void run(Kernel kernel, List<Path> directories)
            throws IOException, InterruptedException {
        List<Descriptor> opened = new ArrayList<>();
        for (Path directory : directories) {
            opened.add(kernel.openDirectory(directory));
        }
        CountDownLatch told = new CountDownLatch(1);
        AtomicBoolean well = new AtomicBoolean();
        Thread.ofPlatform()
                .daemon()
                .start(() -> {
                    try {
                        well.set(System.in.read() == 'w');
                    } catch (IOException gone) {
                        well.set(false);
                    }
                    told.countDown();
                });
        System.out.println("ready");
        if (told.await(SECONDS, TimeUnit.SECONDS) && well.get()) {
            return;
        }
        for (Descriptor filesystem : opened) {
            try {
                kernel.thaw(filesystem);
            } catch (KernelException e) {
                // ioctl_fs(2const): EINVAL is "is not frozen".
                if (!e.errno().equals(Errno.EINVAL)) {
                    Complaint.of(e).tell(System.err);
                }
            }
        }
    }
}
