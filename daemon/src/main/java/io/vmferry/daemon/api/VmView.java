package io.vmferry.daemon.api;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import org.jspecify.annotations.Nullable;

/**
 * One VM: the body of {@code GET /v1/vms/{name}}.
 *
 * @param name its name
 * @param state {@code created}, {@code running}, {@code paused}, {@code migrating}, {@code
 *     handed-over}, {@code handover-unknown}, {@code lost}, {@code stopped} or {@code failed}
 * @param node the node that holds it
 * @param hypervisor {@code kvm} or {@code software}
 * @param memoryBytes guest memory
 * @param cpus virtual CPUs
 * @param pageSize {@code 4K}, {@code 2M} or {@code 1G}
 * @param guest the standard guest's report; absent for other guests
 * @param migrationId the migration under way
 * @param failure why it is {@code failed}
 * @param generation how often the guest has changed hands, from 1: of two nodes that claim a guest,
 *     the one with the higher has it; absent if that is not known
 * @param note what the operator must know of where it is, and what to do
 */
@JsonNaming(SnakeCaseStrategy.class)
public record VmView(
    String name,
    String state,
    String node,
    String hypervisor,
    long memoryBytes,
    int cpus,
    @Nullable String pageSize,
    @Nullable GuestView guest,
    @Nullable String migrationId,
    @Nullable String failure,
    @Nullable Long generation,
    @Nullable String note) {}
