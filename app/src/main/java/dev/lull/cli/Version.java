package dev.lull.cli;

import dev.lull.guard.Wire;
import java.lang.module.ModuleDescriptor;
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

    /** From the module's descriptor; on a class path there is none. */
    static String number() {
        ModuleDescriptor module = Version.class.getModule().getDescriptor();
        return module == null ? "development" : module.rawVersion().orElse("development");
    }
}
