package io.vmferry.daemon.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;

/** Runs the benchmarks of the offload daemon. */
public final class OffloadBench {
  private static final int KEY_BYTES = 32;

  private OffloadBench() {}

  /**
   * Runs a plan. Nothing is left afterwards, nor after an interrupt, but the results.
   *
   * @param steps told what goes on, a line each
   * @throws BenchFailure if it could not go on
   */
  public static BenchResult run(OffloadPlan plan, Consumer<String> steps)
      throws IOException, InterruptedException {
    try (Cleanup cleanup = new Cleanup()) {
      Path directory =
          Files.createTempDirectory(Files.createDirectories(plan.directory()), "bench-");
      cleanup.add(() -> Cleanup.remove(directory));
      List<String> skipped = new ArrayList<>();
      MemoryKeeper keeper = MemoryKeeper.start(directory, cleanup, skipped);
      OffloadStage stage =
          new OffloadStage(plan, new OffloadDaemon(cleanup), keeper, directory, steps);
      long keptBytes = keeper == null ? 0 : keeper.take().bytes();
      BenchResult result =
          new BenchResult(
              MachineFacts.ofThisHost(),
              plan.memoryBytes(),
              "random",
              "none",
              plan.runs(),
              keptBytes,
              scenarios(stage, skipped),
              skipped,
              List.of(),
              BenchResult.NOTE);
      Path results = plan.results();
      if (results != null) {
        ResultFiles.write(result, results);
      }
      return result;
    }
  }

  private static List<ScenarioResult> scenarios(OffloadStage stage, List<String> skipped)
      throws IOException, InterruptedException {
    List<ScenarioResult> results = new ArrayList<>();
    Set<OffloadMode> modes = stage.plan().modes();
    OnDemandScenario onDemand = new OnDemandScenario(stage);
    if (modes.contains(OffloadMode.START)) {
      results.add(onDemand.startUp());
      results.add(onDemand.start());
    }
    if (modes.contains(OffloadMode.DIR)) {
      results.addAll(directories(stage));
    }
    if (modes.contains(OffloadMode.STORE)) {
      results.addAll(stores(stage));
    }
    if (modes.contains(OffloadMode.ONDEMAND)) {
      if (OffloadStage.mayDropPageCache()) {
        results.add(workingSet(stage, onDemand));
      } else {
        skipped.add("the working set: only root can empty the page cache");
      }
    }
    return results;
  }

  private static List<ScenarioResult> directories(OffloadStage stage)
      throws IOException, InterruptedException {
    try (OffloadGuest guest = guest(stage, OffloadGuest.Content.RANDOM)) {
      StoreScenario directories = new StoreScenario(stage, guest);
      return List.of(directories.snapshot(), directories.restore());
    }
  }

  private static List<ScenarioResult> stores(OffloadStage stage)
      throws IOException, InterruptedException {
    try (OffloadGuest guest = guest(stage, OffloadGuest.Content.HALF)) {
      StoreScenario stores = new StoreScenario(stage, guest);
      Path key = key(stage.path("key"));
      return List.of(stores.chunked(key), stores.restoreChunked(key));
    }
  }

  private static ScenarioResult workingSet(OffloadStage stage, OnDemandScenario onDemand)
      throws IOException, InterruptedException {
    try (OffloadGuest guest = guest(stage, OffloadGuest.Content.HALF)) {
      return onDemand.workingSet(guest);
    }
  }

  private static OffloadGuest guest(OffloadStage stage, OffloadGuest.Content content)
      throws IOException {
    return OffloadGuest.create(stage.plan().memoryBytes(), content);
  }

  private static Path key(Path file) throws IOException {
    byte[] key = new byte[KEY_BYTES];
    new SecureRandom().nextBytes(key);
    Files.createFile(
        file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    return Files.write(file, key);
  }
}
