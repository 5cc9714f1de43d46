package io.vmferry.cluster.node;

import io.vmferry.actors.vm.LifeCycle;
import io.vmferry.actors.vm.VmInfo;
import io.vmferry.kvm.memory.PageSize;
import org.jspecify.annotations.Nullable;

/**
 * What other nodes know of a guest.
 *
 * @param name unique on its node
 * @param lifeCycle where it is in its life
 * @param cpus vCPUs
 * @param memoryBytes guest RAM
 * @param pageSize size of the host pages behind it
 * @param hypervisor what runs it
 * @param migrationId the host's running or last session for it, or null
 */
public record GuestStatus(
    String name,
    LifeCycle lifeCycle,
    int cpus,
    long memoryBytes,
    PageSize pageSize,
    String hypervisor,
    @Nullable String migrationId) {

  static GuestStatus of(VmInfo vm) {
    return new GuestStatus(
        vm.spec().name(),
        vm.lifeCycle(),
        vm.spec().cpus(),
        vm.spec().memoryBytes(),
        vm.spec().pageSize(),
        vm.hypervisor(),
        vm.migrationId());
  }
}
