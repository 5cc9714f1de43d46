package io.vmferry.daemon.quickstart;

import io.vmferry.daemon.api.ClusterView;
import io.vmferry.daemon.api.GuestView;
import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.ProgressView;
import io.vmferry.daemon.api.SummaryView;
import io.vmferry.daemon.api.VmView;
import io.vmferry.daemon.client.NodeClient;
import io.vmferry.daemon.client.NodeException;
import io.vmferry.daemon.process.NodeChild;
import io.vmferry.daemon.quickstart.QuickstartResult.Check;
import io.vmferry.daemon.units.Durations;
import io.vmferry.daemon.units.Rates;
import io.vmferry.daemon.units.Sizes;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Runs the demonstration, step by step. */
public final class Quickstart {
  private static final Duration CLUSTER_LIMIT = Duration.ofSeconds(30);
  // Far above what the guest needs in the emulator, so that only a guest that hangs is late.
  private static final Duration GUEST_LIMIT = Duration.ofSeconds(60);
  private static final Duration LOOK_AGAIN = Duration.ofMillis(100);
  // The sweep under way at the handover and a whole one: every page that moved was checked then.
  private static final long SWEEPS_AFTER = 2;

  /** Where the demonstration tells how far it is. */
  public interface Listener {
    /** A line about a step. */
    void step(String line);

    /** The migration goes on. */
    void progress(ProgressView progress);

    /**
     * The migration has ended; nothing more comes of it.
     *
     * @param summary the figures, or null if it did not go well
     */
    void progressEnds(@Nullable SummaryView summary);

    /** The result, before the nodes are stopped. */
    void result(QuickstartResult result);
  }

  private final QuickstartPlan plan;
  private final Listener listener;

  private Quickstart(QuickstartPlan plan, Listener listener) {
    this.plan = plan;
    this.listener = listener;
  }

  /**
   * Runs it. Nothing is left afterwards, nor after an interrupt: no process, no file.
   *
   * @return what was measured and checked; not everything need hold
   * @throws QuickstartFailure if it could not go on
   * @throws io.vmferry.daemon.process.NodeChildFailure if a node did not start
   * @throws NodeException if a node refused a request
   */
  public static QuickstartResult run(QuickstartPlan plan, Listener listener)
      throws IOException, InterruptedException {
    listener.step("Starting two nodes on this host ...");
    try (NodePair nodes = NodePair.start()) {
      QuickstartResult result = new Quickstart(plan, listener).run(nodes);
      listener.result(result);
      return result;
    }
  }

  private QuickstartResult run(NodePair nodes) throws IOException, InterruptedException {
    NodeClient source = ready(nodes.source());
    NodeClient destination = ready(nodes.destination());
    ClusterView cluster = awaitCluster(source);
    listener.step(
        "They form a cluster; node " + cluster.orchestrator() + " runs the orchestrator.");

    VmView before = bootGuest(source);
    MigrationView migration = migrate(source);
    GuestView arrived = guest(destination.vm(QuickstartPlan.VM));
    listener.step("Waiting until the guest has checked all of its memory on node b ...");
    VmView after =
        awaitGuest(destination, "on node b", g -> g.sweeps() >= arrived.sweeps() + SWEEPS_AFTER);
    boolean gone = isGone(source);
    return judge(guest(before), arrived, after, migration, gone);
  }

  private NodeClient ready(NodeChild node) throws InterruptedException {
    NodeClient client = node.awaitReady();
    listener.step(
        String.format("  node %s  %s  (process %d)", node.name(), client.node(), node.pid()));
    return client;
  }

  /** Waits until each node knows the other's routes. */
  private static ClusterView awaitCluster(NodeClient node)
      throws IOException, InterruptedException {
    long deadline = System.nanoTime() + CLUSTER_LIMIT.toNanos();
    ClusterView cluster = node.cluster();
    while (cluster.orchestrator() == null
        || cluster.nodes().stream().filter(n -> n.status().equals("up")).count() < 2) {
      if (System.nanoTime() - deadline > 0) {
        throw new QuickstartFailure("The two nodes did not form a cluster: " + cluster.nodes());
      }
      Thread.sleep(LOOK_AGAIN.toMillis());
      cluster = node.cluster();
    }
    return cluster;
  }

  private VmView bootGuest(NodeClient source) throws IOException, InterruptedException {
    source.createVm(plan.vm());
    source.boot(QuickstartPlan.VM);
    listener.step(
        String.format(
            Locale.ROOT,
            "Guest '%s' runs on node a: %d vCPUs, %s; it rewrites %s at %s and checks every page.",
            QuickstartPlan.VM,
            plan.cpus(),
            Sizes.format(plan.memoryBytes()),
            Sizes.format(plan.workingSetBytes()),
            Rates.format(plan.dirtyBytesPerSecond())));
    VmView vm = awaitGuest(source, "on node a", g -> g.sweeps() >= 1);
    listener.step("  " + verdict(guest(vm)));
    return vm;
  }

  private MigrationView migrate(NodeClient source) throws IOException {
    listener.step("Migrating it to node b (" + plan.mode() + ") while it goes on ...");
    try {
      MigrationView started = source.migrate(plan.migration());
      MigrationView ended = source.follow(started.id(), listener::progress);
      listener.progressEnds(ended.summary());
      if (!ended.state().equals(MigrationView.COMPLETED) && ended.problem() != null) {
        throw new NodeException(500, ended.problem());
      }
      return ended;
    } finally {
      listener.progressEnds(null);
    }
  }

