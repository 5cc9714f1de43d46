package io.vmferry.daemon.doctor;

import java.util.List;

/**
 * All findings about a host.
 *
 * @param ready whether guests can run and migrate here: no check failed
 * @param checks the findings, in the order they are shown
 */
public record Report(boolean ready, List<Finding> checks) {
  /** Copies the list. */
  public Report {
    checks = List.copyOf(checks);
  }

  static Report of(List<Finding> checks) {
    return new Report(checks.stream().noneMatch(f -> f.status() == Finding.Status.FAIL), checks);
  }
}
