package io.vmferry.daemon.bench;

import io.vmferry.daemon.bench.RunFigures.Faults;
import org.jspecify.annotations.Nullable;

/** What a scenario is about: the figure in its plot. */
public enum Figure {
  /** Guest memory per second. */
  THROUGHPUT("GiB/s"),
  /** The whole migration. */
  TOTAL_TIME("total time, ms"),
  /** The guest's pause. */
  DOWNTIME("downtime, ms"),
  /** Until the guest runs. */
  RESUME("time to resume, ms"),
  /** Page faults. */
  FAULT_P50("page fault, median, us");

  private final String label;

  Figure(String label) {
    this.label = label;
  }

  /** Its name and unit. */
  String label() {
    return label;
  }

  /** Its value in a run; null if the run does not have it. */
  @Nullable Double of(RunFigures run) {
    Faults faults = run.faults();
    return switch (this) {
      case THROUGHPUT -> run.gibPerSecond();
      case TOTAL_TIME -> run.totalMs();
      case DOWNTIME -> run.downtimeMs();
      case RESUME -> run.resumeMs();
      case FAULT_P50 -> faults == null ? null : Double.valueOf(faults.p50Us());
    };
  }
}
