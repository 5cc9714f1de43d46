package io.vmferry.streams.transport;

import io.vmferry.streams.wire.ProtocolException;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.GatheringByteChannel;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/**
 * The blocking reads and writes of one connection over a channel, with timeouts by {@link
 * StallWatch}. One reading and one writing thread.
 */
final class ChannelIo<C extends ByteChannel & GatheringByteChannel> {
  // The JDK copies a heap buffer to a thread-local direct one of its size and keeps that: small
  // pieces keep the cache small. Frames are far smaller.
  private static final int HEAP_PIECE_BYTES = 64 << 10;

  // One write call takes at most this much, so that a slow link shows progress often enough.
  private static final int WRITE_PIECE_BYTES = 1 << 20;

  // Up to here a read timeout bounds the whole call, so that a peer cannot drip a frame in. A
  // larger
  // buffer may be a 1 GiB page on a slow link: there it is the time since the last bytes.
  private static final int WHOLE_CALL_BYTES = 64 << 10;

  /**
   * A peer that takes nothing for this long is gone. Stands in for TCP_USER_TIMEOUT, which the JDK
   * does not offer; the same two minutes as Cloud Hypervisor sets.
   */
  static final Duration WRITE_TIMEOUT = Duration.ofMinutes(2);

  private final C channel;
  private final String name;

  // Odd while a call is under way. Written by the calling thread only, read by the watch.
  private final AtomicLong readTicket = new AtomicLong();
  private final AtomicLong writeTicket = new AtomicLong();
  private volatile BooleanSupplier readDue = () -> true;
  private volatile long readTimeoutNanos = Long.MAX_VALUE;
  private volatile long writeTimeoutNanos = Long.MAX_VALUE;
  private volatile @Nullable IOException stalled;
  private volatile boolean open = true;

  // Single writer each; atomic so that progress can be shown from elsewhere.
  private final AtomicLong bytesRead = new AtomicLong();
  private final AtomicLong bytesWritten = new AtomicLong();

  // What the watch saw last; its thread only.
  private final Seen seenRead = new Seen();
  private final Seen seenWrite = new Seen();

  private static final class Seen {
    private long ticket;
    private long sinceNanos;

    boolean stalled(long current, long now, long timeoutNanos, BooleanSupplier due) {
      if (current != ticket || !due.getAsBoolean()) {
        ticket = current;
        sinceNanos = now;
        return false;
      }
      return (current & 1) == 1
          && timeoutNanos != Long.MAX_VALUE
          && now - sinceNanos >= timeoutNanos;
    }
  }

  private ChannelIo(C channel, String name) {
    this.channel = channel;
    this.name = name;
  }

  /** Takes the channel over, with the default timeouts. */
  static <C extends ByteChannel & GatheringByteChannel> ChannelIo<C> over(C channel, String name) {
    ChannelIo<C> io = new ChannelIo<>(channel, name);
    io.setWriteTimeout(WRITE_TIMEOUT);
    return io;
  }

  private static void step(AtomicLong ticket) {
    ticket.setRelease(ticket.getPlain() + 1);
  }

  boolean readFully(ByteBuffer into, boolean eofAllowed) throws IOException {
    int wanted = into.remaining();
    boolean renew = wanted > WHOLE_CALL_BYTES;
    step(readTicket);
    try {
      while (into.hasRemaining()) {
        int n = readOnce(into);
        if (n < 0) {
          int got = wanted - into.remaining();
          if (got == 0 && eofAllowed) {
            return false;
          }
          throw new EOFException(
              name + ": the peer closed the connection after " + got + " of " + wanted + " bytes");
        }
        addRead(n);
        if (renew) {
          readTicket.setRelease(readTicket.getPlain() + 2);
        }
      }
      return true;
    } catch (IOException e) {
      throw translated(e);
    } finally {
      step(readTicket);
    }
  }

  int read(ByteBuffer into) throws IOException {
    step(readTicket);
    try {
      int n = readOnce(into);
      if (n > 0) {
        addRead(n);
      }
      return n;
    } catch (IOException e) {
      throw translated(e);
    } finally {
      step(readTicket);
    }
  }

  private int readOnce(ByteBuffer into) throws IOException {
    int limit = into.limit();
    if (!into.isDirect() && into.remaining() > HEAP_PIECE_BYTES) {
      into.limit(into.position() + HEAP_PIECE_BYTES);
    }
    try {
      return channel.read(into);
    } finally {
      into.limit(limit);
    }
  }

  void writeFully(ByteBuffer... from) throws IOException {
    step(writeTicket);
    try {
      int first = 0;
      while (first < from.length) {
        if (!from[first].hasRemaining()) {
          first++;
        } else {
          addWritten(write(from, first));
          writeTicket.setRelease(writeTicket.getPlain() + 2);
        }
      }
    } catch (IOException e) {
      throw translated(e);
    } finally {
      step(writeTicket);
    }
  }

