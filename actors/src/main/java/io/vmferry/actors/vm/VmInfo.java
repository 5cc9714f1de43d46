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
 */
public record VmInfo(
    VmSpec spec,
    LifeCycle lifeCycle,
    String hypervisor,
    @Nullable GuestReport guest,
    @Nullable String migrationId,
    @Nullable String detail) {}
