package dev.lull.cli;

import dev.lull.linux.Kernel;
import dev.lull.linux.LinuxKernel;
import dev.lull.linux.TrustedPath;
import dev.lull.participant.ParticipantKinds;
import dev.lull.participant.ParticipantText;
import dev.lull.participant.SettingException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.composer.Composer;
import org.snakeyaml.engine.v2.exceptions.Mark;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.NodeTuple;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;
import org.snakeyaml.engine.v2.parser.ParserImpl;
import org.snakeyaml.engine.v2.scanner.StreamReader;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/**
 * The plans of a file in YAML. Each is a {@code lull backup} with a name: its keys are that command's long options,
 * {@code paths}, {@code participants} and {@code command}. What is wrong is told with file, line and column.
 */
final class PlanFile {
    static final Path DEFAULT = Path.of("/etc/lull/lull.yaml");

    private static final String PLANS = "plans";
    private static final String PATHS = "paths";
    private static final String COMMAND = "command";
    private static final String PARTICIPANTS = "participants";

    /** Those are for whoever types the command. */
    private static final Set<String> NOT_OF_A_PLAN =
            Set.of("--help", "--version", "--json", "--quiet", "--config", "--participant");

    private static final int LARGEST = 1 << 20;

    /**
     * One plan.
     *
     * @param name what it is called
     * @param words what {@code lull backup} is to be told
     */
    record Named(String name, List<String> words) {
        Named {
            words = List.copyOf(words);
        }
    }

    private final Kernel kernel = new LinuxKernel();
    private final ParticipantKinds kinds = ParticipantKinds.installed();
    private final CommandSpec spec = new CommandLine(new BackupCommand()).getCommandSpec();
    private final Path file;
    private final Map<String, Named> plans = new LinkedHashMap<>();
    private final Map<String, Map<String, Mark>> places = new LinkedHashMap<>();
    private final List<String> problems = new ArrayList<>();

    private PlanFile(Path file) {
        this.file = file;
    }

    /**
     * Reads the file. It names programs that run as root, so only root may be able to change it.
     *
     * @throws CommandException if it cannot be read, or is not to be trusted
     */
    static PlanFile read(Path file, int user) throws CommandException {
        String text;
        try {
            Optional<String> distrust = TrustedPath.distrust(file, user);
            if (distrust.isPresent()) {
                throw CommandException.usage(
                        distrust.get(), "it names what is run as root: only root may change it");
            }
            if (Files.size(file) > LARGEST) {
                throw CommandException.usage(
                        file + " is larger than " + LARGEST + " bytes", "is it the right file?");
            }
            text = Files.readString(file, StandardCharsets.UTF_8);
        } catch (NoSuchFileException e) {
            throw CommandException.usage(
                    "there is no " + file, "see docs/plans.md, or name another with --config");
        } catch (IOException e) {
            throw CommandException.usage(
                    "cannot read " + file + ": " + e.getMessage(), "it is to be YAML in UTF-8");
        }
        PlanFile read = new PlanFile(file);
        read.compose(text);
        read.validate();
        return read;
    }

    /** What is wrong with it, in the order of the file, each with its place. */
    List<String> problems() {
        return List.copyOf(problems);
    }

    List<Named> plans() {
        return List.copyOf(plans.values());
    }

    /**
     * The plan of that name.
     *
     * @throws CommandException if there is none, or something is wrong with the file
     */
    Named plan(String name) throws CommandException {
        if (!problems.isEmpty()) {
            throw CommandException.usage(
                    problems.getFirst(), "lull config check " + file + " shows all that is wrong");
        }
        Named plan = plans.get(name);
        if (plan == null) {
            throw CommandException.usage(
                    "no plan in " + file + " is called " + name,
                    plans.isEmpty()
                            ? "a mount point is named with a slash in it"
                            : "there is " + String.join(", ", plans.keySet()));
        }
        return plan;
    }

