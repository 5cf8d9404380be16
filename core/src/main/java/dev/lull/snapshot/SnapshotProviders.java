package dev.lull.snapshot;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The providers there are, in the order in which they are tried. */
public final class SnapshotProviders {
    private final List<SnapshotProvider> providers;

    public SnapshotProviders(List<SnapshotProvider> providers) {
        this.providers = List.copyOf(providers);
    }

    /** All of them, in order. */
    public List<SnapshotProvider> all() {
        return providers;
    }

    /** The provider of that name. */
    public Optional<SnapshotProvider> named(String name) {
        return providers.stream().filter(provider -> provider.name().equals(name)).findFirst();
    }

    /**
     * The first provider that fits.
     *
     * @throws SnapshotException.Unsupported if none does; the message has every provider's reason
     * @throws SnapshotException if a provider could not find out
     */
    public SnapshotProvider choose(Origin origin) throws SnapshotException {
        List<String> reasons = new ArrayList<>();
        for (SnapshotProvider provider : providers) {
            switch (provider.fits(origin)) {
                case Fit.Yes _ -> {
                    return provider;
                }
                case Fit.No no -> reasons.add(provider.name() + ": " + no.reason());
            }
        }
        throw new SnapshotException.Unsupported(
                origin.mountPoint().toString(),
                "no provider can (" + String.join("; ", reasons) + ")",
                "name a script of your own with --provider command, see docs/providers.md");
    }

    /**
     * Opens a recorded snapshot with the provider that made it.
     *
     * @throws SnapshotException if there is no such provider, or it refuses the record
     */
    public Snapshot open(SnapshotRecord snapshot) throws SnapshotException {
        Optional<SnapshotProvider> provider = named(snapshot.provider());
        if (provider.isEmpty()) {
            throw new SnapshotException(
                    "open snapshot",
                    snapshot.id().text(),
                    "there is no provider " + snapshot.provider());
        }
        return provider.get().open(snapshot);
    }
}
