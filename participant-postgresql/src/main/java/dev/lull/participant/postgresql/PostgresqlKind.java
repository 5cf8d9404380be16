package dev.lull.participant.postgresql;

import dev.lull.linux.Kernel;
import dev.lull.participant.Participant;
import dev.lull.participant.ParticipantException;
import dev.lull.participant.ParticipantKind;
import dev.lull.participant.Restored;
import dev.lull.participant.Secret;
import dev.lull.participant.Setting;
import dev.lull.participant.SettingException;
import dev.lull.participant.Settings;
import java.util.List;
import java.util.stream.Stream;

/** PostgreSQL servers of this machine. */
public final class PostgresqlKind implements ParticipantKind {
    static final String NAME = "postgresql";

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public List<Setting> settings() {
        return Stream.of(Address.SETTINGS, Secret.SETTINGS, List.of(Postgresql.ONLINE))
                .flatMap(List::stream)
                .toList();
    }

    @Override
    public Participant participant(Kernel kernel, Settings settings) throws SettingException {
        return new Postgresql(kernel, settings);
    }

    @Override
    public List<String> prove(Kernel kernel, Restored restored) throws ParticipantException {
        return new RestoredCluster(kernel, restored).prove();
    }
}
