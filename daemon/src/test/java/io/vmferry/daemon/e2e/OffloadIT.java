package io.vmferry.daemon.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.daemon.api.CreateVmRequest;
import io.vmferry.daemon.api.GuestConfig;
import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.ReceiveMigrationRequest;
import io.vmferry.daemon.api.SendMigrationRequest;
import io.vmferry.daemon.api.SummaryView;
import io.vmferry.daemon.testing.CommandRun;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.kvm.testing.RequiresKvm;
import io.vmferry.kvm.testing.RequiresUffd;
import io.vmferry.streams.pages.PageRun;
import io.vmferry.streams.snapshot.DirectoryReader;
import io.vmferry.streams.snapshot.SnapshotMemory;
import io.vmferry.streams.snapshot.WorkingSet;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Real guests into snapshots and back, the offload daemon in a process of its own. */
@RequiresKvm
@RequiresUffd
@Timeout(300)
class OffloadIT {
  private static final long MIB = 1L << 20;
  private static final String GUEST = "keeper";
  // A slice; -Dvmferry.test.kills=50 for the whole.
  private static final int KILLS = Integer.getInteger("vmferry.test.kills", 6);

  @TempDir private static Path directory;
  private static TwoNodes nodes;

  @BeforeAll
  static void start() throws Exception {
    nodes = TwoNodes.start(directory);
  }

  @AfterAll
  static void stop() {
    if (nodes != null) {
      nodes.close();
    }
  }

  @AfterEach
  void delete() throws IOException {
    nodes.delete(GUEST);
  }

  @Test
  void aGuestThatWasAtWorkGoesOnOutOfItsSnapshotAndIntoAnother() throws Exception {
    nodes.boot(GUEST, 2);
    Path first = directory.resolve("first");
    Path second = directory.resolve("second");

    snapshot(first, "completed");
    nodes.assertAbsent(nodes.source(), GUEST);
    restore(first, "local");
    nodes.assertRunsOn(nodes.source(), GUEST);
    snapshot(second, "completed");
    // As Cloud Hypervisor does without local=on: what is handed over is taken.
    restore(second, "precopy");

    nodes.assertRunsOn(nodes.source(), GUEST);
    assertTrue(Files.size(second.resolve("memory-0")) == 64 * MIB);
  }

  @Test
  void aGuestRunsBeforeItsMemoryIsThere() throws Exception {
    nodes.boot(GUEST, 2);
    Path target = directory.resolve("ondemand");
    snapshot(target, "completed");

    MigrationView arrived = restore(target, "postcopy", "--ondemand");

    SummaryView summary = Objects.requireNonNull(arrived.summary());
    assertTrue(
        Objects.requireNonNull(summary.fullMs()) > Objects.requireNonNull(summary.resumeMs()),
        summary::toString);
    assertEquals(digest(target), summary.memoryDigest());
    nodes.assertRunsOn(nodes.source(), GUEST);
  }

  @Test
  void aGuestThatIsPreservedGoesOnAndItsSnapshotIsWhole() throws Exception {
    nodes.boot(GUEST, 2);
    Path target = directory.resolve("preserved");
    Path socket = directory.resolve("preserve.sock");
    try (CommandRun daemon = offload(socket, target)) {
      daemon.until(() -> daemon.err().contains("Waiting"));

      MigrationView departure =
          nodes.departure(
              nodes.send(
                  GUEST,
                  SendMigrationRequest.to("unix:" + socket, "local")
                      .verify(true)
                      .preserveSource(true)
                      .build()));

      assertEquals("completed", departure.state(), departure::toString);
      assertEquals(0, daemon.await(), daemon::err);
      assertEquals(digest(target), Objects.requireNonNull(departure.summary()).memoryDigest());
    }
    nodes.assertRunsOn(nodes.source(), GUEST);
  }

