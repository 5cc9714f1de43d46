package io.vmferry.daemon.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.ReceiveMigrationRequest;
import io.vmferry.daemon.api.SendMigrationRequest;
import io.vmferry.daemon.testing.CommandRun;
import io.vmferry.kvm.testing.RequiresKvm;
import io.vmferry.kvm.testing.RequiresUffd;
import io.vmferry.streams.testing.TestAuthority;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Real guests into snapshots and back over TCP, the offload daemon in a process of its own. */
@RequiresKvm
@RequiresUffd
@Timeout(300)
class RemoteOffloadIT {
  private static final String GUEST = "traveller";
  private static final Pattern WAITING = Pattern.compile("Waiting for a VMM at (\\S+) ");

  @TempDir private static Path directory;
  private static TwoNodes nodes;
  private static String tlsDir;

  @BeforeAll
  static void start() throws Exception {
    nodes = TwoNodes.start(directory);
    tlsDir = new TestAuthority("authority").fill(directory.resolve("tls")).toString();
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
  void aGuestAtWorkGoesIntoASnapshotAndBackOverSeveralConnections() throws Exception {
    nodes.boot(GUEST, 2);
    Path target = directory.resolve("plain");

    String digest = snapshot(target, 3, null);
    nodes.assertAbsent(nodes.source(), GUEST);
    MigrationView arrived = restore(target, "precopy", null, "--connections", "2");

    assertEquals(digest, Objects.requireNonNull(arrived.summary()).memoryDigest());
    nodes.assertRunsOn(nodes.source(), GUEST);
  }

  @Test
  void aGuestRunsBeforeItsMemoryHasComeOverTls() throws Exception {
    nodes.boot(GUEST, 2);
    Path target = directory.resolve("secret");

    String digest = snapshot(target, 1, tlsDir);
    MigrationView arrived = restore(target, "postcopy", tlsDir, "--ondemand");

    assertEquals(digest, Objects.requireNonNull(arrived.summary()).memoryDigest());
    nodes.assertRunsOn(nodes.source(), GUEST);
  }

  @Test
  void aSourceThatKeepsItsMemoryIsRefusedAndGoesOn() throws Exception {
    nodes.boot(GUEST, 1);
    Path target = directory.resolve("empty");
    try (CommandRun daemon = listen(target, null)) {
      MigrationView departure =
          nodes.departure(nodes.send(GUEST, TwoNodes.options(url(daemon), "postcopy")));

      assertNotEquals("completed", departure.state());
      assertEquals(1, daemon.await());
      assertTrue(daemon.err().contains("memory_mode=precopy"), daemon::err);
    }
    nodes.assertRunsOn(nodes.source(), GUEST);
    assertFalse(Files.exists(target));
  }

  @Test
  void aSourceWithoutTlsIsNotLetInAndTheNextOneIs() throws Exception {
    nodes.boot(GUEST, 1);
    Path target = directory.resolve("guarded");
    try (CommandRun daemon = listen(target, tlsDir)) {
      MigrationView refused =
          nodes.departure(nodes.send(GUEST, TwoNodes.options(url(daemon), "precopy")));
      assertNotEquals("completed", refused.state());

      MigrationView departure = nodes.departure(send(url(daemon), 1, tlsDir));

      assertEquals("completed", departure.state(), departure::toString);
      assertEquals(0, daemon.await(), daemon::err);
    }
    assertTrue(Files.exists(target));
  }

  /** Returns the digest of the guest's memory when it left. */
  private static String snapshot(Path target, int connections, @Nullable String tls)
      throws Exception {
    try (CommandRun daemon = listen(target, tls)) {
      MigrationView departure = nodes.departure(send(url(daemon), connections, tls));

      assertEquals("completed", departure.state(), departure::toString);
      assertEquals(0, daemon.await(), daemon::err);
      return Objects.requireNonNull(Objects.requireNonNull(departure.summary()).memoryDigest());
    }
  }

  private static CommandRun listen(Path target, @Nullable String tls) throws IOException {
    List<String> line =
        new ArrayList<>(
            List.of(
                "offload",
                "snapshot",
                "--listen",
                "tcp:127.0.0.1:0",
                "--output-dir",
                target.toString()));
    if (tls != null) {
      line.addAll(List.of("--tls-dir", tls));
    }
    return CommandRun.start(directory, line.toArray(new String[0]));
  }

  private static String url(CommandRun daemon) throws Exception {
    daemon.until(() -> WAITING.matcher(daemon.err()).find());
    Matcher waiting = WAITING.matcher(daemon.err());
    assertTrue(waiting.find());
    return waiting.group(1);
  }

  private static MigrationView send(String url, int connections, @Nullable String tls)
      throws IOException {
    return nodes.send(
        GUEST,
        SendMigrationRequest.to(url, "precopy")
            .connections(connections)
            .timeout(60, "ignore")
            .verify(true)
            .tlsDir(tls)
            .build());
  }

  private static MigrationView restore(
      Path snapshot, String mode, @Nullable String tls, String... options) throws Exception {
    MigrationView receiving =
        nodes
            .source()
            .client()
            .receiveMigration(
                new ReceiveMigrationRequest("tcp:127.0.0.1:0", mode, null, true, null, null, tls));
    List<String> line =
        new ArrayList<>(
            List.of(
                "offload",
                "restore",
                "--connect",
                Objects.requireNonNull(receiving.url()),
                "--input-dir",
                snapshot.toString(),
                "--resume"));
    line.addAll(List.of(options));
    if (tls != null) {
      line.addAll(List.of("--tls-dir", tls));
    }
    try (CommandRun daemon = CommandRun.start(directory, line.toArray(new String[0]))) {
      assertEquals(0, daemon.await(), daemon::err);
    }
    MigrationView arrived = nodes.source().client().awaitFinal(receiving.id(), TwoNodes.LIMIT);
    assertEquals("completed", arrived.state(), arrived::toString);
    return arrived;
  }
}
