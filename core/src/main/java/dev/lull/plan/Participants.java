package dev.lull.plan;

import dev.lull.participant.Cut;
import dev.lull.participant.Participant;
import dev.lull.participant.ParticipantException;
import dev.lull.snapshot.Undo;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The participants of one plan. For the plan's thread. */
final class Participants {
    private final List<Participant> all;
    private final LongSupplier nanos;
    private final Deque<Participant> resting = new ArrayDeque<>();
    private final Map<Participant, Long> restedSince = new LinkedHashMap<>();
    private final Map<Participant, Duration> rested = new LinkedHashMap<>();
    private final Map<Participant, String> missing = new LinkedHashMap<>();
    private ParticipantException.@Nullable NotAtRest broken;
    private @Nullable IOException stillResting;

    /** @param nanos a monotonic clock, nanoseconds */
    Participants(List<Participant> all, LongSupplier nanos) {
        this.all = List.copyOf(all);
        this.nanos = nanos;
    }

    boolean isEmpty() {
        return all.isEmpty();
    }

    /** Whether the filesystems have to be cut at one instant. */
    boolean needOneInstant() {
        return all.isEmpty() || all.stream().anyMatch(Participant::needsOneInstant);
    }

    /** Whether one of them has files that are in no snapshot. */
    boolean bringFiles() {
        return !all.stream().allMatch(Participant::needsOneInstant);
    }

    String prepare(Cut cut) throws ParticipantException {
        for (Participant participant : all) {
            try {
                participant.prepare(cut);
            } catch (ParticipantException e) {
                goOnWithout(participant, e);
            }
        }
        return present().map(Participant::name).collect(Collectors.joining(", ")) + without();
    }

    String rest() throws ParticipantException {
        for (Participant participant : present().toList()) {
            resting.push(participant);
            restedSince.put(participant, nanos.getAsLong());
            try {
                participant.rest();
            } catch (ParticipantException e) {
                goOnWithout(participant, e);
            }
        }
        return without().strip();
    }

    private void goOnWithout(Participant participant, ParticipantException reason)
            throws ParticipantException {
        if (participant.essential()) {
            throw reason;
        }
        missing.put(participant, String.valueOf(reason.getMessage()));
    }

    private Stream<Participant> present() {
        return all.stream().filter(participant -> !missing.containsKey(participant));
    }

    private String without() {
        return missing.isEmpty() ? "" : " WITHOUT " + String.join("; ", missing.values());
    }

    /** Who was not at rest though it should have been, and why: what whoever restores has to know. */
    List<String> notes() {
        return missing.entrySet().stream()
                .map(one -> one.getKey().name() + " was not at rest: " + one.getValue())
                .toList();
    }

    /**
     * Lets all go on that are at rest, the last one first. One that could not be is no reason to throw good snapshots
     * away: {@link #requireNoneAtRest} tells of it, at the plan's end.
     *
     * @return what could not be done, in words
     * @throws ParticipantException.NotAtRest if one had not been at rest until now: once all go on
     */
    String resume() throws ParticipantException.NotAtRest {
        resumeAll();
        ParticipantException.NotAtRest failure = broken;
        if (failure != null) {
            broken = null;
            throw failure;
        }
        return stillResting == null ? "" : String.valueOf(stillResting.getMessage());
    }

    /**
     * Has them write what belongs to the backup besides.
     *
     * @return the files, relative to {@code into}
     */
    List<Path> collect(Path into) throws ParticipantException {
        List<Path> files = new ArrayList<>();
        for (Participant participant : present().toList()) {
            try {
                files.addAll(participant.collect(into));
            } catch (ParticipantException e) {
                goOnWithout(participant, e);
            }
        }
        return files;
    }

    private void resumeAll() {
        while (!resting.isEmpty()) {
            Participant participant = resting.pop();
            try {
                participant.resume();
            } catch (ParticipantException.NotAtRest e) {
                if (!participant.essential()) {
                    missing.putIfAbsent(participant, String.valueOf(e.getMessage()));
                } else if (broken == null) {
                    broken = e;
                } else {
                    broken.addSuppressed(e);
                }
            } catch (ParticipantException | RuntimeException e) {
                remember(e);
            }
            Long since = restedSince.get(participant);
            if (since != null) {
                rested.put(participant, Duration.ofNanos(nanos.getAsLong() - since));
            }
        }
    }

    private void remember(Exception e) {
        IOException failure = e instanceof IOException io ? io : new IOException(e.toString(), e);
        if (stillResting == null) {
            stillResting = failure;
        } else {
            stillResting.addSuppressed(failure);
        }
    }

    /**
     * Undoes {@link #rest}.
     *
     * @throws IOException what {@link #resume} could not do, all of it
     */
    void requireNoneAtRest() throws IOException {
        resumeAll();
        IOException failure = broken == null ? stillResting : broken;
        if (failure != null) {
            if (broken != null && stillResting != null) {
                failure.addSuppressed(stillResting);
            }
            broken = null;
            stillResting = null;
            throw failure;
        }
    }

    /** Undoes {@link #prepare}. */
    void close() throws IOException {
        Undo undo = new Undo();
        all.forEach(participant -> undo.add(participant::close));
        undo.run();
    }

    /** Who was brought to rest, and let go on. */
    List<Manifest.Application> rested() {
        List<Manifest.Application> applications = new ArrayList<>();
        rested.forEach((participant, time) -> {
            if (!missing.containsKey(participant)) {
                applications.add(
                        new Manifest.Application(
                                participant.kind(),
                                participant.name(),
                                time,
                                participant.evidence()));
            }
        });
        return applications;
    }
}
