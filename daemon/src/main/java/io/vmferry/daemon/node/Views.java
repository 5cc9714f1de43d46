package io.vmferry.daemon.node;

import io.vmferry.actors.guest.GuestReport;
import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.actors.migration.MigrationEvent;
import io.vmferry.actors.migration.MigrationPhase;
import io.vmferry.actors.migration.MigrationProgress;
import io.vmferry.actors.migration.MigrationSummary;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.GuestSource;
import io.vmferry.actors.vm.LifeCycle;
import io.vmferry.actors.vm.VmInfo;
import io.vmferry.cluster.node.GuestStatus;
import io.vmferry.cluster.node.NodeDirectory;
import io.vmferry.cluster.node.NodeView;
import io.vmferry.cluster.orchestrator.MigrationOutcome;
import io.vmferry.cluster.orchestrator.MigrationRecord;
import io.vmferry.daemon.api.ClusterView;
import io.vmferry.daemon.api.GuestView;
import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.Problem;
import io.vmferry.daemon.api.ProgressView;
import io.vmferry.daemon.api.SummaryView;
import io.vmferry.daemon.api.VmView;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Bodies of the /v1 routes, made of what the actors say. */
final class Views {
  private Views() {}

  static VmView vm(VmInfo vm, String node) {
    return new VmView(
        vm.spec().name(),
        word(vm.lifeCycle()),
        node,
        vm.hypervisor(),
        vm.spec().memoryBytes(),
        vm.spec().cpus(),
        vm.spec().pageSize().label(),
        vm.spec().guest() instanceof GuestSource.Standard
            ? guest(vm.guest(), vm.lifeCycle())
            : null,
        vm.migrationId(),
        vm.detail(),
        vm.generation() == 0 ? null : vm.generation(),
        vm.note());
  }

  private static @Nullable GuestView guest(@Nullable GuestReport report, LifeCycle lifeCycle) {
    if (report == null) {
      return null;
    }
    boolean runs = lifeCycle == LifeCycle.RUNNING || lifeCycle == LifeCycle.MIGRATING;
    return new GuestView(
        report.running() && runs,
        report.iterations(),
        report.pagesVerified(),
        report.mismatches(),
        report.sweeps(),
        report.firstMismatch());
  }

  static ClusterView cluster(NodeDirectory.Nodes nodes) {
    return new ClusterView(
        nodes.self(), nodes.orchestrator(), nodes.nodes().stream().map(Views::node).toList());
  }

  private static io.vmferry.daemon.api.NodeView node(NodeView node) {
    var status = node.status();
    String http = status.httpUrl();
    return new io.vmferry.daemon.api.NodeView(
        status.name(),
        status.address(),
        http == null ? "" : http,
        word(node.membership()),
        status.host().cpus(),
        status.host().memoryBytes(),
        status.host().memoryAvailableBytes(),
        status.guests().stream().map(GuestStatus::name).toList());
  }

  /** A session of this node as it begins. */
  static MigrationView begun(String id, @Nullable String vm, @Nullable String url) {
    return new MigrationView(id, vm, MigrationView.RUNNING, null, null, url, null, null, null);
  }

  /** With what the answer to the request added. */
  static MigrationView located(MigrationView before, @Nullable String vm, String url) {
    return new MigrationView(
        before.id(),
        before.vm() == null ? vm : before.vm(),
        before.state(),
        before.from(),
        before.to(),
        url,
        before.progress(),
        before.summary(),
        before.problem());
  }

  /** What a session's event makes of its state. */
  static MigrationView after(MigrationView before, MigrationEvent event) {
    String vm = event.vm().isEmpty() ? before.vm() : event.vm();
    if (event instanceof MigrationEvent.Progressed progressed) {
      return with(before, vm, MigrationView.RUNNING, progress(progressed.progress()), null, null);
    }
    if (event instanceof MigrationEvent.Finished finished) {
      return with(
          before,
          vm,
          MigrationView.COMPLETED,
          before.progress(),
          summary(finished.summary()),
          null);
    }
    if (event instanceof MigrationEvent.Failed failed) {
      boolean cancelled = failed.failure().code() == FailureCode.CANCELLED;
      return with(
          before,
          vm,
          cancelled ? MigrationView.CANCELLED : MigrationView.FAILED,
          before.progress(),
          null,
          Problems.of(failed.failure()));
    }
    throw new IllegalStateException("a migration event is one of three");
  }

