package io.vmferry.daemon.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Restores on demand: how soon the guest may run, and how long it waits for its pages. */
final class OnDemandScenario {
  private static final long LARGE_BYTES = 8L << 30;
  private static final long SMALL_BYTES = 128L << 20;
  // 5 % of the pages.
  private static final int ONE_IN = 20;
  private static final double START_LIMIT_MS = 50;
  private static final double WORKING_SET_GAIN = 3;
  private static final double START_UP_LIMIT_MS = 500;
  private static final String SMALL = Contender.VMFERRY + "/128M";
  private static final String STORE = Contender.VMFERRY + "/store";

  private final OffloadStage stage;

  OnDemandScenario(OffloadStage stage) {
    this.stage = stage;
  }

  /** From the connection to Complete, for guests of two sizes. */
  ScenarioResult start() throws IOException, InterruptedException {
    String title = "On demand, connection to Complete, guests of 8 GiB and 128 MiB";
    stage.steps().accept(title);
    Path large = keep("large", LARGE_BYTES);
    Path small = keep("small", SMALL_BYTES);
    List<RunFigures> runs =
        stage.alternate(
            List.of(
                () -> started(Contender.VMFERRY, LARGE_BYTES, large),
                () -> started(SMALL, SMALL_BYTES, small)));
    Cleanup.remove(large);
    Cleanup.remove(small);
    return new ScenarioResult(
        "ondemand-start",
        title,
        Figure.RESUME,
        runs,
        new Goals(runs)
            .underMillis("connection to Complete", START_LIMIT_MS, RunFigures::resumeMs)
            .list(),
        List.of("Both have 96 MiB of random pages, and holes."));
  }

  private Path keep(String name, long bytes) throws IOException, InterruptedException {
    Path kept = stage.path(name);
    try (OffloadGuest guest = OffloadGuest.create(bytes, OffloadGuest.Content.HOLES)) {
      stage.daemon().snapshot(guest, stage.socket(), List.of("--output-dir", kept.toString()));
    }
    return kept;
  }

  private RunFigures started(String contender, long bytes, Path kept)
      throws IOException, InterruptedException {
    return restore(contender, bytes, List.of("--input-dir", kept.toString(), "--no-working-set"));
  }

  private RunFigures restore(String contender, long bytes, List<String> source)
      throws IOException, InterruptedException {
    List<String> arguments = new ArrayList<>(source);
    arguments.add("--ondemand");
    return stage
        .daemon()
        .restore(
            stage.socket(),
            arguments,
            vmm -> {
              double resumeMs = vmm.receive(true);
              OffloadVmm.Touched touched = vmm.touch(ONE_IN);
              double fullMs = vmm.fetchAll();
              return RunFigures.onDemand(
                  contender, bytes, resumeMs, touched.millis(), fullMs, touched.waits());
            });
  }

  /** A guest that touches 5 % of its pages, with and without its working set. */
  ScenarioResult workingSet(OffloadGuest guest) throws IOException, InterruptedException {
    String title = "On demand, cold page cache, a guest that touches 5 % of its pages";
    stage.steps().accept(title);
    List<String> directory = List.of("--input-dir", stage.path("ws").toString());
    List<String> store = List.of("--store", stage.path("ws-store").toString(), "--name", "a");
    stage
        .daemon()
        .snapshot(guest, stage.socket(), List.of("--output-dir", stage.path("ws").toString()));
    stage.daemon().snapshot(guest, stage.socket(), store);
    // Records.
    restore(Contender.VMFERRY, guest.memoryBytes(), directory);
    restore(Contender.VMFERRY, guest.memoryBytes(), store);
    List<RunFigures> runs =
        stage.alternate(
            List.of(
                () -> cold(Contender.VMFERRY, guest, directory),
                () -> cold(without(Contender.VMFERRY), guest, without(directory)),
                () -> cold(STORE, guest, store),
                () -> cold(without(STORE), guest, without(store))));
    Cleanup.remove(stage.path("ws"));
    Cleanup.remove(stage.path("ws-store"));
    return new ScenarioResult(
        "ondemand-working-set",
        title,
        Figure.TOTAL_TIME,
        runs,
        new Goals(runs)
            .atLeast(
                "time to touch 5 % without over with",
                WORKING_SET_GAIN,
                without(Contender.VMFERRY),
                Contender.VMFERRY,
                RunFigures::totalMs)
            .atLeast(
                "the same from a store",
                WORKING_SET_GAIN,
                without(STORE),
                STORE,
                RunFigures::totalMs)
            .list(),
        List.of(
            "Total is from the connection to the last of the touches, one after the other, in random"
                + " order. Faults are touches of pages that were not there. Full is when every page"
                + " was asked for, in batches of 64."));
  }

  private static String without(String contender) {
    return contender + "/no-working-set";
  }

  private static List<String> without(List<String> source) {
    List<String> more = new ArrayList<>(source);
    more.add("--no-working-set");
    return more;
  }

  private RunFigures cold(String contender, OffloadGuest guest, List<String> source)
      throws IOException, InterruptedException {
    OffloadStage.dropPageCache();
    return restore(contender, guest.memoryBytes(), source);
  }

  /** How long the command takes to listen. */
  ScenarioResult startUp() throws IOException, InterruptedException {
    String title = "Start of 'offload snapshot' until its socket is there";
    stage.steps().accept(title);
    List<RunFigures> runs =
        stage.alternate(
            List.of(
                () ->
                    RunFigures.stored(
                        Contender.VMFERRY,
                        0,
                        stage.daemon().startUp(stage.path("start-up"), stage.path("never")),
                        null)));
    return new ScenarioResult(
        "start-up",
        title,
        Figure.TOTAL_TIME,
        runs,
        new Goals(runs)
            .underMillis("start to a listening socket", START_UP_LIMIT_MS, RunFigures::totalMs)
            .list(),
        List.of());
  }
}
