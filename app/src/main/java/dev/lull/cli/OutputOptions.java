package dev.lull.cli;

import picocli.CommandLine.Option;

/** What a command that prints can be told about it. */
final class OutputOptions {
    @Option(names = "--json", description = "print JSON")
    boolean json;

    @Option(
            names = {"-q", "--quiet"},
            description = "print nothing but results and errors")
    boolean quiet;
}
