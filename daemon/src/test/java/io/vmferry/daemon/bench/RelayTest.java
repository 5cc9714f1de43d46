package io.vmferry.daemon.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.vmferry.daemon.client.NodeClient;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(20)
class RelayTest {
  @TempDir Path directory;

  /** As between a harness and a node in a namespace: TCP, a socket file, TCP. */
  @Test
  void twoRelaysCarryBothDirections() throws Exception {
    Path socket = directory.resolve("http");
    try (ServerSocket node = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      Thread echo = new Thread(() -> echo(node));
      echo.start();
      Relay inside = Relay.intoLoopback(socket, node.getLocalPort());
      try (Relay outside = Relay.ontoLoopback(socket);
          Socket client = new Socket(InetAddress.getLoopbackAddress(), outside.port())) {

        client.getOutputStream().write("there and back\n".getBytes(StandardCharsets.UTF_8));
        byte[] back = client.getInputStream().readNBytes(15);

        assertEquals("there and back\n", new String(back, StandardCharsets.UTF_8));
        assertEquals(-1, client.getInputStream().read());
      } finally {
        inside.close();
      }
      echo.join();
    }
  }

  @Test
  void aNodeThatIsNotThereIsNoAnswer() throws Exception {
    try (Relay outside = Relay.ontoLoopback(directory.resolve("nobody"))) {
      NodeClient client = new NodeClient(URI.create("http://127.0.0.1:" + outside.port()));

      assertFalse(client.isReady());
    }
  }

  private static void echo(ServerSocket node) {
    try (Socket peer = node.accept()) {
      peer.getOutputStream().write(peer.getInputStream().readNBytes(15));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
