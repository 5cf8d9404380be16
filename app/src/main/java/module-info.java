/** The command line of Lull. */
module dev.lull.app {
    requires dev.lull.core;
    requires info.picocli;
    requires jdk.unsupported;
    requires static org.jspecify;
    requires org.snakeyaml.engine;
    requires tools.jackson.core;

    // picocli sets the fields of the commands.
    opens dev.lull.cli to
            info.picocli;
}
