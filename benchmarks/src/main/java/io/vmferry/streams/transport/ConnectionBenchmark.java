package io.vmferry.streams.transport;

import io.vmferry.streams.testing.TestAuthority;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** What TLS costs on one connection over loopback: 1 MiB writes, and 1 MiB reads elsewhere. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
public class ConnectionBenchmark {
  private static final int MIB = 1 << 20;
  private static final int SENT_MIB = 256;
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  @Param({"tcp", "tls"})
  private String transport;

  private final ByteBuffer data = ByteBuffer.allocateDirect(16 * MIB);
  private final ByteBuffer answer = ByteBuffer.allocateDirect(1);
  private Path files;
  private Connection connection;
  private Thread reader;

  @Setup
  public void connect() throws IOException {
    files = Files.createTempDirectory("connection-benchmark");
    new TestAuthority("authority").fill(files);
    boolean tls = transport.equals("tls");
    Listener listener =
        Listener.bind(
            MigrationUrl.parse("tcp:127.0.0.1:0"),
            tls ? TlsIdentity.load(files, TlsIdentity.Side.SERVER) : null);
    reader = new Thread(() -> read(listener), "reader");
    reader.start();
    connection =
        Connector.connect(
            listener.url(),
            tls ? TlsIdentity.load(files, TlsIdentity.Side.CLIENT) : null,
            PATIENCE);
  }

  private static void read(Listener listener) {
    try (listener;
        Connection from = listener.accept()) {
      from.handshake(PATIENCE);
      ByteBuffer into = ByteBuffer.allocateDirect(16 * MIB);
      for (int i = 0; from.readFullyOrEof(into.slice(i % 16 * MIB, MIB)); i++) {
        if (i % SENT_MIB == SENT_MIB - 1) {
          from.writeFully(ByteBuffer.allocate(1));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @TearDown
  public void close() throws IOException, InterruptedException {
    connection.close();
    reader.join();
    try (Stream<Path> tree = Files.walk(files)) {
      List<Path> all = tree.sorted(Comparator.reverseOrder()).toList();
      for (Path file : all) {
        Files.delete(file);
      }
    }
  }

  /** 256 MiB, until the other side says that it has read them. */
  @Benchmark
  public int send256MibMillis() throws IOException {
    for (int i = 0; i < SENT_MIB; i++) {
      connection.writeFully(data.slice(i % 16 * MIB, MIB));
    }
    connection.readFully(answer.clear());
    return answer.get(0);
  }
}