  /** Waits until the guest's report is such; a guest that found damage is not waited for. */
  private VmView awaitGuest(NodeClient node, String where, Predicate<GuestView> such)
      throws IOException, InterruptedException {
    long deadline = System.nanoTime() + GUEST_LIMIT.toNanos();
    while (true) {
      VmView vm = node.vm(QuickstartPlan.VM);
      GuestView guest = vm.guest();
      if (guest != null && (guest.mismatches() > 0 || (guest.running() && such.test(guest)))) {
        return vm;
      }
      if (System.nanoTime() - deadline > 0) {
        throw new QuickstartFailure(
            "The guest "
                + where
                + " made no progress within "
                + GUEST_LIMIT.toSeconds()
                + " s; it is "
                + vm.state()
                + " there");
      }
      Thread.sleep(LOOK_AGAIN.toMillis());
    }
  }

  /**
   * The source forgets the guest once its session has ended, which the orchestrator may precede.
   */
  private static boolean isGone(NodeClient source) throws IOException, InterruptedException {
    long deadline = System.nanoTime() + CLUSTER_LIMIT.toNanos();
    while (System.nanoTime() - deadline < 0) {
      if (source.listVms().vms().isEmpty()) {
        return true;
      }
      Thread.sleep(LOOK_AGAIN.toMillis());
    }
    return false;
  }

  private QuickstartResult judge(
      GuestView before, GuestView arrived, VmView after, MigrationView migration, boolean gone) {
    SummaryView summary = migration.summary();
    GuestView now = guest(after);
    if (summary == null) {
      throw new QuickstartFailure("The migration ended without figures");
    }
    boolean digests = Boolean.TRUE.equals(summary.digestsMatch());
    boolean running =
        after.state().equals("running") && now.running() && now.iterations() > arrived.iterations();
    List<Check> checks = new ArrayList<>();
    checks.add(
        new Check("no damage before the migration", before.mismatches() == 0, verdict(before)));
    checks.add(
        new Check(
            "memory digests of both sides agree",
            digests,
            summary.memoryDigest() == null ? "no digest" : summary.memoryDigest()));
    checks.add(new Check("no damage after it", now.mismatches() == 0, damage(now)));
    checks.add(
        new Check(
            "the guest goes on running on node b",
            running,
            count(now.iterations() - arrived.iterations()) + " pages written there"));
    checks.add(
        new Check("it is gone from node a", gone, gone ? "no VMs there" : "node a still has it"));
    return new QuickstartResult(
        checks.stream().allMatch(Check::ok),
        summary.mode(),
        summary.hypervisor(),
        summary.memoryBytes(),
        after.cpus(),
        summary.totalMs(),
        summary.downtimeMs(),
        summary.rounds(),
        summary.bytesSent(),
        summary.resumeMs(),
        summary.fullMs(),
        summary.faultsServed(),
        summary.faultP50Us(),
        summary.faultP99Us(),
        now.pagesVerified(),
        now.mismatches(),
        arrived.iterations(),
        now.iterations(),
        running,
        gone,
        summary.memoryDigest(),
        digests,
        checks);
  }

  private static GuestView guest(VmView vm) {
    GuestView guest = vm.guest();
    // A guest that has just arrived has not said anything there yet.
    return guest == null ? new GuestView(false, 0, 0, 0, 0, null) : guest;
  }

  private static String verdict(GuestView guest) {
    return count(guest.pagesVerified()) + " pages verified, " + guest.mismatches() + " mismatches";
  }

  private static String damage(GuestView guest) {
    String first = guest.firstMismatch();
    return verdict(guest) + (first == null ? "" : ", the first: " + first);
  }

  private static String count(long number) {
    return String.format(Locale.ROOT, "%,d", number);
  }

  /** The result for people: the checks, then the figures. */
  public static List<String> lines(QuickstartResult result) {
    List<String> lines = new ArrayList<>();
    for (Check check : result.checks()) {
      lines.add(
          String.format(
              "  %-6s %-36s %s", check.ok() ? "ok" : "FAILED", check.what(), check.found()));
    }
    lines.add("");
    add(lines, "mode", result.mode() + ", hypervisor " + result.hypervisor());
    add(lines, "memory", Sizes.format(result.memoryBytes()));
    add(lines, "total time", Durations.formatMillis(result.totalMs()));
    add(lines, "downtime", Durations.formatMillis(result.downtimeMs()));
    if (result.rounds() > 0) {
      add(lines, "rounds", Integer.toString(result.rounds()));
    }
    add(lines, "sent", Sizes.format(result.bytesSent()));
    addPostcopy(lines, result);
    return lines;
  }

  private static void addPostcopy(List<String> lines, QuickstartResult result) {
    Double resume = result.resumeMs();
    Double full = result.fullMs();
    if (result.faultsServed() == null || resume == null || full == null) {
      return;
    }
    add(lines, "resumed", Durations.formatMillis(resume) + " after the pause, on node b");
    add(lines, "last page", Durations.formatMillis(full) + " after the pause");
    Long faults = result.faultsServed();
    @Nullable Long median = result.faultP50Us();
    @Nullable Long tail = result.faultP99Us();
    if (faults != null) {
      add(
          lines,
          "page faults",
          count(faults)
              + (median == null || tail == null
                  ? ""
                  : ", half within " + median + " us, 99 % within " + tail + " us"));
    }
  }

  private static void add(List<String> lines, String name, String value) {
    lines.add(String.format("  %-14s %s", name, value));
  }
}
