package dev.lull.freeze;

/** What can be left out of a freeze. */
public enum FreezeOption {
    /** Do not write back dirty data beforehand. Writers then wait while the kernel does it within the freeze. */
    NO_PRESYNC,
    /**
     * Leave {@code /sys/kernel/rcu_expedited} alone. Each level of the freeze then waits for an ordinary RCU grace period,
     * some tens of milliseconds.
     */
    NO_EXPEDITE
}