  private long write(ByteBuffer[] from, int first) throws IOException {
    int count = gatherable(from, first);
    if (count > 1) {
      return channel.write(from, first, count);
    }
    ByteBuffer next = from[first];
    int limit = next.limit();
    if (next.remaining() > pieceBytes(next)) {
      next.limit(next.position() + pieceBytes(next));
    }
    try {
      return channel.write(next);
    } finally {
      next.limit(limit);
    }
  }

  private static int pieceBytes(ByteBuffer buffer) {
    return buffer.isDirect() ? WRITE_PIECE_BYTES : HEAP_PIECE_BYTES;
  }

  /**
   * How many whole buffers from {@code first} on may go into one call; 1 also if none fits whole.
   */
  private static int gatherable(ByteBuffer[] from, int first) {
    int count = 0;
    long bytes = 0;
    while (first + count < from.length) {
      ByteBuffer next = from[first + count];
      bytes += next.remaining();
      if (next.remaining() > pieceBytes(next) || bytes > 2L * WRITE_PIECE_BYTES) {
        break;
      }
      count++;
    }
    return Math.max(1, count);
  }

  /** A call that does not go through this class, such as one with a descriptor. */
  interface Call<T> {
    T run() throws IOException;
  }

  <T> T reading(Call<T> call) throws IOException {
    return timed(readTicket, call);
  }

  <T> T writing(Call<T> call) throws IOException {
    return timed(writeTicket, call);
  }

  private <T> T timed(AtomicLong ticket, Call<T> call) throws IOException {
    step(ticket);
    try {
      return call.run();
    } catch (IOException e) {
      throw translated(e);
    } finally {
      step(ticket);
    }
  }

  private IOException translated(IOException e) {
    IOException reason = stalled;
    if (reason != null) {
      // A fresh exception: reader and writer may both report it.
      return reason instanceof PeerStalledException
          ? new PeerStalledException(reason.getMessage(), e)
          : new TransportException(reason.getMessage(), e);
    }
    if (e instanceof TruncatedStreamException) {
      return new TruncatedStreamException(name + ": " + e.getMessage());
    }
    if (e instanceof EOFException || e instanceof ProtocolException) {
      return e;
    }
    if (e instanceof SSLException tls) {
      return new TransportException(name + ": " + TlsFailures.explain(tls), e);
    }
    if (!open || e instanceof ClosedChannelException) {
      return new TransportException(name + ": closed by this side", e);
    }
    return new TransportException(name + ": " + e.getMessage(), e);
  }

  void addRead(long bytes) {
    bytesRead.setRelease(bytesRead.getPlain() + bytes);
  }

  void addWritten(long bytes) {
    bytesWritten.setRelease(bytesWritten.getPlain() + bytes);
  }

  long bytesRead() {
    return bytesRead.getAcquire();
  }

  long bytesWritten() {
    return bytesWritten.getAcquire();
  }

  void setReadTimeout(Duration timeout, BooleanSupplier due) {
    readDue = due;
    readTimeoutNanos = nanos(timeout);
    watch();
  }

  void setWriteTimeout(Duration timeout) {
    writeTimeoutNanos = nanos(timeout);
    watch();
  }

  private static long nanos(Duration timeout) {
    if (timeout.isNegative()) {
      throw new IllegalArgumentException("timeout " + timeout + " is negative");
    }
    // Converting saturates, so a timeout of centuries is none.
    return timeout.isZero() ? Long.MAX_VALUE : TimeUnit.NANOSECONDS.convert(timeout);
  }

  private void watch() {
    if (open) {
      StallWatch.shared().watch(this);
      if (!open) {
        StallWatch.shared().forget(this); // closed meanwhile
      }
    }
  }

  /** Called by the watch. True if the connection needs no watching any more. */
  boolean endIfStalled(long now) {
    boolean read = seenRead.stalled(readTicket.getAcquire(), now, readTimeoutNanos, readDue);
    boolean write = seenWrite.stalled(writeTicket.getAcquire(), now, writeTimeoutNanos, () -> true);
    if (read) {
      end(new PeerStalledException(text("nothing came from the peer", readTimeoutNanos), null));
    } else if (write) {
      end(new PeerStalledException(text("the peer took nothing", writeTimeoutNanos), null));
    }
    return !open;
  }

  private String text(String what, long nanos) {
    return name + ": " + what + " for " + nanos / 1e9 + " s";
  }

  private void end(IOException reason) {
    stalled = reason; // before the close, which lets the waiting threads go
    close();
  }

  long shortestTimeoutNanos() {
    return Math.min(readTimeoutNanos, writeTimeoutNanos);
  }

  boolean isOpen() {
    return open;
  }

  void close() {
    open = false;
    StallWatch.shared().forget(this);
    try {
      channel.close();
    } catch (IOException e) {
      // Linux frees the descriptor even when close reports an error; there is nothing to do.
    }
  }

  String name() {
    return name;
  }
}
