package dev.lull.participant;

import dev.lull.linux.Kernel;
import java.util.List;
import java.util.ServiceLoader;
import java.util.stream.Collectors;

/**
 * The kinds of participants that there are.
 *
 * @param all each with a name of its own
 */
public record ParticipantKinds(List<ParticipantKind> all) {
    public ParticipantKinds {
        all = List.copyOf(all);
    }

    /**
     * Those of the modules that were started with this one. Neither guard nor {@code lull status} has them: what they need
     * would make those larger and slower, which is why the module does not say that it uses them.
     */
    public static ParticipantKinds installed() {
        ParticipantKinds.class.getModule().addUses(ParticipantKind.class);
        return new ParticipantKinds(
                ServiceLoader.load(ParticipantKind.class).stream()
                        .map(ServiceLoader.Provider::get)
                        .toList());
    }

    /**
     * The kind of that name.
     *
     * @throws SettingException if there is none
     */
    public ParticipantKind named(String name) throws SettingException {
        return all.stream()
                .filter(kind -> kind.name().equals(name))
                .findFirst()
                .orElseThrow(() ->
                        new SettingException(
                                name,
                                "is no kind of participant; there "
                                        + (all.isEmpty()
                                                ? "is none"
                                                : "are "
                                                        + all.stream()
                                                                .map(ParticipantKind::name)
                                                                .sorted()
                                                                .collect(
                                                                        Collectors.joining(
                                                                                ", ")))));
    }

    /**
     * The participant that was written.
     *
     * @throws SettingException if it makes no sense
     */
    public Participant participant(Kernel kernel, ParticipantText text) throws SettingException {
        ParticipantKind kind = named(text.kind());
        return kind.participant(kernel, Settings.of(kind.name(), kind.settings(), text.values()));
    }
}
