package io.vmferry.daemon.bench;

import io.vmferry.actors.guest.MemoryFill;
import io.vmferry.daemon.api.CreateVmRequest;
import io.vmferry.daemon.api.GuestConfig;
import io.vmferry.daemon.api.SendMigrationRequest;

/**
 * One kind of migration of this project's.
 *
 * @param contender its name in the report
 * @param cpus vCPUs
 * @param memoryBytes guest memory
 * @param guest what runs
 * @param mode {@code precopy} or {@code postcopy}
 * @param connections how many carry memory
 * @param prefault whether the destination's memory is warm
 * @param downtimeMs the budget
 * @param bytesPerSecond the limit, 0 for none
 */
record MigrationCase(
    String contender,
    int cpus,
    long memoryBytes,
    GuestConfig guest,
    String mode,
    int connections,
    boolean prefault,
    long downtimeMs,
    long bytesPerSecond) {
  static final String VM = "bench";

  private static final long DOWNTIME_MS = 300;
  private static final long TIMEOUT_S = 600;

  /** An idle guest with content, in precopy. */
  static MigrationCase precopy(long memoryBytes, MemoryFill content, int connections) {
    GuestConfig idle = new GuestConfig("idle", null, null, content.word(), null, null, null);
    return new MigrationCase(
        Contender.VMFERRY, 1, memoryBytes, idle, "precopy", connections, false, DOWNTIME_MS, 0);
  }

  /** The standard guest. */
  static MigrationCase standard(
      int cpus, long memoryBytes, long workingSetBytes, long dirtyBytesPerSecond, String mode) {
    GuestConfig guest =
        new GuestConfig("standard", workingSetBytes, dirtyBytesPerSecond, null, null, null, null);
    return new MigrationCase(
        Contender.VMFERRY, cpus, memoryBytes, guest, mode, 1, false, DOWNTIME_MS, 0);
  }

  MigrationCase named(String name) {
    return new MigrationCase(
        name, cpus, memoryBytes, guest, mode, connections, prefault, downtimeMs, bytesPerSecond);
  }

  MigrationCase warm() {
    return new MigrationCase(
        contender, cpus, memoryBytes, guest, mode, connections, true, downtimeMs, bytesPerSecond);
  }

  MigrationCase postcopy() {
    return new MigrationCase(
        contender, cpus, memoryBytes, guest, "postcopy", 1, false, downtimeMs, bytesPerSecond);
  }

  MigrationCase limited(long rate) {
    return new MigrationCase(
        contender, cpus, memoryBytes, guest, mode, connections, prefault, downtimeMs, rate);
  }

  CreateVmRequest vm() {
    return new CreateVmRequest(VM, cpus, memoryBytes, "4K", guest);
  }

  SendMigrationRequest send(String url) {
    return SendMigrationRequest.to(url, mode)
        .connections(connections)
        .downtimeMs(downtimeMs)
        .timeout(TIMEOUT_S, "ignore")
        .bandwidth(bytesPerSecond)
        .build();
  }
}
