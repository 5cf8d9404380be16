package dev.lull.cli;

import java.util.List;

/** A command that runs another one, whose words stand after {@code --}. */
interface CommandTail {
    /** @param words what came after {@code --}, as it was typed */
    void tail(List<String> words);
}
