package io.vmferry.daemon.offload;

import io.vmferry.streams.config.VmMigrationConfig;
import io.vmferry.streams.snapshot.store.SnapshotNames;
import io.vmferry.streams.wire.ProtocolException;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.HashSet;
import java.util.Set;
import java.util.function.Predicate;

/**
 * What snapshots that a server takes are called: {@code GUEST-20261127T085012Z}, and a number more
 * where that is taken. A guest of Cloud Hypervisor is called by its UUID, if it has one.
 * Thread-safe.
 */
final class ServedNames {
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("uuuuMMdd'T'HHmmss'Z'").withZone(ZoneOffset.UTC);
  private static final String NAMELESS = "guest";
  // With the time and a number a name has 100 characters at most.
  private static final int MAX_GUEST_LENGTH = 75;

  private final InstantSource clock;
  private final Predicate<String> taken;
  private final Set<String> given = new HashSet<>();
  private String second = "";

  /**
   * @param taken whether there is a snapshot of a name already
   */
  ServedNames(InstantSource clock, Predicate<String> taken) {
    this.clock = clock;
    this.taken = taken;
  }

  /** A name that nothing has yet. */
  synchronized String next(VmMigrationConfig config) {
    String now = TIME.format(clock.instant());
    if (!now.equals(second)) {
      second = now;
      given.clear();
    }
    String base = guest(config) + "-" + now;
    String name = base;
    for (int i = 2; taken.test(name) || !given.add(name); i++) {
      name = base + "-" + i;
    }
    return name;
  }

  private static String guest(VmMigrationConfig config) {
    String file = ownName(config).replaceAll("[^A-Za-z0-9._-]", "_");
    String cut = file.substring(0, Math.min(file.length(), MAX_GUEST_LENGTH));
    return SnapshotNames.isOne(cut) ? cut : NAMELESS;
  }

  /** Source of the UUID: Cloud Hypervisor, vmm/src/vm_config.rs PlatformConfig. */
  private static String ownName(VmMigrationConfig config) {
    if (!config.isVmferryGuest()) {
      return config.vmConfig().path("platform").path("uuid").asText("");
    }
    try {
      return config.machine().path("name").asText("");
    } catch (ProtocolException e) {
      return ""; // of another version of ours: kept all the same
    }
  }
}
