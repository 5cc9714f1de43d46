package io.vmferry.daemon.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.ReceiveMigrationRequest;
import io.vmferry.daemon.testing.CommandRun;
import io.vmferry.kvm.testing.RequiresKvm;
import io.vmferry.kvm.testing.RequiresUffd;
import io.vmferry.streams.testing.TestAuthority;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Real guests into a chunk store and back, every command in a process of its own. */
@RequiresKvm
@RequiresUffd
@Timeout(300)
class StoreIT {
  private static final String GUEST = "keeper";

  @TempDir private static Path directory;
  private static TwoNodes nodes;
  private static String store;
  private static String key;

  @BeforeAll
  static void start() throws Exception {
    nodes = TwoNodes.start(directory);
    store = directory.resolve("store").toString();
    Path file = Files.writeString(directory.resolve("key"), "0123456789abcdef".repeat(4));
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
    key = file.toString();
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
  void aBusyGuestGoesOnOutOfAnEncryptedStoreAndIntoItAgain() throws Exception {
    nodes.boot(GUEST, 2);

    snapshot(store, "one", "--key-file", key);
    nodes.assertAbsent(nodes.source(), GUEST);
    restore(List.of("--store", store, "--name", "one", "--key-file", key), "local");
    nodes.assertRunsOn(nodes.source(), GUEST);
    snapshot(store, "two", "--key-file", key, "--parent", "one");
    restore(
        List.of("--store", store, "--name", "two", "--key-file", key, "--ondemand"), "postcopy");
    nodes.assertRunsOn(nodes.source(), GUEST);

    assertSays(0, "\"parent\":\"one\"", "offload", "list", "--store", store, "-o", "json");
    assertSays(
        0, "as they were", "offload", "verify", "--store", store, "--key-file", key, "one", "two");
    assertSays(1, "is encrypted", "offload", "verify", "--store", store, "one");
    assertSays(
        0,
        "The copy is in",
        "offload",
        "copy",
        "--from",
        "store:" + store + "/two",
        "--from-key-file",
        key,
        "--to",
        "dir:" + directory.resolve("copy"));
    nodes.delete(GUEST);
    restore(List.of("--input-dir", directory.resolve("copy").toString()), "local");
    nodes.assertRunsOn(nodes.source(), GUEST);
  }

  @Test
  void aGuestIsNotRunOnMemoryThatWasChanged() throws Exception {
    nodes.boot(GUEST, 1);
    snapshot(store, "bad", "--compression", "none");
    List<Path> chunks = chunks();
    for (Path chunk : chunks) {
      byte[] bytes = Files.readAllBytes(chunk);
      // Large ones are memory; the configuration and the state are not.
      if (bytes.length > 200_000) {
        bytes[bytes.length / 2] ^= 4;
        Files.write(chunk, bytes);
      }
    }

    MigrationView eager = receive("local");
    assertSays(1, "is damaged", restoreLine(List.of("--store", store, "--name", "bad")));
    assertNotEquals("completed", ending(eager).state());
    MigrationView onDemand = receive("postcopy");
    assertSays(
        1, "is damaged", restoreLine(List.of("--store", store, "--name", "bad", "--ondemand")));
    assertNotEquals("completed", ending(onDemand).state());

    assertSays(1, "is damaged", "offload", "verify", "--store", store, "bad");
    assertSays(0, "is removed", "offload", "remove", "--store", store, "--name", "bad");
    assertSays(0, "Removed", "offload", "gc", "--store", store);
    assertTrue(chunks.stream().noneMatch(Files::exists));
  }

  private static List<Path> chunks() throws IOException {
    try (Stream<Path> all = Files.walk(Path.of(store, "chunks"))) {
      return all.filter(Files::isRegularFile).toList();
    }
  }

  @Test
  void aGuestGoesToAStoreOnAnotherHostAndComesBackOnDemand() throws Exception {
    Path tls = new TestAuthority("ours").fill(Files.createDirectory(directory.resolve("tls")));
    Path kept = directory.resolve("kept");
    try (CommandRun server =
        CommandRun.start(
            directory,
            "offload",
            "serve-store",
            "--store",
            kept.toString(),
            "--listen",
            "127.0.0.1:0",
            "--tls-dir",
            tls.toString())) {
      server.until(() -> server.out().contains("is served at"));
      String url = server.out().substring(server.out().indexOf("tcp:")).strip();
      nodes.boot(GUEST, 2);

      snapshot(url, "far", "--key-file", key, "--tls-dir", tls.toString());
      nodes.assertAbsent(nodes.source(), GUEST);
      List<String> from = List.of("--store", url, "--name", "far", "--key-file", key);
      List<String> onDemand = new ArrayList<>(from);
      onDemand.addAll(List.of("--tls-dir", tls.toString(), "--ondemand"));
      restore(onDemand, "postcopy");

      nodes.assertRunsOn(nodes.source(), GUEST);
      assertSays(2, "--tls-dir", restoreLine(from));
      server.signal("TERM");
      assertEquals(143, server.await());
    }
    assertSays(0, "far", "offload", "list", "--store", kept.toString());
    assertSays(
        0, "as they were", "offload", "verify", "--store", kept.toString(), "--key-file", key);
  }

  @Test
  void saysWhatIsWrongWithACommandLine() throws Exception {
    String socket = directory.resolve("s.sock").toString();
    assertSays(2, "--output-dir, or --store", "offload", "snapshot", "--socket", socket);
    assertSays(2, "--name", "offload", "snapshot", "--socket", socket, "--store", store);
    assertSays(2, "is no place", "offload", "copy", "--from", "a", "--to", "dir:b");
    assertSays(1, "There is no store", "offload", "list", "--store", socket);
    assertFalse(Files.exists(Path.of(socket)));
  }

  private static void assertSays(int exit, String what, String... line) throws Exception {
    try (CommandRun command = CommandRun.start(directory, line)) {
      assertEquals(exit, command.await(), command::err);
      String said = command.out() + command.err();
      assertTrue(said.contains(what), said);
    }
  }

  private static void snapshot(String store, String name, String... options) throws Exception {
    Path socket = directory.resolve("take.sock");
    List<String> line =
        new ArrayList<>(List.of("offload", "snapshot", "--socket", socket.toString()));
    line.addAll(List.of("--format", "chunked", "--store", store, "--name", name));
    line.addAll(List.of(options));
    try (CommandRun daemon = CommandRun.start(directory, line.toArray(new String[0]))) {
      daemon.until(() -> daemon.err().contains("Waiting"));
      MigrationView sending = nodes.send(GUEST, "unix:" + socket, "local");
      assertEquals("completed", nodes.departure(sending).state());
      assertEquals(0, daemon.await(), daemon::err);
      assertTrue(daemon.out().contains("new in the store"), daemon::out);
    }
  }

  private static void restore(List<String> from, String mode) throws Exception {
    MigrationView receiving = receive(mode);
    assertSays(0, "restored and runs", restoreLine(from));
    assertEquals("completed", ending(receiving).state());
  }

  private static MigrationView receive(String mode) throws IOException {
    String url = "unix:" + directory.resolve("back.sock");
    return nodes
        .source()
        .client()
        .receiveMigration(new ReceiveMigrationRequest(url, mode, null, true, null, null, null));
  }

  private static MigrationView ending(MigrationView receiving) throws IOException {
    return nodes.source().client().awaitFinal(receiving.id(), TwoNodes.LIMIT);
  }

  private static String[] restoreLine(List<String> from) {
    String socket = directory.resolve("back.sock").toString();
    List<String> line =
        new ArrayList<>(List.of("offload", "restore", "--socket", socket, "--resume"));
    line.addAll(from);
    return line.toArray(new String[0]);
  }
}
