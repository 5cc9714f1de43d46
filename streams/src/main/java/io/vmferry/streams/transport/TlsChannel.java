package io.vmferry.streams.transport;

import io.vmferry.streams.sandbox.Outside;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.GatheringByteChannel;
import java.nio.channels.SocketChannel;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLEngineResult;
import javax.net.ssl.SSLEngineResult.HandshakeStatus;
import javax.net.ssl.SSLEngineResult.Status;
import javax.net.ssl.SSLException;

/**
 * A blocking socket channel under TLS. One reading and one writing thread, after {@link
 * #handshake}.
 *
 * <p>The engine encrypts straight out of the caller's buffers and decrypts straight into them where
 * a record fits whole; what does not fit waits in a buffer of one record. It is Java code that
 * touches these buffers, not the kernel: a view of guest memory must not be watched by userfaultfd
 * (docs/decisions/0017-tls.md).
 */
final class TlsChannel implements ByteChannel, GatheringByteChannel {
  // On the heap: the ciphers of the JDK work on arrays, and copy from and to direct buffers.
  // Records of 16 KiB in one system call, and what one connection keeps: up to 128 may be open.
  private static final int RECORDS = 8;
  private static final ByteBuffer NOTHING = ByteBuffer.allocate(0);
  // The word of an orderly end is not worth more when the peer takes nothing.
  private static final long CLOSE_MILLIS = 200;
  // How long a peer whose handshake failed may take to read why.
  private static final long LINGER_MILLIS = 1_000;

  private final SocketChannel socket;
  private final SSLEngine engine;
  private final ReentrantLock reading = new ReentrantLock();
  private final ReentrantLock writing = new ReentrantLock();
  private final ByteBuffer incoming; // guarded by reading; ready to be read from
  private final ByteBuffer decrypted; // guarded by reading; ready to be read from
  private final ByteBuffer outgoing; // guarded by writing
  private volatile boolean ready;

  TlsChannel(SocketChannel socket, SSLEngine engine) {
    this.socket = socket;
    this.engine = engine;
    int packet = engine.getSession().getPacketBufferSize();
    this.incoming = ByteBuffer.allocate(RECORDS * packet).limit(0);
    this.outgoing = ByteBuffer.allocate(RECORDS * packet);
    this.decrypted = ByteBuffer.allocate(engine.getSession().getApplicationBufferSize()).limit(0);
  }

  /**
   * Agrees on keys and checks the peer's certificate. Before all else, once; blocks until the peer
   * has done its part.
   *
   * @throws SSLException if the two do not agree, and the peer has been told; or if it ends the
   *     connection meanwhile
   */
  void handshake() throws IOException {
    reading.lock();
    writing.lock();
    try {
      engine.beginHandshake();
      while (!ready) {
        shake();
      }
    } catch (SSLException e) {
      tellWhy();
      throw e;
    } catch (TruncatedStreamException e) {
      throw new SSLException(
          "the peer ended the connection in the handshake; give both sides a TLS directory");
    } finally {
      writing.unlock();
      reading.unlock();
    }
  }

  private void shake() throws IOException {
    switch (engine.getHandshakeStatus()) {
      case NEED_TASK -> runTasks();
      case NEED_WRAP -> {
        SSLEngineResult result = engine.wrap(NOTHING, outgoing.clear());
        send();
        if (result.getStatus() == Status.CLOSED) {
          throw new ClosedChannelException();
        }
      }
      case NEED_UNWRAP, NEED_UNWRAP_AGAIN -> {
        SSLEngineResult result = engine.unwrap(incoming, NOTHING.duplicate());
        if (result.getStatus() == Status.BUFFER_UNDERFLOW) {
          fill();
        } else if (result.getStatus() == Status.CLOSED) {
          throw new TruncatedStreamException("the peer ended the TLS handshake");
        }
      }
      case FINISHED, NOT_HANDSHAKING -> ready = true;
    }
  }

  /** Sends the alert that the engine has for the peer, and lets it read that before the reset. */
  private void tellWhy() {
    try {
      flushEngine();
      socket.shutdownOutput();
      closeIn(LINGER_MILLIS);
      while (socket.read(incoming.clear()) >= 0) {
        // What the peer has sent on top of its handshake; unread, it would turn the end into a
        // reset, which may overtake the alert.
      }
    } catch (IOException e) {
      // The peer is gone: nobody to tell.
    } finally {
      incoming.limit(0);
    }
  }

  /** Sends what the engine has to say before it has ended its side. */
  private void flushEngine() throws IOException {
    while (!engine.isOutboundDone() && engine.wrap(NOTHING, outgoing.clear()).bytesProduced() > 0) {
      send();
    }
  }

  private void closeIn(long millis) {
    // The first one of a process starts a thread.
    Outside.run(
        () ->
            CompletableFuture.delayedExecutor(millis, TimeUnit.MILLISECONDS)
                .execute(this::closeSocket));
  }

  private void closeSocket() {
    try {
      socket.close();
    } catch (IOException e) {
      // Linux frees the descriptor even when close reports an error; there is nothing to do.
    }
  }

  private void runTasks() {
    for (Runnable task = engine.getDelegatedTask();
        task != null;
        task = engine.getDelegatedTask()) {
      task.run();
    }
  }

