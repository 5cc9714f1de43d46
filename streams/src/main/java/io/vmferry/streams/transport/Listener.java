package io.vmferry.streams.transport;

import java.io.IOException;

/** Waits for migration connections at one {@link MigrationUrl}. */
public interface Listener extends AutoCloseable {

  /**
   * Begins to listen.
   *
   * @param url port 0 lets the kernel choose: {@link #url} says which
   * @throws TransportException with one sentence for the user: the port is in use, the address is
   *     not this machine's, the host is unknown, the socket file cannot be made
   */
  static Listener bind(MigrationUrl url) throws IOException {
    if (url instanceof MigrationUrl.Tcp tcp) {
      return TcpListener.bind(tcp);
    }
    return LocalListener.bind((MigrationUrl.Unix) url);
  }

  /**
   * Waits for the next connection, for ever.
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
