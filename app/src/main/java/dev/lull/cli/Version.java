package dev.lull.cli;

import dev.lull.guard.Wire;
import picocli.CommandLine.IVersionProvider;

/** What {@code lull --version} says. */
final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
        return new String[] {
            "lull " + number() + " (protocol " + Wire.PROTOCOL + ")",
            "Java " + Runtime.version() + " in " + System.getProperty("java.home"),
        };
    }

    /** From the jar's manifest. */
    static String number() {
        String version = Version.class.getPackage().getImplementationVersion();
        return version == null ? "development" : version;
    }
}