  /** Reads what the socket has, at least a byte. */
  private void fill() throws IOException {
    incoming.compact();
    int read;
    try {
      read = socket.read(incoming);
    } finally {
      incoming.flip();
    }
    if (read < 0) {
      throw new TruncatedStreamException("the connection ended without TLS's close_notify");
    }
  }

  private void send() throws IOException {
    outgoing.flip();
    while (outgoing.hasRemaining()) {
      socket.write(outgoing);
    }
  }

  @Override
  public int read(ByteBuffer into) throws IOException {
    reading.lock();
    try {
      requireReady();
      int start = into.position();
      while (true) {
        take(into);
        if (!into.hasRemaining() || engine.isInboundDone()) {
          break;
        }
        if (!decryptAll(into) && into.position() == start) {
          fill();
        } else if (into.position() > start) {
          break;
        }
      }
      int read = into.position() - start;
      return read == 0 && engine.isInboundDone() ? -1 : read;
    } finally {
      reading.unlock();
    }
  }

  private void take(ByteBuffer into) {
    int length = Math.min(into.remaining(), decrypted.remaining());
    if (length > 0) {
      into.put(into.position(), decrypted, decrypted.position(), length);
      into.position(into.position() + length);
      decrypted.position(decrypted.position() + length);
    }
  }

  /** Decrypts the records that have come, as far as they fit. False if no whole one had come. */
  private boolean decryptAll(ByteBuffer into) throws IOException {
    boolean any = false;
    while (into.hasRemaining()) {
      SSLEngineResult result = engine.unwrap(incoming, into);
      if (result.getStatus() == Status.BUFFER_OVERFLOW) {
        result = decryptOne();
        take(into);
      }
      switch (result.getStatus()) {
        case OK -> afterRecord(result);
        case BUFFER_UNDERFLOW -> {
          return any;
        }
        case CLOSED -> {
          return true;
        }
        case BUFFER_OVERFLOW -> throw new SSLException("a record is longer than TLS allows");
      }
      any = true;
    }
    return any;
  }

  private SSLEngineResult decryptOne() throws IOException {
    decrypted.clear();
    try {
      return engine.unwrap(incoming, decrypted);
    } finally {
      decrypted.flip();
    }
  }

  /** New keys and session tickets come between the data in TLS 1.3; before, a new handshake. */
  private void afterRecord(SSLEngineResult result) throws SSLException {
    if (result.getHandshakeStatus() == HandshakeStatus.NEED_TASK) {
      if (!engine.getSession().getProtocol().equals("TLSv1.3")) {
        throw new SSLException("the peer wants another handshake, which is refused");
      }
      runTasks();
    }
  }

  private void requireReady() {
    if (!ready) {
      throw new IllegalStateException("no handshake yet");
    }
  }

  @Override
  public int write(ByteBuffer from) throws IOException {
    return (int) write(new ByteBuffer[] {from}, 0, 1);
  }

  @Override
  public long write(ByteBuffer[] from) throws IOException {
    return write(from, 0, from.length);
  }

  /** Writes some of the bytes: as many records as go into one system call. */
  @Override
  public long write(ByteBuffer[] from, int offset, int length) throws IOException {
    writing.lock();
    try {
      requireReady();
      outgoing.clear();
      long written = 0;
      while (true) {
        SSLEngineResult result = engine.wrap(from, offset, length, outgoing);
        if (result.getStatus() == Status.CLOSED) {
          throw new ClosedChannelException();
        }
        written += result.bytesConsumed();
        // No bytes of the caller's: a record of the engine's own, such as new keys.
        boolean own = result.bytesConsumed() == 0 && result.bytesProduced() > 0;
        if (!own && (result.getStatus() != Status.OK || !hasRemaining(from, offset, length))) {
          break;
        }
      }
      send();
      return written;
    } finally {
      writing.unlock();
    }
  }

  private static boolean hasRemaining(ByteBuffer[] from, int offset, int length) {
    for (int i = offset + length - 1; i >= offset; i--) {
      if (from[i].hasRemaining()) {
        return true;
      }
    }
    return false;
  }

  SSLEngine engine() {
    return engine;
  }

  @Override
  public boolean isOpen() {
    return socket.isOpen();
  }

  /**
   * Ends the connection. Where no write is under way the peer is told that nothing is missing;
   * where one is, the peer sees what it is, a cut.
   */
  @Override
  public void close() {
    if (socket.isOpen() && ready && writing.tryLock()) {
      closeIn(CLOSE_MILLIS);
      try {
        engine.closeOutbound();
        flushEngine();
        dropUnread();
      } catch (IOException e) {
        // The peer is gone: nobody to tell.
      } finally {
        writing.unlock();
      }
    }
    closeSocket();
  }

  /** Unread bytes turn a close into a reset, which may take from the peer what it has not read. */
  private void dropUnread() throws IOException {
    if (reading.tryLock()) {
      try {
        while (socket.socket().getInputStream().available() > 0) {
          socket.read(incoming.clear());
        }
      } finally {
        incoming.limit(0);
        reading.unlock();
      }
    }
  }
}
