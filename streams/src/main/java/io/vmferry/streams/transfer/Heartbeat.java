package io.vmferry.streams.transfer;

import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.ConnectionRole;
import io.vmferry.streams.wire.Extension;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.Response;
import io.vmferry.streams.wire.WireFormat;
import io.vmferry.streams.wire.WireLimits;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * The two ends of a heartbeat connection. The source says Alive a few times in each timeout and the
 * destination answers; a side that hears nothing in time takes the other for dead, whatever state
 * the other connections are in: a stopped process, a lost host or a cut cable closes none of them.
 *
 * <p>Source: docs/protocol.md#heartbeats.
 */
public final class Heartbeat implements AutoCloseable {
  private static final int BEATS_IN_TIMEOUT = 4;

  private final Connection connection;
  private final Duration pause;
  private final Consumer<IOException> onDeath;
  private final CountDownLatch closed = new CountDownLatch(1);

  private Heartbeat(Connection connection, Duration timeout, Consumer<IOException> onDeath) {
    this.connection = connection;
    this.pause = pause(timeout);
    this.onDeath = onDeath;
    setTimeouts(connection, timeout);
  }

  /**
   * Begins to send, on a thread of its own.
   *
   * @param connection behind its role header; closed with this
   * @param timeout within it a dead destination is noticed
   * @param onDeath told once why the destination is taken for dead, on that thread; not after
   *     {@link #close}
   */
  public static Heartbeat start(
      Connection connection, Duration timeout, Consumer<IOException> onDeath) {
    Heartbeat heartbeat = new Heartbeat(connection, timeout, onDeath);
    Thread thread = new Thread(heartbeat::beat, "heartbeat-" + connection.describe());
    thread.setDaemon(true);
    thread.start();
    return heartbeat;
  }

  /** Between two signs of life. */
  static Duration pause(Duration timeout) {
    return timeout.dividedBy(BEATS_IN_TIMEOUT);
  }

  /** What is left of the timeout behind a pause; a read timeout may come an eighth late. */
  private static void setTimeouts(Connection connection, Duration timeout) {
    Duration silence = timeout.multipliedBy(5).dividedBy(8);
    connection.setReadTimeout(silence);
    connection.setWriteTimeout(silence);
  }

  private void beat() {
    ByteBuffer frame = ByteBuffer.allocateDirect(WireFormat.REQUEST_BYTES);
    try {
      do {
        frame.clear();
        Request.of(Command.ALIVE).encode(frame);
        connection.writeFully(frame.flip());
        connection.readFully(frame.clear().limit(WireFormat.RESPONSE_BYTES));
        if (!Response.decode(frame.flip()).requireEmpty(Command.ALIVE).isOk()) {
          throw new ProtocolException("ok to " + Command.ALIVE, "an error");
        }
      } while (!closed.await(pause.toNanos(), TimeUnit.NANOSECONDS));
    } catch (IOException e) {
      if (closed.getCount() > 0) {
        onDeath.accept(e);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /**
   * The destination's end: answers until the source closes the connection. Blocking.
   *
   * @param connection behind its role header
   * @param timeout within it a dead source is noticed
   * @throws IOException if the source is silent or sends anything else, or the connection fails
   */
  public static void answer(Connection connection, Duration timeout) throws IOException {
    setTimeouts(connection, timeout);
    ByteBuffer frame = ByteBuffer.allocateDirect(WireFormat.REQUEST_BYTES);
    Extensions agreed = Extensions.of(Extension.HEARTBEAT);
    while (true) {
      Request request = MemoryReceiver.readRequest(connection, frame, agreed);
      if (request == null) {
        return;
      }
      if (!ConnectionRole.HEARTBEAT.carries(request.command())) {
        throw new ProtocolException("Alive on a heartbeat connection", request.toString());
      }
      WireLimits.check(request);
      frame.clear();
      Response.ok().encode(frame);
      connection.writeFully(frame.flip());
    }
  }

  /** Ends it; the destination sees that it was closed. */
  @Override
  public void close() {
    closed.countDown();
    connection.close();
  }
}
