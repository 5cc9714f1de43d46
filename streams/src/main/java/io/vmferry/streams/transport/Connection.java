package io.vmferry.streams.transport;

import io.vmferry.kvm.OwnedFd;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * One migration connection: a byte stream with blocking calls.
 *
 * <p>One thread may read while another writes; two threads must not do the same. {@link #close} may
 * come from any thread and ends the calls of the others with an exception. Calls block their
 * thread: use a thread or dispatcher made for that. Direct buffers go to the kernel without a copy
 * and may be views of guest memory; heap buffers are copied in small pieces and are for frames
 * only. Under TLS it is Java code that touches the buffers: they must not be views of pages that
 * are missing and watched by userfaultfd, or the JVM stops (docs/decisions/0017-tls.md).
 */
public interface Connection extends AutoCloseable {

  /**
   * Proves to each side who the other is, where this connection has TLS; then it must come before
   * the first byte of an accepted connection. Nothing to do on other connections, and on those that
   * {@link Connector} made.
   *
   * @param timeout how long the peer may take, more than zero; the connection is closed then
   * @throws TransportException with one sentence for the user if the two do not agree or the peer's
   *     certificate is not good; the connection is closed then
   * @throws IOException if the connection fails, or the timeout passes
   */
  default void handshake(Duration timeout) throws IOException {}

  /** Whether this was accepted under TLS, so that {@link #handshake} comes first. */
  default boolean mustHandshake() {
    return false;
  }

  /** Whose the peer is by its certificate, null without TLS. After {@link #handshake}. */
  default @Nullable X509Certificate peerCertificate() {
    return null;
  }

  /**
   * Fills the rest of the buffer.
   *
   * @throws java.io.EOFException if the peer closes first
   * @throws PeerStalledException if the read timeout passes; the connection is closed then
   * @throws IOException if the connection fails or is closed by this side
   */
  void readFully(ByteBuffer into) throws IOException;

  /**
   * Fills the rest of the buffer, or reports that the peer has closed where a frame could begin.
   *
   * @return false if the peer closed before the first byte; the buffer is untouched then
   * @throws TruncatedStreamException if a TLS peer does not say that this was its end
   * @throws java.io.EOFException if the peer closes after some of the bytes
   * @throws PeerStalledException if the read timeout passes; the connection is closed then
   * @throws IOException if the connection fails or is closed by this side
   */
  boolean readFullyOrEof(ByteBuffer into) throws IOException;

  /**
   * Reads what has come, at least one byte, as much as the buffer takes.
   *
   * @return how many bytes, or -1 if the peer has closed
   * @throws PeerStalledException if the read timeout passes; the connection is closed then
   * @throws IOException if the connection fails or is closed by this side
   */
  int read(ByteBuffer into) throws IOException;

  /**
   * Writes the rest of every buffer, in order, in as few system calls as it takes.
   *
   * @throws IOException if the connection fails, is closed by this side, or takes nothing for the
   *     write timeout; what was written by then is not known to have arrived
   */
  void writeFully(ByteBuffer... from) throws IOException;

  /** Whether {@link #sendWithFd} and {@link #receiveWithFd} work: UNIX sockets only. */
  boolean passesDescriptors();

  /**
   * Sends the rest of the buffer and a descriptor in one message. The descriptor stays the
   * caller's.
   *
   * @throws IOException if the connection fails or cannot pass descriptors
   */
  void sendWithFd(ByteBuffer from, OwnedFd fd) throws IOException;

  /**
   * Fills the rest of the buffer from a message that carries one descriptor, which the caller owns
   * then.
   *
   * @throws IOException if no descriptor came, the connection fails or cannot pass descriptors
   */
  OwnedFd receiveWithFd(ByteBuffer into) throws IOException;

  /**
   * How long a read may wait for the peer; zero, the default, is for ever. A timeout closes the
   * connection, as the stream is then at an unknown place. It may come late by an eighth, and at
   * least 10 ms. Counted for the whole call up to 64 KiB, from the last bytes for larger buffers.
   */
  default void setReadTimeout(Duration timeout) {
    setReadTimeout(timeout, () -> true);
  }

  /**
   * The same for a peer that may be silent for as long as nothing is due from it.
   *
   * @param due whether something is, asked by another thread; the time counts from its last false
   */
  void setReadTimeout(Duration timeout, BooleanSupplier due);

  /**
   * How long the peer may take no byte of a write; zero is for ever. The default is two minutes on
   * TCP, where it stands in for TCP_USER_TIMEOUT, and none on UNIX sockets, whose peer is a process
   * of this host. A timeout closes the connection, and may come late like that of a read.
   */
  void setWriteTimeout(Duration timeout);

  /** TCP: send small writes at once (on) or let the kernel gather them (off, the default). */
  void noDelay(boolean on) throws IOException;

  /** Bytes read so far: the stream offset for error messages. */
  long bytesRead();

  /** Bytes written so far. */
  long bytesWritten();

  /** Whether this side has not closed it. */
  boolean isOpen();

  /** Both ends for a log line, such as {@code tcp 10.0.0.1:40000 to 10.0.0.2:9000}. */
  String describe();

  /**
   * Closes the connection; threads blocked in it get an exception. Any thread, any number of times.
   */
  @Override
  void close();
}
