package dev.lull.linux;

import java.util.List;
import java.util.Set;

/**
 * What execve(2) is given, and what a program inherits besides: bytes, since none of it need be text.
 *
 * @param program the path, without NUL
 * @param arguments argv, with the name first
 * @param environment each {@code NAME=value}
 * @param descriptors the numbers that the program has; all others of this process are closed in it
 * @param blockedSignals its signal mask: bit 0 is signal 1
 * @param ignoredSignals those that it ignores; all others do what they do by default
 */
public record Execution(
        byte[] program,
        List<byte[]> arguments,
        List<byte[]> environment,
        Set<Integer> descriptors,
        long blockedSignals,
        long ignoredSignals) {
    public Execution {
        program = program.clone();
        arguments = List.copyOf(arguments);
        environment = List.copyOf(environment);
        descriptors = Set.copyOf(descriptors);
    }

    @Override
    public byte[] program() {
        return program.clone();
    }

    /** The same with another program, and other arguments. */
    public Execution of(byte[] otherProgram, List<byte[]> otherArguments) {
        return new Execution(
                otherProgram,
                otherArguments,
                environment,
                descriptors,
                blockedSignals,
                ignoredSignals);
    }
}
