package io.vmferry.daemon.api;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

/**
 * Body of {@code POST /v1/vms}.
 *
 * @param name unique on the node and in the cluster
 * @param cpus virtual CPUs
 * @param memoryBytes guest memory, a multiple of the page size
 * @param pageSize {@code 4K}, {@code 2M} or {@code 1G}: what backs guest memory on the host
 * @param guest what it runs
 */
@JsonNaming(SnakeCaseStrategy.class)
public record CreateVmRequest(
    String name, int cpus, long memoryBytes, String pageSize, GuestConfig guest) {}
