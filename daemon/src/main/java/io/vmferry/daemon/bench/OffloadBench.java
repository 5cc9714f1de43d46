package io.vmferry.daemon.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
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
      OffloadStage stage = new OffloadStage(plan, new OffloadDaemon(cleanup), directory, steps);
      List<String> skipped = new ArrayList<>();
      BenchResult result =
          new BenchResult(
              MachineFacts.ofThisHost(),
              plan.memoryBytes(),
              "random",
              "none",
              plan.runs(),
              0,
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
    OnDemandScenario onDemand = new OnDemandScenario(stage);
    results.add(onDemand.startUp());
    results.add(onDemand.start());
    long bytes = stage.plan().memoryBytes();
    try (OffloadGuest random = OffloadGuest.create(bytes, OffloadGuest.Content.RANDOM)) {
      StoreScenario directories = new StoreScenario(stage, random);
      results.add(directories.snapshot());
      results.add(directories.restore());
    }
    try (OffloadGuest half = OffloadGuest.create(bytes, OffloadGuest.Content.HALF)) {
      StoreScenario stores = new StoreScenario(stage, half);
      Path key = key(stage.path("key"));
      results.add(stores.chunked(key));
      results.add(stores.restoreChunked(key));
      if (OffloadStage.mayDropPageCache()) {
        results.add(onDemand.workingSet(half));
      } else {
        skipped.add("the working set: only root can empty the page cache");
      }
    }
    return results;
  }

  private static Path key(Path file) throws IOException {
    byte[] key = new byte[KEY_BYTES];
    new SecureRandom().nextBytes(key);
    Files.createFile(
        file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    return Files.write(file, key);
  }
}
