package io.vmferry.daemon.node;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import io.vmferry.actors.VmHost;
import io.vmferry.actors.migration.MigrationEvent;
import io.vmferry.cluster.ClusterNode;
import io.vmferry.cluster.node.NodeDirectory;
import io.vmferry.cluster.orchestrator.Orchestrator;
import io.vmferry.daemon.api.Json;
import io.vmferry.daemon.api.Problem;
import io.vmferry.daemon.http.HttpLimits;
import io.vmferry.daemon.http.HttpListener;
import io.vmferry.daemon.http.HttpPolicy;
import io.vmferry.streams.testing.Fuzz;
import io.vmferry.streams.testing.JsonMutator;
import io.vmferry.streams.testing.Mutator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.http.javadsl.ServerBinding;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Requests to a node that are almost right, over real sockets. None may be answered with 500, which
 * stands for a fault of the program.
 */
@Timeout(3600)
class HttpFuzzIT {
  private static final ActorTestKit KIT =
      ActorTestKit.create(
          ConfigFactory.parseResourcesAnySyntax("vmferry-node").withFallback(ConfigFactory.load()));
  private static final int ANSWER_MILLIS = 8_000;
  private static final Duration ASK = Duration.ofMillis(10);
  private static final List<String> PATHS =
      List.of(
          "GET /healthz",
          "GET /readyz",
          "GET /v1/vms",
          "POST /v1/vms",
          "GET /v1/vms/a",
          "DELETE /v1/vms/a",
          "GET /v1/vms/a/console",
          "POST /v1/vms/a/send-migration",
          "POST /v1/vms/a/boot",
          "POST /v1/vms/a/take-over",
          "POST /v1/receive-migrations",
          "POST /v1/migrations",
          "GET /v1/migrations/m-1",
          "DELETE /v1/migrations/m-1",
          "POST /v1/migrations/m-1/postcopy",
          "GET /v1/migrations/m-1/events",
          "GET /v1/cluster");
  private static final String CREATE =
      "{\"name\":\"a\",\"cpus\":1,\"memory_bytes\":67108864,\"page_size\":\"4K\",\"guest\":"
          + "{\"kind\":\"standard\",\"working_set_bytes\":4096,\"dirty_bytes_per_second\":0}}";
  private static final String KERNEL =
      "{\"name\":\"a\",\"cpus\":1,\"memory_bytes\":67108864,\"page_size\":\"4K\",\"guest\":"
          + "{\"kind\":\"kernel\",\"kernel\":\"/k\",\"initrd\":\"/i\",\"cmdline\":\"quiet\"}}";
  private static final String SEND =
      "{\"destination_url\":\"tcp:127.0.0.1:1\",\"memory_mode\":\"precopy\",\"connections\":1,"
          + "\"downtime_ms\":300,\"timeout_s\":10,\"timeout_strategy\":\"cancel\","
          + "\"bandwidth_bytes_per_second\":0,\"verify\":true,\"tls_dir\":\"/t\"}";
  private static final String RECEIVE =
      "{\"receiver_url\":\"tcp:127.0.0.1:0\",\"memory_mode\":\"precopy\",\"name\":\"a\","
          + "\"verify\":true,\"tls_dir\":\"/t\"}";
  private static final String MIGRATE =
      "{\"vm\":\"a\",\"to\":\"b\",\"mode\":\"precopy\",\"connections\":1,"
          + "\"bandwidth_bytes_per_second\":0,\"downtime_ms\":300,\"timeout_s\":9,"
          + "\"timeout_strategy\":\"cancel\",\"verify\":true,\"compression\":\"auto\"}";
  private static final List<String> BODIES = List.of(CREATE, KERNEL, SEND, RECEIVE, MIGRATE);
  // The fuzzer asks as often as it can.
  private static final HttpLimits UNLIMITED =
      new HttpLimits(1_000_000, 1_000_000, Duration.ofSeconds(30));
  private static int port;

