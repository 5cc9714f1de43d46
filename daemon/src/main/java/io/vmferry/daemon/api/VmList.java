package io.vmferry.daemon.api;

import java.util.List;

/**
 * Body of {@code GET /v1/vms}.
 *
 * @param vms by name
 */
public record VmList(List<VmView> vms) {
  /** Copies the list. */
  public VmList {
    vms = List.copyOf(vms);
  }
}
