package dev.lull.cli;

import java.util.List;

/** A command that runs another one, whose words stand after {@code --}. */
interface CommandTail {
    /** Whether there is such a command: then 1 to 123 are its statuses, and none of lull's. */
    boolean runsCommand();

    /** @param words what came after {@code --}, as it was typed */
    void tail(List<String> words);
}
