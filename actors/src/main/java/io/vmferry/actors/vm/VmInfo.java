package io.vmferry.actors.vm;

import io.vmferry.actors.guest.GuestReport;
import org.jspecify.annotations.Nullable;

/**
 * What a virtual machine says of itself.
 *
 * @param spec its configuration
 * @param lifeCycle where it is in its life
 * @param hypervisor what runs the vCPUs: {@code kvm}
 * @param guest the standard guest's own verdict, or null for another guest
 * @param migrationId the running or last migration, or null
 * @param detail why it stopped or failed, or null
 * @param generation how often it has changed hands, from 1; 0 if that is not known
 * @param note what the operator must know of where it is, or null
 */
public record VmInfo(
    VmSpec spec,
    LifeCycle lifeCycle,
    String hypervisor,
    @Nullable GuestReport guest,
    @Nullable String migrationId,
    @Nullable String detail,
    long generation,
    @Nullable String note) {

  /** What a virtual machine says; it does not know who has its guest. */
  public VmInfo(
      VmSpec spec,
      LifeCycle lifeCycle,
      String hypervisor,
      @Nullable GuestReport guest,
      @Nullable String migrationId,
      @Nullable String detail) {
    this(spec, lifeCycle, hypervisor, guest, migrationId, detail, 0, null);
  }

  /** With what its host has written down. */
  public VmInfo owned(long newGeneration, @Nullable String newNote) {
    return new VmInfo(
        spec, lifeCycle, hypervisor, guest, migrationId, detail, newGeneration, newNote);
  }
}
