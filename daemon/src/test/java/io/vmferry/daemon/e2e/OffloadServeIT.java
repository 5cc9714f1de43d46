package io.vmferry.daemon.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.vmferry.daemon.api.Json;
import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.SendMigrationRequest;
import io.vmferry.daemon.testing.CommandRun;
import io.vmferry.kvm.testing.RequiresKvm;
import io.vmferry.kvm.testing.RequiresUffd;
import io.vmferry.streams.snapshot.DirectoryReader;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.transport.Connector;
import io.vmferry.streams.transport.MigrationUrl;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** {@code offload serve}: many guests at work come to one socket and go on afterwards. */
@RequiresKvm
@RequiresUffd
@Timeout(300)
class OffloadServeIT {
  private static final List<String> GUESTS = List.of("one", "two", "three");

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
    for (String guest : GUESTS) {
      nodes.delete(guest);
    }
  }

  @Test
  void guestsThatComeAtOnceAreKeptAndGoOn() throws Exception {
    for (String guest : GUESTS) {
      nodes.boot(guest, 1);
    }
    Path snapshots = directory.resolve("snapshots");
    Path socket = directory.resolve("serve.sock");
    try (CommandRun server = serve(socket, snapshots)) {
      server.until(() -> server.err().contains("Waiting"));
      sendNonsense(socket);
      List<MigrationView> sent = new ArrayList<>();
      for (String guest : GUESTS) {
        sent.add(
            nodes.send(
                guest,
                SendMigrationRequest.to("unix:" + socket, "local").preserveSource(true).build()));
      }
      for (MigrationView departure : sent) {
        assertEquals("completed", nodes.departure(departure).state());
      }
      server.until(() -> lines(server) == 1 + GUESTS.size());

      Map<String, JsonNode> taken = taken(server);
      assertEquals(GUESTS.size(), taken.size(), server::out);
      for (Map.Entry<String, JsonNode> one : taken.entrySet()) {
        Path place = snapshots.resolve(one.getKey());
        assertEquals(place.toString(), one.getValue().get("place").asText());
        DirectoryReader.open(place).close();
      }
      String metrics = metrics(server);
      assertTrue(
          metrics.contains("vmferry_offload_snapshots_total{result=\"taken\"} 3.0"), metrics);
      assertTrue(
          metrics.contains("vmferry_offload_snapshots_total{result=\"failed\"} 1.0"), metrics);
      assertTrue(metrics.contains("vmferry_offload_snapshots_active 0.0"), metrics);

      server.signal("TERM");
      assertEquals(143, server.await(), server::err);
      assertFalse(server.err().contains("WARN"), server::err);
    }
    assertFalse(Files.exists(socket));
    assertNothingIsHalf(snapshots);
    for (String guest : GUESTS) {
      nodes.assertRunsOn(nodes.source(), guest);
    }
  }

  private static CommandRun serve(Path socket, Path snapshots) throws IOException {
    return CommandRun.start(
        directory,
        "offload",
        "serve",
        "--socket",
        socket.toString(),
        "--dir",
        snapshots.toString(),
        "--metrics",
        "127.0.0.1:0",
        "-o",
        "json");
  }

  /** What is no VMM disturbs nobody. */
  private static void sendNonsense(Path socket) throws IOException {
    try (Connection stranger =
        Connector.connect(new MigrationUrl.Unix(socket), Duration.ofSeconds(10))) {
      ByteBuffer nonsense = ByteBuffer.allocateDirect(64);
      stranger.writeFully(nonsense);
      stranger.setReadTimeout(Duration.ofSeconds(10));
      ByteBuffer answer = ByteBuffer.allocateDirect(16);
      stranger.readFully(answer); // an error, and then it is closed
    }
  }

  private static long lines(CommandRun server) {
    return server.out().lines().count();
  }

  /** By name; what failed has none. */
  private static Map<String, JsonNode> taken(CommandRun server) throws IOException {
    Map<String, JsonNode> taken = new TreeMap<>();
    for (String line : server.out().lines().toList()) {
      JsonNode one = Json.LENIENT.readTree(line);
      if (one.get("error") == null || one.get("error").isNull()) {
        taken.put(one.get("name").asText(), one);
      }
    }
    return taken;
  }

  private static String metrics(CommandRun server) throws Exception {
    String line =
        server.err().lines().filter(text -> text.startsWith("Metrics")).findFirst().orElseThrow();
    URI uri = URI.create(line.substring(line.indexOf("http")));
    return HttpClient.newHttpClient()
        .send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofString())
        .body();
  }

  private static void assertNothingIsHalf(Path snapshots) throws IOException {
    try (Stream<Path> files = Files.list(snapshots)) {
      assertEquals(GUESTS.size(), files.count());
    }
  }
}