  /** A migration whose fate nobody here can learn. */
  static MigrationView lost(MigrationView before, Problem problem) {
    return with(before, before.vm(), MigrationView.FAILED, before.progress(), null, problem);
  }

  private static MigrationView with(
      MigrationView before,
      @Nullable String vm,
      String state,
      @Nullable ProgressView progress,
      @Nullable SummaryView summary,
      @Nullable Problem problem) {
    return new MigrationView(
        before.id(),
        vm,
        state,
        before.from(),
        before.to(),
        before.url(),
        progress,
        summary,
        problem);
  }

  /** A migration of the orchestrator's. */
  static MigrationView migration(MigrationRecord migration) {
    MigrationOutcome outcome = migration.outcome();
    String state =
        outcome == null
            ? MigrationView.RUNNING
            : switch (outcome) {
              case COMPLETED -> MigrationView.COMPLETED;
              case FAILED -> MigrationView.FAILED;
              case CANCELLED -> MigrationView.CANCELLED;
            };
    return new MigrationView(
        migration.id(),
        migration.vm(),
        state,
        migration.from(),
        migration.to(),
        null,
        progress(migration),
        summary(migration),
        migration.failure() == null ? null : Problems.of(migration.failure()));
  }

  private static @Nullable ProgressView progress(MigrationRecord migration) {
    MigrationProgress source = migration.progress();
    MigrationProgress destination = migration.destinationProgress();
    if (destination != null && destination.phase() == MigrationPhase.POSTCOPY) {
      // The destination knows what it lacks; the bytes on the connection are the same for both.
      return progress(destination);
    }
    return source == null ? null : progress(source);
  }

  private static ProgressView progress(MigrationProgress p) {
    Long downtime = p.expectedDowntimeMillis();
    Long eta = p.etaMillis();
    return new ProgressView(
        word(p.phase()),
        p.round(),
        p.bytesTotal(),
        p.bytesSent(),
        p.bytesLeft(),
        p.dirtyBytesPerSecond(),
        p.bandwidthBytesPerSecond(),
        downtime == null ? null : downtime.doubleValue(),
        eta == null ? null : eta.doubleValue(),
        p.faultsServed(),
        p.throttlePercent());
  }

  /** The figures of both sides: the source measured the time, the destination the faults. */
  private static @Nullable SummaryView summary(MigrationRecord migration) {
    MigrationSummary source = migration.sourceSummary();
    MigrationSummary destination = migration.destinationSummary();
    if (source == null) {
      return destination == null ? null : summary(destination);
    }
    if (destination == null) {
      return summary(source);
    }
    String left = source.memoryDigest();
    String arrived = destination.memoryDigest();
    boolean both = left != null && arrived != null;
    return summary(source, destination, left, both ? Objects.equals(left, arrived) : null);
  }

  private static SummaryView summary(MigrationSummary side) {
    return summary(side, side, side.memoryDigest(), null);
  }

  private static SummaryView summary(
      MigrationSummary clock,
      MigrationSummary faults,
      @Nullable String digest,
      @Nullable Boolean digestsMatch) {
    boolean postcopy = clock.mode() == MemoryMode.POSTCOPY || clock.mode() == MemoryMode.HYBRID;
    boolean timed = faults.faultsServed() > 0;
    return new SummaryView(
        word(clock.mode()),
        clock.hypervisor(),
        clock.memoryBytes(),
        clock.totalMillis(),
        clock.transferMillis() > 0 ? clock.transferMillis() : null,
        clock.downtimeMillis(),
        clock.rounds(),
        clock.bytesSent(),
        clock.resumeMillis(),
        clock.fullMillis(),
        postcopy ? faults.faultsServed() : null,
        postcopy && timed ? faults.faultMicrosP50() : null,
        postcopy && timed ? faults.faultMicrosP99() : null,
        clock.throttlePercent() > 0 ? clock.throttlePercent() : null,
        null,
        null,
        !clock.paused(),
        digest,
        digestsMatch);
  }

  /** A constant as the routes write it: small letters and dashes. */
  static String word(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
