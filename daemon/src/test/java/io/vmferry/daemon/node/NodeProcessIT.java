package io.vmferry.daemon.node;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.daemon.api.CreateVmRequest;
import io.vmferry.daemon.api.GuestConfig;
import io.vmferry.daemon.api.GuestView;
import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.VmView;
import io.vmferry.daemon.client.NodeClient;
import io.vmferry.daemon.client.NodeException;
import io.vmferry.daemon.testing.CommandRun;
import io.vmferry.kvm.testing.RequiresKvm;
import io.vmferry.kvm.testing.RequiresUffd;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Real node processes with real guests, and the commands that talk to them. */
@RequiresKvm
@RequiresUffd
@Timeout(90)
class NodeProcessIT {
  private static final long MIB = 1L << 20;

  @TempDir private static Path directory;
  private static CommandRun nodeA;
  private static CommandRun nodeB;
  private static NodeClient a;
  private static NodeClient b;
  private static String clusterA = "";

  @BeforeAll
  static void startTwoNodes() throws Exception {
    nodeA = node("a");
    Matcher readyA = nodeA.awaitReady();
    clusterA = readyA.group(2);
    a = new NodeClient(URI.create(readyA.group(1)));
    nodeB = node("b", "--seed", clusterA);
    b = new NodeClient(URI.create(nodeB.awaitReady().group(1)));
    nodeA.until(() -> knowsBoth(a));
  }

  @AfterAll
  static void stopThem() throws Exception {
    for (CommandRun node : Stream.of(nodeB, nodeA).toList()) {
      node.signal("TERM");
      assertEquals(143, node.await(), node::err);
      assertEquals("", node.err());
      assertEquals(1, node.out().lines().count(), node::out);
      node.close();
    }
    assertNoTemporaryDirectory();
  }

  private static boolean knowsBoth(NodeClient node) {
    try {
      return node.cluster().nodes().size() == 2;
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static CommandRun node(String name, String... more) throws IOException {
    List<String> line = new ArrayList<>(List.of("node", "--name", name));
    line.addAll(List.of(more));
    for (String flag : List.of("--http", "--cluster")) {
      if (!line.contains(flag)) {
        line.addAll(List.of(flag, "127.0.0.1:0"));
      }
    }
    return CommandRun.start(directory, line.toArray(String[]::new));
  }

  private static CommandRun command(NodeClient node, String... args) throws IOException {
    return CommandRun.start(
        directory,
        Stream.concat(Stream.of("--node", node.node().toString()), Stream.of(args))
            .toArray(String[]::new));
  }

  private static void assertNoTemporaryDirectory() throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      assertEquals(
          List.of(), files.filter(f -> f.getFileName().toString().startsWith("vmferry-")).toList());
    }
  }

  private static void boot(String name) throws Exception {
    a.createVm(
        new CreateVmRequest(
            name,
            1,
            64 * MIB,
            "4K",
            new GuestConfig("standard", 16 * MIB, 8 * MIB, null, null, null, null)));
    a.boot(name);
    await(a, name, guest -> guest.iterations() > 0);
  }

  private static GuestView await(NodeClient node, String name, Predicate<GuestView> such)
      throws Exception {
    GuestView[] seen = new GuestView[1];
    nodeA.until(
        () -> {
          try {
            seen[0] = node.vm(name).guest();
            return seen[0] != null && such.test(seen[0]);
          } catch (IOException e) {
            throw new AssertionError(e);
          }
        });
    assertEquals(0, seen[0].mismatches());
    return seen[0];
  }

  private static void assertGoesOn(NodeClient node, String name) throws Exception {
    VmView vm = node.vm(name);
    assertEquals("running", vm.state());
    long before = vm.guest() == null ? 0 : vm.guest().iterations();
    await(node, name, guest -> guest.running() && guest.iterations() > before);
  }

  @Test
  void anInterruptDuringAMigrationLeavesTheGuestRunningOnTheSource() throws Exception {
    boot("stays");
    try (CommandRun migrate = command(a, "migrate", "stays", "--to", "b", "--bandwidth", "1M/s")) {
      migrate.until(() -> migrate.err().contains("round 1"));

      migrate.signal("INT");

      assertEquals(130, migrate.await());
      assertTrue(migrate.err().contains("was cancelled in precopy"), migrate::err);
      assertTrue(migrate.err().contains("The guest is still on the source."), migrate::err);
      assertGoesOn(a, "stays");
      assertTrue(b.listVms().vms().isEmpty());
    }
    a.deleteVm("stays");
  }

  @ParameterizedTest
  @ValueSource(strings = {"precopy", "postcopy"})
  void sendAndReceiveMoveAGuestAndPrintTheFigures(String mode) throws Exception {
    String vm = "sent-" + mode;
    boot(vm);
    String options = ",memory_mode=" + mode + ",verify=on";
    try (CommandRun receive =
        command(b, "receive-migration", "receiver_url=tcp:127.0.0.1:0" + options, "-o", "json")) {
      receive.until(() -> receive.err().contains("Waiting at "));
      String url = receive.err().replaceAll("(?s).*Waiting at (\\S+) \\.\\.\\..*", "$1");

      try (CommandRun send =
          command(a, "send-migration", vm, "destination_url=" + url + options, "-o", "json")) {
        assertEquals(0, send.await(), send::err);
        assertEquals(0, receive.await(), receive::err);

        String digest = send.out().replaceAll("(?s).*\"memory_digest\":\"(\\w+)\".*", "$1");
        assertEquals(16, digest.length(), send::out);
        assertTrue(receive.out().contains("\"memory_digest\":\"" + digest + "\""), receive::out);
        assertTrue(receive.out().contains("\"mode\":\"" + mode + "\""), receive::out);
        assertTrue(receive.out().contains("\"mismatches\":0"), receive::out);
        assertTrue(receive.out().contains("\"guest_running_on_destination\":true"), receive::out);
      }
    }
    assertGoesOn(b, vm);
    assertThrows(NodeException.class, () -> a.vm(vm));
    b.deleteVm(vm);
  }

