package io.vmferry.daemon.faults;

import io.vmferry.daemon.api.CreateVmRequest;
import io.vmferry.daemon.api.GuestView;
import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.Problem;
import io.vmferry.daemon.api.ReceiveMigrationRequest;
import io.vmferry.daemon.api.SummaryView;
import io.vmferry.daemon.api.VmView;
import io.vmferry.daemon.client.NodeClient;
import io.vmferry.daemon.client.NodeException;
import io.vmferry.daemon.e2e.Patience;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Carries one {@link Scenario} out between the two nodes and looks at what is left. */
final class ScenarioRun {
  /** How long a node waits for an answer in these tests. */
  private static final long ANSWER_SECONDS = 2;

  /** What the nodes are told, so that a scenario takes seconds. */
  static final List<String> PROPERTIES =
      List.of(
          "vmferry.migration.answer-timeout=" + ANSWER_SECONDS + "s",
          "vmferry.migration.dead-peer-timeout=2s",
          "vmferry.migration.recovery-patience=6s",
          "vmferry.migration.linger=5s");

  private static final long STOP_MILLIS = ANSWER_SECONDS * 1000 + 1000;
  // Whatever is not noticed by then is let go on: without heartbeats nobody must notice it.
  private static final long STALL_NANOS =
      TimeUnit.MILLISECONDS.toNanos(ANSWER_SECONDS * 1000 + 1500);
  private static final long END_NANOS = TimeUnit.SECONDS.toNanos(20);
  private static final long SETTLE_SECONDS = 10;
  private static final long WORK_SECONDS = 30;
  private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(20);
  private static final long SWEEP = Mode.WORKING_SET_BYTES / 4096;
  // A class, a stack or a null in what a user reads.
  private static final Pattern NO_SENTENCE =
      Pattern.compile("Exception|java\\.|\\bnull\\b|An unexpected|\\bat io\\.");

  private final Hosts hosts;
  private final Scenario scenario;
  private final String guest;
  private final String url;
  private final List<String> faults = new ArrayList<>();
  private final Map<Side, String> migrations = new EnumMap<>(Side.class);
  private final Map<Side, MigrationView> ends = new EnumMap<>(Side.class);
  private @Nullable Long detectionNanos;

  /**
   * @param directory for a socket
   * @param number tells the guests of scenarios apart
   */
  ScenarioRun(Hosts hosts, Path directory, Scenario scenario, int number) {
    this.hosts = hosts;
    this.scenario = scenario;
    this.guest = "guest-" + number;
    this.url =
        scenario.mode() == Mode.LOCAL
            ? "unix:" + directory.resolve("local-" + number)
            : "tcp:127.0.0.1:0";
  }

  /** Runs it on nodes that are ready; replaces nodes that are not as before. */
  Outcome run() throws IOException, InterruptedException {
    boot();
    MigrationView receiving = receive();
    migrations.put(Side.DESTINATION, receiving.id());
    boolean reached;
    long sprungNanos;
    try (ProcessBreaker breaker = new ProcessBreaker(hosts, scenario.side(), STOP_MILLIS);
        FaultProxy proxy =
            new FaultProxy(Objects.requireNonNull(receiving.url()), scenario.traps(), breaker)) {
      send(proxy);
      awaitEnds(proxy);
      reached = proxy.hasSprung();
      sprungNanos = reached ? proxy.sprungNanos() : System.nanoTime();
    }
    Verdict verdict =
        settledVerdict(reached ? Expectation.of(scenario) : EnumSet.of(Verdict.MOVED));
    Long recoveryMillis = null;
    long mismatches = 0;
    boolean told = digestsDiffer();
    if (verdict.place() != null) {
      mismatches = work(verdict.place(), told);
      // A guest whose memory is damaged has not recovered, though it may work.
      recoveryMillis = told ? null : Long.valueOf(millis(System.nanoTime() - sprungNanos));
    }
    judge(told, mismatches);
    String leak = cleanUp();
    return new Outcome(
        scenario,
        verdict,
        reached,
        told,
        mismatches,
        detectionNanos == null ? null : Long.valueOf(millis(detectionNanos - sprungNanos)),
        recoveryMillis,
        leak,
        List.copyOf(faults));
  }

