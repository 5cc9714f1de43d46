package io.vmferry.daemon.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.daemon.api.CreateVmRequest;
import io.vmferry.daemon.api.GuestConfig;
import io.vmferry.daemon.api.MigrateRequest;
import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.Problem;
import io.vmferry.daemon.api.ProgressView;
import io.vmferry.daemon.api.ReceiveMigrationRequest;
import io.vmferry.daemon.api.SendMigrationRequest;
import io.vmferry.daemon.client.NodeClient;
import io.vmferry.daemon.client.NodeException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.http.javadsl.ServerBinding;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The routes over real HTTP, asked by the real client. */
class RoutesTest {
  private static final HttpPolicy OPEN =
      new HttpPolicy(null, false, null, new HttpLimits(1000, 1000, Duration.ofSeconds(30)));
  private static final ActorTestKit KIT = ActorTestKit.create();
  private static final NotingNode NODE = new NotingNode();
  private static URI url;

  @BeforeAll
  static void bind() {
    ServerBinding binding =
        HttpListener.bind(KIT.system(), "127.0.0.1", 0, NODE, OPEN).toCompletableFuture().join();
    url = URI.create("http://127.0.0.1:" + binding.localAddress().getPort());
  }

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
  }

  private static HttpResponse<String> raw(String method, String path, String body)
      throws Exception {
    return HttpClient.newHttpClient()
        .send(
            HttpRequest.newBuilder(url.resolve(path))
                .method(method, BodyPublishers.ofString(body))
                .build(),
            BodyHandlers.ofString());
  }

  @Test
  void aWebPageIsNotListenedTo() throws Exception {
    NODE.asked.clear();

    HttpResponse<String> answer =
        HttpClient.newHttpClient()
            .send(
                HttpRequest.newBuilder(url.resolve("/v1/vms/a/boot"))
                    .header("Origin", "http://127.0.0.1:" + url.getPort())
                    .POST(BodyPublishers.noBody())
                    .build(),
                BodyHandlers.ofString());

    assertEquals(403, answer.statusCode());
    assertTrue(answer.body().contains("\"code\":\"FOREIGN_ORIGIN\""), answer.body());
    assertEquals(List.of(), NODE.asked);
  }

  /** What DNS rebinding looks like here. */
  @Test
  void anotherNameIsNotListenedTo() throws Exception {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), url.getPort())) {
      socket
          .getOutputStream()
          .write(
              "GET /v1/vms HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
                  .getBytes(StandardCharsets.US_ASCII));

      String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);

      assertTrue(answer.startsWith("HTTP/1.1 403 "), answer);
    }
  }

  @Test
  void everyRouteReachesTheNode() throws IOException {
    NodeClient client = new NodeClient(url);
    NODE.asked.clear();

    client.listVms();
    client.vm("a b");
    client.createVm(
        new CreateVmRequest(
            "a", 1, 4096, "4K", new GuestConfig("idle", null, null, null, null, null, null)));
    client.boot("a");
    client.pause("a");
    client.resume("a");
    client.deleteVm("a");
    client.console("a");
    client.sendMigration("a", SendMigrationRequest.to("tcp:h:1", "precopy").build());
    client.receiveMigration(
        new ReceiveMigrationRequest("tcp:h:0", "precopy", null, true, null, null, null));
    client.migrate(
        new MigrateRequest("a", "b", "precopy", 1, 0, 300, 60, "cancel", false, null, null));
    client.migration("m-1");
    client.cancelMigration("m-1");
    client.switchToPostcopy("m-1");
    client.cluster();

    assertEquals(
        List.of(
            "listVms",
            "vm a b",
            "createVm a",
            "BOOT a",
            "PAUSE a",
            "RESUME a",
            "deleteVm a",
            "console a",
            "sendMigration a tcp:h:1",
            "receiveMigration tcp:h:0",
            "migrate a b",
            "migration m-1",
            "cancelMigration m-1",
            "switchToPostcopy m-1",
            "cluster"),
        NODE.asked);
    assertTrue(client.isReady());
  }

  @Test
  void eventsAreProgressAndThenTheResult() throws IOException {
    List<ProgressView> seen = new ArrayList<>();

    MigrationView result = new NodeClient(url).follow("m-1", seen::add);

    assertEquals(List.of(NotingNode.RUNNING.progress(), NotingNode.RUNNING.progress()), seen);
    assertEquals(NotingNode.FAILED, result);
  }

  @Test
  void aProblemKeepsItsStatusAndItsFields() {
    NodeException e = assertThrows(NodeException.class, () -> new NodeClient(url).vm("missing"));

    assertEquals(404, e.status());
    assertEquals(new Problem("NO_SUCH_VM", "No", null, "Look", null), e.problem());
  }

  @Test
  void aFaultOfTheProgramTellsNoSecrets() {
    NodeException e = assertThrows(NodeException.class, () -> new NodeClient(url).vm("boom"));

    assertEquals(500, e.status());
    assertEquals("The node failed to carry out the request", e.problem().message());
  }

  @Test
  void aBodyThatIsNoJsonIsTheCallersFault() throws Exception {
    HttpResponse<String> response = raw("POST", "/v1/vms", "{\"name\": ");

    assertEquals(400, response.statusCode());
    assertTrue(response.body().startsWith("{\"code\":\"BAD_REQUEST\""), response.body());
  }

  @Test
  void aMisspeltFieldIsNamed() throws Exception {
    HttpResponse<String> response =
        raw("POST", "/v1/vms", "{\"cpus\":1,\"memory_bytes\":1,\"memori\":1}");

    assertEquals(400, response.statusCode());
    assertEquals(
        "{\"code\":\"BAD_REQUEST\",\"message\":\"The body is not what this route takes: it has no field"
            + " 'memori'\"}",
        response.body());
  }

  @Test
  void aMissingNumberIsNotTakenForZero() throws Exception {
    HttpResponse<String> response =
        raw(
            "POST",
            "/v1/vms",
            "{\"name\":\"a\",\"page_size\":\"4K\",\"guest\":{\"kind\":\"idle\"}}");

    assertEquals(400, response.statusCode());
    assertTrue(response.body().contains("field 'cpus' is missing"), response.body());
  }

  @Test
  void anUnknownRouteIsAProblemToo() throws Exception {
    HttpResponse<String> response = raw("GET", "/v2/vms", "");

    assertEquals(404, response.statusCode());
    assertTrue(response.body().contains("NO_SUCH_ROUTE"), response.body());
  }

  @Test
  void anotherMethodIsAProblemThatNamesTheRightOnes() throws Exception {
    HttpResponse<String> response = raw("PUT", "/v1/vms", "");

    assertEquals(405, response.statusCode());
    assertTrue(
        response.body().contains("GET") && response.body().contains("POST"), response.body());
  }
}
