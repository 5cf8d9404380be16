package dev.lull.it.bench;

import dev.lull.freeze.GuardClient;
import dev.lull.linux.LinuxKernel;
import java.nio.file.Path;
import java.util.List;

/** How long the small command takes that tells what is frozen. */
final class StatusSpeed {
    private static final int WARM = 3;

    private StatusSpeed() {}

    static void run(boolean quick) throws Exception {
        int rounds = quick ? 11 : 41;
        Bench.title("status", "the command, with a guard running");
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        List<String> version = List.of(java, "-version");
        List<String> status = List.of(Bench.home().resolve("lull").toString(), "status");
        Figures theirs = new Figures("java -version");
        Figures ours = new Figures("lull status");
        try (GuardClient guard = GuardClient.connect(new LinuxKernel())) {
            for (int round = -WARM; round < rounds; round++) {
                long one = Programs.time(version);
                long other = Programs.time(status);
                if (round >= 0) {
                    theirs.add(one);
                    ours.add(other);
                }
            }
        }
        theirs.print();
        ours.print();
        Figures.printRatio("lull status : java -version", ours.median(), theirs.median(), 4);
    }
}
