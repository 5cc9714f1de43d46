package io.vmferry.daemon.quickstart;

import io.vmferry.daemon.api.CreateVmRequest;
import io.vmferry.daemon.api.GuestConfig;
import io.vmferry.daemon.api.MigrateRequest;

/**
 * What is demonstrated.
 *
 * @param mode {@code precopy}, {@code postcopy}, {@code hybrid} or {@code local}
 * @param memoryBytes guest memory
 * @param cpus vCPUs
 * @param workingSetBytes memory the guest rewrites and checks again and again
 * @param dirtyBytesPerSecond how fast
 */
public record QuickstartPlan(
    String mode, long memoryBytes, int cpus, long workingSetBytes, long dirtyBytesPerSecond) {
  /** The least guest memory. */
  public static final long MIN_MEMORY_BYTES = 256L << 20;

  static final String VM = "wanderer";

  // A sweep takes two seconds, so that the guest has checked every page it moved with soon after.
  // KVM's emulator, at a million instructions a second, can keep this rate up beside a migration.
  private static final long WORKING_SET_BYTES = 128L << 20;
  private static final long DIRTY_BYTES_PER_SECOND = 64L << 20;

  /** The standard demonstration. */
  public static QuickstartPlan of(String mode, long memoryBytes) {
    return new QuickstartPlan(mode, memoryBytes, 2, WORKING_SET_BYTES, DIRTY_BYTES_PER_SECOND);
  }

  CreateVmRequest vm() {
    return new CreateVmRequest(
        VM,
        cpus,
        memoryBytes,
        "4K",
        new GuestConfig("standard", workingSetBytes, dirtyBytesPerSecond, null, null, null, null));
  }

  MigrateRequest migration() {
    return new MigrateRequest(VM, "b", mode, 1, 0, 300, 60, "cancel", true, null, null);
  }
}
