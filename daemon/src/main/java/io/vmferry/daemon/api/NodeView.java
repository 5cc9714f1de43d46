package io.vmferry.daemon.api;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.List;

/**
 * One node of the cluster.
 *
 * @param name its name
 * @param address where its cluster port listens
 * @param http where its management routes listen
 * @param status {@code up}, {@code joining}, {@code leaving} or {@code unreachable}
 * @param cpus cores
 * @param memoryBytes memory of the host
 * @param memoryAvailableBytes what a new guest could take
 * @param vms names of its VMs
 */
@JsonNaming(SnakeCaseStrategy.class)
public record NodeView(
    String name,
    String address,
    String http,
    String status,
    int cpus,
    long memoryBytes,
    long memoryAvailableBytes,
    List<String> vms) {
  /** Copies the list. */
  public NodeView {
    vms = List.copyOf(vms);
  }
}
