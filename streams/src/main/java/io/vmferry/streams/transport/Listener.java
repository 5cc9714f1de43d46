package io.vmferry.streams.transport;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** Waits for migration connections at one {@link MigrationUrl}. */
public interface Listener extends AutoCloseable {

  /**
   * Begins to listen, without TLS.
   *
   * @throws IOException as {@link #bind(MigrationUrl, TlsIdentity)}
   */
  static Listener bind(MigrationUrl url) throws IOException {
    return bind(url, null);
  }

  /**
   * Begins to listen.
   *
   * @param url port 0 lets the kernel choose: {@link #url} says which
   * @param tls this host as a server, which every connection must accept and prove itself to in its
   *     {@link Connection#handshake}; null for connections without TLS
   * @throws TransportException with one sentence for the user: the port is in use, the address is
   *     not this machine's, the host is unknown, the socket file cannot be made; or TLS was wanted
   *     on a UNIX socket
   */
  static Listener bind(MigrationUrl url, @Nullable TlsIdentity tls) throws IOException {
    if (url instanceof MigrationUrl.Tcp tcp) {
      return TcpListener.bind(tcp, tls);
    }
    if (tls != null) {
      throw new TransportException("TLS is for TCP only, not for " + url, null);
    }
    return LocalListener.bind((MigrationUrl.Unix) url);
  }

  /**
   * Waits for the next connection, for ever. With TLS nobody has proved anything yet: {@link
   * Connection#handshake} does, and waits for the peer, so it belongs to a thread of its own.
   *
   * @throws TransportException if this listener is closed, before or meanwhile
   * @throws IOException if the kernel refuses, such as for want of descriptors
   */
  Connection accept() throws IOException;

  /** Where it listens, with the actual port. */
  MigrationUrl url();

  /**
   * Stops listening; a thread in {@link #accept} gets an exception. Any thread, any number of
   * times.
   */
  @Override
  void close();
}
