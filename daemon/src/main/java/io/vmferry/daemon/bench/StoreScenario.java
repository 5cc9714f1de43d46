package io.vmferry.daemon.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** How fast snapshots are written and read, as directories and in a chunk store. */
final class StoreScenario {
  // A file system in memory: what an eager restore fills is memory too.
  private static final Path MEMORY_FILES = Path.of("/dev/shm");

  private static final String STORE = Contender.VMFERRY + "/store";
  private static final String ENCRYPTED = Contender.VMFERRY + "/encrypted";
  private static final String AGAIN = Contender.VMFERRY + "/again";
  private static final String DIRECTORY = Contender.VMFERRY + "/dir";

  private final OffloadStage stage;
  private final OffloadGuest guest;
  private final List<String> stores = new ArrayList<>();

  StoreScenario(OffloadStage stage, OffloadGuest guest) {
    this.stage = stage;
    this.guest = guest;
  }

  /** Into a directory, beside cp to the same disk. */
  ScenarioResult snapshot() throws IOException, InterruptedException {
    String title = "Snapshot into a directory";
    stage.steps().accept(title);
    List<RunFigures> runs =
        stage.alternate(List.of(() -> keepInDirectory(Contender.VMFERRY), this::copyToDisk));
    return new ScenarioResult(
        "snapshot-dir",
        title,
        Figure.THROUGHPUT,
        runs,
        new Goals(runs).throughputOver(CopyPeer.NAME, 0.9).list(),
        List.of(
            "Of vmferry the time the guest stands still: from its state to the answer to Complete,"
                + " which comes when all is on the disk. Of cp with the sync behind it."));
  }

  private String path(String name) {
    return stage.path(name).toString();
  }

  private RunFigures keepInDirectory(String contender) throws IOException, InterruptedException {
    Path made = stage.path("dir");
    RunFigures figures = keep(contender, List.of("--output-dir", made.toString()));
    Cleanup.remove(made);
    return figures;
  }

  private RunFigures keep(String contender, List<String> target)
      throws IOException, InterruptedException {
    OffloadDaemon.Snapshot snapshot = stage.daemon().snapshot(guest, stage.socket(), target);
    return RunFigures.stored(
        contender, guest.memoryBytes(), snapshot.millis(), snapshot.storedBytes());
  }

  private RunFigures copyToDisk() throws IOException, InterruptedException {
    Path copy = stage.path("copy");
    double millis = CopyPeer.copy(guest.file(), copy, true);
    Cleanup.remove(copy);
    return RunFigures.stored(CopyPeer.NAME, guest.memoryBytes(), millis, null);
  }

  /** Out of a directory in the page cache, beside cp into memory. */
  ScenarioResult restore() throws IOException, InterruptedException {
    String title = "Eager restore from a directory";
    stage.steps().accept(title);
    Path kept = stage.path("kept");
    stage.daemon().snapshot(guest, stage.socket(), List.of("--output-dir", kept.toString()));
    List<RunFigures> runs =
        stage.alternate(
            List.of(
                () -> load(Contender.VMFERRY, List.of("--input-dir", kept.toString())),
                () -> copyToMemory(kept.resolve("memory-0"))));
    Cleanup.remove(kept);
    return new ScenarioResult(
        "restore-dir",
        title,
        Figure.THROUGHPUT,
        runs,
        new Goals(runs).throughputOver(CopyPeer.NAME, 0.9).list(),
        List.of("Of vmferry from its connection to Complete. Files are in the page cache."));
  }

  private RunFigures load(String contender, List<String> source)
      throws IOException, InterruptedException {
    double millis = stage.daemon().restore(stage.socket(), source, vmm -> vmm.receive(false));
    return RunFigures.stored(contender, guest.memoryBytes(), millis, null);
  }

  private RunFigures copyToMemory(Path file) throws IOException, InterruptedException {
    Path copy = MEMORY_FILES.resolve("vmferry-bench-" + ProcessHandle.current().pid());
    try {
      double millis = CopyPeer.copy(file, copy, false);
      return RunFigures.stored(CopyPeer.NAME, guest.memoryBytes(), millis, null);
    } finally {
      Cleanup.remove(copy);
    }
  }

  /** Into a chunk store: plain, encrypted, and what is there already. */
  ScenarioResult chunked(Path key) throws IOException, InterruptedException {
    String title = "Snapshot into a chunk store, memory that is half zeros within each page";
    stage.steps().accept(title);
    stage.daemon().snapshot(guest, stage.socket(), inStore("full", "first"));
    List<RunFigures> runs =
        stage.alternate(
            List.of(
                () -> keepInDirectory(DIRECTORY),
                () -> keep(STORE, inStore(freshStore(), "a")),
                () -> keep(ENCRYPTED, encrypted(freshStore(), "a", key)),
                () -> keep(AGAIN, inStore("full", "again" + System.nanoTime()))));
    Cleanup.remove(stage.path("full"));
    for (String store : stores) {
      Cleanup.remove(stage.path(store));
    }
    return new ScenarioResult(
        "snapshot-store",
        title,
        Figure.THROUGHPUT,
        runs,
        List.of(),
        List.of(
            "Sent is what the snapshot added to the store. vmferry/again is a second snapshot of the"
                + " same memory into the same store."));
  }

  /**
   * A name for a store that is kept up to the end: where ext4 has just deleted many files it makes
   * new ones at a millisecond each, for a minute, and a store has thousands.
   */
  private String freshStore() {
    String name = "store" + stores.size();
    stores.add(name);
    return name;
  }

  private List<String> inStore(String store, String name) {
    return List.of("--store", path(store), "--name", name);
  }

  private List<String> encrypted(String store, String name, Path key) {
    return List.of("--store", path(store), "--name", name, "--key-file", key.toString());
  }

  /** Out of a chunk store. */
  ScenarioResult restoreChunked(Path key) throws IOException, InterruptedException {
    String title = "Eager restore from a chunk store, memory that is half zeros within each page";
    stage.steps().accept(title);
    stage.daemon().snapshot(guest, stage.socket(), inStore("plain", "a"));
    stage.daemon().snapshot(guest, stage.socket(), encrypted("secret", "a", key));
    List<RunFigures> runs =
        stage.alternate(
            List.of(
                () -> load(STORE, inStore("plain", "a")),
                () -> load(ENCRYPTED, encrypted("secret", "a", key))));
    Cleanup.remove(stage.path("plain"));
    Cleanup.remove(stage.path("secret"));
    return new ScenarioResult(
        "restore-store", title, Figure.THROUGHPUT, runs, List.of(), List.of());
  }
}
