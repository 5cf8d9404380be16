package dev.lull.guard;

import dev.lull.lease.DurationText;
import dev.lull.lease.Timeouts;
import dev.lull.linux.PathBytes;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * The form of a policy, one rule a line, as docs/policy.md has it:
 *
 * <pre>
 * root max 30m
 * allow alice /srv/db /srv/web max 2m
 * allow @backup /home/**
 * participant shop /srv/shop max 5s
 * </pre>
 *
 * It is read by bytes, since names of files need not be text. Whatever comes in, the answer is a policy or a {@link
 * PolicyException}.
 */
final class PolicyText {
    /** More than anybody writes, and little enough for the guard. */
    static final int MAX_BYTES = 64 << 10;

    private static final int MAX_PLACES = 2000;
    private static final String TREE = "/**";

    private final byte[] text;
    private final Accounts accounts;
    private final List<Policy.Rule> rules = new ArrayList<>();
    private final List<Policy.Rule> participants = new ArrayList<>();
    private Optional<Duration> rootMax = Optional.empty();
    private int placesSoFar;

    private PolicyText(byte[] text, Accounts accounts) {
        this.text = text;
        this.accounts = accounts;
    }

    /**
     * Reads a policy whole: one mistake makes all of it void, since half of a policy is another policy.
     *
     * @param accounts what names mean
     * @throws PolicyException at the first mistake
     */
    static Policy parse(byte[] text, Accounts accounts) throws PolicyException {
        return new PolicyText(text, accounts).parse();
    }

    private record Word(int line, int column, byte[] bytes) {
        /** One character for each byte. */
        String text() {
            return new String(bytes, StandardCharsets.ISO_8859_1);
        }

        /** For a message. */
        String shown() {
            return new String(bytes, StandardCharsets.UTF_8).replaceAll("\\p{Cntrl}", "?");
        }

        PolicyException wrong(String what) {
            return new PolicyException(line, column, what);
        }
    }

    private Policy parse() throws PolicyException {
        if (text.length > MAX_BYTES) {
            throw new PolicyException(1, 1, "the policy is longer than " + MAX_BYTES + " bytes");
        }
        int line = 1;
        int start = 0;
        for (int i = 0; i <= text.length; i++) {
            if (i == text.length || text[i] == '\n') {
                List<Word> words = words(line, start, i);
                if (!words.isEmpty()) {
                    line(words, new Word(line, i - start + 1, new byte[0]));
                }
                line++;
                start = i + 1;
            }
        }
        return new Policy(rootMax.orElse(Timeouts.USUAL_MAX), rules, participants);
    }

    /** What stands between spaces and tabs, up to a {@code #} that begins a word. */
    private List<Word> words(int line, int start, int end) {
        List<Word> words = new ArrayList<>();
        int at = start;
        while (at < end) {
            if (isSpace(text[at])) {
                at++;
                continue;
            }
            if (text[at] == '#') {
                break;
            }
            int from = at;
            while (at < end && !isSpace(text[at])) {
                at++;
            }
            words.add(new Word(line, from - start + 1, Arrays.copyOfRange(text, from, at)));
        }
        return words;
    }

    private static boolean isSpace(byte b) {
        return b == ' ' || b == '\t' || b == '\r';
    }

    private void line(List<Word> words, Word end) throws PolicyException {
        Word first = words.getFirst();
        switch (first.text()) {
            case "root" -> root(words, end);
            case "allow" -> rules.add(rule(words, end));
            case "participant" -> participants.add(rule(words, end));
            default ->
                    throw first.wrong(
                            "'"
                                    + first.shown()
                                    + "' is not a rule; a line begins with allow, participant or root");
        }
    }

    /** {@code root max TIME}. */
    private void root(List<Word> words, Word end) throws PolicyException {
        Word max = words.size() > 1 ? words.get(1) : end;
        if (!max.text().equals("max")) {
            throw max.wrong("root needs no leave; its limit is written root max TIME");
        }
        if (rootMax.isPresent()) {
            throw words.getFirst().wrong("root max is there twice");
        }
        rootMax = Optional.of(max(words, 2, end));
    }