  @Test
  void bothNodesShowAMigrationOfTheOrchestrators() throws Exception {
    boot("moves");
    try (CommandRun migrate =
        command(a, "migrate", "moves", "--to", "b", "-o", "json", "--verify")) {
      assertEquals(0, migrate.await(), migrate::err);
      assertTrue(migrate.out().contains("\"digests_match\":true"), migrate::out);
      assertTrue(migrate.out().contains("\"mismatches\":0"), migrate::out);
    }
    assertGoesOn(b, "moves");
    try (CommandRun back = command(b, "migrate", "moves", "--to", "a", "--mode", "local")) {
      assertEquals(0, back.await(), back::err);
      String id = back.out().replaceAll("(?s).*\\((m-\\w+)\\):.*", "$1");

      MigrationView seen = a.migration(id);

      assertEquals(MigrationView.COMPLETED, seen.state());
      assertEquals("b", seen.from());
    }
    assertGoesOn(a, "moves");
    a.deleteVm("moves");
  }

  @Test
  void aPortInUseIsOneSentence() throws Exception {
    String used = a.node().getAuthority();
    try (CommandRun second = node("c", "--http", used)) {
      assertEquals(1, second.await());
      assertEquals(
          "vmferry: --http " + used + " is in use: end what listens there, or give another port.\n",
          second.err());
    }
    try (CommandRun second = node("c", "--cluster", clusterA)) {
      assertEquals(1, second.await());
      assertEquals(
          "vmferry: --cluster "
              + clusterA
              + " is in use: end what listens there, or give another port.\n",
          second.err());
      assertEquals("", second.out());
    }
  }

  @Test
  void aSeedThatIsNotThereIsOneSentence() throws Exception {
    Path config =
        Files.writeString(directory.resolve("short.conf"), "vmferry.node.join-timeout=2s");
    try (CommandRun node = node("c", "--config", config.toString(), "--seed", "127.0.0.1:9")) {
      assertEquals(1, node.await());
      assertTrue(
          node.err()
              .endsWith(
                  "vmferry: No cluster at 127.0.0.1:9 let this node in within 2 s: check that a node"
                      + " runs there, with that --cluster address.\n"),
          node::err);
    }
  }

  @Test
  void aGuestThatDoesNotFitIsOneSentenceAndLeavesNothing() throws Exception {
    try (CommandRun create =
        command(a, "vm", "create", "huge", "--cpus", "1", "--memory", "64T", "--guest", "idle")) {
      assertEquals(1, create.await());
      assertTrue(
          create.err().startsWith("vmferry: The guest needs 67108864 MiB of memory and this host"),
          create::err);
      assertEquals(1, create.err().lines().count(), create::err);
    }
    assertTrue(a.listVms().vms().stream().noneMatch(vm -> vm.name().equals("huge")));
  }

  @Test
  void aFileThatIsNoKernelIsOneSentenceAtBoot() throws Exception {
    Path text = Files.writeString(directory.resolve("notes.txt"), "no kernel");
    try (CommandRun create =
            command(
                a,
                "vm",
                "create",
                "k",
                "--cpus",
                "1",
                "--memory",
                "64M",
                "--kernel",
                text.toString());
        CommandRun boot = create.await() == 0 ? command(a, "vm", "boot", "k") : create) {
      assertEquals(1, boot.await());
      assertEquals(
          "vmferry: The kernel file notes.txt is no kernel: neither an ELF file (vmlinux) nor a"
              + " bzImage.",
          boot.err().strip());
    }
    a.deleteVm("k");
  }

  @Test
  void termEndsTheGuestsAndRemovesTheSockets() throws Exception {
    Path data = directory.resolve("data");
    try (CommandRun alone = node("alone", "--data", data.toString())) {
      NodeClient node = new NodeClient(URI.create(alone.awaitReady().group(1)));
      node.createVm(
          new CreateVmRequest(
              "g", 2, 64 * MIB, "4K", new GuestConfig("idle", null, null, null, null, null, null)));
      node.boot("g");
      try (CommandRun receive =
          command(
              node,
              "receive-migration",
              "receiver_url=unix:" + data.resolve("in.sock") + ",local=on")) {
        receive.until(() -> Files.exists(data.resolve("in.sock")));

        alone.signal("TERM");

        assertEquals(143, alone.await(), alone::err);
        assertEquals("", alone.err());
        assertTrue(receive.await() != 0);
      }
      // What it must know again: which guests ended with it.
      assertEquals(List.of("lock", "ownership/guests/g.json"), files(data));
      String record = Files.readString(data.resolve("ownership/guests/g.json"));
      assertTrue(record.contains("\"place\":\"STOPPED\""), record);
    }
  }

  private static List<String> files(Path data) throws IOException {
    try (Stream<Path> all = Files.walk(data)) {
      return all.filter(path -> !Files.isDirectory(path))
          .map(path -> data.relativize(path).toString())
          .sorted()
          .toList();
    }
  }
}
