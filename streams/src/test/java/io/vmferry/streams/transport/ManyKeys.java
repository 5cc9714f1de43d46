package io.vmferry.streams.transport;

import io.vmferry.streams.transport.TlsIdentity.Side;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.security.Security;
import java.time.Duration;
import java.util.Random;

/**
 * Sends 64 MiB one way over a connection whose keys are renewed after every MiB, where they usually
 * last for 128 GiB. A process of its own, as the JDK reads the limit once.
 */
final class ManyKeys {
  private static final int MIB = 1 << 20;

  private ManyKeys() {}

  public static void main(String[] args) throws Exception {
    Security.setProperty(
        "jdk.tls.keyLimits", "AES/GCM/NoPadding KeyUpdate 2^20, ChaCha20-Poly1305 KeyUpdate 2^20");
    Path directory = Path.of(args[0]);
    try (Listener listener =
        Listener.bind(
            MigrationUrl.parse("tcp:127.0.0.1:0"), TlsIdentity.load(directory, Side.SERVER))) {
      Thread sender = new Thread(() -> send(directory, listener.url()));
      sender.setDaemon(true);
      sender.start();
      Connection connection = listener.accept();
      connection.handshake(Duration.ofSeconds(10));
      Random random = new Random(1);
      byte[] wanted = new byte[MIB];
      ByteBuffer data = ByteBuffer.allocateDirect(MIB);
      for (int i = 0; i < 64; i++) {
        connection.readFully(data.clear());
        random.nextBytes(wanted);
        if (!data.flip().equals(ByteBuffer.wrap(wanted))) {
          throw new IllegalStateException("MiB " + i + " is not what was sent");
        }
      }
      connection.writeFully(ByteBuffer.allocate(1));
      sender.join();
      System.out.println("64 MiB arrived");
    }
  }

  private static void send(Path directory, MigrationUrl url) {
    try (Connection connection =
        Connector.connect(url, TlsIdentity.load(directory, Side.CLIENT), Duration.ofSeconds(10))) {
      Random random = new Random(1);
      byte[] data = new byte[MIB];
      for (int i = 0; i < 64; i++) {
        random.nextBytes(data);
        connection.writeFully(ByteBuffer.wrap(data));
      }
      connection.readFully(ByteBuffer.allocate(1));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
