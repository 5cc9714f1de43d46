package io.vmferry.daemon.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.streams.snapshot.remote.StoreProtocol;
import io.vmferry.streams.snapshot.store.LocalStore;
import io.vmferry.streams.snapshot.store.PackTable;
import io.vmferry.streams.testing.Fuzz;
import io.vmferry.streams.testing.JsonMutator;
import io.vmferry.streams.testing.Mutator;
import io.vmferry.streams.testing.TestAuthority;
import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.transport.TlsIdentity;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What a client of a served store may send, and what it may not, over TLS. */
@Timeout(3600)
class StoreRoutesIT {
  private static final byte[] SESSION = "{\"name\":\"s\"}".getBytes(StandardCharsets.US_ASCII);

  @TempDir private Path disk;

  private StoreServer server;
  private HttpClient client;

  @BeforeEach
  void serve() throws Exception {
    Path tls = new TestAuthority("ours").fill(Files.createDirectory(disk.resolve("tls")));
    server =
        StoreServer.start(
            LocalStore.openOrCreate(disk.resolve("store")),
            new MigrationUrl.Tcp("127.0.0.1", 0),
            TlsIdentity.load(tls, TlsIdentity.Side.SERVER));
    client =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .sslContext(TlsIdentity.load(tls, TlsIdentity.Side.CLIENT).context())
            .build();
  }

  @AfterEach
  void close() {
    server.close();
  }

  @Test
  void whatIsNoSessionIsRefusedWithoutAFaultOfTheStore() throws Exception {
    for (String body : List.of("null", "{}", "{\"name\":null}", "{\"name\":\"../x\"}")) {
      assertEquals(
          409, ask("PUT", "/uploads/" + UUID.randomUUID(), body.getBytes(StandardCharsets.UTF_8)));
    }
    assertEquals(409, ask("PUT", "/uploads/none", SESSION));
    assertEquals(400, ask("PUT", "/holds/" + UUID.randomUUID(), new byte[] {'{'}));
  }

  @Test
  void aBodyThatIsTooLongIsRefused() throws Exception {
    String upload = "/uploads/" + UUID.randomUUID();
    assertEquals(204, ask("PUT", upload, SESSION));

    assertTooLong("PUT", "/holds/" + UUID.randomUUID(), new byte[4097]);
    assertTooLong("POST", upload + "/lacking", new byte[StoreProtocol.NAMES_BYTES + 1]);
    assertEquals(409, ask("POST", upload + "/lacking", new byte[31]));
    assertTooLong("PUT", upload + "/chunks/" + "ab".repeat(32), new byte[1 << 20]);
    assertEquals(409, ask("PUT", upload + "/chunks/" + "ab".repeat(32), new byte[100]));
    assertEquals(409, ask("POST", upload + "/commit", new byte[1000]));
    String pack = "/working-sets/" + UUID.randomUUID() + "/pack";
    assertTooLong("PUT", pack, new byte[PackTable.MOST_BYTES + 1]);
    assertTooLong("PUT", pack + "/" + "ab".repeat(32), new byte[1 << 20]);
    assertEquals(409, ask("PUT", pack + "/" + "ab".repeat(32), new byte[100]));
    assertEquals(409, ask("PUT", pack + "/table", new byte[100]));
  }

  /** The answer comes before the end of the body, and a client that still sends may miss it. */
  private void assertTooLong(String method, String path, byte[] body) throws Exception {
    int status;
    try {
      status = ask(method, path, body);
    } catch (HttpTimeoutException e) {
      throw e;
    } catch (IOException e) {
      return; // closed while the body was sent
    }
    assertEquals(413, status);
  }

  @Test
  void everyRequestIsAnswered() throws Exception {
    String session = UUID.randomUUID().toString();
    ask("PUT", "/uploads/" + session, SESSION);
    List<String> paths =
        List.of(
            "GET ",
            "GET /snapshots",
            "GET /snapshots/s",
            "DELETE /snapshots/s",
            "GET /chunks/" + "ab".repeat(32),
            "POST /gc?dry_run=true",
            "PUT /working-sets/" + session,
            "GET /working-sets/" + session + "/pack",
            "PUT /working-sets/" + session + "/pack",
            "GET /working-sets/" + session + "/pack/" + "ab".repeat(32),
            "PUT /working-sets/" + session + "/pack/" + "ab".repeat(32),
            "PUT /holds/" + session,
            "POST /uploads/" + session,
            "POST /uploads/" + session + "/lacking",
            "PUT /uploads/" + session + "/chunks/" + "ab".repeat(32),
            "POST /uploads/" + session + "/commit");
    Fuzz.of(StoreRoutesIT.class, 500)
        .run(
            random -> {
              String[] route = paths.get(random.nextInt(paths.size())).split(" ", 2);
              String path = random.nextInt(4) == 0 ? bent(route[1], random) : route[1];
              byte[] body =
                  random.nextBoolean()
                      ? new JsonMutator(random).mutate(SESSION)
                      : new Mutator(random).noise(200);
              int status = ask(route[0], path, body);
              assertTrue(status >= 200 && status < 500, route[0] + " " + path + ": " + status);
            });
  }

  private static String bent(String path, Random random) {
    String[] bends = {"%00", "%2e%2e%2f", "/", "a", "%20", "?dry_run=%ff", "-", "%C3%28"};
    int at = path.isEmpty() ? 0 : 1 + random.nextInt(path.length());
    return path.substring(0, at) + bends[random.nextInt(bends.length)] + path.substring(at);
  }

  private int ask(String method, String path, byte[] body) throws Exception {
    URI uri =
        URI.create(
            "https://127.0.0.1:"
                + server.address().port()
                + "/"
                + StoreProtocol.ROOT
                + "/"
                + StoreProtocol.VERSION
                + path);
    HttpResponse<String> answer =
        client.send(
            HttpRequest.newBuilder(uri)
                .timeout(Duration.ofSeconds(8))
                .method(method, BodyPublishers.ofByteArray(body))
                .build(),
            BodyHandlers.ofString());
    return answer.statusCode();
  }
}
