package dev.lull.it.bench;

import dev.lull.freeze.GuardClient;
import dev.lull.linux.LinuxKernel;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** What a program pays for being under {@code lull run}: {@code trap.c} with it and without, in turns. */
final class Trap {
    private static final int WARM = 2;
    private static final long START_UP = 200_000_000;

    private Trap() {}

    static void run(boolean quick) throws Exception {
        try (LoopFilesystem filesystem = LoopFilesystem.make("ext4", 256, Bench.scratch());
                GuardClient guard = GuardClient.connect(new LinuxKernel())) {
            Sides ioctls = new Sides(filesystem, "ioctl", quick ? 200 : 2_000);
            ioctls.measure(quick ? 5 : 15, "1,000 ioctls that are not trapped", 1.5);
            Sides opens = new Sides(filesystem, "open", quick ? 50 : 200);
            opens.measure(quick ? 5 : 15, "1,000 times open and close", 1.05);
            Sides pairs = new Sides(filesystem, "freeze", quick ? 6 : 12);
            pairs.measure(quick ? 2 : 5, "a freeze and thaw", 1.3);
            guard.status();
        }
        startUp(quick ? 5 : 21);
    }

    /** One kind of round, with lull run and without. */
    private static final class Sides {
        private final LoopFilesystem filesystem;
        private final String kind;
        private final int rounds;

        Sides(LoopFilesystem filesystem, String kind, int rounds) {
            this.filesystem = filesystem;
            this.kind = kind;
            this.rounds = rounds;
        }

        /** @param turns how many processes there are on each side */
        void measure(int turns, String what, double goal) throws IOException, InterruptedException {
            Bench.title("run", what);
            Figures bare = new Figures("bare");
            Figures trapped = new Figures("lull run");
            Figures firstBare = new Figures("bare, a program's first");
            Figures first = new Figures("lull run, a program's first");
            for (int turn = 0; turn < turns; turn++) {
                filesystem.renew();
                List<Long> theirs = times(List.of());
                List<Long> ours = times(List.of(lull(), "run", "--"));
                firstBare.add(theirs.getFirst());
                first.add(ours.getFirst());
                theirs.subList(WARM, rounds).forEach(bare::add);
                ours.subList(WARM, rounds).forEach(trapped::add);
            }
            bare.print();
            trapped.print();
            if (kind.equals("freeze")) {
                firstBare.print();
                first.print();
            }
            Figures.printRatio("lull run : bare", trapped.median(), bare.median(), goal);
        }

        private List<Long> times(List<String> prefix) throws IOException, InterruptedException {
            List<String> command = new ArrayList<>(prefix);
            command.addAll(
                    List.of(
                            Programs.compiled("trap"),
                            filesystem.top().toString(),
                            kind,
                            Integer.toString(rounds)));
            return Programs.run(command.toArray(String[]::new)).lines().map(Long::valueOf).toList();
        }
    }

    private static void startUp(int rounds) throws IOException, InterruptedException {
        Bench.title("run", "the start of a program that does nothing");
        Figures bare = new Figures("true");
        Figures trapped = new Figures("lull run -- true");
        for (int round = -WARM; round < rounds; round++) {
            long theirs = Programs.time(List.of("/bin/true"));
            long ours = Programs.time(List.of(lull(), "run", "--", "/bin/true"));
            if (round >= 0) {
                bare.add(theirs);
                trapped.add(ours);
            }
        }
        bare.print();
        trapped.print();
        Figures.printLimit("more than bare", trapped.median() - bare.median(), START_UP);
    }

    private static String lull() {
        return Bench.home().resolve("lull").toString();
    }
}
