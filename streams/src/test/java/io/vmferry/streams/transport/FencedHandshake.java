package io.vmferry.streams.transport;

import io.vmferry.kvm.sandbox.SandboxRole;
import io.vmferry.kvm.sandbox.SeccompMode;
import io.vmferry.streams.sandbox.Sandbox;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;

/**
 * The JVM of {@link FencedHandshakeIT}: a stranger says what is no TLS to a thread that the kernel
 * kills for the first call that it may not make. Argument: a directory of TLS files.
 */
final class FencedHandshake {
  private FencedHandshake() {}

  public static void main(String[] arguments) throws Exception {
    TlsIdentity identity = TlsIdentity.load(Path.of(arguments[0]), TlsIdentity.Side.SERVER);
    Listener listener = Listener.bind(MigrationUrl.parse("tcp:127.0.0.1:0"), identity);
    MigrationUrl.Tcp url = (MigrationUrl.Tcp) listener.url();
    try (Socket stranger = new Socket(url.host(), url.port());
        Connection connection = listener.accept()) {
      stranger
          .getOutputStream()
          .write("GET / HTTP/1.1\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
      Thread fenced =
          Sandbox.of(SeccompMode.KILL)
              .thread(SandboxRole.HEARS_PEER, "fenced", () -> shakeHands(connection));
      fenced.start();
      fenced.join();
    }
    System.exit(0);
  }

  private static void shakeHands(Connection connection) {
    try {
      connection.handshake(Duration.ofSeconds(10));
      System.out.println("accepted");
    } catch (IOException e) {
      System.out.println("refused");
    }
  }
}
