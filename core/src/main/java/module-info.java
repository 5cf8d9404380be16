/** Consistent backups of live Linux filesystems, with a freeze that always thaws. */
module dev.lull.core {
    requires com.github.luben.zstd_jni;
    requires static transitive org.jspecify;
    requires tools.jackson.core;

    exports dev.lull.freeze;
    exports dev.lull.guard;
    exports dev.lull.lease;
    exports dev.lull.linux;
    exports dev.lull.participant;
    exports dev.lull.participant.hook;
    exports dev.lull.participant.process;
    exports dev.lull.plan;
    exports dev.lull.backup;
    exports dev.lull.run;
    exports dev.lull.snapshot;
    exports dev.lull.snapshot.btrfs;
    exports dev.lull.snapshot.command;
    exports dev.lull.snapshot.lvm;
    exports dev.lull.snapshot.process;
    exports dev.lull.snapshot.reflink;
}