  @Test
  void aPreservedGuestGoesOnWhenTheAnswerIsLost() throws Exception {
    nodes.boot(GUEST, 1);
    Path socket = directory.resolve("lost.sock");
    try (CommandRun daemon = offload(socket, directory.resolve("lost"))) {
      daemon.until(() -> daemon.err().contains("Waiting"));
      MigrationView sending =
          nodes.send(
              GUEST,
              SendMigrationRequest.to("unix:" + socket, "local").preserveSource(true).build());
      daemon.process().destroyForcibly().waitFor();
      nodes.departure(sending);
    }

    nodes.assertRunsOn(nodes.source(), GUEST);
  }

  @Test
  void whatAGuestDemandedIsLoadedFirstTheNextTime() throws Exception {
    nodes.boot(GUEST, 2);
    Path target = directory.resolve("again");
    Path record = target.resolve("working-set");
    snapshot(target, "completed");

    restore(target, "postcopy", "--ondemand", "--no-working-set");
    assertFalse(Files.exists(record));
    nodes.delete(GUEST);
    restore(target, "postcopy", "--ondemand");
    List<PageRun> demanded = WorkingSet.decode(Files.readAllBytes(record)).runs();
    long bytes = demanded.stream().mapToLong(PageRun::lengthBytes).sum();
    assertTrue(bytes >= 4096 && bytes < 32 * MIB, bytes + " bytes were demanded");
    nodes.delete(GUEST);
    assertEquals("", restoreSaying(target, "postcopy", "Warning", "--ondemand"));
    nodes.assertRunsOn(nodes.source(), GUEST);
    List<PageRun> more = WorkingSet.decode(Files.readAllBytes(record)).runs();
    assertEquals(demanded, more.subList(0, demanded.size()));
    nodes.delete(GUEST);
    Files.write(record, new byte[] {1, 2, 3});
    assertEquals(
        "Warning: The working set that is kept with the snapshot is ignored: it is none.",
        restoreSaying(target, "postcopy", "Warning", "--ondemand"));
    nodes.assertRunsOn(nodes.source(), GUEST);
  }

  @Test
  void aSecondDaemonAtTheSameSocketIsRefused() throws Exception {
    Path socket = directory.resolve("same.sock");
    try (CommandRun one = offload(socket, directory.resolve("one"))) {
      one.until(() -> Files.exists(socket));
      try (CommandRun two = offload(socket, directory.resolve("two"))) {
        assertEquals(1, two.await());
        assertTrue(two.err().contains("Another daemon serves"), two::err);
      }
      one.signal("TERM");
      assertEquals(143, one.await());
    }
    assertFalse(Files.exists(socket));
    assertFalse(Files.exists(directory.resolve(".one.partial")));
    // What a daemon that was killed leaves of its socket is in nobody's way.
    try (CommandRun killed = offload(socket, directory.resolve("one"))) {
      killed.until(() -> killed.err().contains("Waiting"));
      killed.signal("KILL");
      killed.await();
    }
    assertTrue(Files.exists(socket));
    try (CommandRun next = offload(socket, directory.resolve("one"))) {
      next.until(() -> next.err().contains("Waiting"));
    }
  }

  @Test
  @Timeout(3600)
  void killedAtAnyMomentTheSnapshotIsWholeOrThereIsNone() throws Exception {
    long seed = System.nanoTime();
    System.out.println("OffloadIT seed " + seed);
    Random random = new Random(seed);
    Path target = directory.resolve("killed");
    fill();
    long wholeMicros = snapshotMicros(directory.resolve("timed"));
    for (int i = 0; i < KILLS; i++) {
      fill();
      MigrationView departure;
      Path socket = directory.resolve("k" + i + ".sock");
      try (CommandRun daemon = offload(socket, target)) {
        daemon.until(() -> daemon.err().contains("Waiting"));
        MigrationView sending = send(socket);
        TimeUnit.MICROSECONDS.sleep((long) (random.nextDouble() * 1.3 * wholeMicros));
        daemon.process().destroyForcibly().waitFor();
        departure = nodes.departure(sending);
      }
      boolean sure = departure.state().equals("completed");
      assertTrue(!sure || Files.exists(target), "acknowledged, and there is no snapshot");
      if (Files.exists(target)) {
        String stored = digest(target);
        assertTrue(
            !sure || stored.equals(Objects.requireNonNull(departure.summary()).memoryDigest()),
            "acknowledged, and it is another's");
      }
      System.out.printf(
          "kill %d: %s, %s%n",
          i, departure.state(), Files.exists(target) ? "a whole snapshot" : "no snapshot");
      delete();
    }
    // What the last one left is cleaned up by the next.
    fill();
    snapshot(target, "completed");
    try (Stream<Path> files = Files.list(directory)) {
      assertFalse(files.anyMatch(path -> path.toString().contains(".killed.partial")));
    }
  }

