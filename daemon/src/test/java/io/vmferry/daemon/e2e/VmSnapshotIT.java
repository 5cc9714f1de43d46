package io.vmferry.daemon.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.daemon.testing.CommandRun;
import io.vmferry.kvm.testing.RequiresKvm;
import io.vmferry.kvm.testing.RequiresUffd;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** {@code vm snapshot} and {@code vm restore} with a guest at work in a node of its own process. */
@RequiresKvm
@RequiresUffd
@Timeout(300)
class VmSnapshotIT {
  private static final String GUEST = "keeper";

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
  void aGuestGoesOnAfterItsSnapshotAndOutOfIt() throws Exception {
    nodes.boot(GUEST, 2);
    String target = directory.resolve("snapshot").toString();

    vm("snapshot", GUEST, "--output-dir", target);
    nodes.assertRunsOn(nodes.source(), GUEST);

    nodes.delete(GUEST);
    vm("restore", GUEST, "--input-dir", target);
    nodes.assertRunsOn(nodes.source(), GUEST);

    nodes.delete(GUEST);
    vm("restore", GUEST, "--input-dir", target, "--ondemand");
    nodes.assertRunsOn(nodes.source(), GUEST);
    assertNothingIsLeft();
  }

  @Test
  void aGuestGoesIntoAStoreAndComesBackPaused() throws Exception {
    nodes.boot(GUEST, 1);
    String store = directory.resolve("store").toString();

    vm("snapshot", GUEST, "--store", store, "--name", "monday");
    nodes.delete(GUEST);
    vm("restore", GUEST, "--store", store, "--name", "monday", "--paused");

    assertEquals("paused", nodes.source().client().vm(GUEST).state());
    nodes.source().client().resume(GUEST);
    nodes.assertRunsOn(nodes.source(), GUEST);
  }

  @Test
  void aNameThatIsTakenIsRefusedInOneSentence() throws Exception {
    nodes.boot(GUEST, 1);
    String target = directory.resolve("taken").toString();
    vm("snapshot", GUEST, "--output-dir", target);

    try (CommandRun run = run("restore", GUEST, "--input-dir", target)) {
      assertEquals(1, run.await(), run::err);
      assertTrue(run.err().contains("already has a VM named keeper"), run::err);
    }
    nodes.assertRunsOn(nodes.source(), GUEST);
    assertNothingIsLeft();
  }

  @Test
  void aVmThatIsNotThereLeavesNoSnapshot() throws Exception {
    Path target = directory.resolve("nothing");

    try (CommandRun run = run("snapshot", "nobody", "--output-dir", target.toString())) {
      assertEquals(1, run.await(), run::err);
      assertTrue(run.err().contains("nobody"), run::err);
    }
    assertTrue(Files.notExists(target));
    assertNothingIsLeft();
  }

  @Test
  void aCommandThatIsInterruptedLeavesNoSocket() throws Exception {
    nodes.boot(GUEST, 1);
    Path target = directory.resolve("interrupted");
    nodes.source().freeze();
    try (CommandRun run = run("snapshot", GUEST, "--output-dir", target.toString())) {
      run.until(() -> !privateSockets().isEmpty());

      run.signal("TERM");

      assertEquals(143, run.await(), run::err);
    } finally {
      nodes.source().thaw();
    }
    assertEquals(List.of(), privateSockets());
    assertTrue(Files.notExists(target));
    assertNothingIsLeft();
    nodes.assertRunsOn(nodes.source(), GUEST);
  }

  /** Directories of sockets between a command and its node. */
  private static List<Path> privateSockets() {
    try (Stream<Path> files = Files.list(directory)) {
      return files.filter(file -> file.getFileName().toString().startsWith("vmferry-")).toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void vm(String... arguments) throws IOException, InterruptedException {
    try (CommandRun run = run(arguments)) {
      assertEquals(0, run.await(), run::err);
    }
  }

  private static CommandRun run(String... arguments) throws IOException {
    List<String> line = new ArrayList<>(List.of("vm", arguments[0]));
    line.addAll(List.of(arguments).subList(1, arguments.length));
    line.addAll(List.of("--node", nodes.source().client().node().toString()));
    return CommandRun.start(directory, line.toArray(new String[0]));
  }

  private static void assertNothingIsLeft() throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      assertTrue(files.noneMatch(file -> file.getFileName().toString().endsWith(".partial")));
    }
  }
}