    private void compose(String text) {
        LoadSettings settings = LoadSettings.builder().setLabel(file.toString()).build();
        Optional<Node> root;
        try {
            ParserImpl parser = new ParserImpl(settings, new StreamReader(settings, text));
            root = new Composer(settings, parser).getSingleNode();
        } catch (MarkedYamlEngineException e) {
            problem(e.getProblemMark(), e.getProblem());
            return;
        } catch (YamlEngineException e) {
            problem(Optional.empty(), String.valueOf(e.getMessage()));
            return;
        }
        for (Map.Entry<String, Node> top : entries(root.orElse(null), "the file").entrySet()) {
            if (top.getKey().equals(PLANS)) {
                entries(top.getValue(), PLANS).forEach(this::plan);
            } else {
                problem(
                        top.getValue().getStartMark(),
                        "unknown key " + top.getKey() + "; known is " + PLANS);
            }
        }
    }

    private Map<String, Node> entries(@Nullable Node node, String what) {
        Map<String, Node> entries = new LinkedHashMap<>();
        if (!(node instanceof MappingNode mapping)) {
            problem(
                    node == null ? Optional.empty() : node.getStartMark(),
                    what + " is to be keys with values");
            return entries;
        }
        for (NodeTuple tuple : mapping.getValue()) {
            Optional<String> key = scalar(tuple.getKeyNode());
            if (key.isEmpty()) {
                problem(tuple.getKeyNode().getStartMark(), "a key is to be a word");
            } else if (entries.putIfAbsent(key.get(), tuple.getValueNode()) != null) {
                problem(
                        tuple.getKeyNode().getStartMark(),
                        "the key " + key.get() + " is there twice");
            }
        }
        return entries;
    }

    private void plan(String name, Node node) {
        if (name.contains("/") || name.startsWith("-") || name.isBlank()) {
            problem(node.getStartMark(), "a plan's name has no slash, and begins with no dash");
            return;
        }
        Map<String, Mark> marks = new LinkedHashMap<>();
        node.getStartMark().ifPresent(mark -> marks.put("", mark));
        List<String> words = new ArrayList<>();
        List<String> paths = new ArrayList<>();
        List<String> command = new ArrayList<>();
        entries(node, "plan " + name)
                .forEach((key, value) -> {
                    value.getStartMark().ifPresent(mark -> marks.put("--" + key, mark));
                    switch (key) {
                        case PATHS -> strings(PATHS, value).ifPresent(paths::addAll);
                        case COMMAND -> strings(COMMAND, value).ifPresent(command::addAll);
                        case PARTICIPANTS -> words.addAll(participants(value));
                        default -> words.addAll(option(key, value));
                    }
                });
        requireAbsolute(PATHS, node, paths);
        if (paths.isEmpty()) {
            problem(node.getStartMark(), "plan " + name + " has no " + PATHS);
        }
        boolean keeps =
                words.stream()
                        .anyMatch(w -> w.equals("--keep-snapshot") || w.startsWith("--keep-last="));
        if (keeps && !marks.containsKey("--label")) {
            words.add("--label=" + name);
        }
        words.addAll(paths);
        if (!command.isEmpty()) {
            words.add("--");
            words.addAll(command);
        }
        plans.put(name, new Named(name, words));
        places.put(name, marks);
    }

    private List<String> option(String key, Node value) {
        OptionSpec option = spec.findOption("--" + key);
        if (option == null || NOT_OF_A_PLAN.contains(option.longestName())) {
            problem(value.getStartMark(), "unknown key " + key + "; known are " + known());
            return List.of();
        }
        String name = option.longestName();
        if (option.arity().max() == 0) {
            return switch (scalar(value).orElse("")) {
                case "true" -> List.of(name);
                case "false" -> List.of();
                default -> {
                    problem(value.getStartMark(), key + " is to be true or false");
                    yield List.of();
                }
            };
        }
        Optional<List<String>> all = strings(key, value);
        if (all.isEmpty()) {
            return List.of();
        }
        List<String> values = all.get();
        if (values.size() != 1 && !option.isMultiValue()) {
            problem(value.getStartMark(), key + " is to have one value");
            return List.of();
        }
        if (option.type().equals(Path.class) || option.auxiliaryTypes()[0].equals(Path.class)) {
            requireAbsolute(key, value, values);
        }
        return values.stream().map(one -> name + "=" + one).toList();
    }