  @BeforeAll
  static void bind() {
    ClusterNode cluster =
        TestCluster.node(
            KIT,
            KIT.createTestProbe(NodeDirectory.Command.class).getRef(),
            KIT.createTestProbe(Orchestrator.Command.class).getRef());
    LocalNode node =
        new LocalNode(
            KIT.scheduler(),
            KIT.createTestProbe(NodeGuardian.Command.class).getRef(),
            new NodeGuardian.Parts(
                KIT.createTestProbe(VmHost.Command.class).getRef(),
                cluster,
                KIT.createTestProbe(MigrationEvent.class).getRef()),
            new MigrationBoard(10),
            ASK,
            ASK);
    ServerBinding binding =
        HttpListener.bind(
                KIT.system(), "127.0.0.1", 0, node, new HttpPolicy(null, false, null, UNLIMITED))
            .toCompletableFuture()
            .join();
    port = binding.localAddress().getPort();
  }

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
  }

  @Test
  void everyRequestIsAnswered() throws Exception {
    Fuzz.of(HttpFuzzIT.class, 400).run(random -> check(ask(request(random))));
  }

  @Test
  void aBodyThatIsTooLongIsAProblem() throws Exception {
    String head =
        String.join(
            "\r\n",
            "POST /v1/vms HTTP/1.1",
            "Host: localhost",
            "Connection: close",
            "Content-Type: application/json",
            "Content-Length: 1048577",
            "",
            "");
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    all.writeBytes(head.getBytes(StandardCharsets.UTF_8));
    all.writeBytes(" ".repeat(1_048_577).getBytes(StandardCharsets.UTF_8));

    String answer = ask(all.toByteArray());

    assertTrue(answer.startsWith("HTTP/1.1 413 "), answer);
    assertTrue(answer.contains("\"code\":\"TOO_LONG\""), answer);
  }

  private static byte[] request(Random random) {
    Mutator mutator = new Mutator(random);
    String route = PATHS.get(random.nextInt(PATHS.size()));
    if (random.nextInt(4) == 0) {
      route = bent(route, random, mutator);
    }
    byte[] body = BODIES.get(random.nextInt(BODIES.size())).getBytes(StandardCharsets.UTF_8);
    body = random.nextInt(6) == 0 ? mutator.mutate(body) : new JsonMutator(random).mutate(body);
    if (random.nextInt(100) == 0) {
      body = new byte[2 << 20];
    }
    long length = random.nextInt(20) == 0 ? mutator.number() : body.length;
    String head =
        route
            + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: "
            + (random.nextInt(20) == 0 ? "text/plain" : "application/json")
            + "\r\nContent-Length: "
            + length
            + "\r\n\r\n";
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    all.writeBytes(head.getBytes(StandardCharsets.UTF_8));
    all.writeBytes(body);
    return random.nextInt(20) == 0 ? mutator.mutate(all.toByteArray()) : all.toByteArray();
  }

  private static String bent(String route, Random random, Mutator mutator) {
    String[] bends = {
      "%00", "%2e%2e/", "//", "?a=b&c", "?%", "%", "%ff", "x".repeat(random.nextInt(3000)), ";", "#"
    };
    int at = route.indexOf('/') + 1 + random.nextInt(route.length() - route.indexOf('/'));
    String bend = random.nextInt(9) == 0 ? "" + mutator.number() : bends[random.nextInt(10)];
    return route.substring(0, at) + bend + route.substring(at);
  }

  private static String ask(byte[] request) throws IOException {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
      socket.setSoTimeout(ANSWER_MILLIS);
      try {
        socket.getOutputStream().write(request);
        socket.shutdownOutput();
      } catch (IOException e) {
        // Answered before it had all.
      }
      return new String(socket.getInputStream().readNBytes(1 << 20), StandardCharsets.UTF_8);
    } catch (SocketException e) {
      return ""; // It had enough.
    }
  }

  private static void check(String answer) throws IOException {
    if (answer.isEmpty()) {
      return;
    }
    assertTrue(answer.matches("(?s)HTTP/1\\.1 [1-5]\\d\\d .*"), answer);
    assertNotEquals("500", answer.substring(9, 12), answer);
    int body = answer.indexOf("\r\n\r\n");
    if (answer.charAt(9) == '4' && answer.contains("application/json") && body > 0) {
      Problem problem = Json.LENIENT.readValue(answer.substring(body), Problem.class);
      assertFalse(problem.message().isEmpty(), answer);
    }
  }
}
