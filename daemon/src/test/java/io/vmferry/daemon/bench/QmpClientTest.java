package io.vmferry.daemon.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.vmferry.daemon.api.Json;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(20)
class QmpClientTest {
  private static final String GREETING = "{\"QMP\": {\"version\": {}, \"capabilities\": []}}";
  private static final String EMPTY = "{\"return\": {}}";

  @TempDir Path directory;
  private final Queue<String> heard = new ConcurrentLinkedQueue<>();
  private ServerSocketChannel server;

  @AfterEach
  void closeServer() throws IOException {
    server.close();
  }

  @Test
  void aSessionBeginsWithTheCapabilities() throws Exception {
    try (QmpClient client = QmpClient.connect(qemu(GREETING, EMPTY))) {
      assertNotNull(client);
      assertEquals(List.of("qmp_capabilities"), commands());
    }
  }

  @Test
  void eventsBeforeTheAnswerAreSkipped() throws Exception {
    String event = "{\"event\": \"STOP\", \"timestamp\": {}}";
    Path socket = qemu(GREETING, EMPTY, event + "\n{\"return\": {\"status\": \"completed\"}}");
    try (QmpClient client = QmpClient.connect(socket)) {
      JsonNode answer =
          client.execute("migrate", Json.LENIENT.createObjectNode().put("uri", "tcp:h:1"));

      assertEquals("completed", answer.get("status").asText());
      assertEquals(List.of("qmp_capabilities", "migrate"), commands());
      assertTrue(heard.stream().anyMatch(line -> line.contains("\"uri\":\"tcp:h:1\"")));
    }
  }

  @Test
  void aRefusalHasQemusWords() throws Exception {
    Path socket = qemu(GREETING, EMPTY, "{\"error\": {\"class\": \"x\", \"desc\": \"No such\"}}");
    try (QmpClient client = QmpClient.connect(socket)) {
      IOException e = assertThrows(IOException.class, () -> client.execute("nonsense"));

      assertEquals("QEMU refused nonsense: No such", e.getMessage());
    }
  }

  @Test
  void anEndInTheMiddleIsAnError() throws Exception {
    try (QmpClient client = QmpClient.connect(qemu(GREETING, EMPTY))) {
      assertThrows(IOException.class, () -> client.execute("query-migrate"));
    }
  }

  @Test
  void anotherServerIsNotQemu() throws Exception {
    Path socket = qemu("{\"hello\": 1}");

    assertThrows(IOException.class, () -> QmpClient.connect(socket));
  }

  private List<String> commands() throws IOException {
    return heard.stream().map(QmpClientTest::command).toList();
  }

  private static String command(String line) {
    try {
      return Json.LENIENT.readTree(line).get("execute").asText();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A server that greets, then gives an answer for each line it hears, then closes. */
  private Path qemu(String greeting, String... answers) throws IOException {
    Path socket = directory.resolve("qmp");
    server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    server.bind(UnixDomainSocketAddress.of(socket));
    Thread thread = new Thread(() -> serve(greeting, answers));
    thread.setDaemon(true);
    thread.start();
    return socket;
  }

  private void serve(String greeting, String... answers) {
    try (SocketChannel channel = server.accept();
        BufferedReader in =
            new BufferedReader(Channels.newReader(channel, StandardCharsets.UTF_8));
        Writer out = Channels.newWriter(channel, StandardCharsets.UTF_8)) {
      say(out, greeting);
      for (String answer : answers) {
        heard.add(in.readLine());
        say(out, answer);
      }
    } catch (IOException e) {
      // The client went first.
    }
  }

  private static void say(Writer out, String line) throws IOException {
    out.write(line + "\n");
    out.flush();
  }
}
