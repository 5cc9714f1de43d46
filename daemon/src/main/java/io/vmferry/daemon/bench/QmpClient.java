package io.vmferry.daemon.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.vmferry.daemon.api.Json;
import java.io.BufferedReader;
import java.io.EOFException;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * A session of QEMU's machine protocol: one command at a time, events are skipped. Not thread-safe.
 *
 * @see <a href="https://www.qemu.org/docs/master/interop/qmp-spec.html">QMP specification</a>
 */
final class QmpClient implements AutoCloseable {
  private final SocketChannel channel;
  private final BufferedReader answers;

  private QmpClient(SocketChannel channel) {
    this.channel = channel;
    this.answers = new BufferedReader(Channels.newReader(channel, StandardCharsets.UTF_8));
  }

  /**
   * Connects and takes up the session.
   *
   * @throws IOException if nobody listens there, or it is not QMP
   */
  static QmpClient connect(Path socket) throws IOException {
    QmpClient client = new QmpClient(SocketChannel.open(UnixDomainSocketAddress.of(socket)));
    try {
      if (!client.read().has("QMP")) {
        throw new IOException("What listens at " + socket + " does not greet as QMP does");
      }
      client.execute("qmp_capabilities", Json.LENIENT.createObjectNode());
      return client;
    } catch (IOException e) {
      client.close();
      throw e;
    }
  }

  /** A command without arguments. */
  JsonNode execute(String command) throws IOException {
    return execute(command, Json.LENIENT.createObjectNode());
  }

  /**
   * Gives a command and waits for its answer.
   *
   * @throws IOException if it is refused, with QEMU's words, or the connection ends
   */
  JsonNode execute(String command, ObjectNode arguments) throws IOException {
    ObjectNode request = Json.LENIENT.createObjectNode().put("execute", command);
    request.set("arguments", arguments);
    ByteBuffer bytes = StandardCharsets.UTF_8.encode(request + "\n");
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
    while (true) {
      JsonNode answer = read();
      if (answer.has("return")) {
        return answer.get("return");
      }
      if (answer.has("error")) {
        throw new IOException(
            "QEMU refused " + command + ": " + answer.path("error").path("desc").asText());
      }
    }
  }

  private JsonNode read() throws IOException {
    String line = answers.readLine();
    if (line == null) {
      throw new EOFException("QEMU closed its QMP connection");
    }
    return Json.LENIENT.readTree(line);
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      // The process ends anyway.
    }
  }
}
