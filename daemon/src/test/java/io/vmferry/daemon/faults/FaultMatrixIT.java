package io.vmferry.daemon.faults;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.testing.RequiresKvm;
import io.vmferry.kvm.testing.RequiresUffd;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * Migrations with a fault at a message: afterwards the guest is in one place, its memory is its
 * own, nothing is left behind and the reason is a sentence.
 *
 * <p>Which: see docs/reliability.md. {@code -Dvmferry.faults=full} runs the whole matrix, {@code
 * =WORDS} those whose name has all the words; {@code -Dvmferry.faults.random=N} and {@code .seed=S}
 * choose the random ones.
 */
@RequiresKvm
@RequiresUffd
class FaultMatrixIT {
  private static final String SELECTION = System.getProperty("vmferry.faults", "slice");
  private static final int RANDOM = Integer.getInteger("vmferry.faults.random", 10);
  private static final long SEED = Long.getLong("vmferry.faults.seed", System.nanoTime() & 0xffff);

  @TempDir private static Path directory;
  private static final List<Outcome> outcomes = new ArrayList<>();
  private static Hosts hosts;
  private static int guests;

  @BeforeAll
  static void start() {
    hosts = new Hosts(directory, ScenarioRun.PROPERTIES.toArray(String[]::new));
  }

  @AfterAll
  static void stop() {
    hosts.close();
    System.out.println(new FaultSummary(outcomes).markdown());
  }

  @TestFactory
  Stream<DynamicTest> theGuestIsInOnePlaceAndWhole() {
    System.out.printf(
        "faults: -Dvmferry.faults=%s -Dvmferry.faults.random=%d -Dvmferry.faults.seed=%d%n",
        SELECTION, RANDOM, SEED);
    return selection().stream()
        .map(scenario -> DynamicTest.dynamicTest(scenario.toString(), () -> run(scenario)));
  }

  private static List<Scenario> selection() {
    List<Scenario> chosen = new ArrayList<>();
    List<Scenario> all = Scenarios.all();
    switch (SELECTION) {
      case "full" -> chosen.addAll(all);
      case "slice" -> chosen.addAll(Scenarios.slice());
      default ->
          all.stream()
              .filter(s -> Stream.of(SELECTION.split("\\+")).allMatch(s.toString()::contains))
              .forEach(chosen::add);
    }
    chosen.addAll(Scenarios.random(RANDOM, SEED));
    return chosen;
  }

  private static void run(Scenario scenario) throws Exception {
    hosts.ready();
    if (!hosts.areMeasured(scenario)) {
      warmUp();
    }
    Outcome outcome = new ScenarioRun(hosts, directory, scenario, guests++).run();
    outcomes.add(outcome);
    System.out.println(outcome);
    if (!outcome.isGood()) {
      System.out.println(hosts.logs());
    }
    assertTrue(outcome.isGood(), outcome::toString);
  }

  /** What a node holds for good comes with its first migrations; the count begins after them. */
  private static void warmUp() throws Exception {
    for (Mode mode : List.of(Mode.HYBRID, Mode.PRECOPY_4, Mode.LOCAL)) {
      Outcome outcome = new ScenarioRun(hosts, directory, Scenarios.harmless(mode), guests++).run();
      assertTrue(outcome.isGood(), outcome::toString);
    }
    hosts.measure();
  }
}