    /** A list, each of them a kind, or a kind with its settings. */
    private List<String> participants(Node list) {
        List<String> words = new ArrayList<>();
        for (Node item : items(list)) {
            Optional<String> kind = scalar(item);
            if (kind.isPresent()) {
                words.addAll(participant(kind.get(), item, Map.of()));
            } else {
                entries(item, "a participant")
                        .forEach((name, settings) ->
                                words.addAll(
                                        participant(
                                                name,
                                                settings,
                                                entries(settings, "participant " + name))));
            }
        }
        return words;
    }

    private List<String> participant(String kind, Node at, Map<String, Node> settings) {
        Map<String, String> values = new LinkedHashMap<>();
        settings.forEach((key, value) ->
                scalar(value)
                        .ifPresentOrElse(
                                text -> values.put(key, text),
                                () -> problem(value.getStartMark(), key + " is to be a word")));
        ParticipantText text = new ParticipantText(kind, values);
        try {
            kinds.participant(kernel, text);
        } catch (SettingException e) {
            problem(
                    settings.getOrDefault(e.key(), at).getStartMark(),
                    "participant " + kind + ": " + e.getMessage());
        }
        return List.of("--participant=" + text.text());
    }

    private String known() {
        SortedSet<String> known = new TreeSet<>(Set.of(PATHS, COMMAND, PARTICIPANTS));
        for (OptionSpec option : spec.options()) {
            if (!NOT_OF_A_PLAN.contains(option.longestName())) {
                known.add(option.longestName().substring(2));
            }
        }
        return String.join(", ", known);
    }

    /** A plan runs wherever it is started: a relative path would mean something else each time. */
    private void requireAbsolute(String key, Node node, List<String> paths) {
        for (String path : paths) {
            if (!path.startsWith("/")) {
                problem(node.getStartMark(), key + " is to be absolute, and is " + path);
            }
        }
    }

    /** Empty if they are none, which is then a problem. */
    private Optional<List<String>> strings(String key, Node node) {
        List<String> strings = new ArrayList<>();
        for (Node item : items(node)) {
            Optional<String> text = scalar(item);
            if (text.isEmpty()) {
                problem(item.getStartMark(), key + " is to be a word, or a list of words");
                return Optional.empty();
            }
            strings.add(text.get());
        }
        return Optional.of(strings);
    }

    private static List<Node> items(Node node) {
        return node instanceof SequenceNode sequence ? sequence.getValue() : List.of(node);
    }

    private static Optional<String> scalar(Node node) {
        return node instanceof ScalarNode scalar
                ? Optional.of(scalar.getValue())
                : Optional.empty();
    }

    /** What only the command itself can tell: durations, limits, what excludes what. */
    private void validate() {
        if (!problems.isEmpty()) {
            return;
        }
        for (Named plan : plans.values()) {
            Optional<String> refusal = BackupCommand.refusal(plan.words());
            refusal.ifPresent(
                    why -> problem(place(plan.name(), why), "plan " + plan.name() + ": " + why));
        }
    }

    /** Of the option that a complaint begins with; of the plan if it is about none. */
    private Optional<Mark> place(String plan, String complaint) {
        Map<String, Mark> marks = places.getOrDefault(plan, Map.of());
        String first = complaint.split(" ", 2)[0];
        return Optional.ofNullable(marks.getOrDefault(first, marks.get("")));
    }

    private void problem(Optional<Mark> at, String what) {
        problems.add(
                at.map(mark -> file + ":" + (mark.getLine() + 1) + ":" + (mark.getColumn() + 1))
                                .orElse(file.toString())
                        + ": "
                        + what.lines().collect(Collectors.joining(" ")));
    }
}
