package dev.lull.participant;

import dev.lull.lease.DurationText;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** What is set of one participant, each value of its {@link Setting.Type}. Immutable. */
public final class Settings {
    /** What it is called, if there are several of its kind. */
    public static final String NAME = "name";

    /** How long it may take to come to rest. */
    public static final String LIMIT = "limit";

    /** Whether there is to be no backup without it. */
    public static final String ESSENTIAL = "essential";

    /** What every participant has. */
    public static final List<Setting> COMMON =
            List.of(
                    new Setting(NAME, Setting.Type.TEXT),
                    new Setting(LIMIT, Setting.Type.DURATION),
                    new Setting(ESSENTIAL, Setting.Type.FLAG));

    private final String kind;
    private final Map<String, String> values;

    private Settings(String kind, Map<String, String> values) {
        this.kind = kind;
        this.values = Map.copyOf(values);
    }

    /**
     * Checks what was written.
     *
     * @param kind the {@link ParticipantKind#name}
     * @param known what it has besides {@link #COMMON}
     * @throws SettingException for the first that is unknown or not of its type
     */
    public static Settings of(String kind, List<Setting> known, Map<String, String> values)
            throws SettingException {
        List<Setting> all = new ArrayList<>(known);
        all.addAll(COMMON);
        for (Map.Entry<String, String> one : values.entrySet()) {
            Setting setting =
                    all.stream()
                            .filter(s -> s.name().equals(one.getKey()))
                            .findFirst()
                            .orElseThrow(() ->
                                    new SettingException(
                                            one.getKey(),
                                            "is no setting of "
                                                    + kind
                                                    + "; known are "
                                                    + all.stream()
                                                            .map(Setting::name)
                                                            .sorted()
                                                            .collect(Collectors.joining(", "))));
            check(setting, one.getValue());
        }
        return new Settings(kind, values);
    }

    private static void check(Setting setting, String value) throws SettingException {
        if (value.isBlank() || value.chars().anyMatch(Character::isISOControl)) {
            throw new SettingException(setting.name(), "has no value");
        }
        switch (setting.type()) {
            case TEXT -> {}
            case NUMBER -> {
                if (!value.matches("\\d{1,9}")) {
                    throw new SettingException(
                            setting.name(), "is to be a whole number, and is " + value);
                }
            }
            case DURATION -> {
                try {
                    DurationText.parse(value);
                } catch (IllegalArgumentException e) {
                    throw new SettingException(setting.name(), value + " " + e.getMessage());
                }
            }
            case PATH -> {
                if (!value.startsWith("/")) {
                    throw new SettingException(
                            setting.name(), "is to be an absolute path, and is " + value);
                }
            }
            case FLAG -> {
                if (!value.equals("true") && !value.equals("false")) {
                    throw new SettingException(
                            setting.name(), "is to be true or false, and is " + value);
                }
            }
        }
    }

    /** What the participant is called in messages: its kind, and its name where it has one. */
    public String title() {
        return text(NAME).map(name -> kind + " " + name).orElse(kind);
    }

    public Optional<String> text(String key) {
        return Optional.ofNullable(values.get(key));
    }

    public Optional<Integer> number(String key) {
        return text(key).map(Integer::parseInt);
    }

    public Optional<Duration> duration(String key) {
        return text(key).map(DurationText::parse);
    }

    public Optional<Path> path(String key) {
        return text(key).map(text -> Path.of(text).normalize());
    }

    /** @return {@code otherwise} if it is not set */
    public boolean flag(String key, boolean otherwise) {
        return text(key).map(Boolean::parseBoolean).orElse(otherwise);
    }

    /** Whether there is to be no backup without it: so if not said. */
    public boolean essential() {
        return flag(ESSENTIAL, true);
    }
}