    /** {@code allow|participant USER|@GROUP PATH… [max TIME]}. */
    private Policy.Rule rule(List<Word> words, Word end) throws PolicyException {
        String verb = words.getFirst().text();
        if (words.size() < 2) {
            throw end.wrong(verb + " needs a user, or a @group");
        }
        Word who = words.get(1);
        boolean isGroup = who.text().startsWith("@");
        OptionalInt id = id(who, isGroup);
        List<Policy.Place> places = new ArrayList<>();
        int at = 2;
        while (at < words.size() && !words.get(at).text().equals("max")) {
            places.add(place(words.get(at)));
            at++;
            if (++placesSoFar > MAX_PLACES) {
                throw who.wrong("more than " + MAX_PLACES + " mount points");
            }
        }
        if (places.isEmpty()) {
            throw (at < words.size() ? words.get(at) : end).wrong(verb + " needs a mount point");
        }
        Duration max = at < words.size() ? max(words, at + 1, end) : Timeouts.USUAL_MAX;
        return new Policy.Rule(
                who.line(),
                who.shown(),
                isGroup ? OptionalInt.empty() : id,
                isGroup ? id : OptionalInt.empty(),
                places,
                max);
    }

    private OptionalInt id(Word who, boolean isGroup) throws PolicyException {
        String name = isGroup ? who.text().substring(1) : who.text();
        OptionalInt id = Accounts.number(name);
        if (id.isEmpty() && name.matches("[0-9]+")) {
            throw who.wrong(who.shown() + " is no number that a user or group can have");
        }
        if (id.isEmpty()) {
            Path table = isGroup ? accounts.group() : accounts.passwd();
            try {
                id = isGroup ? accounts.group(name) : accounts.user(name);
            } catch (IOException e) {
                throw who.wrong("cannot look " + who.shown() + " up in " + table + ": " + e);
            }
            if (id.isEmpty()) {
                throw who.wrong(
                        "no "
                                + (isGroup ? "group " : "user ")
                                + who.shown()
                                + " in "
                                + table
                                + "; one of a directory service goes by number");
            }
        }
        if (!isGroup && id.getAsInt() == 0) {
            throw who.wrong("root needs no leave; its limit is written root max TIME");
        }
        return id;
    }

    private static Policy.Place place(Word word) throws PolicyException {
        String plain = word.text();
        boolean tree = plain.endsWith(TREE);
        byte[] bytes =
                tree
                        ? Arrays.copyOf(word.bytes(), word.bytes().length - TREE.length())
                        : word.bytes();
        if (tree && bytes.length == 0) {
            bytes = new byte[] {'/'};
        }
        Path path;
        try {
            path = PathBytes.ofField(bytes);
        } catch (IllegalArgumentException e) {
            throw word.wrong("'" + word.shown() + "' is no path");
        }
        if (!path.isAbsolute()) {
            throw word.wrong(
                    "'"
                            + word.shown()
                            + "' is no mount point, which begins with / (or is it max?)");
        }
        if (!path.equals(path.normalize())) {
            throw word.wrong("'" + word.shown() + "' has . or .. in it");
        }
        if (plain.contains("*") && !(tree && plain.indexOf('*') == plain.length() - 2)) {
            throw word.wrong(
                    "'"
                            + word.shown()
                            + "': a * stands only at the end, as /**; write another as \\052");
        }
        return new Policy.Place(path, tree);
    }

    /** The time at {@code at}, which ends the line. */
    private static Duration max(List<Word> words, int at, Word end) throws PolicyException {
        if (at >= words.size()) {
            throw end.wrong("max needs a time, such as 2m");
        }
        Word word = words.get(at);
        Duration max;
        try {
            max = DurationText.parse(word.text());
        } catch (IllegalArgumentException e) {
            throw word.wrong(
                    word.shown()
                            + " "
                            + e.getMessage()
                            + "; write a whole number and ms, s, m or h");
        }
        if (max.compareTo(Timeouts.MAX) > 0) {
            throw word.wrong(
                    word.shown()
                            + " is more than "
                            + DurationText.of(Timeouts.MAX)
                            + ", the most there is");
        }
        if (at + 1 < words.size()) {
            throw words.get(at + 1).wrong("nothing may follow a time");
        }
        return max;
    }
}