  private void boot() throws IOException, InterruptedException {
    client(Side.SOURCE)
        .createVm(new CreateVmRequest(guest, 1, Mode.MEMORY_BYTES, "4K", scenario.mode().guest()));
    client(Side.SOURCE).boot(guest);
    Patience.until(
        WORK_SECONDS,
        () -> iterations(Side.SOURCE) >= SWEEP,
        () -> guest + " does not start:\n" + hosts.node(Side.SOURCE).log());
  }

  private MigrationView receive() throws IOException {
    return client(Side.DESTINATION)
        .receiveMigration(
            new ReceiveMigrationRequest(
                url, scenario.mode().memoryMode(), null, true, null, null, null));
  }

  private void send(FaultProxy proxy) throws IOException {
    try {
      String id =
          client(Side.SOURCE).sendMigration(guest, scenario.mode().options(proxy.url())).id();
      migrations.put(Side.SOURCE, id);
    } catch (IOException e) {
      // Killed before it could answer.
      if (!scenario.kills(Side.SOURCE)) {
        throw e;
      }
    }
  }

  private void awaitEnds(FaultProxy proxy) throws IOException {
    long deadline = System.nanoTime() + END_NANOS;
    boolean cancelled = false;
    while (!haveEnded()) {
      long now = System.nanoTime();
      if (proxy.hasSprung() && now - proxy.sprungNanos() > STALL_NANOS) {
        proxy.release();
      }
      if (now > deadline && !cancelled) {
        cancelled = true;
        deadline = now + END_NANOS;
        faults.add("no end within " + millis(END_NANOS) / 1000 + " s: " + views());
        cancelAll();
      } else if (now > deadline) {
        faults.add("no end after a cancel either: " + views());
        return;
      }
      LockSupport.parkNanos(POLL_NANOS);
    }
  }

  private boolean haveEnded() throws IOException {
    boolean all = true;
    for (Side side : Side.values()) {
      if (ends.containsKey(side) || !hosts.isAlive(side)) {
        continue;
      }
      String id = migrations.get(side);
      if (id == null) {
        all = false; // killed before it could answer, and about to end
        continue;
      }
      MigrationView view;
      try {
        view = client(side).migration(id);
      } catch (IOException e) {
        // Killed meanwhile, or without a descriptor for the request.
        all = false;
        continue;
      }
      if (detectionNanos == null && (view.problem() != null || isRecovering(view))) {
        detectionNanos = System.nanoTime();
      }
      if (view.isFinal()) {
        ends.put(side, view);
        continue;
      }
      all = false;
      if (side == Side.DESTINATION && isRecovering(view) && !hosts.isAlive(Side.SOURCE)) {
        client(side).cancelMigration(id); // waits for it without an end; what an operator types
      }
    }
    return all;
  }

  private static boolean isRecovering(MigrationView view) {
    return view.progress() != null && view.progress().phase().equals("recovering");
  }

  private void cancelAll() {
    migrations.forEach(
        (side, id) -> {
          try {
            client(side).cancelMigration(id);
          } catch (IOException e) {
            faults.add(side + " takes no cancel: " + e.getMessage());
          }
        });
  }

  private String views() throws IOException {
    StringBuilder views = new StringBuilder();
    for (Side side : Side.values()) {
      views.append(side).append(' ').append(state(side)).append(' ');
      if (hosts.isAlive(side) && !ends.containsKey(side)) {
        views.append(client(side).migration(Objects.requireNonNull(migrations.get(side))));
      }
    }
    return views.toString();
  }