  private static void fill() throws IOException {
    GuestConfig idle = new GuestConfig("idle", null, null, "random", null, null, null);
    nodes.source().client().createVm(new CreateVmRequest(GUEST, 1, 256 * MIB, "4K", idle));
    nodes.source().client().boot(GUEST);
    nodes.source().client().pause(GUEST);
  }

  private static String digest(Path snapshot) throws IOException {
    try (DirectoryReader reader = DirectoryReader.open(snapshot);
        SnapshotMemory memory = SnapshotMemory.create(reader, PageSize.KIB_4)) {
      memory.loadAll(bytes -> {});
      return String.format("%016x", MemoryDigest.of(memory.memory()));
    }
  }

  /** From the command to the source to the end of the migration. */
  private static long snapshotMicros(Path target) throws Exception {
    Path socket = directory.resolve("timed.sock");
    try (CommandRun daemon = offload(socket, target)) {
      daemon.until(() -> daemon.err().contains("Waiting"));
      long start = System.nanoTime();
      assertEquals("completed", nodes.departure(send(socket)).state());
      return TimeUnit.NANOSECONDS.toMicros(System.nanoTime() - start);
    }
  }

  private static void snapshot(Path target, String outcome) throws Exception {
    Path socket = directory.resolve("take.sock");
    try (CommandRun daemon = offload(socket, target)) {
      daemon.until(() -> daemon.err().contains("Waiting"));

      assertEquals(outcome, nodes.departure(send(socket)).state());

      assertEquals(0, daemon.await(), daemon::err);
      assertTrue(daemon.out().contains("The snapshot is in"), daemon::out);
    }
  }

  private static MigrationView restore(Path snapshot, String mode, String... options)
      throws Exception {
    MigrationView receiving = receive(mode);
    runRestore(snapshot, options);
    return arrival(receiving);
  }

  /** The lines of the daemon's that hold a word. */
  private static String restoreSaying(Path snapshot, String mode, String word, String... options)
      throws Exception {
    MigrationView receiving = receive(mode);
    String said = runRestore(snapshot, options);
    arrival(receiving);
    return said.lines().filter(line -> line.contains(word)).collect(Collectors.joining("\n"));
  }

  private static MigrationView arrival(MigrationView receiving) throws IOException {
    MigrationView arrived = nodes.source().client().awaitFinal(receiving.id(), TwoNodes.LIMIT);
    assertEquals("completed", arrived.state(), arrived::toString);
    return arrived;
  }

  private static MigrationView receive(String mode) throws IOException {
    String url = "unix:" + directory.resolve("back.sock");
    return nodes
        .source()
        .client()
        .receiveMigration(new ReceiveMigrationRequest(url, mode, null, true, null, null, null));
  }

  /** What the daemon says. */
  private static String runRestore(Path snapshot, String... options) throws Exception {
    String socket = directory.resolve("back.sock").toString();
    List<String> line = new ArrayList<>(List.of("offload", "restore", "--socket", socket));
    line.addAll(List.of("--input-dir", snapshot.toString(), "--resume"));
    line.addAll(List.of(options));
    try (CommandRun daemon = CommandRun.start(directory, line.toArray(new String[0]))) {
      assertEquals(0, daemon.await(), daemon::err);
      return daemon.err();
    }
  }

  private static MigrationView send(Path socket) throws IOException {
    return nodes.send(GUEST, "unix:" + socket, "local");
  }

  private static CommandRun offload(Path socket, Path target) throws IOException {
    return CommandRun.start(
        directory,
        "offload",
        "snapshot",
        "--socket",
        socket.toString(),
        "--output-dir",
        target.toString());
  }
}
