package io.vmferry.daemon.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import io.vmferry.daemon.api.CreateVmRequest;
import io.vmferry.daemon.api.GuestConfig;
import io.vmferry.daemon.api.GuestView;
import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.ReceiveMigrationRequest;
import io.vmferry.daemon.api.SendMigrationRequest;
import io.vmferry.daemon.api.VmView;
import io.vmferry.daemon.client.NodeClient;
import io.vmferry.daemon.client.NodeException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Assertions;

/** Two node processes, a cluster of two, and what a test wants of them. */
final class TwoNodes implements AutoCloseable {
  static final long MIB = 1L << 20;
  static final Duration LIMIT = Duration.ofMinutes(2);
  private static final long PATIENCE_SECONDS = 120;

  private final Path directory;
  private final String[] properties;
  private NodeJvm source;
  private NodeJvm destination;

  private TwoNodes(Path directory, String[] properties, NodeJvm source, NodeJvm destination) {
    this.directory = directory;
    this.properties = properties;
    this.source = source;
    this.destination = destination;
  }

  static TwoNodes start(Path directory, String... properties)
      throws IOException, InterruptedException {
    NodeJvm first = NodeJvm.start("north", directory, List.of(), properties);
    try {
      NodeJvm second = NodeJvm.start("south", directory, List.of(first), properties);
      TwoNodes nodes = new TwoNodes(directory, properties, first, second);
      try {
        first.awaitReady();
        second.awaitReady();
        nodes.awaitCluster();
        return nodes;
      } catch (AssertionError | IOException | InterruptedException e) {
        second.close();
        throw e;
      }
    } catch (AssertionError | IOException | InterruptedException e) {
      first.close();
      throw e;
    }
  }

  private void awaitCluster() throws IOException, InterruptedException {
    Patience.until(
        PATIENCE_SECONDS,
        () ->
            source.client().cluster().nodes().size() == 2
                && destination.client().cluster().nodes().size() == 2,
        () -> "the nodes do not see each other:\n" + source.log() + destination.log());
  }

  /** Starts the source anew with what it left, as a cluster of its own. */
  void restartSource() throws IOException, InterruptedException {
    source.close();
    source = NodeJvm.start("north", directory, List.of(), properties).awaitReady();
  }

  /** Starts the destination anew with what it left, as a cluster of its own. */
  void restartDestination() throws IOException, InterruptedException {
    destination.close();
    destination = NodeJvm.start("south", directory, List.of(), properties).awaitReady();
  }

  NodeJvm source() {
    return source;
  }

  NodeJvm destination() {
    return destination;
  }

  /** A guest that boots on the source and has verified some pages. */
  void boot(String name, int cpus, long memoryBytes, String pageSize, long dirtyBytesPerSecond)
      throws IOException, InterruptedException {
    GuestConfig guest =
        new GuestConfig("standard", 4 * MIB, dirtyBytesPerSecond, null, null, null, null);
    source.client().createVm(new CreateVmRequest(name, cpus, memoryBytes, pageSize, guest));
    source.client().boot(name);
    awaitProgress(source, name);
  }

  void boot(String name, int cpus) throws IOException, InterruptedException {
    boot(name, cpus, 64 * MIB, "4K", 16 * MIB);
  }

  /** Waits until the guest has gone twice over its working set from now on; it has no mismatch. */
  VmView awaitProgress(NodeJvm node, String name) throws IOException, InterruptedException {
    long pages = 2 * 4 * MIB / 4096;
    long wanted = iterations(node.client(), name) + pages;
    Patience.until(
        PATIENCE_SECONDS,
        () -> iterations(node.client(), name) >= wanted,
        () -> name + " makes no progress on " + node.name() + ":\n" + node.log());
    return node.client().vm(name);
  }

  private static long iterations(NodeClient node, String name) throws IOException {
    GuestView guest = node.vm(name).guest();
    return guest == null ? 0 : guest.iterations();
  }

  /** The guest runs on this node, whole. */
  void assertRunsOn(NodeJvm node, String name) throws IOException, InterruptedException {
    VmView vm = awaitProgress(node, name);
    assertEquals("running", vm.state());
    assertEquals(0, Objects.requireNonNull(vm.guest()).mismatches(), vm::toString);
  }

  /** This node has no guest of that name, or soon has none. */
  void assertAbsent(NodeJvm node, String name) throws IOException, InterruptedException {
    Patience.until(
        PATIENCE_SECONDS,
        () -> node.client().listVms().vms().stream().noneMatch(vm -> vm.name().equals(name)),
        () -> name + " is still on " + node.name());
  }

  /** Starts to receive on the destination; the URL to dial is in the answer. */
  MigrationView receive(String mode) throws IOException {
    return receive(mode, "tcp:127.0.0.1:0");
  }

  MigrationView receive(String mode, String url) throws IOException {
    return destination
        .client()
        .receiveMigration(new ReceiveMigrationRequest(url, mode, null, true, null, null, null));
  }

  MigrationView send(String name, String url, String mode) throws IOException {
    return send(name, options(url, mode));
  }

  MigrationView send(String name, SendMigrationRequest options) throws IOException {
    return source.client().sendMigration(name, options);
  }

  /** Without compression: {@link WireProxy} reads the memory that passes. */
  static SendMigrationRequest options(String url, String mode) {
    return request(url, mode).build();
  }

  /** The same with the base protocol only, or with the other extensions that this build knows. */
  static SendMigrationRequest options(String url, String mode, boolean extensions) {
    return request(url, mode).extensions(extensions).build();
  }

  /** The same, to which more may be said. */
  static SendMigrationRequest.Builder request(String url, String mode) {
    return SendMigrationRequest.to(url, mode).timeout(60, "ignore").verify(true).compression("off");
  }

  /** The source's ending. */
  MigrationView departure(MigrationView started) throws IOException {
    return ending(source, started);
  }

  /** The destination's ending. */
  MigrationView arrival(MigrationView started) throws IOException {
    return ending(destination, started);
  }

  private static MigrationView ending(NodeJvm node, MigrationView started) throws IOException {
    MigrationView view = node.client().awaitFinal(started.id(), LIMIT);
    Assertions.assertTrue(view.isFinal(), () -> "no end: " + view + "\n" + node.log());
    return view;
  }

  /** Both sides completed, with the same digest. */
  static void assertMoved(MigrationView departure, MigrationView arrival) {
    assertEquals("completed", departure.state(), departure::toString);
    assertEquals("completed", arrival.state(), arrival::toString);
    String left = Objects.requireNonNull(departure.summary()).memoryDigest();
    assertNotNull(left);
    assertEquals(left, Objects.requireNonNull(arrival.summary()).memoryDigest());
  }

  /** Deletes a guest wherever it is. */
  void delete(String name) throws IOException {
    for (NodeJvm node : List.of(source, destination)) {
      try {
        node.client().deleteVm(name);
      } catch (NodeException e) {
        assertEquals(404, e.status(), e::toString);
      }
    }
  }

  @Override
  public void close() {
    try {
      destination.close();
    } finally {
      source.close();
    }
  }
}