  /** A VM changes its state soon after its migration has ended: waits for one that is final. */
  private Verdict settledVerdict(Set<Verdict> legal) throws IOException, InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(SETTLE_SECONDS);
    while (true) {
      String source = state(Side.SOURCE);
      String destination = state(Side.DESTINATION);
      Verdict verdict = Verdict.of(source, destination);
      if (legal.contains(verdict)) {
        return verdict;
      }
      if (System.nanoTime() > deadline) {
        faults.add(
            String.format(
                "the source says %s, the destination %s: %s, which is none of %s",
                source, destination, verdict, legal));
        return verdict;
      }
      LockSupport.parkNanos(POLL_NANOS);
    }
  }

  private String state(Side side) throws IOException {
    if (!hosts.isAlive(side)) {
      return Verdict.DEAD;
    }
    VmView vm = vm(side);
    return vm == null ? Verdict.ABSENT : vm.state();
  }

  private @Nullable VmView vm(Side side) throws IOException {
    return client(side).listVms().vms().stream()
        .filter(vm -> vm.name().equals(guest))
        .findFirst()
        .orElse(null);
  }

  /** The guest goes over its memory once more, here and nowhere else; its mismatches. */
  private long work(Side place, boolean damaged) throws IOException, InterruptedException {
    long elsewhere = iterations(place.other());
    long wanted = iterations(place) + 2 * SWEEP;
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(WORK_SECONDS);
    while (iterations(place) < wanted && System.nanoTime() < deadline && mismatches(place) == 0) {
      LockSupport.parkNanos(POLL_NANOS);
    }
    // The damage may be in the guest's own code.
    if (iterations(place) < wanted && mismatches(place) == 0 && !damaged) {
      faults.add("the guest makes no progress on the " + place);
    }
    if (iterations(place.other()) > elsewhere) {
      faults.add("the guest also works on the " + place.other());
    }
    return mismatches(place);
  }

  private long iterations(Side side) throws IOException {
    GuestView report = report(side);
    return report == null ? 0 : report.iterations();
  }

  private long mismatches(Side side) throws IOException {
    GuestView report = report(side);
    return report == null ? 0 : report.mismatches();
  }

  private @Nullable GuestView report(Side side) throws IOException {
    VmView vm = hosts.isAlive(side) ? vm(side) : null;
    return vm == null ? null : vm.guest();
  }

  private boolean digestsDiffer() {
    String left = digest(ends.get(Side.SOURCE));
    String right = digest(ends.get(Side.DESTINATION));
    return left != null && right != null && !left.equals(right);
  }

  private static @Nullable String digest(@Nullable MigrationView view) {
    SummaryView summary = view == null ? null : view.summary();
    return summary == null ? null : summary.memoryDigest();
  }

  private void judge(boolean told, long mismatches) {
    if (told && !scenario.mayDamage()) {
      faults.add("the digests differ");
    }
    if (mismatches > 0 && !told) {
      faults.add("the guest found " + mismatches + " damaged pages, and nobody told");
    }
    if (scenario.fault().isBearable()) {
      ends.forEach(
          (side, view) -> {
            if (!view.state().equals(MigrationView.COMPLETED)) {
              faults.add(side + " did not bear it: " + view.problem());
            }
          });
    }
    ends.values().forEach(this::judgeReason);
  }

  private void judgeReason(MigrationView view) {
    Problem problem = view.problem();
    if (problem == null) {
      if (!view.state().equals(MigrationView.COMPLETED)) {
        faults.add("a failure without a reason: " + view);
      }
    } else if (NO_SENTENCE.matcher(problem.message()).find()) {
      faults.add("no sentence for a user: " + problem.message());
    }
  }

  private String cleanUp() throws IOException, InterruptedException {
    StringBuilder leaks = new StringBuilder();
    for (Side side : Side.values()) {
      if (!hosts.isAlive(side)) {
        continue;
      }
      try {
        client(side).deleteVm(guest);
      } catch (NodeException e) {
        if (e.status() != 404) {
          faults.add("the " + side + " does not delete its guest: " + e.getMessage());
        }
      }
    }
    for (Side side : Side.values()) {
      String leak = hosts.isAlive(side) ? leak(side) : "";
      if (!leak.isEmpty()) {
        leaks.append("the ").append(side).append(" keeps ").append(leak);
        hosts.replace(side);
      }
    }
    if (!leaks.isEmpty()) {
      faults.add(leaks.toString());
    }
    return leaks.toString();
  }

  private String leak(Side side) throws IOException {
    Footprint before = hosts.baseline(side);
    if (before == null) {
      return "";
    }
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(SETTLE_SECONDS);
    while (true) {
      String excess = Footprint.of(hosts.node(side)).excessOver(before);
      if (excess.isEmpty() || System.nanoTime() > deadline) {
        return excess;
      }
      LockSupport.parkNanos(POLL_NANOS);
    }
  }

  private NodeClient client(Side side) {
    return hosts.node(side).client();
  }

  private static long millis(long nanos) {
    return TimeUnit.NANOSECONDS.toMillis(nanos);
  }
}
