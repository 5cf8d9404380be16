package dev.lull.participant.mariadb;

import dev.lull.linux.Kernel;
import dev.lull.participant.Participant;
import dev.lull.participant.ParticipantException;
import dev.lull.participant.ParticipantKind;
import dev.lull.participant.Restored;
import dev.lull.participant.Setting;
import dev.lull.participant.SettingException;
import dev.lull.participant.Settings;
import java.util.List;

/** Servers of one product. */
abstract sealed class DatabaseKind implements ParticipantKind permits MariaDbKind, MySqlKind {
    private final Dialect dialect;

    DatabaseKind(Dialect dialect) {
        this.dialect = dialect;
    }

    @Override
    public String name() {
        return dialect.kind();
    }

    @Override
    public List<Setting> settings() {
        return Login.SETTINGS;
    }

    @Override
    public Participant participant(Kernel kernel, Settings settings) throws SettingException {
        return new DatabaseServer(kernel, dialect, Login.of(settings), settings);
    }

    @Override
    public List<String> prove(Kernel kernel, Restored restored) throws ParticipantException {
        return new Proof(kernel, dialect, restored).prove();
    }
}
