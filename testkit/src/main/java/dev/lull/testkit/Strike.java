package dev.lull.testkit;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * One or two processes are sent a signal at the same time.
 *
 * @param signal what they are sent
 * @param victims who they are
 */
public record Strike<R extends Enum<R>>(Signal signal, Set<R> victims) {
    /** {@code kill -9}, or {@code kill -STOP}. */
    public enum Signal {
        KILL,
        STOP
    }

    public Strike {
        victims = Set.copyOf(victims);
    }

    /** Each signal to each of these, and to any two of them. */
    public static <R extends Enum<R>> List<Strike<R>> atOneOrTwo(Class<R> roles) {
        List<Strike<R>> all = new ArrayList<>();
        List<R> each = List.copyOf(EnumSet.allOf(roles));
        for (Signal signal : Signal.values()) {
            for (int one = 0; one < each.size(); one++) {
                for (int other = one; other < each.size(); other++) {
                    all.add(new Strike<>(signal, EnumSet.of(each.get(one), each.get(other))));
                }
            }
        }
        return List.copyOf(all);
    }

    @Override
    public String toString() {
        return signal + " of " + EnumSet.copyOf(victims);
    }
}
