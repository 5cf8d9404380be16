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

/** MySQL servers, 8.0 and newer. */
public final class MySqlKind implements ParticipantKind {
    private static final Dialect DIALECT = new MySql();

    @Override
    public String name() {
        return DIALECT.kind();
    }

    @Override
    public List<Setting> settings() {
        return Login.SETTINGS;
    }

    @Override
    public Participant participant(Kernel kernel, Settings settings) throws SettingException {
        return new DatabaseServer(kernel, DIALECT, Login.of(settings), settings);
    }

    @Override
    public List<String> prove(Kernel kernel, Restored restored) throws ParticipantException {
        return new Proof(kernel, DIALECT, restored).prove();
    }
}
